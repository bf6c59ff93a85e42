// Rates are read from what ./client prints each second.

import { expect, test } from "bun:test";
import { ratesIn } from "../../src/attack/progress.ts";
import { formatThroughput } from "../../src/evaluation/format.ts";

test("rates are those of the lines of seconds", () => {
  const line = (second: number, rate: number): string =>
    `${String(second).padStart(4)} s  ${formatThroughput(rate).padStart(32)}`;
  const output = [line(1, 0), line(2, 23_075.4), line(3, 1_234_567), "latency 3 s"].join("\n");
  expect(ratesIn(output)).toEqual([0, 23_075, 1_234_567]);
});
