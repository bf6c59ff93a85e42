// Bytes that may be more than a message has.

import { assert } from "../../base/assert.ts";
import { type Bytes, Writer } from "../../wire.ts";

/** What fits needs no buffer of its own. */
const FRAME_LENGTH = 4096;
/** Free writers; a call within a call makes one more. */
const spares: Writer[] = [];

const MANY_MAX = 2 ** 31;

/**
 * The bytes that `write` writes, however many: for snapshots, which may be larger than a message.
 * Of megabytes the caller says that there are at most about `size`, because a buffer that grows
 * leaves as much again behind, and what is kept of it has room that nobody needs.
 */
export function manyBytesOf(write: (out: Writer) => void, size = 0): Bytes {
  const out =
    size > FRAME_LENGTH
      ? new Writer(new Uint8Array(size), undefined, MANY_MAX)
      : (spares.pop() ?? new Writer(new Uint8Array(FRAME_LENGTH), undefined, MANY_MAX));
  out.reset(0, Math.max(size, FRAME_LENGTH));
  write(out);
  assert(!out.overflowed, "more than 2 GiB");
  if (!out.large && size <= FRAME_LENGTH) {
    const bytes = out.copy();
    spares.push(out);
    return bytes;
  }
  // Its writer is not used again.
  return out.large ? out.copy() : out.written();
}
