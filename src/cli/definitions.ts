// The options of the executables: what -h shows.

import type { ArgsDef } from "citty";
import { apps } from "../app/index.ts";
import { PROTOCOL_DEFAULTS, REQUEST_AUTHS, SIGNATURE_KINDS } from "../protocol-config.ts";
import { protocols } from "../protocol/index.ts";
import { FRAME_MTU_MAX, MTU_DEFAULT, UDP_MTU_MAX } from "../transport/mtu.ts";
import { WORKLOADS } from "../workload/index.ts";
import type { Group, Whose } from "./help.ts";
import { protocolArgs } from "./protocol-options.ts";

/** What a turn without work may do: process/idle.ts. */
export const IDLE_NAMES = ["busy", "yield", "auto", "park", "sleep"] as const;
export type IdleName = (typeof IDLE_NAMES)[number];
const modes = [...protocols.keys()];

/** What clients ask, which replicas have to know where it finds records in the store. */
const WORKLOAD_ARGS = {
  workload: {
    type: "string",
    alias: "W",
    valueHint: "NAME",
    description:
      `What to ask: ${WORKLOADS.slice(0, 3).join(", ")}, ycsb:A to F, or a property file ` +
      "(default: fixed for the app null, else kv)",
  },
  property: {
    type: "string",
    alias: "p",
    valueHint: "NAME=VALUE...",
    description: "A property of YCSB, such as recordcount; may be given many times",
  },
  load: {
    type: "enum",
    options: ["replicas", "clients", "none"],
    default: "replicas",
    description:
      "Who loads records of YCSB: each replica by itself, clients by operations, or nobody",
  },
} as const satisfies ArgsDef;

/** Of everybody in a run. */
export const MTU_ARG = {
  type: "string",
  default: String(MTU_DEFAULT),
  valueHint: "BYTES",
  description: `Bytes of a packet, the same for all: to ${FRAME_MTU_MAX}, ${UDP_MTU_MAX} over UDP`,
} as const;

