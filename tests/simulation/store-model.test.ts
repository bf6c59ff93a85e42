// Histories of stores with operations on records, scans among them: those of a real store pass, and
// one wrong answer, or a scan that is torn between two writes, is convicted.

import { describe, expect, test } from "bun:test";
import type { Bytes } from "../../src/actor.ts";
import { BtreeApp } from "../../src/app/btree.ts";
import {
  encodeRecord,
  encodeRecordOperation,
  encodeRecordResult,
  type RecordOperation,
  type RecordResult,
} from "../../src/app/record-operation.ts";
import { Random } from "../../src/base/seeded-random.ts";
import type { KvRecord } from "../../src/simulation/linearizability.ts";
import { checkStore } from "../../src/simulation/store-model.ts";
import { chooseWorkload } from "../../src/workload/index.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const text = (value: string): Bytes => new Uint8Array(Buffer.from(value));
const one = (value: string): Bytes => encodeRecord([text(value)]);

function asked(
  operation: RecordOperation,
  result: RecordResult | null,
  [invoked, returned]: readonly [number, number],
): KvRecord {
  const answer = result === null ? null : encodeRecordResult(result);
  return { op: encodeRecordOperation(operation), result: answer, invoked, returned };
}

const insert = (key: string, value: string, at: readonly [number, number]) =>
  asked({ kind: "insert", key: text(key), record: one(value) }, { kind: "done" }, at);
const scan = (rows: readonly (readonly [string, string])[], at: readonly [number, number]) =>
  asked(
    { kind: "scan", key: text(""), count: 9, field: null },
    { kind: "rows", rows: rows.map(([key, value]) => ({ key: text(key), value: one(value) })) },
    at,
  );

/** What clients of one store see, each operation at some time between its call and its return. */
function historyOf(seed: number, { clients, count }: { clients: number; count: number }) {
  const random = new Random(seed, "history");
  const dice = (bound: number) => random.int(bound);
  const workload = chooseWorkload("scanned", [], "btree").make({
    ...{ opSize: 8, random: dice, share: { index: 0, count: 1 } },
  });
  const asker = workload.asker({ record: () => {}, verified: () => {} });
  const calls: {
    readonly op: Bytes;
    readonly invoked: number;
    readonly at: number;
    returned: number;
  }[] = [];
  for (let client = 0; client < clients; client++) {
    let now = dice(100);
    for (let i = 0; i < count / clients; i++) {
      const at = now + dice(1000);
      const returned = at + dice(1000);
      calls.push({ op: asker.next(), invoked: now, at, returned });
      now = returned + 1 + dice(3000);
    }
  }
  const app = new BtreeApp();
  const history: KvRecord[] = [];
  for (const { op, invoked, returned } of calls.toSorted((a, b) => a.at - b.at)) {
    const result = app.execute(op).slice();
    app.commit(1);
    // Some answers are lost on their way.
    if (dice(200) === 0) history.push({ op, result: null, invoked, returned: Infinity });
    else history.push({ op, result, invoked, returned });
  }
  return history;
}

describe("histories of a store", () => {
  test("that is one pass, whatever the order of answers", () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(checkStore(historyOf(seed, { clients: 5, count: 200 }))).toBe("linearizable");
    }
  });

  test(
    "of ten clients and thousands of operations are judged in time",
    () => {
      expect(checkStore(historyOf(1, { clients: 10, count: 5000 }))).toBe("linearizable");
    },
    PATIENCE_MS,
  );

  test("with one answer of another time are convicted", () => {
    let convicted = 0;
    for (let seed = 0; seed < 20; seed++) {
      const history = historyOf(seed, { clients: 3, count: 200 });
      const scans = history.flatMap(({ op, result }, i) =>
        op[0] === 19 && result !== null ? [i] : [],
      );
      const [early = 0, late = 0] = [scans[2], scans.at(-3)];
      const wrong = history.with(late, { ...history[late]!, result: history[early]!.result });
      if (checkStore(wrong) === "not linearizable") convicted++;
    }
    expect(convicted).toBeGreaterThan(15);
  });
});

describe("a scan", () => {
  test("sees all that was before it, and may see what is at the same time", () => {
    const before = [insert("a", "1", [0, 1]), insert("b", "2", [10, 20])];
    expect(checkStore([...before, scan([["a", "1"]], [12, 18])])).toBe("linearizable");
    const both = [
      ["a", "1"],
      ["b", "2"],
    ] as const;
    expect(checkStore([...before, scan(both, [12, 18])])).toBe("linearizable");
    expect(checkStore([...before, scan([["a", "1"]], [30, 31])])).toBe("not linearizable");
    expect(checkStore([...before, scan([["b", "2"]], [12, 18])])).toBe("not linearizable");
  });

  test("that is torn is convicted, though each key by itself is in order", () => {
    // b is inserted after a was answered, and the scan has b without a.
    const torn = [insert("a", "1", [0, 5]), insert("b", "2", [6, 8]), scan([["b", "2"]], [1, 9])];
    expect(checkStore(torn)).toBe("not linearizable");
    const early = [
      ...torn.slice(0, 2),
      asked({ kind: "read", key: text("a"), field: null }, { kind: "not found" }, [1, 9]),
      asked(
        { kind: "read", key: text("b"), field: null },
        { kind: "record", record: one("2") },
        [1, 9],
      ),
    ];
    expect(checkStore(early)).toBe("linearizable");
  });
});

test("a refusal changes nothing, an operation of no store is an error", () => {
  const key = text("k");
  const refused = asked(
    { kind: "insert", key, record: one("1") },
    { kind: "error", error: "too large" },
    [0, 1],
  );
  const absent = asked({ kind: "read", key, field: null }, { kind: "not found" }, [2, 3]);
  expect(checkStore([refused, absent])).toBe("linearizable");
  const lost = asked({ kind: "update", key, fields: [] }, null, [0, Infinity]);
  expect(checkStore([lost, absent])).toBe("linearizable");
  const nothing = { op: Uint8Array.of(16), result: null, invoked: 0, returned: 1 };
  expect(() => checkStore([nothing])).toThrow("not of a store");
});
