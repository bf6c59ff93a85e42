// All protocols and all mutants, as continuous integration and long runs have them.

import { registered } from "../simulation/subjects.ts";
import { Budget } from "./budget.ts";
import { missedMarks, summary, type Range } from "./campaign.ts";
import { loadAll, type Mutant } from "./mutants.ts";
import type { Subject } from "../simulation/subject.ts";
import { rowsOfAll, type Row } from "./rows.ts";
import { runJobs, Workers } from "./workers.ts";
import { print } from "../base/logger.ts";

/** Of exhaustive Twins, the scenarios that a campaign with a budget takes: every so many-th. */
const BUDGET_STRIDE = 12;
/**
 * In a campaign's minutes, from when its rows begin: after which they run no seeds for marks alone,
 * because a slow machine would need an hour for those of all protocols.
 */
const LATE = 3;

export interface Profile {
  /** Whose rows and mutants alone are run; null: everybody's. */
  readonly only: Subject | null;
  /** For all rows; null: they are run in full. */
  readonly minutes: number | null;
  /** Processes. */
  readonly jobs: number;
}

/**
 * Tries every mutant, then runs the rows of all protocols: in full, or, within so many minutes for
 * all rows, as many seeds of each as its share of the time allows, from its first on, so that what
 * fails in one run fails in the next; without bugs that are planted in shared code again, then. The
 * last line counts seeds and mutants.
 */
export async function runProfile({ only, minutes, jobs }: Profile): Promise<number> {
  const mutants = mutantsOf(only, (await loadAll()).mutants);
  const workers = new Workers(jobs);
  let passed = 0;
  let failed = 0;
  const missing: string[] = [];
  const subjects = only === null ? registered.values() : [only];
  const rows = rowsOfAll(subjects, minutes === null ? 1 : BUDGET_STRIDE);
  const weight = rows.reduce((sum, { row }) => sum + row.weight, 0);
  const now = () => performance.now();
  const budget = minutes === null ? null : new Budget(minutes, weight, now);
  const tryMutant = async ({ subject }: Mutant): Promise<void> => {
    const line = await workers.run(["--load", "all", "--protocol", subject.name, "--convict"]);
    const { found, what } = JSON.parse(line) as { found: boolean; what: string };
    print(`mutant ${subject.name} ${found ? "found" : "NOT FOUND"}: ${what}`);
    if (found) passed++;
    else failed++;
  };
  const tried = mutants.filter(({ again }) => minutes === null || only !== null || !again);
  await Promise.all(tried.map(tryMutant));
  const lateMs = now() + (minutes ?? Infinity) * LATE * 60_000;
  for (const { subject, row } of rows) {
    const { kind, count } = row;
    const begun = now();
    const more = budget?.share(row.weight) ?? (() => true);
    const parts = [...partsOf(row)].map((part) => ({
      args: rowArgs(row, part),
      get due() {
        const before = part.index * row.part;
        return before < row.least || (before < row.min && now() < lateMs);
      },
    }));
    const what = `${subject.name}, ${kind}: `;
    const totals = await runJobs(workers, parts, what, { seeds: count, jobs, more });
    for (const line of summary(subject, kind, totals)) print(`${line}`);
    const ran = totals.passed + totals.failed;
    print(`  (${ran} of ${count} seeds, ${((now() - begun) / 1000).toFixed(0)} s)`);
    for (const { seed, what: violated } of totals.failures) {
      print(`  seed ${seed}: ${violated.split("\n")[0]}`);
      const command = `npm run simulate -- --protocol ${subject.name}`;
      print(`  replay: ${command} --kind ${kind} --seed ${seed}`);
    }
    passed += totals.passed;
    failed += totals.failed;
    const missed = missedMarks(subject, kind, totals);
    missing.push(...missed.map((name) => `${subject.name}: ${name}`));
  }
  workers.close();
  if (missing.length > 0) print(`marks missed: ${missing.join(", ")}`);
  failed += missing.length;
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Those whose names begin with a protocol's. */
function mutantsOf(only: Subject | null, mutants: readonly Mutant[]): readonly Mutant[] {
  if (only === null) return mutants;
  return mutants.filter(({ subject }) => subject.name.startsWith(`${only.name}-`));
}

/** A row in parts, in order. */
export function* partsOf(row: Row): Generator<Range & { readonly index: number }> {
  const { first, count, stride, part } = row;
  for (let from = 0, index = 0; from < count; from += part, index++) {
    yield { first: first + from * stride, count: Math.min(part, count - from), stride, index };
  }
}

function rowArgs(
  { protocol, kind }: Row,
  { first, count, stride }: { first: number; count: number; stride: number },
): string[] {
  const seeds = ["--seed", `${first}`, "--seeds", `${count}`, "--stride", `${stride}`];
  return ["--protocol", protocol, "--kind", kind, ...seeds];
}
