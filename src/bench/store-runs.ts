// What comparisons of stores measure: clusters under load with the memory of their replicas, one
// whose replica loses its memory or stands still meanwhile, and a store without a cluster.

import type { Bytes } from "../actor.ts";
import { apps } from "../app/index.ts";
import { assert } from "../base/assert.ts";
import { RunError } from "../base/errors.ts";
import { systemRandom } from "../base/system-random.ts";
import { ClientProcesses } from "../cluster/client-processes.ts";
import { Cluster } from "../cluster/cluster.ts";
import { median } from "../evaluation/median.ts";
import { residentBytes } from "../evaluation/record.ts";
import { loadInto } from "../process/chosen-workload.ts";
import { RECOVERED } from "../process/start-lines.ts";
import { chooseWorkload, type WorkloadChoice } from "../workload/index.ts";

/** What all runs of one call have in common. */
export interface Setting {
  readonly mode: string;
  readonly clients: number;
  readonly batch: number;
  readonly seconds: number;
  readonly warmSeconds: number;
}

/** What runs and what is asked of it: options of replicas and clients, of each alone, of both. */
export interface Side {
  readonly name: string;
  readonly replica?: readonly string[];
  readonly client?: readonly string[];
  readonly both: readonly string[];
}

/** What one run showed. */
export interface Shown {
  /** Operations a second. */
  readonly throughput: number;
  readonly longestGapMs: number;
  /** Of the replica that had the most while clients ran. */
  readonly residentBytes: number;
  /** Bytes of a result (mean). */
  readonly replySize: number;
}

const SAMPLE_MS = 100;
/** A replica without memory has so long to take part. */
const RECOVER_MS = 60_000;
/** Seconds under load before a replica dies or stands still. */
const BEFORE = 5;
/** Seconds under load after that, unless it takes longer. */
const AFTER = 60;
/** Seconds that a replica stands still. */
const STOPPED = 5;
/** Seconds in which it gets what it lacks while clients go on, and after they ended. */
const CATCH_UP = { loaded: 4, quiet: 2 };
/** Operations that a store is asked without a cluster, again and again. */
const OPERATIONS = 50_000;

function startCluster({ mode, batch }: Setting, side: Side): Promise<Cluster> {
  return Cluster.start({
    ...{ mode, transport: "dpdk", f: 1, link: false, clientPorts: 1, fabricArgs: [] },
    replicaArgs: ["-b", String(batch), ...side.both, ...(side.replica ?? [])],
    clientArgs: [...side.both],
  });
}

function startClients(
  cluster: Cluster,
  { clients }: Setting,
  args: readonly string[],
): ClientProcesses {
  return new ClientProcesses(cluster, { clients, clientProcesses: 1, rate: 0 }, args, false);
}

/** Measures one side once. Throws RunError. */
export async function runSide(setting: Setting, side: Side): Promise<Shown> {
  const cluster = await startCluster(setting, side);
  let most = 0;
  const sampler = setInterval(() => {
    for (const { pid, status } of cluster.replicas) {
      if (status === null) most = Math.max(most, residentBytes(pid));
    }
  }, SAMPLE_MS);
  try {
    await cluster.takesPart();
    most = 0;
    const time = ["-d", String(setting.seconds), "--warm", String(setting.warmSeconds)];
    const record = await startClients(cluster, setting, [...time, ...(side.client ?? [])]).result();
    const { throughput, longestGapMs, replySize } = record;
    return { throughput, longestGapMs, residentBytes: most, replySize };
  } finally {
    clearInterval(sampler);
    await cluster.stop();
  }
}

/** What became of a cluster whose replica lost its memory. */
export interface Recovered {
  /** From its end until it took part again. */
  readonly servesAfterMs: number;
  /** Operations a second: the median of seconds before, the mean and the least of those since. */
  readonly before: number;
  readonly during: number;
  readonly least: number;
  readonly longestGapMs: number;
}

/**
 * Clients load the records, and ask on while the last replica is killed and starts again, empty.
 * Throws RunError if it does not recover.
 */
