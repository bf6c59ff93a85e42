// Shows that distributions keep percentiles within about 1 %, and that several client processes make
// the result that one process with all of their clients would have had.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mergeDistributions, percentileOf, totalOf } from "../../src/evaluation/distribution.ts";
import { Latencies } from "../../src/evaluation/latency.ts";
import { mergeRecords } from "../../src/evaluation/merge.ts";
import type { Profile } from "../../src/profile/profile.ts";
import type { ResultRecord } from "../../src/evaluation/record.ts";
import { recordOf, SEQUENCER_SETTING, SETTING } from "../support/records.ts";

const ns = fc.oneof(fc.integer({ min: 1, max: 1e5 }), fc.integer({ min: 1, max: 1e10 }));
const sample = fc.array(ns, { minLength: 1, maxLength: 150 });
const PERCENTS = [0.1, 10, 50, 90, 99, 99.9, 100];

function distributionOfAll(all: readonly number[]) {
  const latencies = new Latencies();
  for (const value of all) latencies.record(value);
  return latencies.distribution();
}

/** The value that so many percent do not exceed, in microseconds. */
function exact(all: readonly number[], percent: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  return (sorted[Math.max(1, Math.ceil((percent / 100) * all.length)) - 1] ?? 0) / 1000;
}

/** Its bucket ends at most 1.2 % above it: the grid's 1 %, and the histogram's. */
function expectClose(told: number, value: number) {
  expect(told).toBeGreaterThanOrEqual(value * 0.9989);
  expect(told).toBeLessThanOrEqual(value * 1.012 + 0.001);
}

describe("distributions", () => {
  test("give the percentiles of what was recorded, within about 1 %", () => {
    fc.assert(
      fc.property(sample, (all) => {
        const distribution = distributionOfAll(all);
        expect(totalOf(distribution)).toBe(all.length);
        const ends = distribution.map(([us]) => us);
        expect(ends).toEqual([...new Set(ends)].toSorted((a, b) => a - b));
        for (const percent of PERCENTS) {
          expectClose(percentileOf(distribution, percent), exact(all, percent));
        }
      }),
    );
  });

  test("merged they are those of all together, in any grouping", () => {
    fc.assert(
      fc.property(sample, sample, sample, (a, b, c) => {
        const [da, db, dc] = [a, b, c].map(distributionOfAll) as [never, never, never];
        const merged = mergeDistributions([da, db, dc]);
        expect(mergeDistributions([mergeDistributions([da, db]), dc])).toEqual(merged);
        expect(totalOf(merged)).toBe(a.length + b.length + c.length);
        for (const percent of PERCENTS) {
          expectClose(percentileOf(merged, percent), exact([...a, ...b, ...c], percent));
        }
      }),
    );
  });

  test("hold some hundreds of buckets at most, however far the latencies lie apart", () => {
    const everywhere = Array.from({ length: 20_000 }, (_, i) => Math.ceil(1.001 ** i));
    const wide = distributionOfAll(everywhere);
    expect(wide.length).toBeLessThanOrEqual(500);
    expect(wide.length).toBeGreaterThan(200);
    expect(totalOf(wide)).toBe(20_000);
    // Every fourth or eighth end only: still the right order of magnitude, and never too low.
    const middle = exact(everywhere, 50);
    expect(percentileOf(wide, 50)).toBeGreaterThanOrEqual(middle * 0.999);
    expect(percentileOf(wide, 50)).toBeLessThan(middle * 1.1);
  });

  test("nothing has no percentiles", () => {
    expect(distributionOfAll([])).toEqual([]);
    expect(percentileOf([], 50)).toBe(0);
  });
});

