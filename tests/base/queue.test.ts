// Shows that Queue is first in, first out, and that the newest can be taken back, whatever is done in
// between.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Queue } from "../../src/base/queue.ts";

/** Numbers to push; others take one out, the oldest or the newest. */
const steps = fc.array(
  fc.oneof({ weight: 3, arbitrary: fc.nat(20) }, fc.constantFrom("shift", "pop")),
  { maxLength: 200 },
);

test("a queue does what an array does", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      for (const step of all) {
        if (step === "shift") expect(queue.shift()).toBe(model.shift());
        else if (step === "pop") expect(queue.pop()).toBe(model.pop());
        else {
          queue.push(Number(step));
          model.push(Number(step));
        }
        expect(queue.length).toBe(model.length);
        expect(queue.peek()).toBe(model[0]);
      }
    }),
  );
});

test("a queue that is never empty keeps its order over many thousands", () => {
  const queue = new Queue<number>();
  let pushed = 0;
  let taken = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 100 + (round % 7); i++) queue.push(pushed++);
    for (let i = 0; i < 100 - (round % 5); i++) expect(queue.shift()).toBe(taken++);
    expect(queue.length).toBe(pushed - taken);
  }
  while (taken < pushed) expect(queue.shift()).toBe(taken++);
  expect(queue.shift()).toBeUndefined();
});
