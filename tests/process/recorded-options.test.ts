// Shows that a record tells everything that changes a figure: every option of every program that a
// run is made of either changes what the record says, or is listed here with the reason why it
// cannot matter.

import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { join } from "node:path";
import { parseOptions, type Command, type Options } from "../../src/cli/command-line.ts";
import { CLIENT, FABRIC_SWITCH, REPLICA } from "../../src/cli/definitions.ts";
import { DEMO } from "../../src/cluster/demo.ts";
import { roleSetting } from "../../src/evaluation/role-setting.ts";
import { readPlacedNetwork } from "../../src/evaluation/network-model.ts";
import { loadedByReplicas, readWorkload } from "../../src/process/chosen-workload.ts";
import { clientSetting } from "../../src/process/client-setting.ts";
import { planCpus } from "../../src/process/cpus.ts";
import { fabricSetting } from "../../src/process/fabric-setting.ts";
import { ownSetting } from "../../src/process/own-setting.ts";
import { readSetting, sharedSetting } from "../../src/process/setting.ts";
import { protocols } from "../../src/protocol/index.ts";
import { ConfigDirectory } from "../support/configurations.ts";

/** Options that change no figure, or are told in another way, and how. */
const IMMATERIAL: ReadonlyMap<string, string> = new Map([
  ["config", "n, f and the hash of the cluster are told; the addresses are in `command`"],
  ["id", "replicas are told by their index"],
  ["role", "told by the name under which the settings of its processes are"],
  ["seconds", "told as measured"],
  ["json", "where the record goes"],
  ["link", "`fabric` is null, `transport` memif"],
  ["fabric", "what it does is told as it tells it"],
  ["fabric-port", "all ports of a fabric are alike"],
  ["dir", "where a fabric's sockets are"],
  ["census", "who watches costs nothing that can be measured, and `command` has it"],
  ["control", "only of a demo that is watched, whose `command` says so"],
  ["share", "which of several processes inserts which records; how many there are is told"],
]);
/** Of a replica besides; its own record has `command` as well. */
const OF_REPLICA: ReadonlyMap<string, string> = new Map([
  ["port", "of its own host: in `command` of its record"],
  ["eal", "of its own host: in `command` of its record"],
]);
/** Of a sequencer: what it neither executes, signs nor keeps. */
const OF_SEQUENCER: ReadonlyMap<string, string> = new Map([
  ...OF_REPLICA,
  ...["app", "reply-size", "workload", "property", "load"].map(
    (name) => [name, "it executes nothing"] as const,
  ),
  ...["signature", "crypto", "workers"].map((name) => [name, "it signs nothing"] as const),
  ...[...protocols.values()]
    .flatMap(({ options }) => [...(options?.keys() ?? [])])
    .map((name) => [name, "an option of protocols without sequencers"] as const),
  ["checkpoint", "it has no state that others fetch"],
  ["instance", "it has no key: all that it tells is what it stamps"],
  ["request-auth", "refused where there are sequencers"],
]);

const configs = new ConfigDirectory();
const lines = [1, 2, 3, 4].map((i) => `replica 127.0.0.1:${i}%0`);
const prefix = configs.config("four", "f 1", ...lines);
const sequenced = configs.config(
  ...(["sequenced", "f 1", ...lines.slice(0, 3), "role sequencer 127.0.0.1:9%0"] as const),
);

/** Values that differ from the defaults, of options that are no choice. */
const OTHER: { readonly [name: string]: string } = {
  ...{
    workers: "3",
    instance: "x",
    batch: "9",
    "batch-bytes": "9999",
    "reply-size": "9",
    "view-timeout": "7",
    checkpoint: "9",
    mtu: "9000",
  },
  ...{ port: "1", eal: "--vdev=x", drop: "0.5", mask: "7", clients: "7", warm: "9" },
  ...{ "op-size": "9", rate: "9", think: "9", history: "h.json", duplicate: "0.5" },
  ...{ reorder: "0.5", corrupt: "0.5", delay: "9", seed: "9", "client-ports": "9" },
  ...{ workload: "ycsb:B", property: "recordcount=7" },
  network: join(import.meta.dir, "../../docs/networks/wan.json"),
};

/** What has to be asked for beside options of workloads, which one of YCSB has. */
const BESIDE: ReadonlyMap<string, readonly string[]> = new Map([
  ["workload", ["-a", "kv"]],
  ["property", ["-a", "kv", "-W", "ycsb:A"]],
  ["load", ["-a", "kv", "-W", "ycsb:A"]],
]);

/** The words that give an option another value than its default. */
function otherwise(name: string, arg: ArgsDef[string] | undefined): readonly string[] {
  if (arg?.type === "boolean") return [`--${name}`];
  if (arg?.type === "enum") {
    const usual = "default" in arg ? arg.default : arg.options?.[0];
    const value = (arg.options ?? []).find((one) => one !== usual && one !== "null");
    return [`--${name}`, value ?? `no other value of --${name}`];
  }
  return [`--${name}`, OTHER[name] ?? `no other value of --${name}`];
}

