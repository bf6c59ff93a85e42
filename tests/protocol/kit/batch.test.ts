// The wire form of batches.

import { expect, test } from "bun:test";
import {
  BATCH_BYTES_MAX,
  decodeBatch,
  encodeBatch,
  makeBatch,
} from "../../../src/protocol/kit/batch.ts";
import { OPERATION_MAX } from "../../../src/protocol/kit/request.ts";
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

test("X12 a batch that says how many requests it has, and has none of them, is malformed", () => {
  const book = new CountingBook();
  const { clients } = makeBatch([request(1)], [100]);
  // 2^31 more: of clients that sign.
  for (const head of [1, 2 ** 31 + 1]) {
    const out = new Writer(new Uint8Array(64), book).reset(0, 64);
    out.u32(head);
    out.u32(0);
    // Of requests, and of signatures.
    out.addresses(clients);
    out.u8(0);
    const input = new Reader(out.copy(), book);
    decodeBatch(input);
    expect(input.ok).toBe(false);
  }
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
