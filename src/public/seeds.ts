// The package "oskr/simulation": seeds of the simulated world for protocols and applications of
// one's own (docs/testing.md says what a seed is, and what is judged).

import { runAny } from "../simulation/runner.ts";
import type { Kind, Subject } from "../simulation/subject.ts";

export { Random } from "../base/seeded-random.ts";
export { runAny as runSeed } from "../simulation/runner.ts";
export { subjectOf } from "../simulation/subject.ts";
export type { Kind, Subject, SubjectApp } from "../simulation/subject.ts";
export type { Report } from "../simulation/world.ts";

/**
 * Runs so many seeds of a kind, from `first` on, and says in a line each what they violated, with
 * the seed: `short 17: agreement: ...`. Nothing is wrong with what passes all.
 */
export function failuresOf(
  subject: Subject,
  {
    kind,
    count,
    first = 0,
  }: { readonly kind: Kind; readonly count: number; readonly first?: number },
): readonly string[] {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    for (const what of runAny({ subject, kind, seed }).failures) {
      failures.push(`${kind} ${seed}: ${what}`);
    }
  }
  return failures;
}
