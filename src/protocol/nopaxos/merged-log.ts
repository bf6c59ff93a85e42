// What a view begins with (Li et al., OSDI '16, section 5.5; docs/guarantees.md, N16).

import type { LogHolder } from "../kit/log-fetch.ts";
import type { Dated } from "../kit/incarnation.ts";
import type { ViewChangeMessage } from "./message.ts";
import type { Stream } from "./stream.ts";

/** A VIEW-CHANGE with its sender. */
export type Change = ViewChangeMessage & Dated;

/** A log that is made of several, and the session that goes on with it, if one does. */
export interface Merged {
  readonly lastNormal: number;
  readonly op: number;
  /** Slots up to here are committed. */
  readonly sync: number;
  /** Above that these slots are empty, in ascending order. */
  readonly empty: readonly number[];
  readonly stream: Stream | null;
  /** Who has a slot that is not empty. */
  holders(slot: number): readonly LogHolder[];
}

/**
 * Of the logs of the highest lastNormal the longest, empty where any of them is; up to the highest
 * sync point, whosever it is, that of who has it, because gap agreements below it may be unknown to
 * the others.
 */
export function mergedOf(changes: readonly Change[]): Merged {
  const lastNormal = changes.reduce((most, change) => Math.max(most, change.lastNormal), -1);
  const latest = changes.filter((change) => change.lastNormal === lastNormal);
  const sync = changes.reduce((most, change) => Math.max(most, change.sync), 0);
  const op = latest.reduce((most, change) => Math.max(most, change.op), sync);
  const empty = new Set(latest.flatMap((change) => change.empty.filter((slot) => slot > sync)));
  const stream = latest.find((change) => change.stream !== null)?.stream ?? null;
  const heard = changes.some((change) => change.heard && isSame(change.stream, stream));
  const synced = changes.filter((change) => change.sync === sync);
  return {
    ...{ lastNormal, op, sync },
    empty: [...empty].sort((a, b) => a - b),
    stream: heard ? stream : null,
    holders: (slot) => (slot <= sync ? synced : latest.filter((change) => change.op >= slot)),
  };
}

function isSame(a: Stream | null, b: Stream | null): boolean {
  if (a === null || b === null) return false;
  return a.session === b.session && a.incarnation === b.incarnation;
}