const machine = { allowed: [0, 1, 2], quota: 3, pins: () => true };

/** What a process with these options says of itself and of what it takes replicas to run. */
function settings(options: Options) {
  const setting = readSetting(options);
  const cpus = planCpus(options, machine);
  const idler = { name: options.text("idle") ?? "park", idle: () => {} } as const;
  const own = ownSetting(options, { setting, cpus, idler } as Parameters<typeof ownSetting>[1]);
  const choice = readWorkload(options, options.text("app") ?? "null");
  const loaded = loadedByReplicas(options, choice);
  return { own, choice, settled: sharedSetting(options, setting, [], loaded) };
}

function ofClient(options: Options): object {
  const rate = options.decimal("rate", 0, 1e8);
  const load = {
    clients: options.integer("clients", 1, 100),
    ...({ loop: rate > 0 ? "open" : "closed", rate } as const),
    thinkMs: options.decimal("think", 0, 100),
    opSize: options.integer("op-size", 0, 100),
    warmSeconds: options.decimal("warm", 0, 100),
  };
  const { own, choice, settled } = settings(options);
  // The profile itself is in the record.
  const { cluster } = settled;
  return {
    cluster,
    profiled: own.profiled,
    ...clientSetting({ options, settled, own, load, choice, told: [], fabric: null }),
  };
}

function ofReplica(options: Options): object {
  const { own, settled } = settings(options);
  return { ...settled, ...own };
}

function ofSequencer(options: Options): object {
  const { own, settled } = settings(options);
  return roleSetting("sequencer", 0, { ...settled, ...own });
}

interface Program {
  readonly name: string;
  readonly command: Command;
  readonly required: (mode: string) => readonly string[];
  /** What is recorded of such options. */
  readonly tell: (options: Options) => object;
  readonly immaterial: ReadonlyMap<string, string>;
}

const programs: readonly Program[] = [
  {
    ...{ name: "client", command: CLIENT, tell: ofClient },
    immaterial: new Map([
      ...IMMATERIAL,
      ["reply-size", "told as measured"],
      ["client-key", "whose key it is, which changes nothing measured"],
    ]),
    required: (mode) => ["-m", mode, "-c", prefix],
  },
  {
    ...{ name: "replica", command: REPLICA, tell: ofReplica },
    required: (mode) => ["-m", mode, "-c", prefix, "-i", "0"],
    immaterial: new Map([...IMMATERIAL, ...OF_REPLICA]),
  },
  {
    ...{ name: "sequencer", command: REPLICA, tell: ofSequencer },
    required: () => ["-m", "nopaxos", "-c", sequenced, "-i", "0", "--role", "sequencer"],
    immaterial: new Map([...IMMATERIAL, ...OF_SEQUENCER, ["mode", "one alone has sequencers"]]),
  },
  {
    ...{ name: "fabric", command: FABRIC_SWITCH, immaterial: IMMATERIAL },
    required: () => ["-c", prefix, "--dir", "x"],
    tell: (options) => {
      const path = options.text("network");
      const network = path === undefined ? null : readPlacedNetwork(path, 4);
      return fabricSetting(options, options.integer("client-ports", 1, 64), network);
    },
  },
];

describe.each([...programs])("of $name", ({ command, required, tell, immaterial }) => {
  const args: ArgsDef = command.args;
  const names = Object.keys(args).filter((name) => !immaterial.has(name));

  test.each(names)("--%s changes what is recorded", (name) => {
    // An option that one protocol has is tried with that one.
    const [mode] = [...protocols].find(([, { options }]) => options?.has(name)) ?? ["pbft"];
    const before = [...required(mode), ...(BESIDE.get(name) ?? [])];
    const usual = tell(parseOptions(command, before));
    const words = [...before, ...otherwise(name, args[name])];
    const other = name === "mode" ? required("hotstuff") : words;
    expect(tell(parseOptions(command, other))).not.toEqual(usual);
  });
});

test("the demo has no option that none of its programs has, but those that records tell", () => {
  const own = Object.keys(DEMO.args).filter(
    (name) => !(name in CLIENT.args || name in REPLICA.args),
  );
  expect(own).toEqual([
    ...["transport", "faults", "client-processes", "sequencer"],
    // Whoever kills and delays has `command` say so.
    ...["watch", "watch-on"],
  ]);
});

test("options that cannot matter are options", () => {
  const all = { ...CLIENT.args, ...REPLICA.args, ...FABRIC_SWITCH.args };
  for (const name of [...IMMATERIAL.keys(), ...OF_REPLICA.keys()]) expect(all).toHaveProperty(name);
});
