// Looks for a seed that fails, a few at a time, so that the page goes on.

import { runAny } from "../../simulation/runner.ts";
import type { Kind, Subject } from "../../simulation/subject.ts";
import { twinsScenarios } from "../../simulation/twins-scenarios.ts";

/** How long the page may stand still, in milliseconds. */
const TURN_MS = 120;

export interface Found {
  readonly seed: number;
  readonly violation: string;
}

/** The first seed that a hunt for a planted bug looks at: Twins' guided ones come behind all. */
export function firstSeed({ protocol }: Subject, kind: Kind): number {
  return kind === "twins" ? twinsScenarios(protocol).exhaustive : 0;
}

/**
 * Runs seeds from `first` on until one fails, or `goesOn` says no when it is told which is next.
 * Gives the seed that fails; null if it was ended.
 */
export async function hunt(
  subject: Subject,
  kind: Kind,
  first: number,
  goesOn: (seed: number) => boolean,
): Promise<Found | null> {
  let pausedMs = performance.now();
  for (let seed = first; goesOn(seed); seed++) {
    const [violation] = runAny({ subject, kind, seed }).failures;
    if (violation !== undefined) return { seed, violation };
    if (performance.now() - pausedMs < TURN_MS) continue;
    await new Promise((done) => setTimeout(done));
    pausedMs = performance.now();
  }
  return null;
}
