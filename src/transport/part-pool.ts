// Room for fragments, in slots of one size. Memory that is left to the garbage collector is freed
// late: a flood of fragments that displace each other would hold twice what is charged for them.

import type { Bytes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Reader } from "../wire.ts";

/** Slots of the first slab; each further one has twice as many, up to SLAB_SLOTS. */
const FIRST_SLOTS = 16;
const SLAB_SLOTS = 512;
/** Slabs that are kept while nothing is in use. */
const KEPT_SLABS = 3;

export class PartPool {
  readonly #slotBytes: number;
  #slabs: Buffer[] = [];
  #free: number[] = [];

  constructor(slotBytes: number) {
    this.#slotBytes = slotBytes;
  }

  /** Takes all that is left of `input`, at most a slot; returns the slot. */
  take(input: Reader): number {
    const slot = this.#free.pop() ?? this.#grow();
    const length = input.remaining;
    assert(length <= this.#slotBytes, "a fragment fits its slot");
    const at = (slot % SLAB_SLOTS) * this.#slotBytes;
    input.bytesTo(this.#slab(slot), at, length);
    return slot;
  }

  /** The first `length` bytes of a slot go to `target`. */
  copy(slot: number, length: number, target: Bytes, at: number): void {
    const from = (slot % SLAB_SLOTS) * this.#slotBytes;
    this.#slab(slot).copy(target, at, from, from + length);
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  /** Frees the memory, of which nothing may be in use, if that is worth it. */
  clear(): void {
    if (this.#slabs.length <= KEPT_SLABS) return;
    this.#slabs = [];
    this.#free = [];
  }

  #slab(slot: number): Buffer {
    return this.#slabs[Math.floor(slot / SLAB_SLOTS)] ?? assert.fail("a slot is of a slab");
  }

  /** Adds a slab; returns one of its slots. */
  #grow(): number {
    const index = this.#slabs.length;
    const slots = Math.min(FIRST_SLOTS * 2 ** index, SLAB_SLOTS);
    this.#slabs.push(Buffer.alloc(slots * this.#slotBytes));
    for (let i = slots - 1; i > 0; i--) this.#free.push(index * SLAB_SLOTS + i);
    return index * SLAB_SLOTS;
  }
}
