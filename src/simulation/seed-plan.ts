// What a seed does: drawn before the run and plain data, so that it can be printed and shrunk.
// Every fault has a name; a run without some of them is otherwise the same run.

import { Random } from "../base/seeded-random.ts";
import { BATCH_BYTES_DEFAULT, type RequestAuth, type SignatureKind } from "../protocol-config.ts";
import { smallestCluster } from "../protocol/index.ts";
import { drawLeaders, type LeadersPlan } from "./drawn-leaders.ts";
import { drawPromises, type PromisesPlan } from "./drawn-promises.ts";
import { drawFaults, type ProcessFault } from "./drawn-faults.ts";
import { drawRequests, requestsOf, type RequestsPlan } from "./drawn-requests.ts";
import { drawSequencers, type SequencersPlan } from "./drawn-sequencers.ts";
import { PAYLOAD_MAX } from "./simulated-packet.ts";
import type { Kind, Subject } from "./subject.ts";

export interface PartitionFault {
  readonly name: string;
  readonly atUs: number;
  readonly forUs: number;
  /** Hosts on one side. */
  readonly side: readonly number[];
  readonly style: "symmetric" | "one-way" | "flapping";
  readonly periodUs: number;
}

export interface NetworkPlan {
  readonly delayMinUs: number;
  readonly delayMaxUs: number;
  /** Further delay of a packet that is reordered, at most. */
  readonly lateUs: number;
  readonly ordered: boolean;
  /** Probabilities for each packet before GST. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly replay: number;
  readonly corruption: number;
  readonly partitions: readonly PartitionFault[];
}

/** A network that delays packets and does nothing else to them. */
export const NO_FAULTS = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  replay: 0,
  corruption: 0,
  partitions: [],
} as const satisfies Partial<NetworkPlan>;

/** All replicas stop at once; each starts with an empty memory that much later. */
export interface AllRestart {
  readonly atUs: number;
  /** By replica. */
  readonly downUs: readonly number[];
}

export interface Plan extends PromisesPlan, LeadersPlan, SequencersPlan, RequestsPlan {
  readonly seed: number;
  readonly kind: Kind;
  readonly n: number;
  readonly f: number;
  readonly batchMax: number;
  readonly batchBytesMax: number;
  readonly adaptive: boolean;
  readonly flushDelayMs: number;
  readonly viewTimeoutMs: number;
  readonly checkpointInterval: number;
  readonly sessionsMax: number;
  readonly clients: number;
  /** The store that is replicated. */
  readonly app: string;
  /** Operations of all clients before GST; each client does `tail` more after it. */
  readonly operations: number;
  readonly tail: number;
  readonly keys: number;
  /** Bytes of a value, at most. */
  readonly valueMax: number;
  readonly thinkUs: number;
  /** All clients are one process. */
  readonly oneHost: boolean;
  readonly multicast: boolean;
  readonly payloadMax: number;
  /** Views whose leaders a scenario draws, maybe one many times; absent: they take turns. */
  readonly drawnViews?: number;
  readonly gstUs: number;
  readonly network: NetworkPlan;
  /** Clock speeds by host. */
  readonly speeds: readonly number[];
  /** The longest time a signature takes before GST. */
  readonly signUs: number;
  readonly signature: SignatureKind;
  readonly faults: readonly ProcessFault[];
  /** Replicas that lose their memory one after another, for as long as it goes on before GST. */
  readonly restarts: readonly number[];
  readonly restartDownUs: number;
  /** All replicas lose their memory at once, and strangers play back what was sent before. */
  readonly allRestart: AllRestart | null;
  /** Operations of an earlier run, which strangers play back to this one; 0: there was none. */
  readonly earlier: number;
  readonly byzantine: readonly number[];
  /** Names of the adversary's tricks. */
  readonly tricks: readonly string[];
  /** What strangers do. */
  readonly strangers: readonly StrangerTrick[];
  /** Nothing else is wrong, so that operations have to complete before GST as well. */
  readonly alone: boolean;
  /** Look at every census after each event, or after every so many. */
  readonly censusEvery: number;
}

