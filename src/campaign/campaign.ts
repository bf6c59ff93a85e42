// Many seeds over several processes: what was injected and reached, and how many passed.

import { countDrop, type Drops } from "../driver.ts";
import type { RunOptions } from "../simulation/run-seed.ts";
import { runAny } from "../simulation/runner.ts";
import type { Changes } from "../simulation/seed-plan.ts";
import type { Subject, Kind } from "../simulation/subject.ts";
import type { Report } from "../simulation/world.ts";

/** One seed in this many runs twice, the second time cold, to compare trace hashes. */
const TWICE_EVERY = 50;
/** Campaigns of at least this many seeds must reach every mark that the protocol declares. */
export const MARKS_SEEDS_MIN = 1000;

/** `count` seeds: every `stride`-th from `first` on. */
export interface Range {
  readonly first: number;
  readonly count: number;
  readonly stride: number;
}

/** What some of the seeds came to; adds up. */
export interface Totals {
  passed: number;
  failed: number;
  events: number;
  operations: number;
  twice: number;
  readonly injected: Drops;
  readonly marks: Drops;
  /** The first failures, by seed. */
  readonly failures: { readonly seed: number; readonly what: string }[];
}

export function noTotals(): Totals {
  return {
    passed: 0,
    failed: 0,
    events: 0,
    operations: 0,
    twice: 0,
    injected: new Map(),
    marks: new Map(),
    failures: [],
  };
}

const FAILURES_KEPT = 20;

export interface CampaignOptions {
  readonly subject: Subject;
  readonly kind: Kind;
  readonly changes: Changes;
}

/** What one seed came to. */
export interface Judged {
  readonly report: Report;
  /** The first failure; undefined if there is none. */
  readonly what: string | undefined;
  /** Whether it ran twice, to compare the two. */
  readonly twice: boolean;
}

/** Runs one seed, one in many twice. */
export function judgeSeed(options: RunOptions): Judged {
  const report = runAny(options);
  const [failure] = report.failures;
  if (failure !== undefined || options.seed % TWICE_EVERY !== 0) {
    return { report, what: failure, twice: false };
  }
  const again = runAny({ ...options, cold: true });
  const [cold] = again.failures;
  let what: string | undefined;
  if (again.traceHash !== report.traceHash) {
    what = `determinism: trace hashes ${report.traceHash} and ${again.traceHash} of one seed`;
  } else if (cold !== undefined) what = `determinism: only when it runs cold: ${cold}`;
  return { report, what, twice: true };
}

/** Runs the seeds of a range one after another. */
export function runRange({ subject, kind, changes }: CampaignOptions, range: Range): Totals {
  const totals = noTotals();
  for (let i = 0; i < range.count; i++) {
    const seed = range.first + i * range.stride;
    const { report, what, twice } = judgeSeed({ subject, kind, seed, changes });
    if (twice) totals.twice++;
    totals.events += report.events;
    totals.operations += report.operations;
    for (const [name, count] of report.injected) countDrop(totals.injected, name, count);
    for (const [name, count] of report.marks) countDrop(totals.marks, name, count);
    if (what === undefined) totals.passed++;
    else {
      totals.failed++;
      if (totals.failures.length < FAILURES_KEPT) totals.failures.push({ seed, what });
    }
  }
  return totals;
}

/** Adds what a worker reported. */
export function addTotals(to: Totals, more: Totals): void {
  to.passed += more.passed;
  to.failed += more.failed;
  to.events += more.events;
  to.operations += more.operations;
  to.twice += more.twice;
  for (const [name, count] of more.injected) countDrop(to.injected, name, count);
  for (const [name, count] of more.marks) countDrop(to.marks, name, count);
  to.failures.push(...more.failures);
}

/** For a line of a worker's output. */
export function totalsToJson(totals: Totals): string {
  return JSON.stringify({
    ...totals,
    injected: [...totals.injected],
    marks: [...totals.marks],
  });
}

/** What `totalsToJson` wrote: our own process did, so that its shape is not checked again. */
export function totalsFromJson(line: string): Totals {
  const read = JSON.parse(line) as Omit<Totals, "injected" | "marks"> & {
    injected: [string, number][];
    marks: [string, number][];
  };
  return { ...read, injected: new Map(read.injected), marks: new Map(read.marks) };
}

/** Marks that seeds of the kind must reach and did not; none where there were too few to say so. */
export function missedMarks({ protocol }: Subject, kind: Kind, totals: Totals): readonly string[] {
  if (totals.passed + totals.failed < MARKS_SEEDS_MIN) return [];
  const { short, adversary } = protocol.simulation?.marks ?? {};
  const marks = kind === "short" ? short : kind === "adversary" ? adversary : [];
  return (marks ?? []).filter((name) => !totals.marks.has(name));
}

/**
 * What a campaign did, in lines; the last one is `N passed, N failed`. Of missed marks it speaks
 * where there were seeds enough to reach them.
 */
export function summary(subject: Subject, kind: Kind, totals: Totals): string[] {
  const list = (counts: Drops) =>
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(", ") || "none";
  const missed = missedMarks(subject, kind, totals);
  const { events, operations, twice } = totals;
  const done = `${events} events, ${operations} operations, ${twice} seeds run twice`;
  return [
    `${subject.name}, kind ${kind}: ${done}`,
    `injected: ${list(totals.injected)}`,
    `marks reached: ${list(totals.marks)}`,
    ...(missed.length === 0 ? [] : [`marks missed: ${missed.join(", ")}`]),
    `${totals.passed} passed, ${totals.failed} failed`,
  ];
}
