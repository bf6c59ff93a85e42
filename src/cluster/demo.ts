// A cluster and a client on this machine, built if need be, and what they measured.

import type { ArgsDef } from "citty";
import { everyStep, INTERRUPTED, UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { ALL_ARGS, type Whose } from "../cli/help.ts";
import { CLIENT, GROUPS, REPLICA, WHOSE } from "../cli/definitions.ts";
import type { OutputFile } from "../cli/output-file.ts";
import { readProtocolOptions } from "../cli/protocol-options.ts";
import { ID_MAX } from "../config.ts";
import { formatHistory } from "../evaluation/history.ts";
import {
  CLIENT_PROCESSES_MAX,
  OP_SIZE_MAX,
  RATE_MAX,
  type ClientLoad,
} from "../evaluation/point.ts";
import { formatProfile } from "../profile/profile.ts";
import { formatRecord } from "../evaluation/record.ts";
import { sequencerFor } from "../evaluation/sequencer-choice.ts";
import { readWorkload, refuseLoad } from "../process/chosen-workload.ts";
import { readAsked } from "../process/client-process.ts";
import { readLimits, readMtu, readReplySize } from "../process/setting.ts";
import { onStopSignal } from "../base/interruption.ts";
import { followParent } from "../process/signals.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";
import { ClientProcesses } from "./client-processes.ts";
import {
  chooseNetwork,
  describeNetwork,
  NETWORK_ARG,
  viewTimeoutArguments,
  type ChosenNetwork,
} from "./chosen-network.ts";
import { buildExecutables, Cluster, WORKERS_DEFAULT, type ClusterOptions } from "./cluster.ts";
import { crowdTimeoutOf } from "./crowd-timeout.ts";
import { log, print } from "../base/logger.ts";

const FAULTS_MAX = 20;
/** As long as ./client measures at most. */
const SECONDS_MAX = 1e6;

/**
 * How much more replicas and clients say is how much more the demo says. `--quiet` is its alone,
 * because it waits for lines that they would not say.
 */
const LOUDNESS_ARGS = { verbose: ALL_ARGS.verbose };

/** What the demo decides itself; all else is passed on to replicas and client. */
const { mode, clients, rate, seconds, workers, history } = CLIENT.args;
const OWN_ARGS = {
  mode: { ...mode, required: false, default: "pbft" },
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
    description: "Faults to tolerate, with the replicas that this takes",
  },
  clients: { ...clients, description: "Clients in all, each with one operation in flight" },
  "client-processes": {
    type: "string",
    default: "1",
    valueHint: "N",
    description: "Processes that the clients run in; their results are merged",
  },
  rate,
  sequencer: {
    type: "enum",
    options: ["fabric", "process"],
    description:
      "What stamps messages, where the mode has a sequencer: DPDK's switch, or a process " +
      "(default: the switch, if there is one and operations fit a packet)",
  },
  network: NETWORK_ARG,
  seconds: { ...seconds, default: "5" },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write the result as one JSON object; -: to standard output",
  },
  // One file, whatever the number of client processes.
  history,
  watch: {
    type: "boolean",
    default: false,
    description: "Serve a page on which the cluster is seen, and its replicas are killed",
  },
  "watch-on": {
    type: "string",
    default: "127.0.0.1",
    valueHint: "ADDRESS",
    description: "The interface that --watch serves on",
  },
} as const satisfies ArgsDef;

const NOT_PASSED_ON = new Set([
  ...Object.keys(OWN_ARGS),
  ...[
    "config",
    "id",
    "role",
    "instance",
    "link",
    "fabric",
    "fabric-port",
    "port",
    "eal",
    "share",
    "census",
  ],
]);

const passedOn = (args: ArgsDef): ArgsDef =>
  Object.fromEntries(Object.entries(args).filter(([name]) => !NOT_PASSED_ON.has(name)));
const REPLICA_ARGS = passedOn(REPLICA.args);
const CLIENT_ARGS = passedOn(CLIENT.args);

export const DEMO = {
  name: "npm run demo --",
  description: "Replicas and clients on this machine, and what they measured",
  args: {
    ...{ ...OWN_ARGS, ...CLIENT_ARGS, ...REPLICA_ARGS },
    workers: { ...workers, description: `Signature threads (${WORKERS_DEFAULT})` },
  },
  groups: GROUPS,
  whose: new Map<string, Whose>([
    ...[...WHOSE].filter(([name]) => name !== "json"),
    ["transport", "both"],
    ["faults", "both"],
    ["client-processes", "client"],
    ["network", "both"],
    ["sequencer", "both"],
  ]),
};

