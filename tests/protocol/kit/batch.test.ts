// The wire form of batches.

import { expect, test } from "bun:test";
import {
  BATCH_BYTES_MAX,
  decodeBatch,
  encodeBatch,
  makeBatch,
} from "../../../src/protocol/kit/batch.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import {
  OPERATION_MAX,
  operationDigest,
  sameOperationDigest,
} from "../../../src/protocol/kit/request.ts";
import { Reader, Writer, type AddressBook } from "../../../src/wire.ts";
import { bytes } from "../../support/requests.ts";

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
  const three = makeBatch(
    [1, 2, 3].map((number) => ({ ...request(number), op })),
    [1, 2, 3],
  );
  expect(three.requests.every((one) => one.op.buffer === three.bytes.buffer)).toBe(true);
});

test("X12 what is decoded of a batch stays when the packet's memory is used again", () => {
  for (const length of [3, 1023, 1024, 4096, 20_000]) {
    const op = new Uint8Array(length).fill(7);
    const made = makeBatch([{ ...request(1), op }, request(2)], [100, 200]);
    const out = new Writer(new Uint8Array(64), new CountingBook()).reset(0, 64);
    encodeBatch(made, out);
    const packet = out.copy();
    const read = decodeBatch(new Reader(packet, new CountingBook()));
    packet.fill(0);
    expect(read.requests[0]?.op).toEqual(op);
    expect(read.bytes).toEqual(made.bytes);
  }
});

test("X12 the digest of a batch covers long operations by theirs, whose lengths tell them apart", () => {
  const long = bytes("x".repeat(1024));
  const digest = digestOf(long);
  const of = (...ops: readonly Uint8Array[]) =>
    makeBatch(
      ops.map((op, i) => ({ ...request(i + 1), op })),
      ops.map((_, i) => 100 + i),
    );
  const short = of(bytes("x".repeat(1023)), bytes("y"));
  expect(short.digest).toEqual(digestOf(short.bytes));
  const both = of(bytes("a"), long, bytes("b"));
  const at = 2 * 24 + 1;
  const parts = [both.bytes.slice(0, at), digest, both.bytes.slice(at + 1024)];
  expect(both.digest).toEqual(digestOf(new Uint8Array(Buffer.concat(parts))));
  expect(of(long).digest).not.toEqual(of(digest).digest);
  const other = long.slice();
  other[500] = 1;
  expect(of(bytes("a"), other, bytes("b")).digest).not.toEqual(both.digest);
});

test("X6 whatever a batch was cut or altered to, its digest is asked for without harm", () => {
  const op = new Uint8Array(2000).fill(1);
  for (const key of [undefined, new Uint8Array(33).fill(2)]) {
    const requests = [1, 2].map((number) => ({ ...request(number), op, ...(key && { key }) }));
    const out = new Writer(new Uint8Array(64), new CountingBook()).reset(0, 64);
    encodeBatch(makeBatch(requests, [100, 200]), out);
    const whole = out.copy();
    for (let length = 0; length < whole.length; length += 7) {
      const read = decodeBatch(new Reader(whole.slice(0, length), new CountingBook()));
      expect(read.digest).toHaveLength(32);
    }
    for (let at = 0; at < 120; at++) {
      const altered = whole.slice();
      altered[at] = 0xff;
      expect(decodeBatch(new Reader(altered, new CountingBook())).digest).toHaveLength(32);
    }
  }
});

test("the digest of an operation that was written to is told anew by who begins with it", () => {
  const op = new Uint8Array(2000);
  const before = operationDigest(op);
  expect(sameOperationDigest(op)).toBe(before);
  op[0] = 1;
  expect(operationDigest(op)).toEqual(digestOf(op));
  expect(sameOperationDigest(op)).toEqual(digestOf(op));
});
