// Shows that what a leader may have under way follows from how long batches take.

import { expect, test } from "bun:test";
import { UnderWay, UNDER_WAY_LEAST } from "../../../src/protocol/kit/under-way.ts";

const MIB = 1024 * 1024;

/** Mebibytes for each of so many batches, which take so long as `takes` says of the bytes. */
function during(batches: number, takes: (bytes: number) => number, limit: UnderWay): number[] {
  return Array.from({ length: batches }, () => {
    limit.executed(takes(limit.bytes));
    return limit.bytes / MIB;
  });
}

/** 100 ms there and back, 125 MB a second; 1 ms, 45 MB a second. */
const wide = (bytes: number) => 100 + bytes / 125_000;
const narrow = (bytes: number) => 1 + bytes / 45_000;

test("X11 P12 where distance is what takes long, as much is under way as may be", () => {
  const most = during(2000, wide, new UnderWay(12 * MIB)).filter((mib) => mib > 11);
  // Each period begins with little.
  expect(most.length).toBeGreaterThan(1700);
});

test("X11 P12 where bytes are what takes long, not many more are than keep the network busy", () => {
  const limit = new UnderWay(12 * MIB);
  expect(Math.max(...during(5000, narrow, limit))).toBeLessThan(3);
  // It grows wide.
  expect(Math.max(...during(2000, wide, limit))).toBeGreaterThan(11);
});

test("X11 P12 batches that others had committed say nothing, and small bounds are kept", () => {
  const limit = new UnderWay(12 * MIB);
  expect(limit.bytes).toBe(UNDER_WAY_LEAST);
  limit.executed(0);
  expect(Math.max(...during(100, () => 20, limit))).toBe(12);
  const small = new UnderWay(1000);
  expect(new Set(during(1000, (bytes) => bytes, small))).toEqual(new Set([1000 / MIB]));
});
