// All protocols and all mutants, as continuous integration and long runs have them.

import { registered } from "../simulation/subjects.ts";
import { missedMarks, summary } from "./campaign.ts";
import { loadAll, type Mutant } from "./mutants.ts";
import { rowsOf, type Row } from "./rows.ts";
import { runJobs, splitRange, Workers } from "./workers.ts";

/**
 * Runs a `divisor`-th of every row of the table, and every mutant; the last line counts seeds and
 * mutants.
 */
export async function runProfile(divisor: number, jobs: number): Promise<number> {
  const { mutants } = await loadAll();
  const workers = new Workers(jobs);
  let passed = 0;
  let failed = 0;
  const missing: string[] = [];
  for (const subject of registered.values()) {
    for (const row of rowsOf(subject, divisor)) {
      const { first, count, stride, kind } = row;
      const parts = splitRange({ first, count, stride }, jobs);
      const begun = performance.now();
      const commands = parts.map((part) => rowArgs(row, part));
      const totals = await runJobs(workers, commands, `${subject.name}, ${kind}: `, count);
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      for (const line of summary(subject, kind, totals)) console.log(`${line}`);
      console.log(`  (${seconds} s)`);
      for (const { seed, what } of totals.failures) {
        console.log(`  seed ${seed}: ${what.split("\n")[0]}`);
        const command = `npm run simulate -- --protocol ${subject.name}`;
        console.log(`  replay: ${command} --kind ${kind} --seed ${seed}`);
      }
      passed += totals.passed;
      failed += totals.failed;
      const missed = missedMarks(subject, kind, totals);
      missing.push(...missed.map((name) => `${subject.name}: ${name}`));
    }
  }
  if (missing.length > 0) console.log(`marks missed: ${missing.join(", ")}`);
  failed += missing.length;
  const tryMutant = async ({ subject }: Mutant): Promise<void> => {
    const line = await workers.run(["--load", "all", "--protocol", subject.name, "--convict"]);
    const { found, what } = JSON.parse(line) as { found: boolean; what: string };
    console.log(`mutant ${subject.name} ${found ? "found" : "NOT FOUND"}: ${what}`);
    if (found) passed++;
    else failed++;
  };
  await Promise.all(mutants.map(tryMutant));
  workers.close();
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function rowArgs(
  { protocol, kind }: Row,
  { first, count, stride }: { first: number; count: number; stride: number },
): string[] {
  const seeds = ["--seed", `${first}`, "--seeds", `${count}`, "--stride", `${stride}`];
  return ["--protocol", protocol, "--kind", kind, ...seeds];
}
