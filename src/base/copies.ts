// Copies of bytes, cheaper than `slice` makes them.

import { countAllocated } from "./large-arrays.ts";

/** The least length of bytes that are worth a copy of their own, to give views of what is read. */
export const SHARED_MIN = 16_384;
/** The least that is worth a view of such bytes instead of a copy, which would be garbage soon. */
export const VIEW_MIN = 1024;

/** The same memory as a Buffer, for copyOf. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A copy of `length` bytes from `at`. A third of what `slice` costs for a signature block of 300
 * bytes, and never more.
 */
export function copyOf(source: Buffer, at: number, length: number): Uint8Array {
  countAllocated(length);
  const copy = new Uint8Array(length);
  source.copy(copy, 0, at, at + length);
  return copy;
}

/**
 * The bytes, or, of a view that keeps more than twice as much in memory, a copy of them: for what
 * outlives the message that it came with.
 */
export function ownOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length < VIEW_MIN || 2 * bytes.length >= bytes.buffer.byteLength) return bytes;
  return sliceOf(bytes, 0, bytes.length);
}

const copyFrom = Buffer.prototype.copy;

/** Copies [from, to) of any array to `at` in another, without a view, which would cost more. */
export function copyRange(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): void {
  copyFrom.call(source, target, at, from, to);
}

/** A copy of the bytes from `from` to `to`, of any array. */
export function sliceOf(source: Uint8Array, from: number, to: number): Uint8Array {
  countAllocated(to - from);
  return source.slice(from, to);
}
