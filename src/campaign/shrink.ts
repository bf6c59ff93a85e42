// A failing seed made smaller: faults, operations, clients and tricks are left out while it still
// fails.

import { UsageError } from "../base/errors.ts";
import type { RunOptions } from "../simulation/run-seed.ts";
import { runAny } from "../simulation/runner.ts";
import {
  drawPlan,
  STRANGER_TRICKS,
  TRICKS,
  type Changes,
  type Plan,
} from "../simulation/seed-plan.ts";
import { SEQUENCERS_REPEAT } from "../simulation/drawn-sequencers.ts";
import type { Kind } from "../simulation/subject.ts";
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

/** Whether seeds of a kind do other things when their plan is changed. */
export function changeable(kind: Kind): boolean {
  return kind !== "twins" && kind !== "codec";
}

/** The smallest changed run found that violates the same invariant; null if the seed passes. */
export function shrink(options: RunOptions, runsMax = RUNS_MAX): Shrunk | null {
  const first = runAny(options);
  const violated = first.failures[0];
  if (violated === undefined) return null;
  const invariant = invariantOf(violated);
  let best: Shrunk = { first, changes: options.changes ?? {}, report: first, runs: 1 };
  if (!changeable(options.kind)) return best;
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

/** Those that every plan has. */
const ALWAYS = [
  ...["clocks", "delay", "slow signatures", "sessions", "large values", "small packets"],
  ...["few bytes", "tenures", "reputation", "store", "signed requests", "one-time keys"],
  "broadcast requests",
] as const;
const RATES = ["loss", "duplication", "reordering", "replay", "corruption"] as const;
/** Those that many plans have, by their names; what else is left out has a number. */
const SOMETIMES = [
  ...RATES,
  "restarts",
  "restart after a promise",
  "lose one kind",
  SEQUENCERS_REPEAT,
  "all restart",
  "earlier run",
  ...TRICKS,
  ...STRANGER_TRICKS,
  "byzantine",
];
const NUMBERED = /^(?:partition|(?:sequencer-)?(?:pause|crash))-[0-3]$|^client-death-0$/;

/**
 * Names of faults to leave out, of seeds from `seed` on, separated by commas. Throws UsageError for
 * one that no seed has, or that the only seed has not, and for one that is there twice.
 */
export function readFaultNames(
  text: string,
  only: Pick<RunOptions, "subject" | "kind" | "seed"> | null,
): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  const own = only === null ? null : faultNames(drawPlan(only.subject, only.kind, only.seed));
  for (const [i, name] of names.entries()) {
    const known = [...ALWAYS, ...SOMETIMES].some((one) => one === name);
    if (!known && !NUMBERED.test(name)) {
      const all = [...SOMETIMES, ...ALWAYS].join(", ");
      throw new UsageError(
        `--without ${name}: no such fault; there are ${all}, partition-0, pause-0, crash-0, ` +
          "client-death-0 and so on",
      );
    }
    if (!known && own?.includes(name) === false) {
      throw new UsageError(
        `--without ${name}: seed ${only?.seed} has none; it has ${own.join(", ")}`,
      );
    }
    if (names.indexOf(name) !== i) throw new UsageError(`--without: ${name} was given twice`);
  }
  return names;
}

/** Everything in the plan that can be left out. */
export function faultNames(plan: Plan): string[] {
  const { network } = plan;
  return [
    ...RATES.filter((name) => network[name] > 0),
    ...network.partitions.map(({ name }) => name),
    ...plan.faults.map(({ name }) => name),
    ...(plan.restarts.length > 0 ? ["restarts"] : []),
    ...(plan.afterPromises ? ["restart after a promise"] : []),
    ...(plan.losesKinds === 0 ? [] : ["lose one kind"]),
    ...(plan.sequencersRepeat ? [SEQUENCERS_REPEAT] : []),
    ...(plan.allRestart === null ? [] : ["all restart"]),
    ...(plan.earlier > 0 ? ["earlier run"] : []),
    ...plan.tricks,
    ...plan.strangers,
    ...(plan.byzantine.length > 0 ? ["byzantine"] : []),
    ...ALWAYS,
  ];
}

/** The command that runs it again. */
export function replayCommand(options: RunOptions, changes: Changes, load: string): string {
  const { subject, kind, seed } = options;
  const words = ["npm run simulate --"];
  if (load !== "") words.push(`--load ${load}`);
  words.push(`--protocol ${subject.name} --kind ${kind} --seed ${seed}`);
  const { without, operations, clients, tail, requestAuth, signature } = changes;
  if (without !== undefined && without.length > 0) words.push(`--without "${without.join(",")}"`);
  if (operations !== undefined) words.push(`--operations ${operations}`);
  if (clients !== undefined) words.push(`--clients ${clients}`);
  if (tail !== undefined) words.push(`--tail ${tail}`);
  if (requestAuth !== undefined) words.push(`--request-auth ${requestAuth}`);
  if (signature !== undefined) words.push(`--signature ${signature}`);
  return words.join(" ");
}
