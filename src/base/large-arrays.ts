// Arrays of bytes outside of the engine's heap, which tells of them only once it has collected
// garbage: of those that live long there may be a second state's worth before it does.

let allocated = 0;

/** Bytes of all arrays that were ever made here. */
export function allocatedBytes(): number {
  return allocated;
}

/** A Buffer by itself, with anything in it. */
export function allocateBuffer(bytes: number): Buffer {
  allocated += bytes;
  return Buffer.allocUnsafeSlow(bytes);
}
