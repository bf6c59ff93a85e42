// Shows what clients say while they run: quantiles since the last look, and times without answers.

import { expect, test } from "bun:test";
import { RecentLoad } from "../../src/evaluation/recent-load.ts";

test("quantiles are of what completed since the last look, within a tenth", () => {
  const recent = new RecentLoad();
  for (let i = 1; i <= 1000; i++) recent.completed(0, i / 10);
  const { count, p50Us, p99Us } = recent.takeLatency();
  expect(count).toBe(1000);
  expect(Math.abs(p50Us / 50_000 - 1)).toBeLessThan(0.1);
  expect(Math.abs(p99Us / 99_000 - 1)).toBeLessThan(0.1);
  expect(recent.takeLatency()).toEqual({ count: 0, p50Us: 0, p99Us: 0 });
});

test("latencies below a microsecond and beyond all bounds are counted", () => {
  const recent = new RecentLoad();
  recent.completed(5, 5);
  expect(recent.takeLatency().count).toBe(1);
  recent.completed(0, 1e12);
  expect(recent.takeLatency()).toMatchObject({ count: 1 });
});

test("a time without completions is a gap, once it is over; the last eight are kept", () => {
  const recent = new RecentLoad();
  recent.completed(0, 100);
  recent.completed(100, 139);
  expect(recent.gaps).toEqual([]);
  recent.completed(139, 810);
  expect(recent.gaps).toEqual([{ fromMs: 139, toMs: 810 }]);
  for (let i = 1; i <= 20; i++) recent.completed(0, 810 + 100 * i);
  expect(recent.gaps).toHaveLength(8);
  expect(recent.gaps.at(-1)).toEqual({ fromMs: 2710, toMs: 2810 });
});
