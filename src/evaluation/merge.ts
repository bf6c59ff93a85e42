// Several client processes as one result.

import type { Profile } from "../profile/profile.ts";
import {
  mergeDistributions,
  percentileOf,
  percentilesOf,
  totalOf,
  type Distribution,
} from "./distribution.ts";
import type { KindResults } from "./kinds.ts";
import { NO_LATENCY, type LatencySummary } from "./latency.ts";
import type { ResultRecord } from "./record.ts";
import { ownOfReplicas, type Told } from "./replicas-told.ts";
import { mergeRoles } from "./role-setting.ts";

/** What records must have in common to be of one run. */
const SETTINGS: readonly (keyof ResultRecord)[] = [
  "requestAuth",
  ...(["mode", "app", "workload", "transport", "n", "f", "loop", "thinkMs"] as const),
  ...(["fabric", "network", "mtu", "opSize", "warmSeconds", "host", "versions", "ycsb"] as const),
];
/** The same, of those that enough replicas told; others may have kept to defaults. */
const OF_REPLICAS = [
  ...(["batch", "batchBytes", "adaptive", "signature", "checkpoint"] as const),
  ...(["viewTimeoutMs", "options"] as const),
] as const satisfies readonly (keyof ResultRecord)[];
/** What their processes must have in common; processors differ from host to host. */
const OF_PROCESSES: readonly (keyof ResultRecord["client"])[] = [
  ...(["crypto", "workers", "idle", "lossRate", "history"] as const),
];

/** Throws an Error that names what the values of these names differ in, if they do. */
function compare<T>(all: readonly T[], names: readonly (keyof T & string)[]): void {
  const [first, ...others] = all;
  for (const other of first === undefined ? [] : others) {
    const differing = names.find((name) => !Bun.deepEquals(first?.[name], other[name]));
    if (differing === undefined) continue;
    const [one, two] = [first, other].map((record) => JSON.stringify(record?.[differing]));
    throw new Error(`records of different runs: ${differing} is ${one} in one, ${two} in another`);
  }
}

/**
 * One result of client processes that ran at the same time: counts and throughputs are sums,
 * percentiles those of all latencies together. Throws an Error that names the setting in which they
 * differ, or says that there are none.
 */
export function mergeRecords(records: readonly ResultRecord[]): ResultRecord {
  const [first, ...others] = records;
  if (first === undefined) throw new Error("no records to merge");
  if (others.length === 0) return first;
  compare(records, SETTINGS);
  compare(
    records.map((record) => record.client),
    OF_PROCESSES,
  );
  const informed = records.filter(
    ({ replicas, f }) => replicas.filter((one) => one !== null).length > f,
  );
  compare(informed.length > 0 ? informed : records, OF_REPLICAS);
  const { batch, batchBytes, adaptive, signature, checkpoint } = informed[0] ?? first;
  const { viewTimeoutMs, options } = informed[0] ?? first;
  const replicas = mergeTold(records.map((record) => record.replicas));
  const roles = records.flatMap((record) => (record.roles === undefined ? [] : [record.roles]));
  const sum = (of: (record: ResultRecord) => number): number =>
    records.reduce((total, record) => total + of(record), 0);
  const operations = sum((record) => record.operations);
  const distribution = mergeDistributions(records.map((record) => record.distribution));
  const { profile: _ofOneProcess, kinds: _itsKinds, verified: _itsRows, ...settings } = first;
  const profiles = records.flatMap(({ profile }) => (profile === undefined ? [] : [profile]));
  return {
    ...settings,
    startedAt: records.map((record) => record.startedAt).toSorted()[0] ?? first.startedAt,
    ...(records.some((record) => record.interrupted === true) && { interrupted: true }),
    ...{ batch, batchBytes, adaptive, signature, checkpoint, viewTimeoutMs, options, replicas },
    ...(roles.length > 0 && { roles: mergeRoles(roles) }),
    ...ownOfReplicas(replicas, first.f, first.client),
    clients: sum((record) => record.clients),
    clientProcesses: sum((record) => record.clientProcesses),
    // Shares are not exact in binary.
    rate: Number(sum((record) => record.rate).toFixed(6)),
    replySize: sum((record) => record.replySize * record.operations) / Math.max(1, operations),
    seconds: Math.max(...records.map((record) => record.seconds)),
    operations,
    throughput: sum((record) => record.throughput),
    eachSecond: mergeSeconds(records.map((record) => record.eachSecond)),
    unserved: sum((record) => record.unserved),
    latency: mergeLatencies(records, distribution),
    distribution,
    inFlight: sum((record) => record.inFlight),
    serviceGone: records.some((record) => record.serviceGone),
    // Of the process that waited longest: the records do not say when the others did.
    longestGapMs: Math.max(...records.map((record) => record.longestGapMs)),
    retransmissions: sum((record) => record.retransmissions),
    ...mergeFastPath(records),
    dropped: sumByName(records.map((record) => record.dropped)),
    notAdmitted: sumByName(records.map((record) => record.notAdmitted)),
    ...mergeKinds(records),
    ...(profiles.length === records.length ? { profile: mergeProfiles(profiles) } : {}),
  };
}

