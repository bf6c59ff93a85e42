// A failing seed made smaller: faults, operations, clients and tricks are left out while it still
// fails.

import type { RunOptions } from "../simulation/run-seed.ts";
import { runAny } from "../simulation/runner.ts";
import { drawPlan, type Changes, type Plan } from "../simulation/seed-plan.ts";
import type { Report } from "../simulation/world.ts";

const RUNS_MAX = 80;

export interface Shrunk {
  /** The run as it was asked for. */
  readonly first: Report;
  readonly changes: Changes;
  readonly report: Report;
  readonly runs: number;
}

/** The invariant that a failure names. */
export function invariantOf(failure: string): string {
  return failure.split(":")[0] ?? failure;
}

/** The smallest changed run found that violates the same invariant; null if the seed passes. */
export function shrink(options: RunOptions, runsMax = RUNS_MAX): Shrunk | null {
  const first = runAny(options);
  const violated = first.failures[0];
  if (violated === undefined) return null;
  const invariant = invariantOf(violated);
  let best: Shrunk = { first, changes: options.changes ?? {}, report: first, runs: 1 };
  if (options.kind === "twins") return best;
  let runs = 1;
  const attempt = (changes: Changes): boolean => {
    if (runs >= runsMax) return false;
    runs++;
    const report = runAny({ ...options, changes });
    if (report.failures[0] === undefined) return false;
    if (invariantOf(report.failures[0]) !== invariant) return false;
    best = { first, changes, report, runs };
    return true;
  };
  const plan = drawPlan(options.subject, options.kind, options.seed, options.changes);
  leaveOut(faultNames(plan), () => best.changes, attempt);
  fewer("tail", plan.tail, () => best.changes, attempt);
  fewer("operations", plan.operations, () => best.changes, attempt);
  fewer("clients", plan.clients, () => best.changes, attempt, 1);
  return { ...best, runs };
}

/** Halves of the list first, then what is left one by one. */
function leaveOut(
  names: readonly string[],
  changes: () => Changes,
  attempt: (changes: Changes) => boolean,
): void {
  const without = (more: readonly string[]): Changes => ({
    ...changes(),
    without: [...(changes().without ?? []), ...more],
  });
  if (names.length === 0 || attempt(without(names)) || names.length === 1) return;
  const middle = names.length >> 1;
  leaveOut(names.slice(0, middle), changes, attempt);
  leaveOut(names.slice(middle), changes, attempt);
}

function fewer(
  what: "operations" | "clients" | "tail",
  from: number,
  changes: () => Changes,
  attempt: (changes: Changes) => boolean,
  least = 0,
): void {
  let high = from;
  for (let low = least; low < high;) {
    const middle = (low + high) >> 1;
    if (attempt({ ...changes(), [what]: middle })) high = middle;
    else low = middle + 1;
  }
}

/** Everything in the plan that can be left out. */
export function faultNames(plan: Plan): string[] {
  const { network } = plan;
  const rates = ["loss", "duplication", "reordering", "replay", "corruption"] as const;
  return [
    ...rates.filter((name) => network[name] > 0),
    ...network.partitions.map(({ name }) => name),
    ...plan.faults.map(({ name }) => name),
    ...(plan.restarts.length > 0 ? ["restarts"] : []),
    ...(plan.earlier > 0 ? ["earlier run"] : []),
    ...plan.tricks,
    ...plan.strangers,
    ...(plan.byzantine.length > 0 ? ["byzantine"] : []),
    "clocks",
    "delay",
    "slow signatures",
    "sessions",
    "large values",
    "small packets",
  ];
}

/** The command that runs it again. */
export function replayCommand(options: RunOptions, changes: Changes, load: string): string {
  const { subject, kind, seed } = options;
  const words = ["npm run simulate --"];
  if (load !== "") words.push(`--load ${load}`);
  words.push(`--protocol ${subject.name} --kind ${kind} --seed ${seed}`);
  const { without, operations, clients, tail } = changes;
  if (without !== undefined && without.length > 0) words.push(`--without "${without.join(",")}"`);
  if (operations !== undefined) words.push(`--operations ${operations}`);
  if (clients !== undefined) words.push(`--clients ${clients}`);
  if (tail !== undefined) words.push(`--tail ${tail}`);
  return words.join(" ");
}
