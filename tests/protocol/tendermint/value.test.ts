// The digest of a value covers its height, its origin and its batch, however long operations are.

import { expect, test } from "bun:test";
import { makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import { decodeValue, encodeValue, makeValue } from "../../../src/protocol/tendermint/value.ts";
import { Reader, Writer, type AddressBook } from "../../../src/wire.ts";

const book: AddressBook = { intern: (_high, low) => low, write: () => {} };

function batch(length: number, fill = 1): Batch {
  const op = new Uint8Array(length).fill(fill);
  return makeBatch([{ session: 1, tag: 2, number: 3, op }], [100]);
}

const hex = (height: number, origin: number, of: Batch) =>
  makeValue(height, origin, of).digest.toHex();

for (const length of [100, 1023, 1024, 2000, 20_000]) {
  test(`T2 of an operation of ${length} bytes`, () => {
    const all = [
      hex(1, 0, batch(length)),
      hex(2, 0, batch(length)),
      hex(1, 1, batch(length)),
      hex(1, 0, batch(length, 2)),
      hex(1, 0, batch(length + 1)),
    ];
    expect(new Set(all).size).toBe(all.length);
    // Whether or not the batch's digest was computed before.
    const known = batch(length);
    expect(known.digest).toHaveLength(32);
    expect(hex(1, 0, known)).toBe(all[0]!);
  });
}

test("T2 what is decoded has the digest of what was encoded, and not with another origin", () => {
  for (const length of [100, 2000, 20_000]) {
    const made = makeValue(7, 3, batch(length));
    const out = new Writer(new Uint8Array(64), book).reset(0, 64);
    encodeValue(made, out);
    const bytes = out.copy();
    const read = decodeValue(7, new Reader(bytes, book));
    expect([read.origin, read.digest.toHex()]).toEqual([3, made.digest.toHex()]);
    bytes[7] = 4;
    const other = decodeValue(7, new Reader(bytes, book));
    expect(other.origin).toBe(4);
    expect(other.digest).not.toEqual(made.digest);
  }
});
