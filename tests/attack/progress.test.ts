// Rates are read from what ./client prints each second.

import { expect, test } from "bun:test";
import { isLevel, ratesIn } from "../../src/attack/progress.ts";
import { formatThroughput } from "../../src/evaluation/format.ts";

test("rates are those of the lines of seconds", () => {
  const line = (second: number, rate: number): string =>
    `${String(second).padStart(4)} s  ${formatThroughput(rate).padStart(32)}`;
  const output = [line(1, 0), line(2, 23_075.4), line(3, 1_234_567), "latency 3 s"].join("\n");
  expect(ratesIn(output)).toEqual([0, 23_075, 1_234_567]);
});

test("a load is level once three seconds bring little more than the three before, and something", () => {
  const climbing = [100, 2000, 6000, 9000, 11_000, 12_500];
  expect(climbing.map((_, i) => isLevel(climbing.slice(0, i + 1)))).not.toContain(true);
  expect(isLevel([...climbing, 12_800, 12_400])).toBe(false);
  expect(isLevel([...climbing, 12_800, 12_400, 13_000, 12_600])).toBe(true);
  expect(isLevel([9000, 9000, 9000, 8000, 8000, 8000])).toBe(true);
  expect(isLevel([0, 0, 0, 0, 0, 0])).toBe(false);
});
