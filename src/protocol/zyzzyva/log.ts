// The history of a replica: the slots after its stable checkpoint that it has executed, each with
// the digest of all that was ordered up to it.

import type { Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { equal } from "../../wire.ts";
import type { Batch } from "../kit/batch.ts";
import { extended, NO_HISTORY } from "./certificate.ts";
import type { LocalCommitMessage, OrderReqMessage } from "./message.ts";

export interface Entry {
  readonly slot: number;
  readonly digest: Bytes;
  /** Of the history that ends here. */
  readonly history: Bytes;
  readonly batch: Batch;
  /** The executor's position after it. */
  readonly position: number;
  /** When it was executed here first. */
  readonly executedMs: number;
  /** The ORDER-REQ of the active view, once it is sealed; null: the view began with the slot. */
  order: OrderReqMessage | null;
  /** The own LOCAL-COMMIT of the active view, if it was said; without a seal until it is signed. */
  localCommit: LocalCommitMessage | null;
}

export class History {
  /** Most slots. */
  readonly size: number;
  #low = 0;
  #base: Bytes = NO_HISTORY;
  #entries: Entry[] = [];

  constructor(size: number) {
    this.size = size;
  }

  /** h: the slot of the stable checkpoint. */
  get low(): number {
    return this.#low;
  }
  /** H: the last slot that may be executed. */
  get high(): number {
    return this.#low + this.size;
  }
  /** The last slot that was executed. */
  get last(): number {
    return this.#low + this.#entries.length;
  }
  /** The digest of all that was executed. */
  get digest(): Bytes {
    return this.#entries.at(-1)?.history ?? this.#base;
  }
  get length(): number {
    return this.#entries.length;
  }

  contains(slot: number): boolean {
    return slot > this.#low && slot <= this.high;
  }

  at(slot: number): Entry | undefined {
    return slot > this.#low ? this.#entries[slot - this.#low - 1] : undefined;
  }

  /** The digest of the history that ends at a slot, if it is known. */
  digestAt(slot: number): Bytes | undefined {
    return slot === this.#low ? this.#base : this.at(slot)?.history;
  }

  /** Whether this history is known to pass through that one. */
  passes(slot: number, history: Bytes): boolean {
    const own = this.digestAt(slot);
    return own !== undefined && equal(own, history);
  }

  /** Those after a slot, in order. */
  after(slot: number): readonly Entry[] {
    return this.#entries.slice(Math.max(0, slot - this.#low));
  }

  /** The digest that the history has with another batch. */
  next(digest: Bytes): Bytes {
    return extended(this.digest, digest);
  }

  /** The slot in which this position was executed, if it is after the checkpoint. */
  executedAt(position: number): Entry | undefined {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.position ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low];
  }

  append(executed: Omit<Entry, "slot" | "digest" | "localCommit">): Entry {
    assert(this.last < this.high, "what is beyond the window is not executed");
    const { digest } = executed.batch;
    const entry: Entry = { ...executed, slot: this.last + 1, digest, localCommit: null };
    this.#entries.push(entry);
    return entry;
  }

  /** Takes back what is after a slot; gives it, in order. */
  truncate(slot: number): readonly Entry[] {
    return this.#entries.splice(Math.max(0, slot - this.#low));
  }

  /** Forgets what is up to the slot of a checkpoint, which this history passes through. */
  advance(slot: number): void {
    const history = this.digestAt(slot);
    assert(history !== undefined, "a checkpoint that is reached is in the history");
    this.#entries.splice(0, slot - this.#low);
    this.#low = slot;
    this.#base = history;
  }

  /** Begins anew after the slot of a checkpoint. */
  restart(slot: number, history: Bytes): void {
    this.#entries = [];
    this.#low = slot;
    this.#base = history;
  }

  /** Another view is active: its orders and words are others. */
  forgetView(): void {
    for (const entry of this.#entries) {
      entry.order = null;
      entry.localCommit = null;
    }
  }
}