export async function loseMemory(setting: Setting, side: Side): Promise<Recovered> {
  const cluster = await startCluster(setting, {
    ...side,
    replica: [...(side.replica ?? []), "--load", "clients"],
  });
  try {
    await cluster.takesPart();
    const loading = ["--load", "clients", "-d", "0.1", "--warm", "0"];
    await startClients(cluster, setting, loading).result();
    const time = ["--load", "none", "-d", String(BEFORE + AFTER)];
    const running = startClients(cluster, setting, [...time, ...warmArguments(setting)]);
    await running.printed(afterSeconds(BEFORE));
    const killedMs = performance.now();
    const last = cluster.n - 1;
    await cluster.kill(last);
    await cluster.restart(last);
    await cluster.replicas[last]?.printed(RECOVERED, RECOVER_MS);
    const servesAfterMs = performance.now() - killedMs;
    const since = Math.ceil(servesAfterMs / 1000);
    await running.printed(afterSeconds(BEFORE + since));
    running.signal("SIGINT");
    const { record } = await running.outcome();
    const before = median(record.eachSecond.slice(1, BEFORE));
    const seconds = record.eachSecond.slice(BEFORE, BEFORE + since);
    const during = seconds.reduce((sum, done) => sum + done, 0) / seconds.length;
    const { longestGapMs } = record;
    return { servesAfterMs, before, during, least: Math.min(...seconds), longestGapMs };
  } finally {
    await cluster.stop();
  }
}

/** What a replica that stood still got from others. */
export interface CaughtUp {
  readonly fetchedBytes: number;
  readonly sameState: boolean;
}

/** The last replica stands still for STOPPED seconds under load. */
export async function standStill(setting: Setting, side: Side): Promise<CaughtUp> {
  const cluster = await startCluster(setting, side);
  try {
    await cluster.takesPart();
    const time = ["-d", String(BEFORE + STOPPED + AFTER), ...warmArguments(setting)];
    const running = startClients(cluster, setting, time);
    await running.printed(afterSeconds(1));
    const stopped = cluster.replicas.at(-1);
    stopped?.signal("SIGSTOP");
    await Bun.sleep(STOPPED * 1000);
    stopped?.signal("SIGCONT");
    await Bun.sleep(CATCH_UP.loaded * 1000);
    running.signal("SIGINT");
    await running.outcome();
    await Bun.sleep(CATCH_UP.quiet * 1000);
    await cluster.stopReplicas();
    const records = cluster.replicas.map((_, i) => cluster.replicaRecord(i));
    const fetchedBytes = records.at(-1)?.fetchedBytes;
    if (fetchedBytes === undefined) throw new RunError("a replica told nothing");
    return { fetchedBytes, sameState: new Set(records.map((one) => one.stateDigest)).size === 1 };
  } finally {
    await cluster.stop();
  }
}

function warmArguments({ warmSeconds }: Setting): readonly string[] {
  return ["--warm", String(warmSeconds)];
}

/** What a client prints once it has measured for so long. */
function afterSeconds(seconds: number): RegExp {
  return new RegExp(`(?:^|\\s)${seconds} s\\s`);
}

/** Operations a second that a store does in this process, asked as clients would ask it. */
export function askAlone(
  app: string,
  workload: string,
  properties: readonly string[],
  seconds: number,
): number {
  const choice = chooseWorkload(workload, properties, app);
  const store = apps.get(app)?.();
  assert(store !== undefined && choice.loading !== null, "a store has records that are loaded");
  loadInto(store, choice.loading);
  const operations = operationsOf(choice, 0);
  let done = 0;
  const beganMs = performance.now();
  const until = beganMs + seconds * 1000;
  while (performance.now() < until) {
    for (let i = 0; i < 100; i++) {
      store.execute(operations[done++ % OPERATIONS] ?? assert.fail("there is another operation"));
      store.commit(1);
    }
  }
  return (1000 * done) / (performance.now() - beganMs);
}

/** Bytes of an operation of a workload, on average. */
export function meanLength(app: string, workload: string, opSize: number): number {
  const operations = operationsOf(chooseWorkload(workload, [], app), opSize);
  return operations.reduce((sum, { length }) => sum + length, 0) / operations.length;
}

/** What one client asks. */
function operationsOf(choice: WorkloadChoice, opSize: number): readonly Bytes[] {
  const share = { index: 0, count: 1 };
  const asker = choice
    .make({ opSize, random: systemRandom, share })
    .asker({ record() {}, verified() {} });
  return Array.from({ length: OPERATIONS }, () => asker.next());
}
