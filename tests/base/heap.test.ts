// Shows that Heap gives the least first, whatever is done in between.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Heap } from "../../src/base/heap.ts";

/** Numbers to push; null takes one out. */
const steps = fc.array(fc.option(fc.nat(20), { freq: 2 }), { maxLength: 200 });

test("a heap does what a sorted array does", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const heap = new Heap<number>((a, b) => a < b);
      const model: number[] = [];
      for (const step of all) {
        if (step === null) expect(heap.pop()).toBe(model.shift());
        else heap.push(step);
        if (step !== null) model.push(step);
        model.sort((a, b) => a - b);
        expect(heap.length).toBe(model.length);
        expect(heap.peek()).toBe(model[0]);
      }
    }),
  );
});

test("a heap follows the order it was given, not that of its items", () => {
  const heap = new Heap<{ at: number; order: number }>(
    (a, b) => a.at > b.at || (a.at === b.at && a.order < b.order),
  );
  for (const [order, at] of [3, 1, 3, 2, 3].entries()) heap.push({ at, order });
  const out = Array.from({ length: 5 }, () => heap.pop());
  expect(out.map((item) => [item?.at, item?.order])).toEqual([
    [3, 0],
    [3, 2],
    [3, 4],
    [2, 3],
    [1, 1],
  ]);
  expect(heap.pop()).toBeUndefined();
});
