// Shows linear hashing: where items are follows from hashes and the number of buckets, whatever came
// before, and only buckets with a change are made anew.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Buckets } from "../../src/base/buckets.ts";

interface Item {
  readonly hash: number;
  readonly name: number;
}

const sorted = (items: readonly Item[]) => items.map(({ name }) => name).sort((a, b) => a - b);
const make = () => new Buckets<Item, readonly number[]>(sorted);

test("what is made follows from the items and the number of buckets, not from the history", () => {
  const items = fc.uniqueArray(fc.record({ hash: fc.nat(2 ** 32 - 1), name: fc.nat(1000) }), {
    selector: ({ name }) => name,
    maxLength: 60,
  });
  const step = fc.record({ item: fc.nat(59), count: fc.integer({ min: 0, max: 40 }) });
  fc.assert(
    fc.property(items, fc.array(step, { maxLength: 60 }), fc.nat(40), (items, steps, count) => {
      const buckets = make();
      const held = new Set<Item>();
      for (const { item, count } of steps) {
        const one = items[item];
        if (one !== undefined && held.delete(one)) buckets.remove(one);
        else if (one !== undefined) (buckets.add(one), held.add(one));
        expect(sorted([...held])).toEqual(
          buckets
            .made(count)
            .flat()
            .toSorted((a, b) => a - b),
        );
      }
      const anew = make();
      for (const item of [...held].reverse()) anew.add(item);
      expect(buckets.made(count)).toEqual(anew.made(count));
    }),
  );
});

test("as many buckets as told hold about as much each", () => {
  const buckets = make();
  for (let name = 0; name < 1000; name++) buckets.add({ hash: name, name });
  for (const count of [100, 101, 127, 128, 129, 64, 3, 1]) {
    const made = buckets.made(count);
    expect(made.length).toBe(count);
    const most = Math.max(...made.map(({ length }) => length));
    expect(most).toBeLessThanOrEqual(Math.ceil(1000 / 2 ** Math.floor(Math.log2(count))));
  }
});

test("a bucket is made anew when one of its items changed, came or went, and no other one", () => {
  const buckets = make();
  const items = Array.from({ length: 64 }, (_, name) => ({ hash: name, name }));
  for (const item of items) buckets.add(item);
  let before = buckets.made(16);
  const renewed = () => {
    const now = buckets.made(16);
    const places = [...now.keys()].filter((i) => now[i] !== before[i]);
    before = now;
    return places;
  };
  expect(renewed()).toEqual([]);
  buckets.changed(items[35]!);
  expect(renewed()).toEqual([3]);
  buckets.remove(items[20]!);
  expect(renewed()).toEqual([4]);
  buckets.add(items[20]!);
  expect(renewed()).toEqual([4]);
  // One bucket more: another one is split for it, and the others stay.
  const more = buckets.made(17);
  expect([...before.keys()].filter((i) => more[i] !== before[i])).toEqual([0]);
  buckets.clear();
  expect(buckets.made(16)).toEqual([]);
});
