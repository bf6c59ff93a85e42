// Shows that what a Writer wrote a Reader reads, and that nothing short, malformed or too large
// gets further than a poisoned Reader or an overflowed Writer.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes, Proof } from "../src/actor.ts";
import { ONE_TIME_TAG } from "../src/base/one-time-form.ts";
import {
  BLOCK_DEPTH_MAX,
  BLOCK_MIN,
  bytesOf,
  EMPTY,
  equal,
  MESSAGE_MAX,
  Reader,
  Writer,
  type AddressBook,
} from "../src/wire.ts";
import { manyBytesOf } from "../src/protocol/kit/many-bytes.ts";

/** Handles are the addresses themselves, below 2^53. */
const book: AddressBook = {
  intern: (high, low) => high * 2 ** 32 + low,
  write: (address, view, at) => {
    view.setUint32(at, Math.floor(address / 2 ** 32));
    view.setUint32(at + 4, address >>> 0);
  },
};

const BLOB_MAX = 64;

/** One thing that a codec writes and reads. */
type Item =
  | { readonly kind: "u8" | "u16" | "u32" | "u53" | "address"; readonly value: number }
  | { readonly kind: "bytes"; readonly value: Bytes }
  | { readonly kind: "blob"; readonly value: Bytes }
  | { readonly kind: "block"; readonly value: Bytes };

const u53 = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);

const block = fc
  .tuple(fc.nat(BLOCK_DEPTH_MAX), fc.nat(1023), fc.uint8Array({ minLength: 1, maxLength: 8 }))
  .map(([depth, index, filling]) => {
    const bytes = new Uint8Array(BLOCK_MIN + 32 * depth).map(
      (_, i) => filling[i % filling.length]!,
    );
    bytes[0] = depth;
    new DataView(bytes.buffer).setUint32(1, index % 2 ** depth);
    return bytes;
  });

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant("u8" as const), value: fc.nat(0xff) }),
  fc.record({ kind: fc.constant("u16" as const), value: fc.nat(0xffff) }),
  fc.record({ kind: fc.constant("u32" as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constantFrom("u53" as const, "address" as const), value: u53 }),
  fc.record({
    kind: fc.constantFrom("bytes" as const, "blob" as const),
    value: fc.uint8Array({ maxLength: BLOB_MAX }),
  }),
  fc.record({ kind: fc.constant("block" as const), value: block }),
);

const items = fc.array(item, { minLength: 1, maxLength: 12 });

function write(all: readonly Item[], out: Writer): void {
  for (const item of all) {
    switch (item.kind) {
      case "bytes":
      case "blob":
        out[item.kind](item.value);
        break;
      case "block":
        out.seal({ signer: 0, signed: EMPTY, signature: item.value });
        break;
      default:
        out[item.kind](item.value);
    }
  }
}

/** Reads items of the same kinds and lengths. */
function read(all: readonly Item[], input: Reader): readonly Item[] {
  return all.map((item): Item => {
    switch (item.kind) {
      case "bytes":
        return { kind: item.kind, value: input.bytes(item.value.length) };
      case "blob":
        return { kind: item.kind, value: input.blob(BLOB_MAX) };
      case "block":
        return { kind: item.kind, value: input.block() };
      default:
        return { kind: item.kind, value: input[item.kind]() };
    }
  });
}

function encoded(all: readonly Item[], frame = 256): Bytes {
  const out = new Writer(new Uint8Array(frame), book);
  write(all, out);
  return out.copy();
}

function filled(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8));
}

