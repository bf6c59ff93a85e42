// Shows that what has to be done at the end is done though something before it fails.

import { expect, test } from "bun:test";
import { everyStep, RunError } from "../../src/base/errors.ts";

test("every step is taken, and all that the outside world refused is told", () => {
  const taken: number[] = [];
  const step = (i: number, error?: Error) => () => {
    taken.push(i);
    if (error !== undefined) throw error;
  };
  everyStep(step(1), step(2));
  expect(() => everyStep(step(3, new RunError("full")), step(4))).toThrow(/^full$/);
  const both = [step(5, new RunError("full")), step(6, new RunError("shut")), step(7)];
  expect(() => everyStep(...both)).toThrow(/^full; shut$/);
  const ours = [step(8, new RunError("full")), step(9, new TypeError("ours"))];
  expect(() => everyStep(...ours)).toThrow(TypeError);
  expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