/** Options of both replica and client, in the order in which the help shows them. */
const COMMON_ARGS = {
  mode: {
    type: "enum",
    options: modes,
    alias: "m",
    required: true,
    description: "The protocol; case does not matter",
  },
  config: {
    type: "string",
    alias: "c",
    required: true,
    valueHint: "PREFIX",
    description: "Reads PREFIX.config, PREFIX-<i>.pem if the protocol signs",
  },
  "reply-size": {
    type: "string",
    default: "0",
    valueHint: "BYTES",
    description: "Bytes of a result of the app null",
  },
  workers: {
    type: "string",
    alias: "w",
    valueHint: "N",
    description:
      "Signature threads; 0: the polling one (default: the CPUs of the mask, within the cgroup's " +
      "quota, less one, at least 1)",
  },
  signature: {
    type: "enum",
    options: [...SIGNATURE_KINDS],
    default: "batch",
    description:
      "One signature a message, one a Merkle tree of messages that wait, or one-time keys where " +
      "few wait, else trees",
  },
  crypto: {
    type: "enum",
    options: ["native", "noble"],
    default: "native",
    description: "libsecp256k1 in threads, or @noble/curves in this one",
  },
  "request-auth": {
    type: "enum",
    options: [...REQUEST_AUTHS],
    default: "none",
    description: "Whether clients sign requests, so that no replica can invent one",
  },
  instance: {
    type: "string",
    valueHint: "NAME",
    description: "Signatures of one instance do not hold in another",
  },
  batch: {
    type: "string",
    alias: "b",
    default: String(PROTOCOL_DEFAULTS.batchMax),
    valueHint: "N",
    description: "Most operations in a batch or block",
  },
  "batch-bytes": {
    type: "string",
    default: String(PROTOCOL_DEFAULTS.batchBytesMax),
    valueHint: "BYTES",
    description: "Most bytes of operations in one; an operation that is larger goes alone",
  },
  adaptive: {
    type: "boolean",
    default: false,
    description:
      "Close a batch whenever there is room in the pipeline, not only when it is full or 1 ms old",
  },
  ...protocolArgs(protocols),
  "view-timeout": {
    type: "string",
    default: String(PROTOCOL_DEFAULTS.viewTimeoutMs),
    valueHint: "MS",
    description: "First view timeout; clients retry after a quarter of it",
  },
  checkpoint: {
    type: "string",
    default: String(PROTOCOL_DEFAULTS.checkpointInterval),
    valueHint: "SLOTS",
    description: `Slots or blocks between checkpoints${usualCheckpoints()}`,
  },
  link: {
    type: "string",
    valueHint: "DIR",
    description: "One replica and one client joined by one memif in DIR",
  },
  fabric: {
    type: "string",
    valueHint: "DIR",
    description: "Join the fabric whose memif sockets are in DIR",
  },
  port: {
    type: "string",
    default: "0",
    valueHint: "N",
    description: "DPDK port to use, of a NIC or of --eal's",
  },
  eal: {
    type: "string",
    valueHint: '"ARGS"',
    description: "More EAL arguments, for example --vdev=net_af_packet0,iface=eth0",
  },
  mtu: MTU_ARG,
  drop: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description: "Share of arriving packets to lose on purpose, 0 to 1",
  },
  mask: {
    type: "string",
    valueHint: "HEX",
    description:
      "CPUs: the first polls, the next ones sign (default: all that may be used, unpinned)",
  },
  idle: {
    type: "enum",
    options: [...IDLE_NAMES],
    description:
      "What a turn without work does " +
      "(default: busy on a NIC, sleep on other DPDK ports, auto where CPUs suffice, else park)",
  },
  profile: {
    type: "boolean",
    default: false,
    description: "Tell at the end where the time of the polling thread went",
  },
  census: {
    type: "string",
    valueHint: "FILE",
    description: "Publish in FILE ten times a second how far this process is, for demo --watch",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write what is printed at the end as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

const PROTOCOL_OPTIONS = Object.keys(protocolArgs(protocols));

/** Of replica, client and what starts both. */
export const GROUPS: readonly Group[] = [
  {
    heading: "WHAT RUNS",
    names: ["mode", "config", "id", "role", "faults", "app", "reply-size"],
  },
  {
    heading: "WHAT IS MEASURED",
    names: [
      ...["clients", "client-processes", "seconds", "warm"],
      ...["workload", "property", "load", "op-size", "rate", "think", "share"],
    ],
  },
  {
    heading: "PROTOCOL",
    names: [
      ...["batch", "batch-bytes", "adaptive", "view-timeout", "checkpoint"],
      ...PROTOCOL_OPTIONS,
    ],
  },
  {
    heading: "CRYPTO",
    names: ["signature", "request-auth", "client-key", "crypto", "workers", "instance"],
  },
  {
    heading: "NETWORK",
    names: [
      "transport",
      "network",
      "sequencer",
      "link",
      "fabric",
      "fabric-port",
      "port",
      "eal",
      "mtu",
      "drop",
    ],
  },
  { heading: "PROCESSORS", names: ["mask", "idle"] },
  {
    heading: "OUTPUT",
    names: ["json", "history", "profile", "census", "watch", "watch-on"],
  },
];

/** Whose each option of replica and client is. */
export const WHOSE: ReadonlyMap<string, Whose> = new Map([
  ...named("both", "mode", "config", "instance", "request-auth", "link", "fabric", "mtu"),
  ...named("both", "workload", "property", "load"),
  ...named("replicas", "id", "role", "app", "batch", "batch-bytes", "adaptive", "checkpoint"),
  ...named("replicas", "view-timeout", "reply-size", "signature", ...PROTOCOL_OPTIONS),
  ...named("client", "clients", "seconds", "warm", "op-size", "rate", "think"),
  ...named("client", "client-key", "share", "history", "fabric-port", "network"),
  ...named("each its own", "crypto", "workers", "port", "eal", "drop", "mask", "idle"),
  ...named("each its own", "json", "profile", "census"),
]);

function named(whose: Whose, ...names: readonly string[]): (readonly [string, Whose])[] {
  return names.map((name) => [name, whose] as const);
}

const { mode, config, ...others } = COMMON_ARGS;

const FABRIC_PORT = {
  type: "string",
  default: "0",
  valueHint: "N",
  description: "Which of the fabric's ports for clients",
} as const;

/** Of protocols that have other defaults than most. */
function usualCheckpoints(): string {
  const others = [...protocols].flatMap(([name, { usual }]) =>
    usual?.checkpointInterval === undefined ? [] : [`${name}: ${usual.checkpointInterval}`],
  );
  return others.length === 0 ? "" : ` (${others.join(", ")})`;
}

/** Of ./replica where protocols have processes of other roles, which it runs as well. */
function roleArgs(): ArgsDef {
  const roles = new Set([...protocols.values()].flatMap((one) => [...(one.roles?.keys() ?? [])]));
  if (roles.size === 0) return {};
  const description = "Run process ID of this role instead of a replica";
  const role: ArgsDef[string] = { type: "enum", options: [...roles], description };
  return { role, "fabric-port": FABRIC_PORT };
}

const REPLICA_ARGS = {
  mode,
  config,
  id: {
    type: "string",
    alias: "i",
    required: true,
    valueHint: "ID",
    description: "Which replica of the configuration this is, from 0",
  },
  app: {
    type: "enum",
    options: [...apps.keys()],
    alias: "a",
    default: "null",
    description: "What is replicated",
  },
  ...WORKLOAD_ARGS,
  ...roleArgs(),
  ...others,
} as const satisfies ArgsDef;

export const REPLICA = {
  name: "replica",
  description: "One replica of a protocol",
  args: REPLICA_ARGS,
  groups: GROUPS,
  whose: WHOSE,
};

const CLIENT_ARGS = {
  mode,
  config,
  clients: {
    type: "string",
    alias: "t",
    default: "1",
    valueHint: "CLIENTS",
    description: "Clients in this process, each with one operation in flight",
  },
  seconds: {
    type: "string",
    alias: "d",
    default: "10",
    valueHint: "SECONDS",
    description: "How long to measure",
  },
  warm: {
    type: "string",
    default: "1",
    valueHint: "SECONDS",
    description: "How long to run before that",
  },
  "op-size": {
    type: "string",
    default: "0",
    valueHint: "BYTES",
    description: "Bytes of an operation (workload fixed) or of a value (kv, contended)",
  },
  app: {
    type: "enum",
    options: [...apps.keys()],
    alias: "a",
    description: "What the replicas run",
  },
  ...WORKLOAD_ARGS,
  share: {
    type: "string",
    default: "0/1",
    valueHint: "I/N",
    description: "Which of N client processes this is, from 0: each inserts records of its own",
  },
  rate: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description:
      "Operations a second that arrive whether or not earlier ones completed; 0: closed loop",
  },
  think: {
    type: "string",
    default: "0",
    valueHint: "MS",
    description: "Pause of a client between two operations of a closed loop",
  },
  "client-key": {
    type: "string",
    valueHint: "FILE",
    description: "The key by which these clients sign requests (default: a fresh one)",
  },
  history: {
    type: "string",
    valueHint: "FILE",
    description: "Write every operation with its result and times, for the linearizability checker",
  },
  network: {
    type: "string",
    valueHint: "FILE",
    description: "The network that lies between, for the record; a fabric tells its own",
  },
  "fabric-port": FABRIC_PORT,
  ...others,
} as const satisfies ArgsDef;

