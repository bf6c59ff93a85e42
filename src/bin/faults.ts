// npm run faults: real processes under real faults. Kills, stops and restarts replicas under load,
// and judges what clients saw. Ends with `N passed, N failed`.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ArgsDef } from "citty";
import type { HistoryEntry } from "../evaluation/history.ts";
import { median } from "../evaluation/median.ts";
import { residentBytes, type ResultRecord } from "../evaluation/record.ts";
import { protocols } from "../protocol/index.ts";
import { checkRecorded } from "../simulation/linearizability.ts";
import { ClientProcesses } from "../cluster/client-processes.ts";
import { buildExecutables, Cluster, stopClustersOnSignal, type Child } from "../cluster/cluster.ts";
import { readJson } from "../cli/json-file.ts";
import { parseCommand, runMain, type Command, type Options } from "../cli/command-line.ts";
import { followParent } from "../process/signals.ts";

const ARGS = {
  mode: { type: "string", alias: "m", default: "pbft", description: "The protocol" },
  transport: {
    type: "enum",
    options: ["dpdk", "udp"],
    default: "dpdk",
    description: "Shared-memory ports of DPDK, or sockets of the loopback interface",
  },
  "view-timeout": {
    type: "string",
    default: "500",
    valueHint: "MS",
    description: "First view timeout, of which interruptions are multiples",
  },
  only: {
    type: "string",
    valueHint: "NAME",
    description: "One scenario (default: all but memory)",
  },
} as const satisfies ArgsDef;

const COMMAND: Command = {
  name: "npm run faults --",
  description: "Real processes under real faults",
  args: ARGS,
};

const CLIENTS = 10;
/** Options of every client process: the checked workload, slow enough for the checker. */
const CHECKED = [
  "-a",
  "kv",
  "-W",
  "contended",
  "-t",
  String(CLIENTS),
  "--think",
  "5",
  "--warm",
  "0",
];

interface MoreArgs {
  /** Instead of the trial's. */
  readonly viewTimeoutMs?: number;
  readonly replicaArgs?: readonly string[];
  readonly clientArgs?: readonly string[];
  readonly fabricArgs?: readonly string[];
}

class Trial {
  passed = 0;
  failed = 0;
  readonly viewTimeoutMs: number;
  readonly #options: Options;
  #clients = 0;

  constructor(options: Options) {
    this.#options = options;
    this.viewTimeoutMs = options.integer("view-timeout", 10, 60_000);
  }

  get transport(): "udp" | "dpdk" {
    return this.#options.textOf("transport") === "udp" ? "udp" : "dpdk";
  }

  cluster(app: "kv" | "null", more: MoreArgs = {}): Promise<Cluster> {
    const timeout = ["--view-timeout", String(more.viewTimeoutMs ?? this.viewTimeoutMs)];
    return Cluster.start({
      mode: this.#options.textOf("mode"),
      transport: this.transport,
      f: 1,
      link: false,
      clientPorts: 4,
      replicaArgs: ["-a", app, ...timeout, ...(more.replicaArgs ?? [])],
      clientArgs: [...timeout, ...(more.clientArgs ?? [])],
      fabricArgs: more.fabricArgs ?? [],
    });
  }

  /**
   * View timeouts until service resumes when the vote of a replica that recovered is needed. One of
   * HotStuff may vote only in the tenure after the next, which a second, doubled timeout lets in.
   */
  get recoveredTimeouts(): number {
    return this.#options.textOf("mode").toLowerCase() === "hotstuff" ? 4 : 3;
  }

  check(what: string, holds: boolean, saw: string): void {
    if (holds) this.passed++;
    else this.failed++;
    console.log(`  ${holds ? "ok    " : "FAILED"} ${what}: ${saw}`);
  }

  /** Starts clients whose history will be judged by `judge`. */
  load(cluster: Cluster, seconds: number): Load {
    const path = join(cluster.dir, `load-${this.#clients++}`);
    const files = ["--json", `${path}.json`, "--history", `${path}.history`];
    const child = cluster.client([...CHECKED, "-d", String(seconds), ...files], false);
    return { child, path };
  }

  /** Waits for the clients of one cluster and judges their histories together; their records. */
  async judge(...loads: readonly Load[]): Promise<readonly ResultRecord[]> {
    const all: HistoryEntry[] = [];
    const records: ResultRecord[] = [];
    for (const [i, { child, path }] of loads.entries()) {
      const status = await child.ended();
      this.check("clients end well", status === 0, child.errors.trim() || `status ${status}`);
      // Clients that completed nothing leave nothing to judge.
      if (!existsSync(`${path}.json`)) continue;
      const entries = readJson<HistoryEntry[]>(`${path}.history`);
      all.push(...entries.map((entry) => ({ ...entry, client: entry.client + i * CLIENTS })));
      records.push(readJson<ResultRecord>(`${path}.json`));
    }
    const verdict = checkRecorded(all);
    this.check(
      "history is linearizable",
      verdict === "linearizable",
      `${all.length} operations: ${verdict}`,
    );
    return records;
  }

