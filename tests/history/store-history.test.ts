// Histories of clients of an ordered store are read with their scans, judged as one, and what is
// wrong is told with the rows that a scan saw.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BtreeApp } from "../../src/app/btree.ts";
import {
  encodeRecord,
  encodeRecordOperation,
  encodeRecordResult,
} from "../../src/app/record-operation.ts";
import { encodeKvOperation } from "../../src/app/operation.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { HistoryWriter } from "../../src/evaluation/history.ts";
import { judgeHistory } from "../../src/history/judge-history.ts";
import { describeRecord } from "../../src/history/key-history.ts";
import { parseHistory, readHistory } from "../../src/history/read-history.ts";
import { STEPS_MAX } from "../../src/simulation/linearizability.ts";
import { chooseWorkload } from "../../src/workload/index.ts";

const folder = mkdtempSync(join(tmpdir(), "oskr-store-history-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (value: string) => new Uint8Array(Buffer.from(value));
const SCAN = encodeRecordOperation({ kind: "scan", key: text("a"), count: 5, field: null });

/** What a client says of a store, at one time after another. */
function writer() {
  let nowMs = 0;
  const history = new HistoryWriter(() => nowMs);
  const tell = (client: number, op: Uint8Array, result: Uint8Array | null) => {
    history.invoked(client, op);
    nowMs += 2;
    if (result !== null) history.returned(client, result);
    nowMs += 1;
  };
  return { history, tell };
}

test("what clients of a workload with scans saw of one store is linearizable", () => {
  const random = new Random(3, "store history");
  const workload = chooseWorkload("scanned", [], "btree").make({
    ...{ opSize: 4, random: (bound) => random.int(bound), share: { index: 0, count: 1 } },
  });
  const asker = workload.asker({ record: () => {}, verified: () => {} });
  const app = new BtreeApp();
  const { history, tell } = writer();
  const kinds = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const op = asker.next();
    kinds.add(op[0] ?? 0);
    const result = app.execute(op);
    app.commit(1);
    tell(i % 3, op, random.int(30) === 0 ? null : result.slice());
  }
  // Delete, read, insert, update and scan.
  expect([...kinds].toSorted((a, b) => a - b)).toEqual([4, 16, 17, 18, 19]);
  const path = join(folder, "history.json");
  writeFileSync(path, JSON.stringify(history.entries));
  const read = readHistory(path);
  expect(judgeHistory(read, STEPS_MAX)).toMatchObject({ verdict: "linearizable", keys: 5 });
});

test("a scan that nothing explains is told with its rows, and what was asked before it", () => {
  const { history, tell } = writer();
  const record = encodeRecord([text("one"), text("two")]);
  tell(0, encodeRecordOperation({ kind: "insert", key: text("a"), record }), Uint8Array.of(16));
  const fields = [{ index: 1, value: text("new") }];
  tell(1, encodeRecordOperation({ kind: "update", key: text("a"), fields }), Uint8Array.of(16));
  tell(1, encodeKvOperation({ kind: "get", key: text("b") }), Uint8Array.of(0));
  const stale = encodeRecordResult({ kind: "rows", rows: [{ key: text("a"), value: record }] });
  tell(2, SCAN, stale);
  const read = parseHistory(JSON.stringify(history.entries), "h");
  const { verdict, violation } = judgeHistory(read, STEPS_MAX);
  expect(verdict).toBe("not linearizable");
  const told = (one: Parameters<typeof describeRecord>[0]) => describeRecord(one, "ms");
  expect(violation === null ? "" : told(violation.culprit)).toBe(
    'client 2, 9.000 ms to 11.000 ms: scan 5 from "a", which saw "a" ("one", "two")',
  );
  expect(violation?.before.map(told)).toEqual([
    'client 0, 0.000 ms to 2.000 ms: insert "a" ("one", "two"): done',
    'client 1, 3.000 ms to 5.000 ms: update "a" field 1 "new": done',
    'client 1, 6.000 ms to 8.000 ms: get "b", which saw nothing',
  ]);
});

test("an operation of no store among them is refused by its place", () => {
  const { history, tell } = writer();
  tell(0, SCAN, null);
  tell(0, Uint8Array.of(99), null);
  expect(() => parseHistory(JSON.stringify(history.entries), "h.json")).toThrow(
    "h.json: operation 1: none of a store",
  );
});