describe("round trips", () => {
  test("what was written is read, wherever in a region it lies", () => {
    fc.assert(
      fc.property(items, fc.nat(40), (all, offset) => {
        const bytes = encoded(all);
        const region = new Uint8Array(offset + bytes.length + 7).fill(0xee);
        region.set(bytes, offset);
        const input = new Reader(region, book).reset(offset, offset + bytes.length);
        expect(read(all, input)).toEqual([...all]);
        expect({ done: input.done, left: input.remaining }).toEqual({ done: true, left: 0 });
      }),
    );
  });

  test("the frame's size does not change the bytes, only whether they left it", () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 300 }), (all, frame) => {
        const whole = encoded(all, 8192);
        const out = new Writer(new Uint8Array(frame), book);
        write(all, out);
        expect(out.copy()).toEqual(whole);
        expect(out.written()).toEqual(whole);
        expect(out.length).toBe(whole.length);
        expect(out.large).toBe(whole.length > frame);
        expect(out.overflowed).toBe(false);
        out.reset(0, frame);
        expect({ length: out.length, large: out.large }).toEqual({ length: 0, large: false });
      }),
    );
  });

  test("what is kept is a copy", () => {
    const region = filled(100);
    const input = new Reader(region).reset(0, 100);
    const kept = input.bytes(50);
    const before = kept.slice();
    region.fill(0);
    expect(kept).toEqual(before);
  });

  test("bytesOf and manyBytesOf give the same, and what bytesOf gave stays", () => {
    fc.assert(
      fc.property(items, items, (first, second) => {
        const without = (all: readonly Item[]) => all.filter(({ kind }) => kind !== "address");
        const bytes = bytesOf((out) => write(without(first), out));
        const copy = bytes.slice();
        bytesOf((out) => write(without(second), out));
        expect(bytes).toEqual(copy);
        expect(manyBytesOf((out) => write(without(first), out))).toEqual(copy);
      }),
    );
  });

  test("bytesOf within bytesOf is refused, because its bytes would be lost, and no other is", () => {
    const one = (out: Writer): void => out.u8(1);
    expect(() => bytesOf(() => bytesOf(one))).toThrow("bytesOf within bytesOf");
    expect(bytesOf(one)).toEqual(Uint8Array.of(1));
  });

  test("manyBytesOf keeps no more room than was asked for, and goes beyond that", () => {
    const op = new Uint8Array(100_000).fill(7);
    for (const size of [0, 50_000, 100_000, 200_000]) {
      const bytes = manyBytesOf((out) => out.bytes(op), size);
      expect(bytes).toEqual(op);
      expect(bytes.buffer.byteLength).toBe(Math.max(100_000, size));
    }
  });

  test("manyBytesOf goes beyond the largest message", () => {
    const part = filled(1024 * 1024);
    const bytes = manyBytesOf((out) => {
      for (let i = 0; i < 5; i++) out.blob(part);
    });
    expect(bytes.length).toBe(5 * (part.length + 4));
    const input = new Reader(bytes);
    for (let i = 0; i < 5; i++) expect(equal(input.blob(part.length), part)).toBe(true);
    expect(input.done).toBe(true);
  });

  test("an address needs a book", () => {
    expect(() => new Reader(new Uint8Array(8)).address()).toThrow("no address book");
    expect(() => bytesOf((out) => out.address(1))).toThrow("no address book");
  });
});

