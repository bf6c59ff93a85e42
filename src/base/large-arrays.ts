// Arrays of bytes outside of the engine's heap, which tells of them only once it has collected
// garbage: of those that live long there may be a second state's worth before it does, and of those
// that large messages leave behind as much as its whole heap.

/** The least length of arrays that are counted where they are copied, as a message's bytes are. */
const COUNTED_MIN = 16_384;

let allocated = 0;

/** Bytes of all arrays that were ever made or counted here. */
export function allocatedBytes(): number {
  return allocated;
}

/** A Buffer by itself, with anything in it. */
export function allocateBuffer(bytes: number): Buffer {
  allocated += bytes;
  return Buffer.allocUnsafeSlow(bytes);
}

/** An array of so many bytes was made elsewhere; small ones are left to the engine. */
export function countAllocated(bytes: number): void {
  if (bytes >= COUNTED_MIN) allocated += bytes;
}
