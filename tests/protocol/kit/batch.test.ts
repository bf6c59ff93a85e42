// The wire form of batches.

import { expect, test } from "bun:test";
import {
  BATCH_BYTES_MAX,
  decodeBatch,
  decodeProposed,
  encodeBatch,
  footprintOf,
  gatherBatch,
  makeBatch,
  namedOf,
  wholeOf,
  type Batch,
} from "../../../src/protocol/kit/batch.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import { BODY_MIN, digestIn, OPERATION_MAX } from "../../../src/protocol/kit/request.ts";
import { Reader, Writer, type AddressBook } from "../../../src/wire.ts";

/** Counts what is interned; a handle is what the last four bytes say. */
class CountingBook implements AddressBook {
  interned = 0;
  intern(_high: number, low: number): number {
    this.interned++;
    return low;
  }
  write(address: number, view: DataView, at: number): void {
    view.setUint32(at, 0);
    view.setUint32(at + 4, address);
  }
}

const request = (number: number) => ({ session: 1, tag: 2, number, op: new Uint8Array(3) });

function encoded(batch: Parameters<typeof encodeBatch>[0], book: AddressBook): Uint8Array {
  const out = new Writer(new Uint8Array(4096), book).reset(0, 4096);
  encodeBatch(batch, out);
  return out.copy();
}

test("X12 decoding a batch interns no address; asking for one interns that one", () => {
  const book = new CountingBook();
  const requests = [request(1), request(2), request(3)];
  const bytes = encoded(makeBatch(requests, [100, 200, 300]), book);
  const input = new Reader(bytes, book);
  const batch = decodeBatch(input);
  expect(input.done).toBe(true);
  expect(book.interned).toBe(0);
  expect(batch.clients.length).toBe(3);
  expect(batch.clients.at(1)).toBe(200);
  expect(batch.clients.at(3)).toBeUndefined();
  expect(book.interned).toBe(1);
  // Passing it on interns nothing either, and changes nothing.
  expect(encoded(batch, book)).toEqual(bytes);
  expect(book.interned).toBe(1);
});

test("X12 a batch larger than a correct leader makes is malformed", () => {
  const book = new CountingBook();
  const sized = (lengths: readonly number[]) => {
    const requests = lengths.map((length, i) => ({
      ...request(i + 1),
      op: new Uint8Array(length),
    }));
    const batch = makeBatch(
      requests,
      lengths.map(() => 100),
    );
    const out = new Writer(new Uint8Array(4096), book).reset(0, 4096);
    encodeBatch(batch, out);
    const input = new Reader(out.copy(), book);
    decodeBatch(input);
    return input.done;
  };
  const close = BATCH_BYTES_MAX - 2 * 24;
  expect([sized([close - 1, 1]), sized([OPERATION_MAX])]).toEqual([true, true]);
  expect(sized([close, 1])).toBe(false);
});

test("X21 an open is ordered with its source, which the batch's digest covers", () => {
  const op = new Uint8Array(13);
  const open = { session: 0, tag: 0, number: 0, op, source: 0xc0a80001 };
  const book = new CountingBook();
  const batch = makeBatch([open, request(1)], [100, 200]);
  const decoded = decodeBatch(new Reader(encoded(batch, book), book));
  expect(decoded.requests).toEqual([open, request(1)]);
  expect(decoded.digest).toEqual(batch.digest);
  const other = makeBatch([{ ...open, source: 1 }, request(1)], [100, 200]);
  expect(other.digest).not.toEqual(batch.digest);
});

test("FW3 the digest of a batch is computed when it is asked for, once", () => {
  const batch = makeBatch([request(1)], [100]);
  const before = [...batch.digest];
  batch.bytes[0] = 1 ^ (batch.bytes[0] ?? 0);
  expect([...batch.digest]).toEqual(before);
  const unasked = makeBatch([request(1)], [100]);
  unasked.bytes[0] = 1 ^ (unasked.bytes[0] ?? 0);
  expect([...unasked.digest]).not.toEqual(before);
  expect({ ...unasked }.digest).toEqual(unasked.digest);
});

