// Whether the simulator finds the bugs that were planted.

import { runAny } from "./runner.ts";
import { invariantOf } from "./shrink.ts";
import type { Mutant } from "./subjects.ts";
import { exhaustiveScenarios } from "./twins.ts";
import type { Report } from "./world.ts";

export interface Conviction {
  /** The first report that fails; null if the mutant was not found. */
  readonly report: Report | null;
  readonly seeds: number;
  /** Whether what convicted it is what should. */
  readonly expected: boolean;
}

/** Runs seeds until one fails, at most as many as the mutant allows. */
export function convict(mutant: Mutant): Conviction {
  const { subject, kind, convictedBy, within } = mutant;
  const first = mutant.first ?? (kind === "twins" ? exhaustiveScenarios().length : 0);
  for (let i = 0; i < within; i++) {
    const report = runAny({ subject, kind, seed: first + i });
    const violated = report.failures[0];
    if (violated === undefined) continue;
    return { report, seeds: i + 1, expected: convictedBy.includes(invariantOf(violated)) };
  }
  return { report: null, seeds: within, expected: false };
}
