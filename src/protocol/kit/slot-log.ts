// The batches of slots floor + 1 to op, in a ring.

import { assert } from "../../base/assert.ts";
import { EMPTY_BATCH, footprintOf, type Batch } from "./batch.ts";

/**
 * Checkpoint intervals that a log may have above its floor, beside what is under way. A floor is at
 * most 2.5 behind what is executed: that of the older of two states, the next of which has half an
 * interval to be hashed (state-hashing.ts). Who is given a log has executed its giver's floor at
 * least, and has a floor of its own as far behind that.
 */
export const LOG_INTERVALS = 5;

export class Log {
  /** Most slots that it holds. */
  readonly size: number;
  readonly #batches: (Batch | undefined)[];
  /** When each was appended. */
  readonly #sinceMs: number[];
  #floor = 0;
  #op = 0;
  #executed = 0;
  #unexecutedBytes = 0;

  constructor(size: number) {
    this.size = size;
    this.#batches = new Array<Batch | undefined>(size).fill(undefined);
    this.#sinceMs = new Array<number>(size).fill(0);
  }

  /** Slots up to this one are in a checkpoint. */
  get floor(): number {
    return this.#floor;
  }
  /** The last slot. */
  get op(): number {
    return this.#op;
  }
  get hasRoom(): boolean {
    return this.#op < this.#floor + this.size;
  }
  /** Memory of batches that are not executed. */
  get unexecutedBytes(): number {
    return this.#unexecutedBytes;
  }

  at(slot: number): Batch | undefined {
    return slot > this.#floor && slot <= this.#op ? this.#batches[slot % this.size] : undefined;
  }

  sinceMs(slot: number): number {
    return this.#sinceMs[slot % this.size] ?? 0;
  }

  append(batch: Batch, nowMs: number): void {
    assert(this.hasRoom, "a log keeps to its size");
    const at = ++this.#op % this.size;
    this.#batches[at] = batch;
    this.#sinceMs[at] = nowMs;
    this.#unexecutedBytes += footprintOf(batch);
  }

  /** The slot has no requests from here on; it was not executed. */
  empty(slot: number): void {
    const batch = this.at(slot);
    assert(slot > this.#executed && batch !== undefined, "what was executed stays");
    this.#unexecutedBytes += footprintOf(EMPTY_BATCH) - footprintOf(batch);
    this.#batches[slot % this.size] = EMPTY_BATCH;
  }

  /** What was executed, up to this slot, does not count as unexecuted any more. */
  onExecuted(slot: number): void {
    for (let at = this.#executed + 1; at <= Math.min(slot, this.#op); at++) {
      const batch = this.at(at);
      if (batch !== undefined) this.#unexecutedBytes -= footprintOf(batch);
    }
    this.#executed = Math.max(this.#executed, slot);
  }

  /** Becomes what it is up to `above`, and then these batches. */
  replace(above: number, batches: readonly Batch[], nowMs: number): void {
    assert(above >= this.#executed && above <= this.#op, "what was executed stays");
    for (let slot = this.#op; slot > above; slot--) {
      const batch = this.at(slot);
      if (batch !== undefined) this.#unexecutedBytes -= footprintOf(batch);
      this.#batches[slot % this.size] = undefined;
      this.#op--;
    }
    for (const batch of batches) this.append(batch, nowMs);
  }

  /** Drops slots up to `floor`, all of which a state holds that was executed or installed. */
  forget(floor: number): void {
    assert(floor <= this.#executed, "what is dropped was executed");
    for (let slot = this.#floor + 1; slot <= Math.min(floor, this.#op); slot++) {
      this.#batches[slot % this.size] = undefined;
    }
    this.#floor = Math.max(this.#floor, floor);
    this.#op = Math.max(this.#op, this.#floor);
  }
}
