// Real processes under real faults: replicas are killed, stopped and restarted under load.

import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { readNames } from "../cli/command-line.ts";
import { readJson } from "../cli/json-file.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { median } from "../evaluation/median.ts";
import { residentBytes, type ResultRecord } from "../evaluation/record.ts";
import { OPEN } from "../process/role-process.ts";
import { RECOVERED } from "../process/start-lines.ts";
import { protocols } from "../protocol/index.ts";
import { measure, served, type Load, type Trial } from "./trial.ts";

/** One kind of fault, tried on clusters of its own. */
export interface Scenario {
  readonly name: string;
  /** What happens, for the help text. */
  readonly what: string;
  /** What a protocol must have for it. */
  readonly needs:
    "nothing" | "tolerated faults" | "rotating leaders" | "leaders by reputation" | "sequencers";
  /** It runs only if it is named, because it takes minutes. */
  readonly long?: true;
  readonly run: (trial: Trial) => Promise<void>;
}

/** The primary of the first view dies under load. */
async function killPrimary(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("store");
  try {
    const load = trial.load(cluster, 5);
    await served(load.child);
    await cluster.kill(0);
    const [record] = await trial.judge(load);
    trial.gap(record, trial.resumeTimeouts);
  } finally {
    await cluster.stop();
  }
}

/** A backup dies; the others do as much as before, or what a protocol with a fast path does. */
async function killBackup(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("null", { replicaArgs: ["-b", "100"] });
  try {
    const before = await throughputOf(cluster);
    await cluster.kill(cluster.n - 1);
    const after = await throughputOf(cluster);
    trial.keeps("throughput without a backup", after, before, trial.shareWithoutBackup);
  } finally {
    await cluster.stop();
  }
}

/** The median of three loads: one alone is a third more or less than the next on a busy machine. */
async function throughputOf(cluster: Cluster): Promise<number> {
  const found: number[] = [];
  for (let i = 0; i < 3; i++) found.push((await measure(cluster, 400, 2)).throughput);
  return median(found);
}