/** How a run differs from what its seed draws: what shrinking changes and a replay command says. */
export interface Changes {
  /** Faults that are left out. */
  readonly without?: readonly string[] | undefined;
  readonly operations?: number | undefined;
  readonly clients?: number | undefined;
  readonly tail?: number | undefined;
  /** Whether clients sign, instead of what the seed draws. */
  readonly requestAuth?: RequestAuth | undefined;
  /** How replicas sign, instead of what the seed draws. */
  readonly signature?: SignatureKind | undefined;
}

/** Those of the adversary's tricks that need clients which sign. */
export const SIGNED_TRICKS: readonly string[] = [
  ...["spoil signatures", "squat", "two keys", "one request more"],
];

/** Those that need replicas which sign with one-time keys. */
const ONE_TIME_TRICKS: readonly string[] = ["forge keys"];
/** Those that need large requests which go to all. */
const BODY_TRICKS: readonly string[] = ["unknown bodies"];

/**
 * The adversary's tricks, in the order in which plans list them. Two keep to the protocol: a leader
 * that proposes just in time, and one that puts a request into each batch. "client certificates"
 * is that of clients who lie, where clients make certificates; the last need clients who sign,
 * replicas with one-time keys, or large requests that go to all.
 */
export const TRICKS = [
  "silence",
  "selective silence",
  "equivocate",
  "mutate",
  "forge ids",
  "old messages",
  "flood",
  "lie to clients",
  "cross-type",
  "late",
  "slow proposals",
  "small batches",
  "client certificates",
  "spoil signatures",
  "squat",
  "two keys",
  "one request more",
  "forge keys",
  "unknown bodies",
] as const;
export type Trick = (typeof TRICKS)[number];

/** Most bytes of a batch, if not the default's: those of two small operations, and of several. */
const BATCH_BYTES = [1024, 2048] as const;

/** What hosts without keys may do. */
export const STRANGER_TRICKS = [
  "strange messages",
  "strange replays",
  "strange requests",
  "strange parts",
  "strange proofs",
  "strange sessions",
] as const;
export type StrangerTrick = (typeof STRANGER_TRICKS)[number];

/** View timeouts before GST of a seed with strangers alone: more than an operation may take. */
const ALONE_TIMEOUTS = 80;

/**
 * One of `values` with probability `on`, else 0: each seed switches some faults off entirely (swarm
 * testing: Groce et al., ISSTA '12).
 */
function swarm(random: Random, on: number, values: readonly number[]): number {
  const chosen = random.pick(values);
  return random.chance(on) ? chosen : 0;
}

/** Draws what the seed does. */
export function drawPlan(subject: Subject, kind: Kind, seed: number, changes: Changes = {}): Plan {
  const plan = drawAll(subject, kind, seed, changes);
  if (plan.alone) return withoutOthers(plan);
  return plan.losesKinds === 0 ? plan : losingKinds(plan);
}

/** The plan in which some kinds of messages are lost, and nothing else is wrong. */
function losingKinds(plan: Plan): Plan {
  return {
    ...plan,
    network: { ...plan.network, ...NO_FAULTS },
    ...{ faults: [], restarts: [], afterPromises: false, strangers: [], sequencersRepeat: false },
  };
}

/** The plan with strangers alone. */
function withoutOthers(plan: Plan): Plan {
  const viewUs = plan.viewTimeoutMs * 1000;
  const gstUs = ALONE_TIMEOUTS * viewUs;
  const delayMaxUs = Math.min(plan.network.delayMaxUs, Math.floor(viewUs / 20));
  return {
    ...plan,
    gstUs,
    thinkUs: Math.floor((gstUs * plan.clients) / Math.max(1, plan.operations)),
    network: { ...plan.network, ...NO_FAULTS, delayMaxUs },
    speeds: plan.speeds.map(() => 1),
    signUs: Math.floor(viewUs / 100),
    ...{ sessionsMax: 1024, faults: [], restarts: [], allRestart: null },
    ...{ earlier: 0, byzantine: [], tricks: [], afterPromises: false, losesKinds: 0 },
    sequencersRepeat: false,
  };
}

