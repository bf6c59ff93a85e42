// Shows that clients' counts are those of the measured time.

import { expect, test } from "bun:test";
import { MeasuredCounts } from "../../src/evaluation/measured-counts.ts";

/** Two clients, and a clock that goes on to one time after another. */
function begin(fastPath: boolean) {
  const calls: { readonly ms: number; readonly call: () => void }[] = [];
  const after = (ms: number, call: () => void) => {
    calls.push({ ms, call });
    return { cancel: () => {}, again: () => {} };
  };
  const clients = [0, 1].map(() => ({
    retransmissions: 0,
    ...(fastPath && { fastPath: { operations: 0, fast: 0 } }),
  }));
  const measured = new MeasuredCounts({
    ...{ clients, clock: { after } },
    ...{ warmMs: 100, measureMs: 1000 },
  });
  const until = (ms: number): void => {
    for (const { call } of calls.filter((one) => one.ms === ms)) call();
  };
  /** Each client sends so many requests again, and does so many operations. */
  const work = (again: number, operations: number, fast: number): void => {
    for (const client of clients) {
      client.retransmissions += again;
      if (client.fastPath === undefined) continue;
      client.fastPath.operations += operations;
      client.fastPath.fast += fast;
    }
  };
  return { measured, until, work };
}

test("neither the warm-up nor what follows counts", () => {
  const { measured, until, work } = begin(true);
  work(5, 10, 0);
  until(100);
  work(2, 8, 6);
  until(1100);
  work(7, 10, 0);
  expect(measured.counts).toEqual({ retransmissions: 4, fastPath: 0.75 });
});

test("what was interrupted counts until then", () => {
  const { measured, until, work } = begin(true);
  work(5, 10, 10);
  until(100);
  work(1, 0, 0);
  expect(measured.counts).toEqual({ retransmissions: 2, fastPath: 0 });
});

test("a protocol without a fast path has no share of one", () => {
  const { measured, until, work } = begin(false);
  until(100);
  work(3, 0, 0);
  until(1100);
  expect(measured.counts).toEqual({ retransmissions: 6 });
});