/** A replica restarted empty recovers, so that another may fail. */
async function restartEmpty(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("store");
  try {
    const first = trial.load(cluster, 12);
    await served(first.child);
    await cluster.kill(0);
    await Bun.sleep(2 * trial.viewTimeoutMs);
    await cluster.restart(0);
    await cluster.replicas[0]?.printed(RECOVERED);
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

/** View timeouts in which another sequencer is open: wishes, a view, PROBE and OPEN, one retry. */
const SEQUENCER_TIMEOUTS = 6;

/**
 * Of two sequencers that which is open is killed, then started again, closed; the other one stands
 * still, so that the first is opened once more.
 */
async function sequencers(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("store", { sequencers: 2 });
  try {
    await cluster.sequencer(0)?.printed(OPEN);
    const load = trial.load(cluster, 20);
    await served(load.child);
    await cluster.killSequencer(0);
    await cluster.sequencer(1)?.printed(OPEN);
    await Bun.sleep(2 * trial.viewTimeoutMs);
    await cluster.restartSequencer(0);
    await Bun.sleep(2 * trial.viewTimeoutMs);
    cluster.sequencer(1)?.signal("SIGSTOP");
    await cluster.sequencer(0)?.printed(OPEN);
    trial.check("a sequencer that starts anew is opened", true, "printed 'is open'");
    await Bun.sleep(2 * trial.viewTimeoutMs);
    cluster.sequencer(1)?.signal("SIGCONT");
    const [record] = await trial.judge(load);
    trial.gap(record, SEQUENCER_TIMEOUTS);
  } finally {
    await cluster.stop();
  }
}

/** All replicas lose their memory at once: a new cluster, which knows no old session. */
async function restartAll(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("store");
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
  const cluster = await trial.cluster("store");
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
const loss = (trial: Trial): Promise<void> => through(trial, ["--drop", "0.1"]);

/** All that a network does to packets, in moderation. */
const network = (trial: Trial): Promise<void> =>
  through(trial, [
    ...["--drop", "0.02", "--duplicate", "0.05", "--reorder", "0.1", "--delay", "2000"],
    // Without signatures nobody notices it.
    ...(trial.signed ? ["--corrupt", "0.01"] : []),
  ]);

/** Clients are served, and see one order, over a network with such faults. */
async function through(trial: Trial, faults: readonly string[]): Promise<void> {
  // A new cluster each time, because what a load that gave up had sent may be executed later, which
  // the history of the next one would not show.
  for (let i = 1; ; i++) {
    const cluster = await trial.cluster("store", { network: faults });
    try {
      const load = trial.load(cluster, 6);
      if (i < LOADS_MAX && (await gaveUp(load))) continue;
      const [record] = await trial.judge(load);
      const operations = record?.operations ?? 0;
      trial.check("operations complete", operations > 0, `${operations}`);
      return;
    } finally {
      await cluster.stop();
    }
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
    // Else there is a replica too few to begin with, where another one has not begun yet.
    await cluster.takesPart();
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

/** J24: where leaders go by reputation one that crashed costs little once that is known. */
async function reputation(trial: Trial): Promise<void> {
  const throughput = async (leader: string, crashes: boolean): Promise<number> => {
    const args = ["--leader", leader, "-b", "100"];
    const options = { viewTimeoutMs: 500, replicaArgs: args, clientArgs: args };
    const cluster = await trial.cluster("null", options);
    try {
      await cluster.takesPart();
      const crash = async () => {
        await Bun.sleep(1000);
        if (crashes) await cluster.kill(cluster.n - 1);
      };
      await Promise.all([measure(cluster, 64, 3), crash()]);
      return (await measure(cluster, 64, 4)).throughput;
    } finally {
      await cluster.stop();
    }
  };
  const rotating = await throughput("rotate", false);
  const without = await throughput("reputation", true);
  trial.keeps("J24 throughput by reputation without a replica", without, rotating, 0.6);
}

const SAMPLE_MS = 250;
/** How much a heap that is collected now and then may differ from one look to the next. */
const FLAT_MAX = 1.1;
/** What throughput without a replica is of that before, where a backup costs no more than this. */
const MEMORY_SHARE = 0.7;

/** Over a million operations with a replica down, the memory of the others stays flat (X12). */
async function memory(trial: Trial): Promise<void> {
  const cluster = await trial.cluster("null", { replicaArgs: ["-b", "100"] });
  try {
    const before = (await measure(cluster, 800, 8)).throughput;
    await cluster.kill(cluster.n - 1);
    const living = cluster.replicas.slice(0, -1);
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
    const atLeast = Math.min(MEMORY_SHARE, trial.shareWithoutBackup);
    trial.keeps("throughput with a replica down", throughput, before, atLeast);
  } finally {
    await cluster.stop();
  }
}

/** Of each column of the rows. */
function medians(rows: readonly (readonly number[])[]): number[] {
  const columns = (rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? 0));
  return columns.map((column) => Math.round(median(column)));
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "kill-primary",
    what: "the primary of the first view is killed under load",
    needs: "tolerated faults",
    run: killPrimary,
  },
  {
    name: "kill-backup",
    what: "a backup is killed, the others do as much as before",
    needs: "tolerated faults",
    run: killBackup,
  },
  {
    name: "restart-empty",
    what: "a killed replica starts empty and recovers, so that another may fail",
    needs: "tolerated faults",
    run: restartEmpty,
  },
  {
    name: "sequencer",
    what: "the open one of two sequencers is killed, starts again, and the other one stands still",
    needs: "sequencers",
    run: sequencers,
  },
  {
    name: "restart-all",
    what: "all replicas lose their memory: clients are told of their lost sessions",
    needs: "nothing",
    run: restartAll,
  },
  {
    name: "stop-and-continue",
    what: "a backup stands still for ten seconds and catches up",
    needs: "tolerated faults",
    run: stopAndContinue,
  },
  { name: "loss", what: "one packet of ten is lost", needs: "nothing", run: loss },
  {
    name: "network",
    what: "loss, duplication, reordering, delay, corruption of what is signed, in moderation",
    needs: "tolerated faults",
    run: network,
  },
  {
    name: "rotation",
    what: "a replica is dead while every view has another leader",
    needs: "rotating leaders",
    run: rotation,
  },
  {
    name: "reputation",
    what: "a replica is killed while leaders go by reputation: 0.6 of all of them in rotation",
    needs: "leaders by reputation",
    run: reputation,
  },
  {
    name: "memory",
    what: "over a million operations with a replica down, memory stays flat (a minute)",
    needs: "tolerated faults",
    long: true,
    run: memory,
  },
];

/** What the help says of it: what happens, and which modes can have it if not all can. */
export function describeScenario(scenario: Scenario): string {
  const modes = [...protocols.keys()];
  const able = modes.filter((mode) => fits(scenario, mode));
  const who = able.length === modes.length ? "" : ` (${able.join(", ")})`;
  return `${scenario.what}${who}`;
}

/** Whether a mode can have a scenario. */
export function fits({ needs }: Pick<Scenario, "needs">, mode: string): boolean {
  const protocol = protocols.get(mode);
  switch (needs) {
    case "nothing":
      return true;
    case "tolerated faults":
      return protocol?.faults !== "none";
    case "sequencers":
      return protocol?.sequenced !== undefined;
    case "rotating leaders":
      return protocol?.options?.get("leader")?.values.includes("rotate") === true;
    case "leaders by reputation":
      return protocol?.options?.get("leader")?.values.includes("reputation") === true;
  }
}

/**
 * The scenarios that `only` names, of several separated by commas, else all that the mode can have
 * and that are not long. Throws UsageError for a name that there is not, or twice, or that the mode
 * cannot have.
 */
export function chosenScenarios(only: string | undefined, mode: string): readonly Scenario[] {
  if (only === undefined) {
    return SCENARIOS.filter((one) => one.long === undefined && fits(one, mode));
  }
  const known = SCENARIOS.map(({ name }) => name);
  const possible = SCENARIOS.filter((one) => fits(one, mode)).map(({ name }) => name);
  return readNames("--only", only, { what: "scenario", known }).map((name) => {
    const found = SCENARIOS.find((one) => one.name === name);
    if (found !== undefined && fits(found, mode)) return found;
    throw new UsageError(
      `--only ${name}: ${mode} has no ${found?.needs}; it can have ${possible.join(", ")}`,
    );
  });
}
