// Shows that each kind of operation is told by itself, as YCSB does, and that an operation which
// belongs to another one is asked behind it.

import { expect, test } from "bun:test";
import type { Bytes, Client } from "../../src/actor.ts";
import { BtreeApp } from "../../src/app/btree.ts";
import { encodeRecord, encodeRecordOperation } from "../../src/app/record-operation.ts";
import { ClosedLoop } from "../../src/evaluation/closed-loop.ts";
import { formatKinds, KindTally, type KindResults } from "../../src/evaluation/kinds.ts";
import { LoadingRun } from "../../src/evaluation/loading.ts";
import { mergeRecords } from "../../src/evaluation/merge.ts";
import { formatRecord } from "../../src/evaluation/record.ts";
import { chooseWorkload } from "../../src/workload/index.ts";
import { FakeClock } from "../support/fakes.ts";
import { recordOf } from "../support/records.ts";

/** What was counted of operations that took so many milliseconds each. */
function counted(...operations: readonly (readonly [kind: string, status: string, ms: number])[]) {
  const tally = new KindTally((startedMs) => startedMs >= 0);
  for (const [kind, status, ms] of operations) tally.record(kind, status, 0, ms);
  return tally;
}

function resultsOf(tally: KindTally): KindResults {
  if (tally.results === null) throw new Error("nothing was counted");
  return tally.results;
}

test("what is measured is counted by kind and status, what is verified always", () => {
  const tally = counted(["UPDATE", "OK", 2], ["READ", "OK", 1], ["READ", "NOT_FOUND", 3]);
  tally.record("READ", "OK", -1, 5);
  tally.verified("OK");
  expect(resultsOf(tally)).toMatchObject({
    READ: { operations: 2, returns: { OK: 1, NOT_FOUND: 1 } },
    UPDATE: { operations: 1, returns: { OK: 1 }, latency: { max: 2000 } },
  });
  expect(Object.keys(resultsOf(tally))).toEqual(["READ", "UPDATE"]);
  expect(tally.verification).toEqual({ OK: 1 });
  const none = new KindTally(() => true);
  expect([none.results, none.verification]).toEqual([null, null]);
});

test("a record prints them as YCSB does, above its latency", () => {
  const tally = counted(["READ", "OK", 1], ["READ", "OK", 3]);
  tally.verified("OK");
  const kinds = resultsOf(tally);
  const lines = formatKinds(kinds, { OK: 7 }).split("\n");
  expect(lines).toEqual([
    "[READ], Operations, 2",
    `[READ], AverageLatency(us), ${kinds["READ"]?.latency.mean}`,
    "[READ], MinLatency(us), 1000",
    "[READ], MaxLatency(us), 3000",
    `[READ], 50thPercentileLatency(us), ${kinds["READ"]?.latency.p50}`,
    `[READ], 95thPercentileLatency(us), ${kinds["READ"]?.p95}`,
    `[READ], 99thPercentileLatency(us), ${kinds["READ"]?.latency.p99}`,
    "[READ], Return=OK, 2",
    "[VERIFY], Return=OK, 7",
  ]);
  const properties = { recordcount: 1000, fieldcount: 10, fieldlength: 100 };
  const text = formatRecord(
    recordOf([1], {
      ...{ app: "btree", workload: "ycsb:C", kinds, verified: { OK: 7 } },
      ycsb: { load: "replicas", properties },
    }),
  );
  expect(text.startsWith(`${lines.join("\n")}\nlatency (us)`)).toBe(true);
  expect(text).toContain("app btree, ycsb:C, 1000 records of 10 x 100 bytes, ");
});

test("those of several processes are one", () => {
  const [one, two] = [
    resultsOf(counted(["READ", "OK", 1], ["SCAN", "OK", 9])),
    resultsOf(counted(["READ", "OK", 3], ["READ", "ERROR", 5])),
  ];
  const { kinds, verified } = mergeRecords([
    recordOf([1], { kinds: one, verified: { OK: 3 } }),
    recordOf([1], { kinds: two, verified: { OK: 1, ERROR: 2 } }),
  ]);
  expect(kinds?.["READ"]).toMatchObject({
    ...{ operations: 3, returns: { OK: 2, ERROR: 1 } },
    latency: { min: 1000, max: 5000 },
    p95: 5000,
  });
  expect(kinds?.["READ"]?.latency.mean).toBeCloseTo(3000, -1);
  expect(kinds?.["SCAN"]).toEqual(one["SCAN"]);
  expect(verified).toEqual({ OK: 4, ERROR: 2 });
  expect(mergeRecords([recordOf([1]), recordOf([2])])).not.toHaveProperty("kinds");
});

/** A client of this application, whose answers take two milliseconds. */
function clientOf(app: BtreeApp, clock: FakeClock, asked: Bytes[] = []): Client<object, string> {
  return {
    ...{ retransmissions: 0, receive: () => {}, timeout: () => {} },
    invoke(op, done) {
      asked.push(op);
      clock.after(2, () => done(app.execute(op)));
    },
  };
}

test("an operation that belongs to another one is asked behind it, and both are measured", () => {
  const clock = new FakeClock();
  const app = new BtreeApp();
  const asked: Bytes[] = [];
  const client = clientOf(app, clock, asked);
  const choice = chooseWorkload(
    "ycsb:F",
    ["readproportion=0", "readmodifywriteproportion=1", "recordcount=3"],
    "btree",
  );
  for (let i = 0; i < 3; i++) app.execute(choice.loading?.operation(i) ?? new Uint8Array(0));
  const workload = choice.make({
    ...{ opSize: 0, share: { index: 0, count: 1 } },
    random: (bound) => Math.floor(bound / 3),
  });
  const load = new ClosedLoop({
    ...{ clients: [client], workload, clock, thinkMs: 0, history: null },
    ...{ warmMs: 0, measureMs: 100 },
  });
  while (!load.finished) clock.advance(1);
  const kinds = resultsOf(load.kinds);
  expect(Object.keys(kinds)).toEqual(["READ", "READ-MODIFY-WRITE", "UPDATE"]);
  expect(kinds["READ-MODIFY-WRITE"]?.latency.min).toBe(2 * (kinds["READ"]?.latency.min ?? 0));
  // One and the other by turns.
  expect(asked.map((op, i) => (op[0] ?? 0) === (i % 2 === 0 ? 16 : 18)).every(Boolean)).toBe(true);
  expect(load.measured).toBe((kinds["READ"]?.operations ?? 0) + (kinds["UPDATE"]?.operations ?? 0));
});

test("clients load each record once, and say what the store refused", () => {
  const clock = new FakeClock();
  const app = new BtreeApp();
  const { loading } = chooseWorkload("ycsb:A", ["recordcount=20"], "btree");
  if (loading === null) throw new Error("nothing to load");
  const clients = [1, 2, 3].map(() => clientOf(app, clock));
  const first = new LoadingRun(clients, loading);
  expect(first.over).toBe(false);
  while (!first.over) clock.advance(1);
  expect(first).toMatchObject({ done: 20, there: 0, refusal: null, lost: 0 });
  const again = new LoadingRun(clients, loading);
  while (!again.over) clock.advance(1);
  expect(again).toMatchObject({ done: 0, there: 20, refusal: null });
  const large = encodeRecord([new Uint8Array(2 * 1024 * 1024)]);
  const refused = new LoadingRun(clients, {
    count: 5,
    operation: () =>
      encodeRecordOperation({ kind: "insert", key: new Uint8Array(1), record: large }),
  });
  while (!refused.over) clock.advance(1);
  expect(refused.refusal).toBe("malformed");
});