/** Of the operations of all. */
function mergeFastPath(records: readonly ResultRecord[]): Pick<ResultRecord, "fastPath"> {
  if (records.some(({ fastPath }) => fastPath === undefined)) return {};
  const all = records.reduce((total, { operations }) => total + operations, 0);
  const fast = records.reduce(
    (total, { fastPath = 0, operations }) => total + fastPath * operations,
    0,
  );
  return { fastPath: fast / Math.max(1, all) };
}

/** Of processes that measured at about the same time, as long as the longest did. */
function mergeSeconds(all: readonly (readonly number[])[]): readonly number[] {
  const length = Math.max(...all.map((one) => one.length));
  return Array.from({ length }, (_, second) =>
    all.reduce((total, one) => total + (one[second] ?? 0), 0),
  );
}

/** Of each replica what it told any of them. */
function mergeTold(told: readonly Told[]): Told {
  const length = Math.max(...told.map((one) => one.length));
  return Array.from({ length }, (_, replica) => {
    return told.find((one) => (one[replica] ?? null) !== null)?.[replica] ?? null;
  });
}

/** Their kinds of operations, and what their checks of values found, where they have any. */
function mergeKinds(records: readonly ResultRecord[]): Pick<ResultRecord, "kinds" | "verified"> {
  const all = records.flatMap(({ kinds }) => (kinds === undefined ? [] : [kinds]));
  const names = [...new Set(all.flatMap((one) => Object.keys(one)))].sort();
  const kinds: KindResults = Object.fromEntries(
    names.map((name) => {
      const some = all.flatMap((one) => one[name] ?? []);
      const distribution = mergeDistributions(some.map((one) => one.distribution));
      const latency = mergeLatencies(some, distribution);
      const result = {
        operations: some.reduce((sum, { operations }) => sum + operations, 0),
        returns: sumByName(some.map(({ returns }) => returns)),
        latency,
        p95: Math.min(latency.max, percentileOf(distribution, 95)),
        distribution,
      };
      return [name, result];
    }),
  );
  const verified = records.flatMap((one) => (one.verified === undefined ? [] : [one.verified]));
  return {
    ...(names.length > 0 && { kinds }),
    ...(verified.length > 0 && { verified: sumByName(verified) }),
  };
}

function mergeLatencies(
  records: readonly Pick<ResultRecord, "operations" | "latency">[],
  distribution: Distribution,
): LatencySummary {
  const latencies = records
    .filter((record) => record.operations > 0)
    .map((record) => record.latency);
  if (latencies.length === 0) return NO_LATENCY;
  const max = Math.max(...latencies.map((latency) => latency.max));
  const total = totalOf(distribution);
  const mean = records.reduce(
    (sum, record) => sum + (record.latency.mean * record.operations) / total,
    0,
  );
  return {
    min: Math.min(...latencies.map((latency) => latency.min)),
    mean: Math.round(mean * 1000) / 1000,
    ...percentilesOf(distribution, max),
    max,
  };
}

/** Sums by name: signatures, drops. */
export function sumByName(all: readonly { readonly [name: string]: number }[]): {
  [name: string]: number;
} {
  const sums: { [name: string]: number } = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

/** Shares of all threads' time together. */
function mergeProfiles(profiles: readonly Profile[]): Profile {
  const sum = (of: (profile: Profile) => number): number =>
    profiles.reduce((total, profile) => total + of(profile), 0);
  const seconds = sum((profile) => profile.seconds);
  const share = (name: keyof Profile["shares"]): number =>
    sum(({ shares, seconds: own }) => shares[name] * (own / seconds));
  const signatures = (name: keyof Profile["signatures"]): number =>
    sum((profile) => profile.signatures[name]);
  const checks = sum(({ waits }) => waits.checks);
  const signs = sum(({ waits }) => waits.signs);
  return {
    shares: {
      receive: share("receive"),
      decode: share("decode"),
      check: share("check"),
      protocol: share("protocol"),
      encode: share("encode"),
      send: share("send"),
      help: share("help"),
      idle: share("idle"),
      other: share("other"),
    },
    seconds,
    signatures: {
      signed: signatures("signed"),
      roots: signatures("roots"),
      verified: signatures("verified"),
      cached: signatures("cached"),
    },
    waits: {
      checks,
      checkUs: sum(({ waits }) => waits.checkUs * waits.checks) / Math.max(1, checks),
      signs,
      signUs: sum(({ waits }) => waits.signUs * waits.signs) / Math.max(1, signs),
    },
    operations: sum((profile) => profile.operations),
  };
}