function drawStrangers(
  kind: Kind,
  random: Random,
  without: ReadonlySet<string>,
): Pick<Plan, "strangers" | "alone"> {
  const on = kind !== "twins" && kind !== "splits" && random.chance(0.5);
  const alone = random.chance(0.25) && on && (kind === "short" || kind === "deep");
  const chosen = STRANGER_TRICKS.filter(() => random.chance(0.6) || alone);
  return { strangers: on ? chosen.filter((trick) => !without.has(trick)) : [], alone };
}

function drawAll(subject: Subject, kind: Kind, seed: number, changes: Changes): Plan {
  const without = new Set(changes.without);
  const off = <T>(name: string, value: T, otherwise: T) => (without.has(name) ? otherwise : value);
  const random = new Random(seed, `plan/${kind}`);
  const size = random.stream("size");
  const deep = kind === "deep";
  const { n, f } = drawSize(subject, size, kind);
  const viewTimeoutMs = size.pick([20, 50, 100]);
  const viewUs = viewTimeoutMs * 1000;
  const drawnClients = size.between(1, 5);
  const clients = Math.max(1, changes.clients ?? drawnClients);
  const operations = Math.max(0, changes.operations ?? (deep ? 100 : 10));
  const twoRuns = drawTwoRuns(subject, kind, random.stream("all restart"));
  const another = twoRuns === null ? 0 : ANOTHER_RUN_TIMEOUTS;
  const timeouts = (deep ? size.between(20, 80) : size.between(0, 20)) + another;
  const gstUs = Math.floor(timeouts * viewUs * 0.9);
  const replicas = Array.from({ length: n }, (_, i) => i);
  const byzantine = drawByzantine(subject, kind, random.stream("byzantine"), replicas, f);
  const shape = random.stream("shape");
  const ofSequencers = drawSequencers(subject, kind, random.stream("sequencers"), without);
  const hosts = n + clients + ofSequencers.sequencers;
  const requests = drawRequests(subject, kind, random, changes.requestAuth);
  const { signUs, ...signing } = drawSigning(subject, kind, random, viewUs, changes);
  const restart = drawRestarts(subject, random.stream("restarts"), replicas, byzantine, f);
  return {
    ...{ seed, kind, n, f },
    ...drawBatches(size, random.stream("batch bytes"), without.has("few bytes")),
    viewTimeoutMs,
    ...drawLeaders(subject, kind, random, without),
    checkpointInterval: 4,
    sessionsMax: off("sessions", size.chance(0.05) ? size.between(1, 4) : 1024, 1024),
    clients,
    app: off("store", random.stream("store").pick(STORES), "kv"),
    operations,
    tail: changes.tail ?? 10,
    keys: size.between(1, 5),
    ...requestsOf(requests, shape.chance(0.1), without),
    thinkUs: Math.floor((gstUs * clients) / Math.max(1, operations)),
    oneHost: shape.chance(0.2),
    multicast: shape.chance(0.2),
    payloadMax: off(
      "small packets",
      shape.chance(0.1) ? shape.between(200, 600) : PAYLOAD_MAX,
      PAYLOAD_MAX,
    ),
    gstUs,
    network: drawNetwork(random.stream("network"), without, { hosts, viewUs, gstUs }),
    speeds: drawSpeeds(random.stream("clocks"), hosts, without.has("clocks")),
    signUs,
    signature: off("one-time keys", signing.signature, signing.otherwise),
    tricks: drawTricks(random.stream("tricks"), { ...requests, ...signing }, without),
    ...ofSequencers,
    faults: drawFaults(subject, random.stream("faults"), {
      replicas: replicas.filter((i) => !byzantine.includes(i)),
      ...{ clients, sequencers: ofSequencers.sequencers, gstUs, viewUs },
      ...{ crashes: f - byzantine.length, many: deep ? 4 : 2 },
    }).filter((fault) => !without.has(fault.name)),
    restarts: without.has("restarts") ? [] : restart,
    restartDownUs: Math.floor(viewUs * shape.pick([0.1, 1, 4])),
    ...drawPromises(subject, kind, random.stream("promises"), without),
    allRestart: without.has("all restart") ? null : allRestartOf(twoRuns, n, gstUs, viewUs),
    earlier: without.has("earlier run") ? 0 : drawEarlier(subject, random.stream("earlier run")),
    byzantine: without.has("byzantine") ? [] : byzantine,
    ...drawStrangers(kind, random.stream("strangers"), without),
    censusEvery: shape.pick([1, 8, 8, 8]),
  };
}

