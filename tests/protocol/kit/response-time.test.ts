// An answer is overdue when it takes much longer than answers do, within bounds, where packets are
// lost; elsewhere when it is late.

import { expect, test } from "bun:test";
import { ResponseTime } from "../../../src/protocol/kit/response-time.ts";

const BOUNDS = { leastMs: 10, lateMs: 125, latestMs: 500 };

/** Between 10 and 125 ms, of a network that lost something after an answer of 8 ms. */
function lossy(): ResponseTime {
  const responses = new ResponseTime(BOUNDS);
  responses.answered(8, null);
  loss(responses);
  return responses;
}

/** An answer was late, and came as long after the request was sent again as answers do. */
function loss(responses: ResponseTime): void {
  responses.late();
  responses.answered(1000, 500);
}

test("what was late was lost if even slow answers are not", () => {
  expect(lossy().overdueMs).toBe(24);
  const responses = new ResponseTime(BOUNDS);
  responses.answered(50, null);
  loss(responses);
  expect(responses.overdueMs).toBe(responses.lateMs);
  for (let i = 0; i < 4; i++) responses.answered(50, null);
  loss(responses);
  expect(responses.overdueMs).toBeLessThan(125);
});

test("an answer is late after the time of slow ones, within bounds", () => {
  const responses = new ResponseTime(BOUNDS);
  expect(responses.lateMs).toBe(125);
  responses.answered(30, null);
  expect(responses.lateMs).toBe(125);
  for (let i = 0; i < 100; i++) responses.answered(300, null);
  expect(responses.lateMs).toBeCloseTo(300);
  for (let i = 0; i < 100; i++) responses.answered(3000, null);
  expect(responses.lateMs).toBe(500);
  for (let i = 0; i < 100; i++) responses.answered(1, null);
  expect(responses.lateMs).toBe(125);
});

test("each that is late doubles the time likewise, though nothing was measured yet", () => {
  const responses = new ResponseTime(BOUNDS);
  responses.late();
  expect(responses.lateMs).toBe(250);
  responses.late();
  responses.late();
  expect(responses.lateMs).toBe(500);
  responses.answered(20, null);
  expect(responses.lateMs).toBe(125);
});

test("answers that take the same time are overdue soon after it, and not before the least", () => {
  const responses = lossy();
  for (let i = 0; i < 100; i++) responses.answered(20, null);
  expect(responses.overdueMs).toBeCloseTo(20);
  for (let i = 0; i < 100; i++) responses.answered(1, null);
  expect(responses.overdueMs).toBe(10);
});

test("answers that take now more, now less are given the time of the slow ones", () => {
  const responses = lossy();
  for (let i = 0; i < 100; i++) responses.answered(i % 2 === 0 ? 10 : 30, null);
  expect(responses.overdueMs).toBeGreaterThan(50);
  for (let i = 0; i < 10; i++) responses.answered(1000, null);
  expect(responses.overdueMs).toBe(500);
});

test("where nothing was lost for long, however long answers take, none is overdue early", () => {
  const responses = new ResponseTime(BOUNDS);
  for (let i = 0; i < 100; i++) responses.answered(20, null);
  expect(responses.overdueMs).toBe(125);
  loss(responses);
  responses.answered(20, null);
  expect(responses.overdueMs).toBeLessThan(30);
  for (let i = 1; i < 1023; i++) responses.answered(20, null);
  expect(responses.overdueMs).toBeLessThan(30);
  responses.answered(20, null);
  expect(responses.overdueMs).toBe(125);
});

test("each that is overdue doubles the time until an answer is measured once more", () => {
  const responses = lossy();
  for (let i = 0; i < 100; i++) responses.answered(20, null);
  const before = responses.overdueMs;
  responses.expired();
  responses.expired();
  expect(responses.overdueMs).toBeCloseTo(4 * before);
  responses.answered(20, null);
  expect(responses.overdueMs).toBeCloseTo(before);
});

test("an answer sooner after a repetition than answers take was slow, and nothing was lost", () => {
  const responses = new ResponseTime(BOUNDS);
  for (let i = 0; i < 100; i++) responses.answered(20, null);
  responses.late();
  responses.answered(130, 5);
  // It counts as measured.
  expect(responses.overdueMs).toBe(responses.lateMs);
  expect(responses.lateMs).toBeGreaterThan(125);
  for (let i = 0; i < 100; i++) responses.answered(130, 5);
  expect(responses.lateMs).toBeCloseTo(130);
  // What takes long anyway may have been lost or not.
  responses.answered(300, 100);
  expect(responses.overdueMs).toBe(responses.lateMs);
});
