// Runs as a sweep would write them, made up from a queueing model and a seed: what the report is
// developed and tested with.

import { percentilesOf, totalOf, type Distribution } from "../../src/evaluation/distribution.ts";
import type { LatencySummary } from "../../src/evaluation/latency.ts";
import type { Profile } from "../../src/profile/profile.ts";
import type { ResultRecord } from "../../src/evaluation/record.ts";
import type { ReplicaRecord } from "../../src/evaluation/replica-record.ts";
import type { ReplicaSetting } from "../../src/evaluation/replica-setting.ts";
import type { Point, Run } from "../../src/evaluation/run.ts";
import { Random } from "../../src/base/seeded-random.ts";

/** How a protocol behaves: operations a second at most, and microseconds when it is idle. */
interface Model {
  readonly capacity: number;
  readonly idleUs: number;
  readonly n: number;
  readonly signed: boolean;
  /** Messages signed and signatures checked by the primary for an operation. */
  readonly signatures: number;
}

const MODELS: { readonly [mode: string]: Model } = {
  unreplicated: { capacity: 620_000, idleUs: 11, n: 1, signed: false, signatures: 0 },
  "unreplicated-signed": { capacity: 41_000, idleUs: 96, n: 1, signed: true, signatures: 1 },
  vr: { capacity: 41_000, idleUs: 60, n: 3, signed: false, signatures: 0 },
  nopaxos: { capacity: 33_000, idleUs: 50, n: 3, signed: false, signatures: 0 },
  pbft: { capacity: 12_400, idleUs: 720, n: 4, signed: true, signatures: 2.1 },
  hotstuff: { capacity: 8_900, idleUs: 2200, n: 4, signed: true, signatures: 1.4 },
  hotstuff2: { capacity: 9_000, idleUs: 1800, n: 4, signed: true, signatures: 1.4 },
  jolteon: { capacity: 9_100, idleUs: 1700, n: 4, signed: true, signatures: 1.4 },
  tendermint: { capacity: 7_500, idleUs: 800, n: 4, signed: true, signatures: 3.1 },
  streamlet: { capacity: 8_900, idleUs: 1700, n: 4, signed: true, signatures: 1.4 },
  zyzzyva: { capacity: 13_000, idleUs: 400, n: 4, signed: true, signatures: 1.3 },
};

/** Those that a chart has unless a test says others: as many as it has lines for. */
const MODES = ["unreplicated", "unreplicated-signed", "pbft", "hotstuff"];

const POINT: Point = {
  ...{ mode: "pbft", transport: "dpdk", f: 1, clients: 16, clientProcesses: 1, rate: 0 },
  ...{ batch: 100, adaptive: true, workers: null, signature: "batch", app: "null", opSize: 0 },
  ...{ fault: "none", lossRate: 0 },
};

const HOST = { cpu: "Imaginary EPYC 7763 64-Core", cores: 2, kernel: "6.18.44" };
const VERSIONS = { oskr: "2.0.0", bun: "1.4.5" };
const SECONDS = 2;

export interface Loads {
  readonly modes?: readonly string[];
  /** Of closed loops. */
  readonly clients?: readonly number[];
  /** Of open loops: shares of a protocol's capacity. */
  readonly rates?: readonly number[];
}

/** All modes in closed and open loops, unless told otherwise. */
export function madeUpPoints({
  modes = MODES,
  clients = [1, 4, 16, 64, 256, 1024],
  rates = [0.2, 0.5, 0.8, 0.95],
}: Loads = {}): readonly Point[] {
  return modes.flatMap((mode) => [
    ...clients.map((count) => ({ ...POINT, mode, clients: count })),
    ...rates.map((share) => {
      const rate = Math.round(share * modelOf({ ...POINT, mode }).capacity);
      return { ...POINT, mode, clients: 512, rate };
    }),
  ]);
}

/** What repetitions of these points might have measured. */
export function madeUpRuns(
  points: readonly Point[],
  { repetitions = 3, profile = true } = {},
): readonly Run[] {
  return points.flatMap((point) =>
    Array.from({ length: repetitions }, (_, repetition) => madeUpRun(point, repetition, profile)),
  );
}

