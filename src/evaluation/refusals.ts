// Messages that a protocol did not need, told apart from what was lost.

import type { Refusal } from "../actor.ts";

/** How often, by reason. */
export interface Counts {
  readonly [reason: string]: number;
}

/** What a process got and did not use. */
export interface Unused {
  /** Lost, or not to be trusted: by reason. */
  readonly dropped: Counts;
  /** No loss: a protocol did not need them, such as the replies beyond the first f + 1. */
  readonly notAdmitted: Counts;
}

const PREFIX = "not admitted: " satisfies Refusal;

/** Counts of drops by reason, with those apart that protocols call "not admitted". */
export function splitRefusals(drops: Counts): Unused {
  const entries = Object.entries(drops);
  const refused = entries.filter(([reason]) => reason.startsWith(PREFIX));
  return {
    dropped: Object.fromEntries(entries.filter(([reason]) => !reason.startsWith(PREFIX))),
    notAdmitted: Object.fromEntries(
      refused.map(([reason, count]) => [reason.slice(PREFIX.length), count]),
    ),
  };
}

/** For people, in a phrase. */
export function formatUnused({ dropped, notAdmitted }: Unused): string {
  const losses = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  const refused = Object.values(notAdmitted).reduce((sum, count) => sum + count, 0);
  const lost = `dropped ${losses.join(", ") || "nothing"}`;
  return refused === 0 ? lost : `${lost}, and had no need of ${refused} messages`;
}
