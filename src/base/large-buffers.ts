// Memory of large arrays that is used again. The engine finds those that were in use for a while
// only by a collection of all objects, and the system has to clear the memory of new ones: for
// arrays that follow each other, as cached results and messages to send do, both cost more than all
// that is done with them.

import { countAllocated } from "./large-arrays.ts";

/** The least length of an array that has such memory. */
export const LARGE_MIN = 65_536;
/** Lengths are rounded up to this, so that memory fits arrays of about the same length. */
const STEP = 65_536;
/** Bytes that are kept while nobody uses them. */
export const SPARE_MAX = 4 * 1024 * 1024;

type Bytes = Uint8Array;

/** Memory that was made here and is in use. */
const lent = new WeakSet<ArrayBufferLike>();
/** And what nobody uses; the last was given last. */
const spares: ArrayBufferLike[] = [];
let spareBytes = 0;

/** Bytes that are kept while nobody uses them. */
export function spareLargeBytes(): number {
  return spareBytes;
}

/**
 * An array of so many bytes, with anything in it: of used memory if there is some that is not much
 * larger, where it is large.
 */
export function takeLarge(length: number): Bytes {
  if (length < LARGE_MIN) return new Uint8Array(length);
  const capacity = STEP * Math.ceil(length / STEP);
  const at = spares.findLastIndex(({ byteLength }) => fits(byteLength, capacity));
  const [spare] = at < 0 ? [] : spares.splice(at, 1);
  if (spare !== undefined) {
    spareBytes -= spare.byteLength;
    lent.add(spare);
    return new Uint8Array(spare, 0, length);
  }
  countAllocated(capacity);
  const buffer = new ArrayBuffer(capacity);
  lent.add(buffer);
  return new Uint8Array(buffer, 0, length);
}

/** A copy of large bytes in such memory; small ones as they are. */
export function keepLarge(bytes: Bytes): Bytes {
  if (bytes.length < LARGE_MIN) return bytes;
  const copy = takeLarge(bytes.length);
  copy.set(bytes);
  return copy;
}

/** What was written by a Writer, of which a large copy has such memory. */
interface Written {
  readonly length: number;
  written(): Bytes;
  copy(): Bytes;
}

/** A copy of what was written, which has such memory where it is large. */
export function copyLarge(out: Written): Bytes {
  return out.length < LARGE_MIN ? out.copy() : keepLarge(out.written());
}

/** From here on nobody reads or writes these bytes, wherever they were made. */
export function giveLarge(bytes: Bytes): void {
  // To ask a small array for its buffer moves it out of the engine's heap.
  if (bytes.length < LARGE_MIN) return;
  const { buffer } = bytes;
  if (!lent.delete(buffer) || buffer.byteLength > SPARE_MAX) return;
  spares.push(buffer);
  spareBytes += buffer.byteLength;
  // The longest unused goes: it would be kept for ever where arrays are of another size by now.
  while (spareBytes > SPARE_MAX) spareBytes -= spares.shift()?.byteLength ?? 0;
}

/** Whether memory may be used for what needs this capacity. */
function fits(bytes: number, capacity: number): boolean {
  return bytes >= capacity && bytes <= capacity + capacity / 4;
}
