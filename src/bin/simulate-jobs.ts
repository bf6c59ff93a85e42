// Children of `simulate`: the same program with a part of the seeds each, results as one line of
// JSON.

import {
  addTotals,
  noTotals,
  totalsFromJson,
  type Range,
  type Totals,
} from "../simulation/campaign.ts";

/** Seeds of a child at least, so that starting it costs little beside. */
const PART_MIN = 50;
/** Children for each process that runs at a time, so that all end at about the same time. */
const PARTS_A_JOB = 20;

/** The range in parts of about the same length. */
export function splitRange({ first, count, stride }: Range, jobs: number): Range[] {
  const parts = Math.max(1, Math.min(jobs * PARTS_A_JOB, Math.floor(count / PART_MIN)));
  if (jobs === 1) return [{ first, count, stride }];
  return Array.from({ length: parts }, (_, i): Range => {
    const from = Math.floor((i * count) / parts);
    const to = Math.floor(((i + 1) * count) / parts);
    return { first: first + from * stride, count: to - from, stride };
  });
}

/** Runs the commands, `jobs` at a time, and adds up; says on standard error how far it is. */
export async function runJobs(
  commands: readonly (readonly string[])[],
  jobs: number,
  seeds: number,
): Promise<Totals> {
  const totals = noTotals();
  await inParallel(commands, jobs, async (args) => {
    const part = totalsFromJson(await runChild(args));
    for (const { seed, what } of part.failures) {
      console.error(`seed ${seed}: ${what.split("\n")[0]}`);
    }
    addTotals(totals, part);
    console.error(`${totals.passed + totals.failed} of ${seeds} seeds, ${totals.failed} failed`);
  });
  totals.failures.sort((a, b) => a.seed - b.seed);
  return totals;
}

/** Does something with each item, `jobs` at a time. */
export async function inParallel<T>(
  items: readonly T[],
  jobs: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await act(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

/**
 * This program once more: compiled it is the executable, otherwise bun with this script. Its last
 * line.
 */
export async function runChild(args: readonly string[]): Promise<string> {
  const compiled = Bun.main.startsWith("/$bunfs/");
  const command = compiled ? [process.execPath] : [process.execPath, Bun.main];
  const child = Bun.spawn([...command, ...args], { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  const status = await child.exited;
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  if (status !== 0 || line === "") throw new Error(`a child ended with status ${status}`);
  return line;
}
