// npm run bench -- sweep: measures all points of a plan file, as far as they have not been, and
// compares them.

import { basename, dirname, extname, join } from "node:path";
import type { ArgsDef } from "citty";
import { INTERRUPTED } from "../base/errors.ts";
import { openDirectory } from "../base/replace-file.ts";
import { lockDirectory } from "../base/writer-lock.ts";
import { readText } from "../base/text-file.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { buildExecutables } from "../cluster/cluster.ts";
import { LabRunner, readLab } from "../cluster/lab-runner.ts";
import { LocalRunner, networkOf } from "../cluster/local-runner.ts";
import { parsePlan, type SweepPlan } from "../evaluation/sweep-plan.ts";
import type { PointRunner } from "../evaluation/point-runner.ts";
import { describeHost, versions, type HostDescription } from "../evaluation/record.ts";
import { Results } from "../evaluation/results.ts";
import type { Run } from "../evaluation/run.ts";
import { formatSummaries, summarise } from "../evaluation/summary.ts";
import { failuresOf, runsOf, schedule, sweep } from "../evaluation/sweep.ts";
import { stopSignal } from "../base/interruption.ts";
import { followParent } from "../process/signals.ts";
import { writeReport } from "../report/write-report.ts";
import { log, print } from "../base/logger.ts";

const ARGS = {
  plan: {
    type: "positional",
    valueHint: "FILE",
    description: "What to measure: a plan as docs/evaluating.md describes",
  },
  out: {
    type: "string",
    valueHint: "DIR",
    description: "Where results are kept (default: beside the plan, in a directory of its name)",
  },
  inventory: {
    type: "string",
    valueHint: "HOSTS",
    description:
      "Measure on the hosts of this Ansible inventory (docs/lab.md) instead of this machine",
  },
} as const satisfies ArgsDef;

export const BENCH_SWEEP: Command = {
  name: "npm run bench -- sweep",
  description: "All points of a plan, those that were measured before left out",
  args: ARGS,
};

export async function benchSweep(options: Options): Promise<number> {
  const path = options.textOf("plan");
  const plan = readPlan(path);
  const inventory = options.text("inventory");
  const dir = options.text("out") ?? resultsDirectory(path, inventory);
  openDirectory(dir);
  const lock = lockDirectory(dir);
  try {
    return await sweepInto(dir, { path, plan, inventory });
  } finally {
    lock.release();
  }
}

/** What the plan asks for, measured and told; the exit status. */
async function sweepInto(
  dir: string,
  {
    path,
    plan,
    inventory,
  }: {
    readonly path: string;
    readonly plan: SweepPlan;
    readonly inventory: string | undefined;
  },
): Promise<number> {
  const results = new Results(join(dir, "runs.jsonl"), (line) => log.warn(line));
  const missing = schedule(plan).filter(({ key }) => results.run(key) === undefined).length;
  const planned = plan.points.length * plan.repetitions;
  log.info(`${plan.points.length} points, ${planned} runs, ${missing} of them to be done`);
  if (inventory === undefined) {
    for (const line of differences(runsOf(plan, results))) log.warn(line);
  }

  const interrupted = stopSignal();
  let problem: unknown = null;
  if (missing > 0) {
    // Before anything is built or copied.
    const hosts = inventory === undefined ? null : readLab(inventory, plan.points);
    const built = hosts === null ? buildExecutables() : buildExecutables("--bundle");
    if (built !== 0) return built;
    followParent();
    const open = (): Promise<PointRunner> =>
      hosts === null
        ? Promise.resolve(new LocalRunner())
        : LabRunner.open(hosts, join(dir, "logs"), interrupted);
    try {
      await measure(plan, results, open, interrupted);
    } catch (error) {
      // What an interrupted one throws says no more than that.
      if (!interrupted.aborted) problem = error;
    }
  }
  print(`\n${formatSummaries(summarise(runsOf(plan, results)))}`);
  if (problem !== null) throw problem;
  if (interrupted.aborted) {
    log.error("interrupted: what was done is kept, and the same command goes on");
    return INTERRUPTED;
  }
  const [page] = await writeReport(runsOf(plan, results), {
    ...{ title: plan.title, dir, command: `npm run bench -- sweep ${path}` },
    failures: schedule(plan).flatMap(({ key }) => results.failure(key) ?? []),
  });
  print(`\nreport: ${page}`);
  const failures = failuresOf(plan, results);
  for (const failure of failures) log.error(`failed: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

async function measure(
  plan: SweepPlan,
  results: Results,
  open: () => Promise<PointRunner>,
  signal: AbortSignal,
): Promise<void> {
  const runner = await open();
  const tell = (line: string): void => log.info(line);
  const now = (): number => performance.now();
  try {
    await sweep({ plan, results, runner, signal, tell, now });
  } finally {
    await runner.close();
  }
}

/** Throws UsageError for a plan that cannot be, or whose networks cannot. */
function readPlan(path: string): SweepPlan {
  const plan = parsePlan(readText(path), path);
  for (const point of plan.points) networkOf(point);
  return plan;
}

/** The directory of a plan's results: beside it, named like it. */
export function resultsDirectory(plan: string, inventory: string | undefined): string {
  const lab = inventory === undefined ? "" : `-${basename(inventory, extname(inventory))}`;
  const name = basename(plan, extname(plan));
  // A plan whose name has no ending has the name that its directory would have.
  const ending = extname(plan) === "" && lab === "" ? "-results" : "";
  return join(dirname(plan), `${name}${lab}${ending}`);
}

/** A line where earlier runs were made under other circumstances than the next ones will be. */
function differences(runs: readonly Run[]): readonly string[] {
  // Not of another commit: that of the executables is not known before they are built.
  const told = (host: HostDescription, of: { readonly [name: string]: string }) =>
    JSON.stringify([host, of["oskr"], of["bun"]]);
  const now = told(describeHost(), versions());
  const other = runs.find(({ record }) => told(record.host, record.versions) !== now);
  if (other === undefined) return [];
  const { host, versions: of } = other.record;
  return [
    `some results are of ${host.cpu} x ${host.cores}, Linux ${host.kernel}, ` +
      `oskr ${of["oskr"]}, bun ${of["bun"]}: not of this machine and version; ` +
      "--out keeps results apart",
  ];
}
