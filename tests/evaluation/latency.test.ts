// Shows that latencies are summed up as they were recorded, within three digits, and drawn
// completely.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Latencies } from "../../src/evaluation/latency.ts";

const ns = fc.oneof(fc.integer({ min: 1, max: 1e5 }), fc.integer({ min: 1, max: 1e11 }));

test("the summary is what a sorted list says, within three digits", () => {
  fc.assert(
    fc.property(fc.array(ns, { minLength: 1, maxLength: 300 }), (all) => {
      const latencies = new Latencies();
      for (const value of all) latencies.record(value);
      const sorted = all.toSorted((a, b) => a - b);
      const rank = (share: number) =>
        sorted[Math.max(0, Math.ceil(share * all.length) - 1)]! / 1000;
      const sum = all.reduce((a, b) => a + b, 0);
      const expected = {
        ...{ min: rank(0), mean: sum / all.length / 1000, p50: rank(0.5), p90: rank(0.9) },
        ...{ p99: rank(0.99), p999: rank(0.999), max: rank(1) },
      };
      const summary = latencies.summary();
      for (const [name, value] of Object.entries(expected)) {
        const told = summary[name as keyof typeof summary];
        expect({ name, close: Math.abs(told - value) <= 0.002 * value + 0.001 }).toEqual({
          ...{ name, close: true },
        });
      }
      const { min, p50, p90, p99, p999, max } = summary;
      const order = [min, p50, p90, p99, p999, max];
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }),
  );
});

test("nothing recorded is all zeros and no chart; what is out of range counts as its end", () => {
  const latencies = new Latencies();
  const { max } = latencies.summary();
  expect({ max, chart: latencies.chart() }).toEqual({ max: 0, chart: "" });
  latencies.record(0);
  latencies.record(-5);
  latencies.record(1e15);
  expect(latencies.count).toBe(3);
  expect(latencies.summary()).toMatchObject({ min: 0.001, max: 1e9 });
});

test("the chart shows all of it, widest where there is most", () => {
  fc.assert(
    fc.property(fc.array(ns, { minLength: 1, maxLength: 200 }), (all) => {
      const latencies = new Latencies();
      for (const value of all) latencies.record(value);
      const rows = latencies.chart(20).split("\n");
      const shares = rows.map((row) => Number(/\| *([\d.]+) %$/.exec(row)?.[1]));
      expect(Math.min(...shares)).toBeGreaterThan(0);
      expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(100, 0);
      expect(rows.some((row) => row.includes("#".repeat(20)))).toBe(true);
    }),
  );
});

test("the chart has no row of nothing between many and one that is late", () => {
  const latencies = new Latencies();
  for (let i = 0; i < 100_000; i++) latencies.record(10_000);
  latencies.record(5e8);
  const rows = latencies.chart(10).split("\n");
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatch(/us \|#{10}\| 100.00 %$/);
  expect(rows[1]).toMatch(/us \|# {9}\|  <0.01 %$/);
});
