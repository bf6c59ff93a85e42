// Patience counts time that the process had, and little of one long step.

import { expect, test } from "bun:test";
import { Patience } from "../../src/base/patience.ts";

test("steps add up, however long they are, but one in which the machine stood still", () => {
  const patience = new Patience(1000);
  expect(patience.spent(1000)).toBe(0);
  expect(patience.spent(1001)).toBe(1);
  expect(patience.spent(2001)).toBe(1001);
  expect(patience.spent(90_000)).toBe(2501);
  for (let second = 1; second <= 5; second++) patience.spent(90_000 + 1000 * second);
  expect(patience.spent(95_000)).toBe(7501);
});