/** A protocol under the conditions of a point. */
function modelOf({ mode, f, transport, signature, batch, adaptive, opSize, fault }: Point): Model {
  const model = MODELS[mode];
  if (model === undefined) throw new Error(`no model of ${mode}`);
  const slower =
    (transport === "udp" ? 2.5 : 1) *
    (signature === "each" && model.signed ? 3 : 1) *
    (batch === 1 && model.n > 1 ? 4 : adaptive ? 1 : 1.2) *
    (1 + opSize / 3000) *
    (fault === "loss" ? 2 : 1) *
    (model.n > 1 ? f ** 1.4 : 1);
  const { capacity, idleUs } = model;
  const n = model.n > 1 ? 3 * f + 1 : 1;
  return { ...model, n, capacity: capacity / slower, idleUs: idleUs * slower ** 0.6 };
}

function madeUpRun(point: Point, repetition: number, profile: boolean): Run {
  const model = modelOf(point);
  const key = JSON.stringify({ ...point, seconds: SECONDS, repetition });
  const random = new Random(1, key);
  const noise = (spread: number): number => 1 + (spread * (random.int(2001) - 1000)) / 1000;
  const { throughput, latencyUs } = measured(point, model, noise);
  const operations = Math.round(throughput * SECONDS);
  const distribution = distributionOf(latencyUs, operations, point.rate > 0 ? 0.7 : 0.35);
  const busy = throughput / model.capacity;
  const record: ResultRecord = {
    ...{ command: ["client"], startedAt: "2026-11-28T12:00:00.000Z" },
    ...{ thinkMs: 0, checkpoint: 128, viewTimeoutMs: 500, options: {}, lossRate: 0 },
    client: {
      ...{ crypto: "native", workers: 1, idle: "park", mask: null, lossRate: 0 },
      ...{ port: 0, eal: null, history: false },
    },
    fabric: null,
    network: null,
    mode: point.mode,
    app: point.app,
    workload: "fixed",
    ycsb: null,
    transport: point.transport,
    n: model.n,
    f: point.f,
    replicas: Array.from({ length: model.n }, () => settingOf(point, model)),
    clients: point.clients,
    clientProcesses: point.clientProcesses,
    loop: point.rate > 0 ? "open" : "closed",
    rate: point.rate,
    batch: point.batch,
    batchBytes: 1_048_576,
    mtu: 1500,
    adaptive: point.adaptive,
    signature: model.signed ? point.signature : "none",
    crypto: model.signed ? "native" : "none",
    workers: 1,
    idle: "yield",
    opSize: point.opSize,
    replySize: 0,
    warmSeconds: 1,
    seconds: SECONDS + noise(0.01) / 1000,
    operations,
    throughput,
    eachSecond: [throughput, operations - throughput].map(Math.round),
    unserved: point.rate > 0.9 * model.capacity ? random.int(300) : 0,
    latency: summaryOf(distribution),
    distribution,
    inFlight: 1,
    serviceGone: false,
    longestGapMs: (latencyUs * 12) / 1000,
    retransmissions: busy > 0.9 ? random.int(20) : 0,
    dropped: {},
    notAdmitted: model.n > 1 ? { "no reply to the pending request": 3 * operations } : {},
    ...(profile ? { profile: profileOf(0.5 * busy, 0.2, operations, noise) } : {}),
    host: HOST,
    versions: VERSIONS,
  };
  const replicas = Array.from({ length: model.n }, (_, replica): ReplicaRecord => {
    const weight = replica === 0 ? 1 : 0.6;
    const checks = model.signatures * weight;
    const own = profileOf(busy * weight, checks, operations, noise);
    return {
      ...{ command: ["replica"], startedAt: "2026-11-28T12:00:00.000Z" },
      mode: point.mode,
      replica,
      executed: operations,
      view: 0,
      leaderChanges: 0,
      setting: settingOf(point, model),
      stateDigest: "00".repeat(32),
      fetchedBytes: 0,
      residentBytes: 9e7,
      signatures: own.signatures,
      dropped: busy > 0.9 && model.n > 1 ? { "outbox full": random.int(4000) } : {},
      notAdmitted: model.n > 1 ? { "prepare that was counted": operations } : {},
      ...(profile ? { profile: own } : {}),
      host: HOST,
      versions: VERSIONS,
    };
  });
  return { key, point, repetition, record, replicas };
}