describe("merging records", () => {
  test("Z28 the share of the fast path is that of the operations of all", () => {
    const fast = recordOf(new Array<number>(300).fill(10), { fastPath: 1 });
    const slow = recordOf(new Array<number>(100).fill(10), { fastPath: 0.2 });
    expect(mergeRecords([fast, slow]).fastPath).toBeCloseTo(0.8, 6);
    const none = recordOf([10], {});
    expect(mergeRecords([none, none])).not.toHaveProperty("fastPath");
  });

  test("adds up counts and throughput, and computes percentiles of all latencies", () => {
    const fast = Array.from({ length: 900 }, (_, i) => 10 + (i % 10));
    const slow = Array.from({ length: 100 }, (_, i) => 1000 + i);
    const one = recordOf(fast, {
      ...{
        clients: 3,
        rate: 900,
        retransmissions: 2,
        dropped: { late: 1 },
        notAdmitted: { old: 2 },
        replySize: 8,
      },
      ...{ loop: "open", unserved: 4, seconds: 1, longestGapMs: 7 },
    });
    const two = recordOf(slow, {
      ...{
        clients: 2,
        rate: 100,
        retransmissions: 5,
        dropped: { late: 2, lost: 3 },
        notAdmitted: { old: 5 },
        replySize: 18,
      },
      ...{ loop: "open", unserved: 6, seconds: 1.01, longestGapMs: 90 },
    });
    const merged = mergeRecords([one, { ...two, eachSecond: [98, 2] }]);
    expect(merged.eachSecond).toEqual([998, 2]);
    expect(merged).toMatchObject({
      ...{ clients: 5, clientProcesses: 2, rate: 1000, operations: 1000, throughput: 1000 },
      ...{
        retransmissions: 7,
        dropped: { late: 3, lost: 3 },
        notAdmitted: { old: 7 },
        unserved: 10,
        seconds: 1.01,
      },
      ...{ replySize: 9, longestGapMs: 90, mode: "pbft", loop: "open" },
    });
    const { min, mean, p50, p90, p99, max } = merged.latency;
    expect({ min, max }).toEqual({ min: one.latency.min, max: two.latency.max });
    expect(mean).toBeCloseTo(0.9 * one.latency.mean + 0.1 * two.latency.mean, 2);
    expectClose(p50, 15);
    expectClose(p90, 19);
    expectClose(p99, 1089);
    expect(max).toBeGreaterThanOrEqual(merged.latency.p999);
    expect(totalOf(merged.distribution)).toBe(1000);
    expect(merged).not.toHaveProperty("interrupted");
  });

  test("of a run that was interrupted says so, whichever process was", () => {
    const [whole, part] = [recordOf([1], {}), recordOf([2], { interrupted: true })];
    expect(mergeRecords([whole, part]).interrupted).toBe(true);
    expect(mergeRecords([part, whole]).interrupted).toBe(true);
    expect(mergeRecords([part]).interrupted).toBe(true);
  });

  test("one record is itself, and none is nothing", () => {
    const record = recordOf([1, 2, 3]);
    expect(mergeRecords([record])).toBe(record);
    expect(() => mergeRecords([])).toThrow("no records");
  });

  test("a process that measured nothing counts as a process", () => {
    const merged = mergeRecords([recordOf([10, 20]), recordOf([])]);
    expect(merged).toMatchObject({ clientProcesses: 2, clients: 8, operations: 2, throughput: 2 });
    expect(merged.latency).toMatchObject({ min: 10, max: 20 });
    expect(merged.latency.mean).toBeCloseTo(15, 1);
    expect(mergeRecords([recordOf([]), recordOf([])]).latency.p50).toBe(0);
  });

  test("FW8 what a sequencer told any of them is told of all", () => {
    const stamps = (...sequencer: NonNullable<ResultRecord["roles"]>[string]) =>
      recordOf([1], { roles: { sequencer } });
    const all = [stamps({ kind: "fabric" }, null), stamps({ kind: "fabric" }, SEQUENCER_SETTING)];
    for (const records of [all, all.toReversed()]) {
      expect(mergeRecords(records).roles).toEqual({
        sequencer: [{ kind: "fabric" }, SEQUENCER_SETTING],
      });
    }
    expect(mergeRecords([recordOf([1]), recordOf([1])])).not.toHaveProperty("roles");
  });

  test("what a replica told any of them is told of all", () => {
    const one = recordOf([1], { replicas: [SETTING, null, null] });
    const two = recordOf([1], { replicas: [null, null, SETTING] });
    expect(mergeRecords([one, two]).replicas).toEqual([SETTING, null, SETTING]);
  });

  test("what replicas run is what those processes know that enough replicas told", () => {
    const busy = { ...SETTING, batch: 100, workers: 7, idle: "busy" };
    const deaf = recordOf([1], { replicas: [busy, null, null, null], batch: 1 });
    const told = recordOf([1], { replicas: [busy, busy, busy, null], batch: 100 });
    for (const both of [
      [deaf, told],
      [told, deaf],
    ]) {
      expect(mergeRecords(both)).toMatchObject({ batch: 100, workers: 7, idle: "busy" });
    }
    const other = recordOf([1], { replicas: [busy, busy, busy, null], batch: 50 });
    expect(() => mergeRecords([told, other])).toThrow("batch is 100 in one, 50 in another");
  });

  test("processes may differ in their processors, and in nothing else that they have", () => {
    const { client } = recordOf([1]);
    const of = (more: object) => recordOf([1], { client: { ...client, ...more } });
    expect(mergeRecords([of({ mask: "1" }), of({ mask: "2" })]).clientProcesses).toBe(2);
    expect(() => mergeRecords([of({}), of({ workers: 3 })])).toThrow(
      "records of different runs: workers is 1 in one, 3 in another",
    );
  });

  test.each([
    ["mode", { mode: "hotstuff" }],
    ["n", { n: 7 }],
    ["loop", { loop: "open" }],
    ["batch", { batch: 100 }],
    ["batchBytes", { batchBytes: 4096 }],
    ["signature", { signature: "each" }],
    ["opSize", { opSize: 100 }],
    ["warmSeconds", { warmSeconds: 1 }],
    ["host", { host: { cpu: "other", cores: 2, kernel: "6" } }],
    ["versions", { versions: { oskr: "3" } }],
  ] as const)("different settings are refused: %s", (name, more: Partial<ResultRecord>) => {
    const records = [recordOf([1]), recordOf([1]), recordOf([1], more)];
    expect(() => mergeRecords(records)).toThrow(`records of different runs: ${name} is`);
  });

  test("profiles are those of all threads' time together", () => {
    const profile = (seconds: number, receive: number): Profile => ({
      shares: {
        ...{ receive, decode: 0, check: 0, protocol: 0.25, encode: 0, send: 0, help: 0 },
        ...{ idle: 0.75 - receive, other: 0 },
      },
      seconds,
      signatures: { signed: 1, roots: 2, verified: 3, cached: 4 },
      waits: { checks: seconds, checkUs: 10 * seconds, signs: 0, signUs: 0 },
      operations: 10,
    });
    const [one, two] = [profile(1, 0.1), profile(3, 0.5)].map((of) =>
      recordOf([1], { profile: of }),
    );
    const merged = mergeRecords([one, two] as [ResultRecord, ResultRecord]).profile;
    expect(merged?.shares.receive).toBeCloseTo(0.4, 9);
    expect(merged?.shares.protocol).toBeCloseTo(0.25, 9);
    expect(merged).toMatchObject({
      ...{ seconds: 4, operations: 20 },
      signatures: { signed: 2, roots: 4, verified: 6, cached: 8 },
      waits: { checks: 4, checkUs: 25, signs: 0, signUs: 0 },
    });
    expect(mergeRecords([one as ResultRecord, recordOf([1])]).profile).toBeUndefined();
  });
});
