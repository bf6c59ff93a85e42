// The slots between the stable checkpoint h and H = h + 2K: proposals, votes and certificates of
// each.

import type { Bytes } from "../../actor.ts";
import { equal } from "../../wire.ts";
import { EMPTY_BATCH, FOOTPRINT_MAX, footprintOf, type Batch } from "../kit/batch.ts";
import { Votes } from "../kit/quorum.ts";
import type { CommitCertificate, PreparedCertificate } from "./certificate.ts";
import type { CommitMessage, PrepareMessage, PrePrepareMessage } from "./message.ts";

/**
 * Batches kept of one slot. Every batch that this replica voted for may turn out to be prepared
 * elsewhere, so it is kept until the slot is behind a checkpoint; each costs a view.
 */
export const BATCHES_MAX = 16;

/**
 * Memory for batches that are not executed, beyond which only the next one's is taken: a proposal
 * is then kept without its batch, which is fetched when its turn comes.
 */
export const UNORDERED_BYTES_MAX = 48 * 1024 * 1024;

export class Slot {
  readonly number: number;
  /** What the primary of the latest view proposed here; without its seal until it looped back. */
  prePrepare: PrePrepareMessage | null = null;
  /** When that was accepted. */
  acceptedMs = Infinity;
  readonly prepares: Votes<PrepareMessage>;
  readonly commits: Votes<CommitMessage>;
  /** The view in which this replica last sent a PREPARE here, or -1. */
  votedView = -1;
  /** The view in which this replica last sent a COMMIT here, or -1. */
  committedView = -1;
  /** Of the highest view in which it was prepared. */
  prepared: PreparedCertificate | null = null;
  committed: CommitCertificate | null = null;
  /** Whether a batch of this slot was asked for since the last tick. */
  fetching = false;
  readonly #batches: Batch[] = [];

  constructor(number: number, prepares: Votes<PrepareMessage>, commits: Votes<CommitMessage>) {
    this.number = number;
    this.prepares = prepares;
    this.commits = commits;
  }

  /** Memory that its batches take. */
  get bytes(): number {
    let bytes = 0;
    for (const batch of this.#batches) bytes += footprintOf(batch);
    return bytes;
  }
  get batches(): number {
    return this.#batches.length;
  }

  /** What was proposed in this view, if anything was. */
  proposal(view: number): PrePrepareMessage | null {
    return this.prePrepare?.view === view ? this.prePrepare : null;
  }

  batch(digest: Bytes): Batch | undefined {
    if (equal(digest, EMPTY_BATCH.digest)) return EMPTY_BATCH;
    return this.#batches.find((batch) => equal(batch.digest, digest));
  }

  addBatch(batch: Batch): void {
    if (this.batch(batch.digest) !== undefined) return;
    if (this.#batches.length === BATCHES_MAX) this.#batches.splice(this.#dispensable(), 1);
    this.#batches.push(batch);
  }

  /** The oldest batch that is neither prepared nor committed here. */
  #dispensable(): number {
    return this.#batches.findIndex(
      ({ digest }) =>
        (this.prepared === null || !equal(digest, this.prepared.digest)) &&
        (this.committed === null || !equal(digest, this.committed.digest)),
    );
  }
}

export class Log {
  readonly size: number;
  readonly #newSlot: (number: number) => Slot;
  readonly #slots: (Slot | undefined)[];
  #low = 0;
  /** The last slot that was executed. */
  #ordered = 0;
  #unorderedBytes = 0;

  /** A window of `size` slots, each made by `newSlot` when it is first needed. */
  constructor(size: number, newSlot: (number: number) => Slot) {
    this.size = size;
    this.#newSlot = newSlot;
    this.#slots = new Array<Slot | undefined>(size).fill(undefined);
  }

  /** h: the slot of the stable checkpoint. */
  get low(): number {
    return this.#low;
  }
  /** H: the last slot of the window. */
  get high(): number {
    return this.#low + this.size;
  }

  /** Memory of batches in slots that are not executed. */
  get unorderedBytes(): number {
    return this.#unorderedBytes;
  }

  contains(number: number): boolean {
    return number > this.#low && number <= this.#low + this.size;
  }

  /** A slot of the window that something is known of. */
  get(number: number): Slot | undefined {
    return this.contains(number) ? this.#slots[number % this.size] : undefined;
  }

  /** A slot of the window; undefined outside. */
  at(number: number): Slot | undefined {
    if (!this.contains(number)) return undefined;
    return (this.#slots[number % this.size] ??= this.#newSlot(number));
  }

  /** Whether a batch of the slot would be kept, whatever its size. */
  hasRoom({ number }: Slot): boolean {
    return number <= this.#ordered + 1 || this.#fits(FOOTPRINT_MAX);
  }

  /** Keeps a batch of the slot; false if there is no room for it. */
  keep(slot: Slot, batch: Batch): boolean {
    if (slot.batch(batch.digest) !== undefined) return true;
    if (slot.number > this.#ordered + 1 && !this.#fits(footprintOf(batch))) return false;
    const before = slot.bytes;
    slot.addBatch(batch);
    if (slot.number > this.#ordered) this.#unorderedBytes += slot.bytes - before;
    return true;
  }

  /** What was executed, up to this slot, does not count as unordered any more. */
  onExecuted(number: number): void {
    const first = Math.max(this.#ordered, this.#low) + 1;
    for (let at = first; at <= Math.min(number, this.high); at++) {
      this.#unorderedBytes -= this.get(at)?.bytes ?? 0;
    }
    this.#ordered = number;
  }

  #fits(bytes: number): boolean {
    return this.#unorderedBytes + bytes <= UNORDERED_BYTES_MAX;
  }

  /** Those that something is known of, in order. */
  *known(): Generator<Slot> {
    for (let number = this.#low + 1; number <= this.high; number++) {
      const slot = this.#slots[number % this.size];
      if (slot !== undefined) yield slot;
    }
  }

  /** Moves h up and forgets what falls out of the window. */
  advance(low: number): void {
    for (let number = this.#low + 1; number <= Math.min(low, this.high); number++) {
      if (number > this.#ordered) this.#unorderedBytes -= this.get(number)?.bytes ?? 0;
      this.#slots[number % this.size] = undefined;
    }
    this.#low = low;
  }
}
