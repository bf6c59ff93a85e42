// Shows linear hashing: where items are follows from hashes and the number of buckets, whatever came
// before, and only buckets with a change are made anew.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Buckets } from "../../src/base/buckets.ts";
import { bucketOf, sourceOf } from "../../src/base/linear-hashing.ts";
import { partsOf } from "../support/states.ts";

interface Item {
  readonly hash: number;
  name: number;
}

const sorted = (items: Iterable<Item>) => [...items].map(({ name }) => name).sort((a, b) => a - b);
const make = () => new Buckets<Item>((items) => [Uint16Array.from(sorted(items))].map(bytes));
const bytes = ({ buffer }: Uint16Array) => new Uint8Array(buffer);
const all = (buckets: Buckets<Item>) => partsOf(buckets.snapshot());

test("where things are follows from the hash and the number of buckets", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), fc.integer({ min: 1, max: 2 ** 24 }), (hash, count) => {
      const [before, after] = [bucketOf(hash, count), bucketOf(hash, count + 1)];
      expect(before).toBeLessThan(count);
      expect([before, count]).toContain(after);
      if (after === count) expect(before).toBe(sourceOf(count));
    }),
  );
});

test("what is made follows from the items and the number of buckets, not from the history", () => {
  const items = fc.uniqueArray(fc.record({ hash: fc.nat(2 ** 32 - 1), name: fc.nat(1000) }), {
    selector: ({ name }) => name,
    maxLength: 60,
  });
  const step = fc.record({ item: fc.nat(59), count: fc.integer({ min: 1, max: 40 }) });
  fc.assert(
    fc.property(items, fc.array(step, { maxLength: 60 }), (items, steps) => {
      const buckets = make();
      const held = new Set<Item>();
      let known = all(buckets);
      for (const { item, count } of steps) {
        const one = items[item];
        if (one !== undefined && held.delete(one)) buckets.remove(one);
        else if (one !== undefined) (buckets.add(one), held.add(one));
        buckets.resize(count);
        const anew = make();
        for (const item of [...held].reverse()) anew.add(item);
        anew.resize(count);
        const snapshot = buckets.snapshot();
        // What did not change is as it was before.
        known = Array.from({ length: count }, (_, i) =>
          snapshot.changed.has(i) ? snapshot.part(i) : (known[i] ?? []),
        );
        expect(known).toEqual(all(anew));
      }
    }),
  );
});

test("a snapshot keeps what changed as it was, however much changes after it", () => {
  const step = fc.record({ name: fc.nat(30), count: fc.integer({ min: 1, max: 12 }) });
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (before, after) => {
      const buckets = make();
      const items = Array.from({ length: 31 }, (_, i) => ({ hash: i * 0x9e3779b1, name: i }));
      const held = new Set<Item>();
      const run = ({ name, count }: { name: number; count: number }) => {
        const item = items[name]!;
        if (held.has(item) && count % 2 === 0) (buckets.remove(item), held.delete(item));
        else if (!held.has(item)) (buckets.add(item), held.add(item));
        else (buckets.touch(item), (item.name += 100));
        buckets.resize(count);
      };
      for (const one of before) run(one);
      const snapshot = buckets.snapshot();
      const then = Array.from({ length: snapshot.count }, (_, i) => sorted(buckets.itemsOf(i)));
      for (const one of after) run(one);
      for (const index of snapshot.changed) {
        expect(snapshot.part(index)).toEqual([bytes(Uint16Array.from(then[index]!))]);
      }
    }),
  );
});

test("as many buckets as told hold about as much each", () => {
  const buckets = make();
  for (let name = 0; name < 1000; name++) buckets.add({ hash: name, name });
  for (const count of [100, 101, 127, 128, 129, 64, 3, 1]) {
    buckets.resize(count);
    expect(buckets.count).toBe(count);
    const sizes = Array.from({ length: count }, (_, i) => buckets.itemsOf(i).size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(
      Math.ceil(1000 / 2 ** Math.floor(Math.log2(count))),
    );
  }
});

test("a bucket is made anew when one of its items changed, came or went, and no other one", () => {
  const buckets = make();
  const items = Array.from({ length: 64 }, (_, name) => ({ hash: name, name }));
  for (const item of items) buckets.add(item);
  buckets.resize(16);
  const renewed = () => [...buckets.snapshot().changed].sort((a, b) => a - b);
  expect(renewed().length).toBe(16);
  expect(renewed()).toEqual([]);
  buckets.touch(items[35]!);
  expect(renewed()).toEqual([3]);
  buckets.remove(items[20]!);
  expect(renewed()).toEqual([4]);
  buckets.add(items[20]!);
  expect(renewed()).toEqual([4]);
  // One bucket more: another one is split for it, and the others stay.
  buckets.resize(17);
  expect(renewed()).toEqual([0, 16]);
  buckets.resize(16);
  expect(renewed()).toEqual([0]);
});
