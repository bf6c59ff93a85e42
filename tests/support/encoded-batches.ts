// Batches on the wire and back, between replicas that number addresses alike.

import type { Bytes } from "../../src/actor.ts";
import { decodeBatch, encodeBatch, makeBatch, type Batch } from "../../src/protocol/kit/batch.ts";
import type { Request } from "../../src/protocol/kit/request.ts";
import { Reader, Writer, type AddressBook } from "../../src/wire.ts";

const book: AddressBook = {
  intern: (_, low) => low,
  write: (at, view, to) => view.setUint32(to + 4, at),
};

export function encoded(batch: Batch): Bytes {
  const out = new Writer(new Uint8Array(65_536), book).reset(0, 65_536);
  encodeBatch(batch, out);
  return out.copy();
}

/** What is read of the bytes; null if they are malformed. */
export function decoded(bytes: Bytes): Batch | null {
  const input = new Reader(bytes, book);
  const batch = decodeBatch(input);
  return input.done ? batch : null;
}

/** Of clients with the addresses 100, 101 and on. */
export function batchOf(requests: readonly Request[]): Batch {
  return makeBatch(
    requests,
    requests.map((_, i) => 100 + i),
  );
}
