// Reads what is executed once, such as an operation: a Reader costs more than reading so little,
// because it makes views, for which the engine moves small arrays out of its heap.

import type { Bytes } from "../actor.ts";
import { copyRange, SHARED_MIN } from "../base/copies.ts";
import { EMPTY, u32At } from "../wire.ts";

/** Like a Reader of all bytes, without addresses: what is short or malformed gives zeros. */
export class Cursor {
  readonly #bytes: Bytes;
  #at = 0;
  #ok = true;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get ok(): boolean {
    return this.#ok;
  }
  /** Whether all was read and nothing was malformed. */
  get done(): boolean {
    return this.#ok && this.#at === this.#bytes.length;
  }
  get position(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  poison(): void {
    this.#ok = false;
    this.#at = this.#bytes.length;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#bytes[at] ?? 0);
  }
  /** A byte that is 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) this.poison();
    return value === 1;
  }
  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }
  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : u32At(this.#bytes, at);
  }
  skip(length: number): void {
    this.#take(length);
  }
  /** A copy of the next `length` bytes. */
  bytes(length: number): Bytes {
    if (length === 0) return EMPTY;
    const at = this.#take(length);
    if (at < 0) return EMPTY;
    const copy = new Uint8Array(length);
    copyRange(this.#bytes, at, at + length, copy, 0);
    return copy;
  }
  /** A copy of bytes behind their 32-bit length, at most `max`. */
  blob(max: number): Bytes {
    const length = this.u32();
    if (length > max) this.poison();
    return this.#ok ? this.bytes(length) : EMPTY;
  }
  /** As `sharedBlob` of a Reader: a view where it is most of what it keeps in memory, too. */
  sharedBlob(max: number): Bytes {
    const length = this.u32();
    if (length > max) this.poison();
    if (!this.#ok || length < SHARED_MIN) return this.bytes(length);
    const { buffer, byteOffset } = this.#bytes;
    if (2 * length < buffer.byteLength) return this.bytes(length);
    const at = this.#take(length);
    return at < 0 ? EMPTY : new Uint8Array(buffer, byteOffset + at, length);
  }

  /** The offset to read at, or -1 (and poisoned) when there is less. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      this.poison();
      return -1;
    }
    this.#at = at + length;
    return at;
  }
}
