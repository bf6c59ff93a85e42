// How often seeds have the faults that go by what messages say (promises.ts).

import type { Random } from "../base/seeded-random.ts";
import type { Kind, Subject } from "./subject.ts";

export interface PromisesPlan {
  /** Who sends a promise may lose its memory at once, and what moves views may be late. */
  readonly afterPromises: boolean;
  /** Which kinds of messages are lost half of the time: those that hash so; 0: none. */
  readonly losesKinds: number;
}

/**
 * Where replicas crash: in 1 seed of 8 one that has just made a promise loses its memory, which
 * independent dice hardly ever have it do; in another, little but one kind of messages is lost,
 * because a calm network convicts what chaos hides.
 */
export function drawPromises(
  subject: Subject,
  kind: Kind,
  random: Random,
  without: ReadonlySet<string>,
): PromisesPlan {
  const on = subject.restarts && !subject.byzantine;
  const which = random.int(kind === "splits" ? 2 : 8);
  const salt = random.between(1, 2 ** 31);
  const loses = which === 1 && (kind === "short" || kind === "deep");
  return {
    afterPromises: on && which === 0 && !without.has("restart after a promise"),
    losesKinds: on && loses && !without.has("lose one kind") ? salt : 0,
  };
}