describe("short and malformed input", () => {
  test("every truncation of a valid encoding poisons, and nothing throws", () => {
    fc.assert(
      fc.property(items, (all) => {
        const bytes = encoded(all);
        const region = new Uint8Array(bytes.length + 400);
        region.set(bytes);
        const input = new Reader(region, book);
        for (let end = 0; end < bytes.length; end++) {
          input.reset(0, end);
          read(all, input);
          expect({ end, ok: input.ok, done: input.done }).toEqual({ end, ok: false, done: false });
        }
      }),
    );
  });

  test("a poisoned reader gives zeros and nothing, and a reset heals it", () => {
    const input = new Reader(filled(64).fill(0xff), book);
    input.poison();
    expect([input.u8(), input.u16(), input.u32(), input.u53(), input.address()]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect([input.bytes(3), input.blob(9), input.block()]).toEqual([EMPTY, EMPTY, EMPTY]);
    expect(input.seal(1, 0)).toEqual({ signer: 1, signed: EMPTY, signature: EMPTY });
    expect({ ok: input.ok, done: input.done, left: input.remaining }).toEqual({
      ...{ ok: false, done: false, left: 0 },
    });
    expect(input.reset(0, 1).u8()).toBe(0xff);
    expect(input.done).toBe(true);
  });

  test("what is left over is not done", () => {
    const input = new Reader(filled(3));
    input.u16();
    expect({ ok: input.ok, done: input.done, left: input.remaining }).toEqual({
      ...{ ok: true, done: false, left: 1 },
    });
  });

  test("no read goes past the end it was given, though the region goes on", () => {
    const region = filled(4096);
    const input = new Reader(region, book);
    const reads: readonly (() => unknown)[] = [
      () => input.u8(),
      () => input.u16(),
      () => input.u32(),
      () => input.u53(),
      () => input.address(),
      () => input.bytes(9),
      () => input.block(),
    ];
    for (const short of reads) {
      input.reset(10, 10);
      short();
      expect(input.ok).toBe(false);
    }
  });

  test("a flag is 0 or 1, another byte poisons", () => {
    const bytes = bytesOf((out) => {
      out.flag(false);
      out.flag(true);
    });
    expect(bytes).toEqual(Uint8Array.of(0, 1));
    const input = new Reader(bytes);
    expect([input.flag(), input.flag(), input.done]).toEqual([false, true, true]);
    for (const byte of [2, 128, 255]) {
      const other = new Reader(Uint8Array.of(byte));
      expect([other.flag(), other.ok]).toEqual([false, false]);
    }
  });

  test("an integer of 2^53 or more poisons", () => {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, 2n ** 53n - 1n);
    expect(new Reader(bytes).u53()).toBe(2 ** 53 - 1);
    for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      view.setBigUint64(0, value);
      const input = new Reader(bytes);
      expect(input.u53()).toBe(0);
      expect(input.ok).toBe(false);
    }
  });

  test("a blob longer than its bound poisons, even where the bytes are there", () => {
    const bytes = bytesOf((out) => out.blob(filled(10)));
    expect(new Reader(bytes).blob(10)).toEqual(filled(10));
    const input = new Reader(bytes);
    expect(input.blob(9)).toEqual(EMPTY);
    expect(input.ok).toBe(false);
    const huge = new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
    expect(huge.blob(0xffff_ffff)).toEqual(EMPTY);
    expect(huge.ok).toBe(false);
  });

  test("a block's depth is at most 10, its index below 2^depth, its siblings are there", () => {
    for (let depth = 0; depth < 256; depth++) {
      // One-time signatures: tests/crypto/one-time.test.ts.
      if (depth === ONE_TIME_TAG) continue;
      const bytes = new Uint8Array(BLOCK_MIN + 32 * depth);
      const view = new DataView(bytes.buffer);
      bytes[0] = depth;
      for (const index of [
        0,
        2 ** Math.min(depth, 31) - 1,
        2 ** Math.min(depth, 31),
        2 ** 32 - 1,
      ]) {
        view.setUint32(1, index);
        const good = depth <= BLOCK_DEPTH_MAX && index < 2 ** depth;
        const input = new Reader(bytes);
        expect({ depth, index, block: input.block() }).toEqual({
          ...{ depth, index, block: good ? bytes : EMPTY },
        });
        expect(input.done).toBe(good);
        const short = new Reader(bytes).reset(0, bytes.length - 1);
        short.block();
        expect(short.ok).toBe(false);
      }
    }
  });

  test("u53 refuses to write what it could not read", () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Infinity]) {
      expect(() => bytesOf((out) => out.u53(value))).toThrow("u53 out of range");
    }
  });
});

