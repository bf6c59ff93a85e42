// npm run simulate: seeds of a protocol in the simulated world, over several processes.

import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import {
  addTotals,
  MARKS_SEEDS_MIN,
  missedMarks,
  noTotals,
  runRange,
  summary,
  totalsFromJson,
  totalsToJson,
  type CampaignOptions,
  type Range,
  type Totals,
} from "../simulation/campaign.ts";
import { Chart } from "../simulation/chart.ts";
import { KINDS, type Changes, type Kind } from "../simulation/plan.ts";
import { runAny } from "../simulation/runner.ts";
import { replayCommand, shrink } from "../simulation/shrink.ts";
import { findSubject, type Loaded } from "../simulation/subjects.ts";
import { UsageError } from "../usage-error.ts";
import { parseCommand, runMain, type Command, type Options } from "./options.ts";

const SEED_MAX = 2 ** 49;
/** Failing seeds that are shrunk and charted. */
const SHRUNK_MAX = 3;
const PROGRESS_MS = 2000;

export const simulateCommand: Command = {
  name: "simulate",
  description: "Runs a protocol under faults in virtual time and judges it",
  args: {
    protocol: { type: "string", alias: "p", required: true, description: "Its name, as for -m" },
    kind: { type: "enum", options: [...KINDS], default: "short", description: "Kind of seeds" },
    seeds: { type: "string", description: "Seeds to run (default 1000; 1 with --seed)" },
    seed: { type: "string", description: "The first seed; alone: that one seed" },
    jobs: { type: "string", alias: "j", description: "Processes (default: one a CPU)" },
    without: { type: "string", description: "Faults to leave out, separated by commas" },
    operations: { type: "string", description: "Operations before GST" },
    clients: { type: "string", description: "Clients" },
    tail: { type: "string", description: "Operations of each client after GST (default 10)" },
    chart: { type: "string", default: "40", description: "Lines of a failure's message chart" },
    load: { type: "string", description: "A module with further subjects and mutants" },
    worker: { type: "string", description: "For its own child processes: INDEX/OF" },
  },
};

interface Campaign extends CampaignOptions {
  readonly first: number;
  readonly count: number;
  readonly load: string;
  readonly chart: number;
}

async function readCampaign(options: Options): Promise<Campaign> {
  const load = options.text("load") ?? "";
  const subject = findSubject(options.textOf("protocol"), await loadModule(load));
  const kind = options.textOf("kind") as Kind;
  if (!subject.kinds.includes(kind)) {
    throw new UsageError(`--kind ${kind}: ${subject.name} has ${subject.kinds.join(", ")}`);
  }
  const optional = (name: string, min: number, max: number) =>
    options.text(name) === undefined ? undefined : options.integer(name, min, max);
  const seed = optional("seed", 0, SEED_MAX);
  const count = optional("seeds", 1, 1e9) ?? (seed === undefined ? 1000 : 1);
  const without = options.text("without")?.split(",");
  const operations = optional("operations", 0, 1e6);
  const clients = optional("clients", 1, 64);
  const tail = optional("tail", 0, 1e6);
  const changes: Changes = { without, operations, clients, tail };
  const chart = options.integer("chart", 0, 1e6);
  return { subject, kind, changes, first: seed ?? 0, count, load, chart };
}

async function loadModule(path: string): Promise<Loaded> {
  if (path === "") return {};
  const found = resolve(path);
  if (!existsSync(found)) throw new UsageError(`--load ${path}: no such file`);
  return (await import(found)) as Loaded;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = await parseCommand(simulateCommand, argv);
  if (options === null) return 0;
  const campaign = await readCampaign(options);
  const worker = options.text("worker");
  if (worker !== undefined) return work(campaign, worker);
  const jobs =
    options.text("jobs") === undefined ? availableParallelism() : options.integer("jobs", 1, 256);
  const totals = await run(campaign, Math.min(jobs, campaign.count), argv);
  return conclude(campaign, totals);
}