/** A cluster that somebody looks at while it runs. */
export interface Watched {
  readonly cluster: Cluster;
  readonly mode: string;
  readonly f: number;
  readonly clientProcesses: number;
  /** Of the interface to serve on. */
  readonly hostname: string;
}

export interface Watching {
  /** Of its page. */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves a page of the cluster. */
export type Watch = (watched: Watched) => Promise<Watching>;

/**
 * Builds, starts, measures, prints and stops; with --watch it is `watch` that serves the page.
 * Throws UsageError or RunError.
 */
export async function demo(options: Options, watch: Watch): Promise<number> {
  const asked = readLoad(options);
  // What clients and replicas would refuse, before anything is built.
  readAsked(options);
  readLimits(options, protocols.get(options.textOf("mode")) ?? {});
  readMtu(options, { transport: transportOf(options) });
  readReplySize(options);
  refuseLoad(options, asked.clientProcesses, readWorkload(options, options.textOf("app")));
  options.integer("faults", 1, FAULTS_MAX);
  const mode = options.textOf("mode");
  if (options.given.has("faults") && protocols.get(mode)?.faults === "none") {
    throw new UsageError(`--faults: ${mode} tolerates none`);
  }
  readProtocolOptions(options, protocols, [mode]);
  const sequencer = readSequencer(options);
  const network = networkOf(options, asked);
  const out = options.output("json");
  const historyFile = options.output("history");
  const load = { ...asked, history: historyFile !== undefined };
  const interruption = new Interruption();
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  return run(options, load, { out, historyFile, network, sequencer, interruption, watch });
}

/** What --sequencer asks for; throws UsageError where there can be none. */
function readSequencer(options: Options): Pick<ClusterOptions, "sequencer"> {
  const asked = options.text("sequencer");
  const fitting = sequencerFor(options.integer("op-size", 0, OP_SIZE_MAX));
  if (asked === undefined) return { sequencer: fitting };
  const mode = options.textOf("mode");
  if (protocols.get(mode)?.sequenced === undefined) {
    throw new UsageError(`--sequencer: ${mode} has none`);
  }
  if (asked === "fabric" && transportOf(options) === "udp") {
    throw new UsageError("--sequencer fabric: goes with --transport dpdk");
  }
  if (asked === "fabric" && fitting === "process") {
    throw new UsageError("--sequencer fabric: stamps single packets; --op-size goes beyond one");
  }
  return { sequencer: asked === "fabric" ? "fabric" : "process" };
}

/** What --network names; throws UsageError. */
function networkOf(options: Options, { clientProcesses }: ClientLoad): ChosenNetwork | null {
  const name = options.text("network");
  if (name === undefined) return null;
  const mode = options.textOf("mode");
  return chooseNetwork(name, {
    mode,
    f: faultsOf(options),
    clientProcesses,
  });
}

/** As arguments of replicas and clients what so many on few processors need; says so. */
function amongMany(options: Options, { clientProcesses }: ClientLoad): readonly string[] {
  if (options.given.has("view-timeout")) return [];
  const crowd = crowdTimeoutOf({
    ...{ mode: options.textOf("mode"), f: options.integer("faults", 1, FAULTS_MAX) },
    ...{ transport: transportOf(options), clientProcesses },
  });
  if (crowd === null) return [];
  const { processes, processors, viewTimeoutMs } = crowd;
  const among = `${processes} processes share ${processors} processors`;
  log.info(`${among}: view timeout ${viewTimeoutMs} ms (--view-timeout)`);
  return ["--view-timeout", String(viewTimeoutMs)];
}

function transportOf(options: Options): "udp" | "dpdk" {
  return options.textOf("transport") === "udp" ? "udp" : "dpdk";
}

/** As arguments of replicas and clients what a network asks of them; says so. */
function overNetwork(options: Options, network: ChosenNetwork): readonly string[] {
  const told = options.given.has("view-timeout");
  log.info(describeNetwork(network, told));
  return viewTimeoutArguments(network, told);
}

/** Whether a signal came; it is passed on to the clients, which tell what they measured. */
class Interruption {
  came = false;
  clients: ClientProcesses | null = null;