  /** That a throughput is at least so much of what it was. */
  keeps(what: string, after: number, before: number, atLeast: number): void {
    const ratio = after / before;
    this.check(what, ratio >= atLeast, `${ratio.toFixed(2)} of before, at least ${atLeast}`);
  }

  gap(record: ResultRecord | undefined, timeouts: number): void {
    const limitMs = timeouts * this.viewTimeoutMs;
    const gapMs = record?.longestGapMs ?? Infinity;
    const saw = `${gapMs.toFixed(0)} ms of at most ${limitMs}`;
    this.check(`service resumes within ${timeouts} view timeouts`, gapMs <= limitMs, saw);
  }
}

interface Load {
  readonly child: Child;
  /** Of its files, without their endings. */
  readonly path: string;
}

type Scenario = (trial: Trial) => Promise<void>;

/** The primary of the first view dies under load. */
async function killPrimary(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("kv");
  try {
    const load = trial.load(cluster, 5);
    await served(load.child);
    await cluster.kill(0);
    const [record] = await trial.judge(load);
    trial.gap(record, 2);
  } finally {
    await cluster.stop();
  }
}

/** A backup dies; the others do as much as before. */
async function killBackup(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("null", { replicaArgs: ["-b", "100"] });
  try {
    const before = (await measure(cluster, 400, 3)).throughput;
    await cluster.kill(3);
    const after = (await measure(cluster, 400, 3)).throughput;
    trial.keeps("throughput without a backup", after, before, 0.8);
  } finally {
    await cluster.stop();
  }
}

/** A replica restarted empty recovers, so that another may fail. */
async function restartEmpty(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("kv");
  try {
    const first = trial.load(cluster, 12);
    await served(first.child);
    await cluster.kill(0);
    await Bun.sleep(2 * trial.viewTimeoutMs);
    await cluster.restart(0);
    await cluster.replicas[0]?.printed("recovered");
    trial.check("a replica restarted empty recovers", true, "printed 'recovered'");
    // The primary of the second view; now the recovered replica's vote is needed.
    const second = trial.load(cluster, 6);
    await served(second.child);
    await cluster.kill(1);
    const [record] = await trial.judge(second, first);
    trial.gap(record, trial.recoveredTimeouts);
  } finally {
    await cluster.stop();
  }
}

/** All replicas lose their memory at once: a new cluster, which knows no old session. */
async function restartAll(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("kv");
  try {
    const load = trial.load(cluster, 30);
    await served(load.child);
    for (let i = 0; i < cluster.n; i++) await cluster.kill(i);
    await Promise.all(cluster.replicas.map((_, i) => cluster.restart(i)));
    const status = await load.child.ended();
    const said = load.child.errors.trim();
    trial.check(
      "clients are told of their lost sessions",
      status === 1 && said.includes("no session"),
      said || `status ${status}`,
    );
  } finally {
    await cluster.stop();
  }
}

/** A backup that stood still for ten seconds catches up. */
async function stopAndContinue(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("kv");
  try {
    const load = trial.load(cluster, 14);
    await served(load.child);
    cluster.replicas[2]?.signal("SIGSTOP");
    await Bun.sleep(10_000);
    cluster.replicas[2]?.signal("SIGCONT");
    await trial.judge(load);
    // What it still lacks it gets from the others, whose clients are quiet now.
    await Bun.sleep(4 * trial.viewTimeoutMs);
    await cluster.stopReplicas();
    const results = cluster.replicas.map((_, i) => cluster.replicaRecord(i));
    const digests = new Set(results.map((result) => result.stateDigest));
    const executed = results.map((result) => result.executed).join(", ");
    trial.check("all replicas have one state", digests.size === 1, `executed ${executed}`);
  } finally {
    await cluster.stop();
  }
}

/**
 * Clients give up after five seconds without any reply, and views that lose the wrong packets
 * last one view timeout, then two, then four: so many loads are begun before that is a failure.
 */
const LOADS_MAX = 6;

async function gaveUp({ child }: Load): Promise<boolean> {
  return (await child.ended()) !== 0 && child.errors.includes("no reply");
}

/** One packet of ten is lost. */
async function loss(trial: Trial): Promise<void> {
  const lossy =
    trial.transport === "udp"
      ? { replicaArgs: ["--drop", "0.1"], clientArgs: ["--drop", "0.1"] }
      : { fabricArgs: ["--drop", "0.1"] };
  const cluster = await trial.cluster("kv", lossy);
  try {
    let load = trial.load(cluster, 6);
    for (let i = 1; i < LOADS_MAX && (await gaveUp(load)); i++) load = trial.load(cluster, 6);
    const [record] = await trial.judge(load);
    const operations = record?.operations ?? 0;
    trial.check("operations complete", operations > 0, `${operations}`);
  } finally {
    await cluster.stop();
  }
}

