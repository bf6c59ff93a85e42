// How many opens are ordered while operations are: anybody can send opens without end, and each of
// them costs every replica as much as an operation.

import type { Address, Host, Sizes } from "../../actor.ts";
import { Budgets, SOURCES_MAX } from "./budgets.ts";
import { OPENS_MAX } from "./pending.ts";

/** Opens for each operation that is ordered. */
const PART = 1 / 32;
/** Opens in a millisecond, besides. */
const A_MS = 1 / 2;
/**
 * All that wait are ordered within so many view timeouts, because one that waited for a whole one
 * would be reason to suspect the leader.
 */
const WAIT = 1 / 2;
/**
 * Operations that were ordered, or executed, so long ago are held up no more: in view timeouts, and
 * at most, because they have ended then however long a leader may take.
 */
const LATELY = 1 / 5;
const LATELY_MAX_MS = 400;
const latelyMsOf = (viewTimeoutMs: number): number =>
  Math.min(LATELY * viewTimeoutMs, LATELY_MAX_MS);
/** How long opens wait for a batch with operations that they can leave in. */
const HOLD_MS = 10;
/** Opens that may be saved up. */
const SAVED_MAX = 16;

export class OpenRation {
  readonly #waitMs: number;
  readonly #latelyMs: number;
  /** Opens that might have been ordered and were not, up to the last batch. */
  #saved = 0;
  #batchMs = 0;
  /** When operations were ordered last. */
  #operationsMs = -Infinity;

  constructor(viewTimeoutMs: number) {
    this.#waitMs = WAIT * viewTimeoutMs;
    this.#latelyMs = latelyMsOf(viewTimeoutMs);
  }

  /** Whether operations were ordered lately. */
  isOn(nowMs: number): boolean {
    return nowMs - this.#operationsMs < this.#latelyMs;
  }

  /** When opens leave without operations while it is on: then they may have some places. */
  get dueMs(): number {
    return this.#batchMs + HOLD_MS;
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

/**
 * Opens of one host that are looked at while operations are executed: as many as displace each
 * other (pending.ts) before backups relay them, which is after a quarter of a view timeout.
 */
const DISPLACED = 1 / 5;

export class OpenLimit {
  readonly #host: Pick<Host<never, never>, "now" | "sourceOf">;
  readonly #budgets: Budgets;
  readonly #latelyMs: number;
  #operationsMs = -Infinity;

  constructor(host: Pick<Host<never, never>, "now" | "sourceOf">, viewTimeoutMs: number) {
    this.#host = host;
    this.#latelyMs = latelyMsOf(viewTimeoutMs);
    this.#budgets = new Budgets(OPENS_MAX / (DISPLACED * viewTimeoutMs), OPENS_MAX);
  }

  get sizes(): Sizes {
    return [{ name: "opens.sources", size: this.#budgets.size, max: SOURCES_MAX }];
  }

  /** Operations are executed now. */
  onOperations(): void {
    this.#operationsMs = this.#host.now;
  }

  /** Whether an open that came from there is looked at. */
  admits(client: Address): boolean {
    const { now } = this.#host;
    if (now - this.#operationsMs >= this.#latelyMs) return true;
    return this.#budgets.spend(this.#host.sourceOf(client), 1, now);
  }
}