export const CLIENT = {
  name: "client",
  description: "Clients of a protocol, and what they measured",
  args: CLIENT_ARGS,
  told: true,
  groups: GROUPS,
  whose: WHOSE,
};

const FABRIC_ARGS = {
  config: {
    type: "string",
    alias: "c",
    required: true,
    valueHint: "PREFIX",
    description: "Reads PREFIX.config: a port for each replica, with its MAC address",
  },
  dir: {
    type: "string",
    required: true,
    valueHint: "DIR",
    description: "Where the sockets replica-<i>.sock and client-<i>.sock are made",
  },
  "client-ports": {
    type: "string",
    default: "1",
    valueHint: "N",
    description: "Ports for client processes",
  },
  mtu: MTU_ARG,
  drop: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description: "Share of frames to lose, 0 to 1",
  },
  duplicate: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description: "Share of frames to send twice, 0 to 1",
  },
  reorder: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description: "Share of frames to hold back behind later ones, 0 to 1",
  },
  corrupt: {
    type: "string",
    default: "0",
    valueHint: "RATE",
    description: "Share of frames to flip a bit of, behind their header, 0 to 1",
  },
  delay: {
    type: "string",
    default: "0",
    valueHint: "US",
    description: "Time that a frame spends in the fabric, in microseconds",
  },
  control: {
    type: "string",
    valueHint: "FILE",
    description: "Take --drop and --delay anew from FILE while it runs, for demo --watch",
  },
  sequencer: {
    type: "boolean",
    default: false,
    description: "Be the configuration's first sequencer: stamp what is sent to it, in place",
  },
  network: {
    type: "string",
    valueHint: "FILE",
    description:
      "Latency, jitter, loss and bandwidth between the sites of a network (docs/evaluating.md)",
  },
  seed: {
    type: "string",
    default: "1",
    valueHint: "N",
    description: "Seed of the dice for the faults above",
  },
  mask: {
    type: "string",
    valueHint: "HEX",
    description: "CPUs: the first one forwards (default: any, unpinned)",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description:
      "Write the counts of every port at the end as one JSON object; -: to standard output",
  },
} as const satisfies ArgsDef;

export const FABRIC_SWITCH = {
  name: "fabric",
  description: "A switch of shared-memory ports for replicas and clients on one machine",
  args: FABRIC_ARGS,
  groups: [
    { heading: "NETWORK", names: ["config", "dir", "client-ports", "mtu", "network", "sequencer"] },
    {
      heading: "FAULTS",
      names: ["drop", "duplicate", "reorder", "corrupt", "delay", "seed", "control"],
    },
    { heading: "PROCESSORS", names: ["mask"] },
    { heading: "OUTPUT", names: ["json"] },
  ],
};
