// npm run demo: a cluster and a client on this machine, built if need be, and what they measured.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ArgsDef } from "citty";
import { formatProfile } from "../evaluation/profile.ts";
import { formatTable, type ResultRecord } from "../evaluation/record.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import { CLIENT, REPLICA } from "./arguments.ts";
import { buildExecutables, Cluster, type Child } from "./cluster.ts";
import { parseCommand, runMain, type Options } from "./options.ts";
import { followParent } from "./process.ts";

/** What the demo decides itself; all else is passed on to replicas and client. */
const { mode, seconds } = CLIENT.args;
const OWN_ARGS = {
  mode: { ...mode, required: false, default: "unreplicated" },
  transport: {
    type: "enum",
    options: ["dpdk", "udp"],
    default: "dpdk",
    description: "Shared-memory ports of DPDK, or sockets of the loopback interface",
  },
  faults: {
    type: "string",
    alias: "f",
    default: "1",
    valueHint: "F",
    description: "Faults to tolerate: the demo runs as many replicas as the mode needs for them",
  },
  seconds: { ...seconds, default: "5" },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write the result as one JSON object",
  },
} as const satisfies ArgsDef;

const NOT_PASSED_ON = new Set([
  ...Object.keys(OWN_ARGS),
  ...["config", "id", "instance", "link", "fabric", "fabric-port", "port", "eal"],
]);

const passedOn = (args: ArgsDef): ArgsDef =>
  Object.fromEntries(Object.entries(args).filter(([name]) => !NOT_PASSED_ON.has(name)));
const REPLICA_ARGS = passedOn(REPLICA.args);
const CLIENT_ARGS = passedOn(CLIENT.args);

export const DEMO = {
  name: "npm run demo --",
  description: "Replicas and clients on this machine, and what they measured",
  args: { ...OWN_ARGS, ...CLIENT_ARGS, ...REPLICA_ARGS },
};

async function main(): Promise<number> {
  const options = await parseCommand(DEMO, process.argv.slice(2));
  if (options === null) return 0;
  const out = options.output("json");
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  return run(options, out);
}

async function run(options: Options, out: string | undefined): Promise<number> {
  let interrupted = false;
  let client: Child | null = null;
  const interrupt = (): void => {
    interrupted = true;
    client?.signal("SIGINT");
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);

  const modeName = options.textOf("mode");
  const transport = options.textOf("transport") === "udp" ? "udp" : "dpdk";
  const cluster = await Cluster.start({
    mode: modeName,
    transport,
    f: options.integer("faults", 1, 20),
    link: transport === "dpdk" && modeName.startsWith("unreplicated"),
    clientPorts: 1,
    replicaArgs: given(options, REPLICA_ARGS),
    clientArgs: given(options, CLIENT_ARGS),
    fabricArgs: [],
  });
  try {
    if (interrupted) return 130;
    const json = join(cluster.dir, "result.json");
    client = cluster.client(["-d", options.textOf("seconds"), "--json", json], true);
    const status = await client.ended();
    if (status !== 0) {
      process.stderr.write(client.errors);
      return interrupted ? 130 : status === 2 ? 2 : 1;
    }
    const text = readFileSync(json, "utf8");
    const record = JSON.parse(text) as ResultRecord;
    console.log(`\n${formatTable([record])}`);
    if (options.flag("profile")) await printProfiles(cluster);
    if (out !== undefined) await Bun.write(resolve(out), text);
    return 0;
  } finally {
    await cluster.stop();
  }
}

/** Where the time of each replica went; stops them. */
async function printProfiles(cluster: Cluster): Promise<void> {
  await cluster.stopReplicas();
  for (let i = 0; i < cluster.n; i++) {
    const record = JSON.parse(readFileSync(cluster.resultPath(i), "utf8")) as ReplicaRecord;
    const found = record.profile === undefined ? "nothing to tell" : formatProfile(record.profile);
    console.log(`\nreplica ${i}, ${found}`);
  }
}

/** The options of `args` that stood on the command line, as arguments again. */
function given(options: Options, args: ArgsDef): readonly string[] {
  return Object.keys(args).flatMap((name) => {
    if (!options.given.has(name)) return [];
    const value = options.text(name);
    return value === undefined ? [`--${name}`] : [`--${name}=${value}`];
  });
}

await runMain("demo", main);