/** A child: its share of the seeds, then one line of JSON; a dot's worth of progress before. */
function work(campaign: Campaign, worker: string): number {
  const match = /^(\d+)\/(\d+)$/.exec(worker);
  if (match === null) throw new UsageError(`--worker ${worker}: expected INDEX/OF`);
  let next = Bun.nanoseconds() + PROGRESS_MS * 1e6;
  const range = rangeOf(campaign, Number(match[1]), Number(match[2]));
  const totals = runRange(campaign, range, ({ passed, failed }) => {
    if (Bun.nanoseconds() < next) return;
    next = Bun.nanoseconds() + PROGRESS_MS * 1e6;
    console.log(JSON.stringify({ progress: [passed, failed] }));
  });
  console.log(totalsToJson(totals));
  return 0;
}

function rangeOf({ first, count }: Campaign, index: number, of: number): Range {
  return { first, count, index, of };
}

async function run(campaign: Campaign, jobs: number, argv: readonly string[]): Promise<Totals> {
  if (jobs === 1) return runRange(campaign, rangeOf(campaign, 0, 1), () => undefined);
  const progress = new Map<number, readonly [number, number]>();
  const show = () => {
    let passed = 0;
    let failed = 0;
    for (const [p, f] of progress.values()) {
      passed += p;
      failed += f;
    }
    console.error(`${passed + failed} of ${campaign.count} seeds, ${failed} failed`);
  };
  const timer = setInterval(show, 5 * PROGRESS_MS);
  const totals = noTotals();
  const parts = await Promise.all(
    Array.from({ length: jobs }, (_, index) =>
      runChild([...argv, "--worker", `${index}/${jobs}`], (done) => progress.set(index, done)),
    ),
  );
  clearInterval(timer);
  for (const part of parts) addTotals(totals, part);
  totals.failures.sort((a, b) => a.seed - b.seed);
  return totals;
}

/** This program once more: compiled it is the executable, otherwise bun with this script. */
async function runChild(
  args: readonly string[],
  progress: (done: readonly [number, number]) => void,
): Promise<Totals> {
  const compiled = Bun.main.startsWith("/$bunfs/");
  const command = compiled ? [process.execPath] : [process.execPath, Bun.main];
  const child = Bun.spawn([...command, ...args], { stdout: "pipe", stderr: "inherit" });
  let text = "";
  let totals: Totals | null = null;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const read = JSON.parse(line) as { progress?: readonly [number, number] };
      if (read.progress !== undefined) progress(read.progress);
      else totals = totalsFromJson(line);
    }
  }
  const status = await child.exited;
  if (totals === null) throw new Error(`a worker ended with status ${status} and no result`);
  return totals;
}

function conclude(campaign: Campaign, totals: Totals): number {
  const { subject, kind, count } = campaign;
  for (const { seed, what } of totals.failures.slice(0, SHRUNK_MAX)) explain(campaign, seed, what);
  for (const { seed, what } of totals.failures.slice(SHRUNK_MAX)) {
    console.log(`seed ${seed}: ${what.split("\n")[0]}`);
  }
  if (count === 1 && totals.failed === 0) {
    const { seed } = { seed: campaign.first };
    const report = runAny({ subject, kind, seed, changes: campaign.changes });
    console.log(`seed ${seed}: trace hash ${report.traceHash}`);
  }
  for (const line of summary(subject, kind, totals)) console.log(line);
  const missed = count >= MARKS_SEEDS_MIN && kind === "short" && missedMarks(subject, totals);
  return totals.failed > 0 || (missed !== false && missed.length > 0) ? 1 : 0;
}

/** A failure: what, how to see it again, and what happened last, in the smallest run that shows it. */
function explain(campaign: Campaign, seed: number, what: string): void {
  const { subject, kind, changes, load } = campaign;
  const options = { subject, kind, seed, changes };
  console.log(`\nseed ${seed}: ${what}`);
  console.log(`  replay: ${replayCommand(options, changes, load)}`);
  const shrunk = shrink(options);
  if (shrunk === null) return;
  const observer = new Chart(subject.protocol, campaign.chart);
  const report = runAny({ ...options, changes: shrunk.changes, observer });
  console.log(`  shrunk in ${shrunk.runs} runs: ${replayCommand(options, shrunk.changes, load)}`);
  console.log(`  trace hash ${report.traceHash}: ${report.failures[0] ?? "passes when observed"}`);
  for (const line of observer.lines) console.log(`  ${line}`);
  console.log("");
}

if (import.meta.main) await runMain("simulate", () => main(process.argv.slice(2)));
