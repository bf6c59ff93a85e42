// Memory that a C library shares for packets: what it says of them, then slots.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import { assert } from "../base/assert.ts";
import type { Bytes } from "../actor.ts";

/** Byte offsets in such memory. */
interface Layout {
  /** u32: bytes of a slot, which the library chose when it was opened. */
  readonly slotSize: number;
  readonly slots: number;
  /** How many slots there are each way. */
  readonly burst: number;
}

/** It, mapped: all of it, and how large a slot is. */
export interface Region {
  readonly bytes: Bytes;
  readonly view: DataView;
  readonly slotSize: number;
}

/** Maps the memory at `address`, which is null for nothing that is open. */
export function mapRegion(
  address: Pointer | bigint | null,
  { slotSize, slots, burst }: Layout,
): Region {
  assert(typeof address === "number", "what is open has a region, below 2^53");
  const size = new DataView(toArrayBuffer(address, 0, slots)).getUint32(slotSize, true);
  const bytes = new Uint8Array(toArrayBuffer(address, 0, slots + 2 * burst * size));
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset), slotSize: size };
}