describe("messages that do not fit", () => {
  test("one that fills its frame stays in it, one byte more does not", () => {
    for (const more of [0, 1]) {
      const region = new Uint8Array(2048);
      const out = new Writer(region).reset(100, 1600);
      out.bytes(filled(1490));
      out.bytes(filled(10 + more));
      expect(out.large).toBe(more === 1);
      expect(out.copy()).toEqual(Uint8Array.of(...filled(1490), ...filled(10 + more)));
      expect(region.subarray(1600).every((byte) => byte === 0)).toBe(true);
      expect(region.subarray(0, 100).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("one of MESSAGE_MAX is whole, one byte more overflows", () => {
    const out = new Writer(new Uint8Array(1500));
    for (const more of [0, 1, 0]) {
      out.reset(0, 1500);
      out.u32(7);
      const half = filled(MESSAGE_MAX / 2);
      out.bytes(half);
      out.bytes(half.subarray(4 - more));
      expect(out.overflowed).toBe(more === 1);
      if (more === 1) continue;
      expect(out.length).toBe(MESSAGE_MAX);
      const input = new Reader(out.copy());
      expect(input.u32()).toBe(7);
      expect(equal(input.bytes(half.length), half)).toBe(true);
      expect(equal(input.bytes(half.length - 4), half.subarray(4))).toBe(true);
    }
  });

  test("writing goes on harmlessly after an overflow, and a reset ends it", () => {
    const tooMuch = new Uint8Array(MESSAGE_MAX + 1);
    const writes: readonly ((out: Writer) => void)[] = [
      (out) => out.u8(1),
      (out) => out.u16(1),
      (out) => out.u32(1),
      (out) => out.u53(1),
      (out) => out.address(1),
      (out) => out.bytes(filled(100)),
      (out) => out.blob(tooMuch),
      (out) => out.seal(undefined),
    ];
    for (const first of [tooMuch, filled(2000)]) {
      for (const after of writes) {
        const out = new Writer(new Uint8Array(1500), book);
        out.bytes(first);
        out.bytes(tooMuch);
        after(out);
        expect(out.overflowed).toBe(true);
        out.reset(0, 1500).u16(0xabcd);
        expect({ overflowed: out.overflowed, bytes: out.copy() }).toEqual({
          ...{ overflowed: false, bytes: Uint8Array.of(0xab, 0xcd) },
        });
      }
    }
  });

  test("bytesOf refuses more than a message", () => {
    expect(() => bytesOf((out) => out.bytes(new Uint8Array(MESSAGE_MAX + 1)))).toThrow(
      "more than MESSAGE_MAX bytes",
    );
  });
});

describe("seals", () => {
  const proof: Proof = { signer: 2, signed: EMPTY, signature: filled(BLOCK_MIN).fill(0, 0, 5) };

  test("a message without its seal says where the block goes, in the frame and beyond it", () => {
    for (const length of [10, 3000]) {
      const out = new Writer(new Uint8Array(1500)).reset(50, 1500);
      expect(out.sealAt).toBe(-1);
      out.bytes(filled(length));
      out.seal(undefined);
      expect(out.sealAt).toBe(length);
      out.bytes(filled(2000));
      expect(out.sealAt).toBe(length);
      expect(out.length).toBe(length + 2000);
      expect(out.reset(50, 1500).sealAt).toBe(-1);
    }
  });

  test("a message with its seal has its block there, and needs none", () => {
    const out = new Writer(new Uint8Array(1500));
    out.u8(9);
    out.seal(proof);
    expect(out.sealAt).toBe(-1);
    expect(out.copy()).toEqual(Uint8Array.of(9, ...proof.signature));
  });

  test("two unsigned parts are a bug", () => {
    expect(() =>
      bytesOf((out) => {
        out.seal(undefined);
        out.seal(undefined);
      }),
    ).toThrow("two parts");
  });

  test("reading one copies what it signs: all since the start of the message", () => {
    const bytes = Uint8Array.of(0xaa, 0xbb, 1, 2, 3, ...proof.signature, 0xcc);
    const input = new Reader(bytes);
    input.u16();
    const start = input.position;
    input.bytes(3);
    const seal = input.seal(2, start);
    bytes.fill(0);
    expect(seal).toEqual({ ...proof, signed: Uint8Array.of(1, 2, 3) });
    expect({ ok: input.ok, left: input.remaining }).toEqual({ ok: true, left: 1 });
  });
});

test("equal compares lengths and bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      expect(equal(a, a.slice())).toBe(true);
      expect(equal(a, b)).toBe(a.join() === b.join());
    }),
  );
});

test("what was read since a position is copied, and nothing once a read was short", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const input = new Reader(bytes);
  input.u8();
  const start = input.position;
  input.u16();
  const copy = input.since(start);
  bytes.fill(0);
  expect(copy).toEqual(Uint8Array.of(2, 3));
  input.u16();
  expect(input.since(start)).toEqual(new Uint8Array(0));
});