/**
 * H12: one replica is dead and every view has another leader. Without the votes that are sent to
 * all on a timeout, the certificate that the dead leader should have made would be lost in every
 * round, and nothing would ever commit.
 */
async function rotation(trial: Trial): Promise<void> {
  const rotate = ["--leader", "rotate", "-b", "100"];
  const args = { viewTimeoutMs: 100, replicaArgs: rotate, clientArgs: rotate };
  const cluster = await trial.cluster("null", args);
  try {
    await cluster.kill(3);
    const json = join(cluster.dir, "rotation.json");
    const client = cluster.client(["-t", "100", "-d", "20", "--warm", "0", "--json", json], false);
    const status = await client.ended();
    const record = status === 0 ? readJson<ResultRecord>(json) : null;
    const operations = record?.operations ?? 0;
    const saw = `${operations} in 20 s, at least 1000${status === 0 ? "" : `; ${client.errors}`}`;
    trial.check("H12 operations commit while leaders rotate", operations >= 1000, saw);
  } finally {
    await cluster.stop();
  }
}

const SAMPLE_MS = 250;
/** How much a heap that is collected now and then may differ from one look to the next. */
const FLAT_MAX = 1.1;

/** Over a million operations with a replica down, the memory of the others stays flat (X12). */
async function memory(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("null", { replicaArgs: ["-b", "100"] });
  try {
    const before = (await measure(cluster, 800, 8)).throughput;
    await cluster.kill(3);
    const living = cluster.replicas.slice(0, 3);
    const samples: (readonly number[])[] = [];
    const sampler = setInterval(
      () => samples.push(living.map(({ pid }) => residentBytes(pid) / 2 ** 20)),
      SAMPLE_MS,
    );
    // One process of clients throughout: each new one opens sessions, which are kept.
    const measured = measure(cluster, 800, 60).finally(() => clearInterval(sampler));
    const { operations, throughput } = await measured;
    trial.check("a million operations complete", operations >= 1_000_000, `${operations}`);
    // Heaps have filled up after a third of the time.
    const third = medians(samples.slice(samples.length / 3, samples.length / 2));
    const last = medians(samples.slice((samples.length * 5) / 6));
    const flat = last.every((now, i) => now <= FLAT_MAX * (third[i] ?? 0));
    const saw = `${third.join(", ")} MiB after a third of the time, ${last.join(", ")} at its end`;
    trial.check(`memory stays below ${FLAT_MAX} of before`, flat, saw);
    trial.keeps("throughput with a replica down", throughput, before, 0.7);
  } finally {
    await cluster.stop();
  }
}

/** Of each column of the rows. */
function medians(rows: readonly (readonly number[])[]): number[] {
  const columns = (rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? 0));
  return columns.map((column) => Math.round(median(column)));
}

const SCENARIOS = new Map<string, Scenario>([
  ["kill-primary", killPrimary],
  ["kill-backup", killBackup],
  ["restart-empty", restartEmpty],
  ["restart-all", restartAll],
  ["stop-and-continue", stopAndContinue],
  ["loss", loss],
  ["rotation", rotation],
  ["memory", memory],
]);

/** Whether a scenario is among those that run unless one is named. */
function usual(name: string, mode: string): boolean {
  if (name === "memory") return false;
  return name !== "rotation" || protocols.get(mode)?.tenures === true;
}

/** Runs so many clients for so long; throws RunError if they fail. */
function measure(cluster: Cluster, clients: number, seconds: number): Promise<ResultRecord> {
  const load = { clients, clientProcesses: 1, rate: 0 };
  return new ClientProcesses(cluster, load, ["-d", String(seconds)], false).result();
}

/** Until the first second with operations was reported. */
async function served(client: Child): Promise<void> {
  await client.printed(/[1-9][0-9,]* operations a second/);
}

async function main(): Promise<number> {
  const options = await parseCommand(COMMAND, process.argv.slice(2));
  if (options === null) return 0;
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  stopClustersOnSignal();
  const only = options.text("only");
  const mode = options.textOf("mode").toLowerCase();
  const trial = new Trial(options);
  for (const [name, scenario] of SCENARIOS) {
    if (only === undefined ? !usual(name, mode) : only !== name) continue;
    console.log(`${mode}: ${name}`);
    await scenario(trial);
  }
  console.log(`${trial.passed} passed, ${trial.failed} failed`);
  return trial.failed === 0 && trial.passed > 0 ? 0 : 1;
}

await runMain("faults", main);
