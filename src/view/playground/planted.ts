// Bugs planted on purpose, to be found. Here are none: the page's build has those of tests/mutants
// in place of this file.

import type { Kind, Subject } from "../../simulation/subject.ts";

export interface Planted {
  readonly subject: Subject;
  /** The kind of seeds that finds it. */
  readonly kind: Kind;
  readonly convictedBy: readonly string[];
}

export const planted: readonly Planted[] = [];