test("X12 a large operation is in a batch once, and a small one does not keep all of it", () => {
  const op = new Uint8Array(100_000).fill(9);
  const book = new CountingBook();
  const made = makeBatch([{ ...request(1), op }, request(2)], [100, 200]);
  const out = new Writer(new Uint8Array(4096), book, 1 << 20).reset(0, 4096);
  encodeBatch(made, out);
  const read = decodeBatch(new Reader(out.copy(), book));
  for (const { bytes, requests } of [made, read]) {
    expect(requests.map((one) => one.op)).toEqual([op, request(2).op]);
    const inside = requests.map((one) => one.op.buffer === bytes.buffer);
    expect(inside).toEqual([true, false]);
  }
  // Of many that are large none keeps the others.
  const both = makeBatch(
    [1, 2, 3].map((number) => ({ ...request(number), op })),
    [1, 2, 3],
  );
  expect(both.requests.some((one) => one.op.buffer === both.bytes.buffer)).toBe(false);
});

/** A small operation, two bodies, and an open. */
function mixed() {
  const open = { session: 0, tag: 0, number: 0, op: new Uint8Array(13), source: 7 };
  const bodies = [BODY_MIN, 20_000].map((length, i) => ({
    ...request(2 + i),
    op: new Uint8Array(length).fill(i),
  }));
  return { requests: [request(1), ...bodies, open], clients: [100, 200, 300, 400] };
}

function reread(batch: Batch, decode: typeof decodeBatch): { batch: Batch; ok: boolean } {
  const book = new CountingBook();
  const input = new Reader(encoded(batch, book), book);
  const read = decode(input);
  return { batch: read, ok: input.done };
}

test("X23 a batch has one digest in both forms, and is whole again with its bodies", () => {
  const { requests, clients } = mixed();
  const whole = makeBatch(requests, clients);
  const gathered = gatherBatch(requests, clients);
  expect([gathered.size, gathered.bytes.length]).toEqual([whole.size, whole.size]);
  const named = namedOf(whole);
  expect(named.named).toEqual({ lacks: [], whole });
  expect(named.size).toBeLessThan(300);
  const { batch: read, ok } = reread(named, decodeProposed);
  expect(ok).toBe(true);
  expect(read.named?.lacks.map(({ index, length }) => [index, length])).toEqual([
    [1, BODY_MIN],
    [2, 20_000],
  ]);
  const again = wholeOf(
    read,
    [1, 2].map((i) => requests[i]?.op ?? new Uint8Array(0)),
  );
  expect(again.named).toBeNull();
  expect(again.bytes).toEqual(whole.bytes);
  expect(footprintOf(again)).toBe(footprintOf(whole));
  for (const one of [gathered, named, read, again, reread(whole, decodeProposed).batch]) {
    expect(one.digest).toEqual(whole.digest);
  }
});

test("X23 a batch without bodies has one form, whose digest is that of its bytes", () => {
  const small = makeBatch([request(1), request(2)], [100, 200]);
  expect(namedOf(small)).toBe(small);
  expect(small.digest).toEqual(digestOf(small.bytes));
});

test("X23 only proposals may be without bodies, and not all that they say of them is believed", () => {
  const { requests, clients } = mixed();
  const named = namedOf(makeBatch(requests, clients));
  expect(reread(named, decodeBatch).ok).toBe(false);
  // One that names no body has no named form.
  const small = makeBatch([request(1)], [100]);
  const wrong = { ...small, named: { lacks: [], whole: small } };
  expect(reread(wrong, decodeProposed).ok).toBe(false);
  // Bodies of more than a batch may have, each of which is small enough.
  const many = Array.from({ length: 3 }, (_, i) => ({
    ...request(i + 1),
    op: new Uint8Array(BATCH_BYTES_MAX / 2 - 100),
  }));
  const sized = (count: number) =>
    namedOf(gatherBatch(many.slice(0, count), [1, 2, 3].slice(0, count)));
  expect([2, 3].map((count) => reread(sized(count), decodeProposed).ok)).toEqual([true, false]);
});

test("X23 the digest that a request keeps is that of its own operation, not of another one's", () => {
  const op = new Uint8Array(BODY_MIN).fill(1);
  const one = { ...request(1), op };
  expect(digestIn(one)).toEqual(digestOf(op));
  expect(digestIn(one)).toBe(digestIn(one));
  const other = new Uint8Array(BODY_MIN).fill(2);
  expect(digestIn({ ...one, op: other })).toEqual(digestOf(other));
});