/**
 * A closed loop is bound by its clients at first and by the capacity then; an open one queues more
 * and more.
 */
function measured(
  { clients, rate }: Point,
  { capacity, idleUs }: Model,
  noise: (spread: number) => number,
): { readonly throughput: number; readonly latencyUs: number } {
  const bound = capacity * noise(0.03);
  if (rate > 0) {
    const load = Math.min(0.985, rate / bound);
    return { throughput: load * bound, latencyUs: (idleUs * noise(0.05)) / (1 - load) };
  }
  const offered = (clients / (idleUs * noise(0.05))) * 1e6;
  const throughput = offered / (1 + (offered / bound) ** 3) ** (1 / 3);
  return { throughput, latencyUs: (clients / throughput) * 1e6 };
}

/** A log-normal distribution of this median, in buckets a twentieth apart, as HDR gives them. */
function distributionOf(medianUs: number, operations: number, sigma: number): Distribution {
  const buckets: (readonly [number, number])[] = [];
  let before = 0;
  for (let us = medianUs / 6; before < operations; us *= 1.05) {
    const upTo = Math.round(operations * normal(Math.log(us / medianUs) / sigma));
    if (upTo > before) buckets.push([Math.round(us * 1000) / 1000, upTo - before]);
    before = upTo;
  }
  return buckets;
}

/** The standard normal distribution function (logistic approximation, good to 0.0002). */
function normal(z: number): number {
  return 1 / (1 + Math.exp(-(0.07056 * z ** 3 + 1.5976 * z)));
}

function summaryOf(distribution: Distribution): LatencySummary {
  const [min, max] = [distribution[0]?.[0], distribution.at(-1)?.[0]];
  if (min === undefined || max === undefined) throw new Error("the distribution is empty");
  const mean =
    distribution.reduce((sum, [us, count]) => sum + us * count, 0) / totalOf(distribution);
  return { min, mean, ...percentilesOf(distribution, max), max };
}

/** Of a thread that is busy for this share of its time. */
function profileOf(
  busy: number,
  checksPerOperation: number,
  operations: number,
  noise: (spread: number) => number,
): Profile {
  const weights = {
    receive: 0.16 * noise(0.2),
    decode: 0.1 * noise(0.2),
    check: 0.18 * noise(0.2),
    protocol: 0.22 * noise(0.2),
    encode: 0.09 * noise(0.2),
    send: 0.14 * noise(0.2),
    help: 0.08 * noise(0.2),
    other: 0.03,
  };
  const whole = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const share = (name: keyof typeof weights): number => (0.95 * busy * weights[name]) / whole;
  return {
    shares: {
      receive: share("receive"),
      decode: share("decode"),
      check: share("check"),
      protocol: share("protocol"),
      encode: share("encode"),
      send: share("send"),
      help: share("help"),
      idle: 1 - 0.95 * busy,
      other: share("other"),
    },
    seconds: SECONDS,
    signatures: {
      signed: Math.round(operations * checksPerOperation),
      roots: Math.round(operations * checksPerOperation * 0.11),
      verified: Math.round(operations * checksPerOperation * 0.3),
      cached: Math.round(operations * checksPerOperation * 0.9),
    },
    waits: { checks: operations, checkUs: 80, signs: operations, signUs: 60 },
    operations,
  };
}

function settingOf({ mode, f, app, batch, adaptive, signature }: Point, model: Model) {
  const setting: ReplicaSetting = {
    ...{
      mode,
      n: model.n,
      f,
      cluster: "0123456789abcdef",
      app,
      batch,
      adaptive,
      batchBytes: 1_048_576,
      mtu: 1500,
    },
    replySize: 0,
    loaded: "nothing",
    requestAuth: "none",
    ...{ signature: model.signed ? signature : "none", checkpoint: 128, viewTimeoutMs: 500 },
    ...{ options: {}, crypto: model.signed ? "native" : "none", workers: 1, idle: "park" },
    ...{ mask: null, lossRate: 0, profiled: false, versions: VERSIONS },
  };
  return setting;
}
