// An answer is overdue when it takes much longer than answers do, within bounds.

import { expect, test } from "bun:test";
import { ResponseTime } from "../../../src/protocol/kit/response-time.ts";

test("nothing is overdue before the most that it may be until something was measured", () => {
  const responses = new ResponseTime(10, 125);
  expect(responses.overdueMs).toBe(125);
  responses.measured(8);
  expect(responses.overdueMs).toBe(24);
});

test("answers that take the same time are overdue soon after it, and not before the least", () => {
  const responses = new ResponseTime(10, 125);
  for (let i = 0; i < 100; i++) responses.measured(20);
  expect(responses.overdueMs).toBeCloseTo(20);
  for (let i = 0; i < 100; i++) responses.measured(1);
  expect(responses.overdueMs).toBe(10);
});

test("answers that take now more, now less are given the time of the slow ones", () => {
  const responses = new ResponseTime(10, 125);
  for (let i = 0; i < 100; i++) responses.measured(i % 2 === 0 ? 10 : 30);
  expect(responses.overdueMs).toBeGreaterThan(50);
  for (let i = 0; i < 10; i++) responses.measured(1000);
  expect(responses.overdueMs).toBe(125);
});