  constructor() {
    onStopSignal("each", () => {
      this.came = true;
      this.clients?.signal("SIGINT");
    });
  }
}

async function run(
  options: Options,
  load: ClientLoad,
  {
    out,
    historyFile,
    network,
    sequencer,
    interruption,
    watch,
  }: {
    readonly out: OutputFile | undefined;
    readonly historyFile: OutputFile | undefined;
    readonly network: ChosenNetwork | null;
    readonly sequencer: Pick<ClusterOptions, "sequencer">;
    readonly interruption: Interruption;
    readonly watch: Watch;
  },
): Promise<number> {
  const modeName = options.textOf("mode");
  const transport = transportOf(options);
  const single = load.clientProcesses === 1;
  const timeout = network === null ? amongMany(options, load) : overNetwork(options, network);
  const cluster = await Cluster.start({
    mode: modeName,
    transport,
    network: network?.path ?? null,
    f: options.integer("faults", 1, FAULTS_MAX),
    ...sequencer,
    // A page that kills and delays needs a fabric to do it with.
    link: !options.flag("watch"),
    watched: options.flag("watch"),
    clientPorts: load.clientProcesses,
    replicaArgs: [...given(options, REPLICA_ARGS), ...given(options, LOUDNESS_ARGS), ...timeout],
    clientArgs: [...given(options, CLIENT_ARGS), ...given(options, LOUDNESS_ARGS), ...timeout],
    fabricArgs: [],
  });
  let watching: Watching | null = null;
  try {
    // Over long distances it takes seconds, which are not for clients to wait and to measure.
    if (network !== null) await cluster.takesPart();
    if (interruption.came) return INTERRUPTED;
    // Before the clients, because what they measure is not to be beside the making of a page.
    if (options.flag("watch")) watching = await watchOver(cluster, options, load, watch);
    const running = new ClientProcesses(cluster, load, ["-d", secondsOf(options)], single);
    interruption.clients = running;
    const { record, failure } = await running.outcome();
    const warnings = running.warnings.filter((line) => failure?.includes(line) !== true);
    for (const warning of warnings) log.warn(warning);
    everyStep(
      () => {
        if (!single) print(formatRecord(record));
      },
      () => out?.writeJson({ ...record, command: ["demo", ...process.argv.slice(2)] }),
      () => historyFile?.write(formatHistory(running.history)),
    );
    if (options.flag("profile")) await printProfiles(cluster);
    if (failure !== null) log.error(failure);
    if (record.interrupted === true) return INTERRUPTED;
    return failure === null ? 0 : 1;
  } finally {
    await watching?.close();
    await cluster.stop();
  }
}

/** Who watches a cluster ends it: it goes on unless it was told for how long. */
function secondsOf(options: Options): string {
  const endless = options.flag("watch") && !options.given.has("seconds");
  return endless ? String(SECONDS_MAX) : options.textOf("seconds");
}

/** What the cluster tolerates. */
function faultsOf(options: Options): number {
  const protocol = protocols.get(options.textOf("mode"));
  const asked = options.integer("faults", 1, FAULTS_MAX);
  return protocol === undefined ? asked : smallestCluster(protocol, asked).f;
}

async function watchOver(
  cluster: Cluster,
  options: Options,
  { clientProcesses }: ClientLoad,
  watch: Watch,
): Promise<Watching> {
  const watching = await watch({
    cluster,
    mode: options.textOf("mode"),
    f: options.integer("faults", 1, FAULTS_MAX),
    clientProcesses,
    hostname: options.textOf("watch-on"),
  });
  print(`watch it: ${watching.address}`);
  return watching;
}

/** Where the time of each replica went; stops them. */
async function printProfiles(cluster: Cluster): Promise<void> {
  await cluster.stopReplicas();
  for (let i = 0; i < cluster.n; i++) {
    const { profile } = cluster.replicaRecord(i);
    const found = profile === undefined ? "nothing to tell" : formatProfile(profile);
    print(`\nreplica ${i}, ${found}`);
  }
}

/** Throws UsageError. */
function readLoad(options: Options): ClientLoad {
  const count = options.integer("clients", 1, ID_MAX + 1);
  const clientProcesses = options.integer("client-processes", 1, CLIENT_PROCESSES_MAX);
  if (clientProcesses > count) {
    throw new UsageError(`--client-processes ${clientProcesses}: more than --clients ${count}`);
  }
  return { clients: count, clientProcesses, rate: options.decimal("rate", 0, RATE_MAX) };
}

/** The options of `args` that stood on the command line, as arguments again. */
function given(options: Options, args: ArgsDef): readonly string[] {
  return Object.keys(args).flatMap((name) => {
    if (!options.given.has(name)) return [];
    const values = options.all(name);
    return values.length === 0 ? [`--${name}`] : values.map((value) => `--${name}=${value}`);
  });
}
