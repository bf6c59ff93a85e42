// Shows that what is put into slots is what comes out of them, whatever was there before.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { PartPool } from "../../src/transport/part-pool.ts";
import { Reader } from "../../src/wire.ts";

const SLOT = 10;

test("slots hold what they took until they are given back, and none is taken twice", () => {
  const pool = new PartPool(SLOT);
  const held = new Map<number, Uint8Array>();
  const bytes = fc.uint8Array({ maxLength: SLOT });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), bytes), { maxLength: 200 }), (steps) => {
      for (const [gives, content] of steps) {
        const [oldest] = held.keys();
        if (gives && oldest !== undefined) {
          pool.give(oldest);
          held.delete(oldest);
        }
        const slot = pool.take(new Reader(content));
        expect(held.has(slot)).toBe(false);
        held.set(slot, content);
      }
      for (const [slot, content] of held) {
        const target = new Uint8Array(SLOT + 2).fill(7);
        pool.copy(slot, content.length, target, 1);
        expect(target.slice(1, 1 + content.length).toHex()).toBe(content.toHex());
        expect([target[0], target[1 + content.length]]).toEqual([7, 7]);
      }
    }),
  );
  for (let i = 0; i < 2000; i++) {
    const content = Uint8Array.of(i >> 8, i & 255);
    const slot = pool.take(new Reader(content));
    expect(held.has(slot)).toBe(false);
    held.set(slot, content);
  }
  for (const [slot, content] of held) {
    const target = new Uint8Array(content.length);
    pool.copy(slot, content.length, target, 0);
    expect(target.toHex()).toBe(content.toHex());
    pool.give(slot);
  }
  pool.clear();
  expect(pool.take(new Reader(new Uint8Array(SLOT)))).toBe(0);
});