function drawTricks(
  random: Random,
  plan: Pick<Plan, "requestAuth" | "signature" | "broadcastsRequests">,
  without: ReadonlySet<string>,
): readonly Trick[] {
  const chosen = TRICKS.filter(() => random.chance(0.4));
  const signed = plan.requestAuth === "sign";
  return chosen.filter(
    (trick) =>
      !without.has(trick) &&
      (signed || !SIGNED_TRICKS.includes(trick)) &&
      (plan.signature === "hybrid" || !ONE_TIME_TRICKS.includes(trick)) &&
      (plan.broadcastsRequests || !BODY_TRICKS.includes(trick)),
  );
}

function drawBatches(
  size: Random,
  bytes: Random,
  off: boolean,
): Pick<Plan, "batchMax" | "batchBytesMax" | "adaptive" | "flushDelayMs"> {
  const few = bytes.chance(0.3) && !off;
  return {
    batchMax: size.pick([1, 1, 2, 8, 64]),
    batchBytesMax: few ? bytes.pick(BATCH_BYTES) : BATCH_BYTES_DEFAULT,
    adaptive: size.chance(0.5),
    flushDelayMs: size.pick([0, 1, 2]),
  };
}

/** Only runs that have names can be told apart. */
function drawEarlier(subject: Subject, random: Random): number {
  const operations = random.between(3, 20);
  return subject.byzantine && random.chance(0.5) ? operations : 0;
}

/** View timeouts before GST that another run has, more than a start takes. */
const ANOTHER_RUN_TIMEOUTS = 20;
const REPLICAS_MAX = 7;
/** Half of all seeds have the one that is fastest. */
const STORES = ["kv", "kv", "btree", "sqlite"];

/** When all replicas restart, as a share of the time before GST, and how long each is down. */
interface TwoRuns {
  readonly at: number;
  /** In view timeouts, by replica. */
  readonly down: readonly number[];
}

/** Null: they do not. */
function drawTwoRuns(subject: Subject, kind: Kind, random: Random): TwoRuns | null {
  if (!random.chance(0.2) || !subject.byzantine || kind === "twins") return null;
  const at = random.between(40, 60) / 100;
  const downMax = random.pick([0, 1, 4]);
  return {
    at,
    down: Array.from({ length: REPLICAS_MAX }, () => (downMax * random.int(100)) / 100),
  };
}

function allRestartOf(
  twoRuns: TwoRuns | null,
  n: number,
  gstUs: number,
  viewUs: number,
): AllRestart | null {
  if (twoRuns === null) return null;
  const { at, down } = twoRuns;
  const downUs = down.slice(0, n).map((timeouts) => 1 + Math.floor(viewUs * timeouts));
  return { atUs: Math.floor(gstUs * at), downUs };
}

function drawSpeeds(random: Random, hosts: number, off: boolean): number[] {
  const on = random.chance(0.7) && !off;
  return Array.from({ length: hosts }, () => {
    const speed = random.pick([0.5, 0.7, 0.9, 1, 1.1, 1.4, 2]);
    return on ? speed : 1;
  });
}

/**
 * One-time keys in a quarter of the seeds of protocols that sign, but for Twins: how a signature
 * looks changes nothing in who tells what to whom. And how replicas sign without such keys.
 */
