// What receivers ask for once more, and how much of it they get.

import type { Bytes } from "../actor.ts";
import type { Flow } from "./outgoing.ts";

/**
 * What one receiver may ask for once more of a message at once, and in each second after that: so
 * many times all its fragments, and some more.
 */
const RESENDS = 2;
const RESENDS_MIN = 8;

/** The indexes below `end` of a bitmap that begins at the index `first`. */
export function indexesIn(bitmap: Bytes, first: number, end: number): readonly number[] {
  const indexes: number[] = [];
  for (const [at, byte] of bitmap.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      const index = first + at * 8 + bit;
      if ((byte & (1 << bit)) !== 0 && index < end) indexes.push(index);
    }
  }
  return indexes;
}

/** Whether this receiver may ask for so many fragments; charges it for them. */
export function mayAsk(flow: Flow, fragments: number, nowMs: number): boolean {
  const max = RESENDS * flow.outgoing.count + RESENDS_MIN;
  const forgiven = ((nowMs - flow.resentMs) * max) / 1000;
  flow.resent = Math.max(0, flow.resent - forgiven);
  flow.resentMs = nowMs;
  if (flow.resent + fragments > max) return false;
  flow.resent += fragments;
  return true;
}
