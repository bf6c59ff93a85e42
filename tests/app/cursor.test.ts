// Shows that a cursor reads what a Reader reads, and finds the same malformed.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Cursor } from "../../src/app/cursor.ts";
import { SHARED_MIN } from "../../src/base/copies.ts";
import { Reader } from "../../src/wire.ts";

type Read = "u8" | "flag" | "u16" | "u32" | "bytes" | "blob" | "sharedBlob" | "skip" | "poison";

const MAX = 20;
const read = fc.constantFrom<Read>(
  ...(["u8", "flag", "u16", "u32", "bytes", "blob", "sharedBlob", "skip", "poison"] as const),
);
/** Small numbers, so that many of them are lengths of something that is there. */
const bytes = fc.uint8Array({ maxLength: 60, max: 3 });

function readFrom(input: Cursor | Reader, what: Read): unknown {
  switch (what) {
    case "bytes":
    case "skip":
      return input[what](3);
    case "blob":
    case "sharedBlob":
      return input[what](MAX);
    default:
      return input[what]();
  }
}

test("a cursor reads what a Reader does", () => {
  fc.assert(
    fc.property(bytes, fc.array(read), (all, reads) => {
      const [cursor, reader] = [new Cursor(all), new Reader(all)];
      for (const one of reads) {
        expect(readFrom(cursor, one)).toEqual(readFrom(reader, one));
        const { ok, done, remaining, position } = cursor;
        expect({ ok, done, remaining, position }).toEqual({
          ...{ ok: reader.ok, done: reader.done },
          ...{ remaining: reader.remaining, position: reader.position },
        });
      }
    }),
  );
});

test("what it reads is a copy, but for what is large and most of what it keeps in memory", () => {
  for (const length of [1, SHARED_MIN - 1, SHARED_MIN]) {
    const all = new Uint8Array(4 + length);
    new DataView(all.buffer).setUint32(0, length);
    const shared = length === SHARED_MIN;
    expect(new Cursor(all).blob(length).buffer).not.toBe(all.buffer);
    expect(new Cursor(all).sharedBlob(length).buffer === all.buffer).toBe(shared);
    const beside = new Uint8Array(4 * all.length);
    beside.set(all);
    expect(new Cursor(beside).sharedBlob(length).buffer).not.toBe(beside.buffer);
  }
});
