// How many opens are ordered while operations are: anybody can send opens without end, and each of
// them costs every replica as much as an operation.

import { TIMER_SLACK_MS } from "./backoff.ts";

/** Opens for each operation that is ordered. */
const PART = 1 / 16;
/** Opens in a millisecond, besides. */
const A_MS = 1 / 2;
/**
 * All that wait are ordered within so many view timeouts, because one that waited for a whole one
 * would be reason to suspect the leader.
 */
const WAIT = 1 / 2;
/** Operations that were ordered so long ago are held up no more. */
const LATELY_MS = 10;
/** Opens that may be saved up. */
const SAVED_MAX = 16;

export class OpenRation {
  readonly #waitMs: number;
  /** Opens that might have been ordered and were not, up to the last batch. */
  #saved = 0;
  #batchMs = 0;
  /** When operations were ordered last. */
  #operationsMs = -Infinity;

  constructor(viewTimeoutMs: number) {
    this.#waitMs = WAIT * viewTimeoutMs;
  }

  /** Whether operations were ordered lately. */
  isOn(nowMs: number): boolean {
    return nowMs < this.endMs - TIMER_SLACK_MS;
  }

  /** Until when it is on if no more operations come. */
  get endMs(): number {
    return this.#operationsMs + LATELY_MS;
  }

  /** How many of `waiting` opens a batch may have; all if no operations wait, nor came lately. */
  of(waiting: number, operationsWait: boolean, nowMs: number): number {
    if (!operationsWait && !this.isOn(nowMs)) return waiting;
    return Math.min(waiting, Math.floor(this.#savedAt(waiting, nowMs)));
  }

  /** A batch of so many operations and opens was made, before which `waiting` opens waited. */
  onBatch(operations: number, opens: number, waiting: number, nowMs: number): void {
    const left = this.#savedAt(waiting, nowMs) + PART * operations - opens;
    this.#saved = Math.max(0, Math.min(SAVED_MAX, left));
    this.#batchMs = nowMs;
    if (operations > 0) this.#operationsMs = nowMs;
  }

  #savedAt(waiting: number, nowMs: number): number {
    const passedMs = Math.min(this.#waitMs, nowMs - this.#batchMs);
    return this.#saved + passedMs * Math.max(A_MS, waiting / this.#waitMs);
  }
}