function drawSigning(
  subject: Subject,
  kind: Kind,
  random: Random,
  viewUs: number,
  changes: Changes,
): Pick<Plan, "signUs" | "signature"> & { readonly otherwise: SignatureKind } {
  const stage = random.stream("stage");
  const slow = stage.chance(0.3) && changes.without?.includes("slow signatures") !== true;
  const given = changes.signature ?? subject.signature;
  const otherwise = given ?? (stage.chance(0.5) ? "batch" : "each");
  const may = subject.protocol.signed && kind !== "twins";
  const oneTime = random.stream("one-time").chance(0.25) && may;
  const signature = given ?? (oneTime ? "hybrid" : otherwise);
  return { signUs: slow ? 2 * viewUs : Math.floor(viewUs / 50), signature, otherwise };
}

/** Whether replicas may execute what no client sent, so that nobody judges what they do. */
export function mayInvent({ kind, requestAuth }: Pick<Plan, "kind" | "requestAuth">): boolean {
  return kind === "invent" && requestAuth === "none";
}

function drawSize(subject: Subject, random: Random, kind: Kind): { n: number; f: number } {
  const wanted = kind === "twins" || kind === "splits" ? 1 : random.chance(0.2) ? 2 : 1;
  return smallestCluster(subject.protocol, wanted);
}

function drawByzantine(
  subject: Subject,
  kind: Kind,
  random: Random,
  replicas: readonly number[],
  f: number,
): readonly number[] {
  const count = f === 0 ? 0 : random.between(1, f);
  const chosen = random.shuffle(replicas).slice(0, count);
  const adversarial = kind === "adversary" || kind === "invent";
  return adversarial && subject.byzantine ? chosen.sort((a, b) => a - b) : [];
}

function drawNetwork(
  random: Random,
  without: ReadonlySet<string>,
  { hosts, viewUs, gstUs }: { hosts: number; viewUs: number; gstUs: number },
): NetworkPlan {
  const probability = (name: string, values: readonly number[]) => {
    const value = swarm(random.stream(name), 0.5, values);
    return without.has(name) ? 0 : value;
  };
  const delay = random.stream("delay");
  const delayMaxUs = Math.floor(viewUs * delay.pick([0.01, 0.05, 0.2, 0.5, 2]));
  const delayOff = without.has("delay");
  const partitionDice = random.stream("partitions");
  const count = partitionDice.chance(0.5) ? partitionDice.between(1, 4) : 0;
  const partitions = Array.from({ length: count }, (_, i): PartitionFault => {
    const everyone = Array.from({ length: hosts }, (_, host) => host);
    return {
      name: `partition-${i}`,
      atUs: partitionDice.int(Math.max(1, gstUs)),
      forUs: Math.floor(viewUs * partitionDice.pick([0.5, 2, 5, 20])),
      side: partitionDice
        .shuffle(everyone)
        .slice(0, partitionDice.between(1, Math.max(1, hosts >> 1))),
      style: partitionDice.pick(["symmetric", "one-way", "flapping"] as const),
      periodUs: Math.floor(viewUs * partitionDice.pick([0.2, 1, 3])),
    };
  });
  return {
    delayMinUs: 1,
    delayMaxUs: delayOff ? 10 : delayMaxUs,
    lateUs: Math.floor(viewUs * delay.pick([0.1, 1, 5])),
    ordered: delay.chance(0.5),
    loss: probability("loss", [0.01, 0.05, 0.1, 0.3]),
    duplication: probability("duplication", [0.01, 0.1, 0.3]),
    reordering: probability("reordering", [0.01, 0.1, 0.3]),
    replay: probability("replay", [0.01, 0.05, 0.2]),
    corruption: probability("corruption", [0.01, 0.05]),
    partitions: partitions.filter(({ name }) => !without.has(name)),
  };
}

function drawRestarts(
  subject: Subject,
  random: Random,
  replicas: readonly number[],
  byzantine: readonly number[],
  f: number,
): readonly number[] {
  const order = random.shuffle(replicas).filter((i) => !byzantine.includes(i));
  const wanted = random.chance(0.3);
  return wanted && subject.restarts && f > byzantine.length ? order : [];
}
