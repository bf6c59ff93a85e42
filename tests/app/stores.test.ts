// Shows what the applications do: every store against a plain model, snapshots that know no history,
// and undoing.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes } from "../../src/actor.ts";
import { BtreeApp } from "../../src/app/btree.ts";
import { KvApp } from "../../src/app/kv.ts";
import { SqliteApp } from "../../src/app/sqlite.ts";
import type { Store } from "../../src/app/store.ts";
import {
  applyKvOperation,
  decodeKvOperation,
  decodeKvResult,
  encodeKvOperation,
  encodeState,
  KEY_MAX,
  VALUE_MAX,
  type KvOperation,
  type KvResult,
} from "../../src/app/operation.ts";
import { apps, isOrdered, isStore } from "../../src/app/index.ts";
import {
  decodeRecord,
  decodeRecordOperation,
  decodeRecordResult,
  encodeRecord,
  encodeRecordOperation,
  encodeRecordResult,
  type RecordOperation,
  type RecordResult,
  type Row,
} from "../../src/app/record-operation.ts";
import { allocatedBytes } from "../../src/base/large-arrays.ts";
import { bytesOf, EMPTY, latin1 } from "../../src/wire.ts";
import { changedBytes, partsOf, restoreAll, stateIn } from "../support/states.ts";

const text = (value: string): Bytes => new TextEncoder().encode(value);

const key = fc.constantFrom(...["", "a", "b", "\u0080", "a\u0000"].map(text));
const value = fc.uint8Array({ maxLength: 4 });
const operation: fc.Arbitrary<KvOperation> = fc.oneof(
  fc.record({ kind: fc.constantFrom("get" as const, "delete" as const), key }),
  fc.record({ kind: fc.constantFrom("put" as const, "append" as const), key, value }),
  fc.record({
    ...{ kind: fc.constant("compareAndSet" as const), key, value },
    expected: fc.option(fc.oneof(value, fc.constant(EMPTY))),
  }),
);
const operations = fc.array(operation, { maxLength: 30 });

const field = fc.option(fc.nat(3));
const record = fc.array(value, { maxLength: 4 }).map(encodeRecord);
const recordOperation: fc.Arbitrary<RecordOperation> = fc.oneof(
  fc.record({ kind: fc.constant("read" as const), key, field }),
  fc.record({ kind: fc.constant("insert" as const), key, record }),
  fc.record({
    ...{ kind: fc.constant("update" as const), key },
    fields: fc.array(fc.record({ index: fc.nat(4), value }), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("scan" as const), key, count: fc.nat(6), field }),
);

/** What a store is to do, on a plain array of rows, with whole states to go back to. */
class Model {
  readonly #ordered: boolean;
  #rows: readonly Row[] = [];
  /** Before each operation that can be undone. */
  #before: (readonly Row[])[] = [];

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  execute(op: Bytes): Bytes {
    this.#before.push(this.#rows);
    const onRecords = (op[0] ?? 0) >= 16;
    const operation = onRecords ? decodeRecordOperation(op) : decodeKvOperation(op);
    if (operation === null) return Uint8Array.of(2);
    const { key } = operation;
    const before = this.#rows.find((row) => Buffer.compare(row.key, key) === 0)?.value ?? null;
    if ("value" in operation || operation.kind === "get" || operation.kind === "delete") {
      this.#put(key, applyKvOperation(operation, before));
      return bytesOf((out) => encodeState(before, out));
    }
    return encodeRecordResult(this.#record(operation, before));
  }

  #record(operation: RecordOperation, before: Bytes | null): RecordResult {
    const none = { kind: "error", error: "no record" } as const;
    const chosen = (of: Bytes, index: number | null): Bytes | null => {
      const fields = decodeRecord(of);
      if (index === null) return fields === null ? null : of;
      const one = fields?.[index];
      return one === undefined ? null : encodeRecord([one]);
    };
    if (operation.kind === "scan") {
      if (!this.#ordered) return { kind: "error", error: "no order" };
      const rows = this.#rows
        .filter((row) => Buffer.compare(row.key, operation.key) >= 0)
        .slice(0, operation.count)
        .map((row) => ({ key: row.key, value: chosen(row.value, operation.field) }));
      if (rows.some((row) => row.value === null)) return none;
      return { kind: "rows", rows: rows as readonly Row[] };
    }
    if (operation.kind === "insert") {
      if (before !== null) return { kind: "exists" };
      this.#put(operation.key, operation.record);
      return { kind: "done" };
    }
    if (before === null) return { kind: "not found" };
    if (operation.kind === "read") {
      const of = chosen(before, operation.field);
      return of === null ? none : { kind: "record", record: of };
    }
    const fields = decodeRecord(before)?.slice();
    if (fields === undefined) return none;
    const { length } = fields;
    for (const { index, value } of operation.fields) fields[index] = value;
    if (operation.fields.some(({ index }) => index >= length)) return none;
    this.#put(operation.key, encodeRecord(fields));
    return { kind: "done" };
  }

  #put(key: Bytes, value: Bytes | null): void {
    const others = this.#rows.filter((row) => Buffer.compare(row.key, key) !== 0);
    const rows = value === null ? others : [...others, { key, value }];
    this.#rows = rows.sort((a, b) => Buffer.compare(a.key, b.key));
  }

  /** How many operations were undone, of those that could be. */
  rollback(wanted: number): number {
    const count = Math.min(wanted, this.#before.length);
    const at = this.#before.length - count;
    this.#rows = this.#before[at] ?? this.#rows;
    this.#before.length = at;
    return count;
  }

  commit(wanted: number): number {
    const count = Math.min(wanted, this.#before.length);
    this.#before = this.#before.slice(count);
    return count;
  }

  forget(): void {
    this.#before = [];
  }

  puts(): KvOperation[] {
    return this.#rows.map(({ key, value }) => ({ kind: "put", key, value }));
  }
}

function askRecord(app: Store, operation: RecordOperation): RecordResult | null {
  return decodeRecordResult(app.execute(encodeRecordOperation(operation)));
}

/** Executes and decodes. */
function ask(app: Store, operation: KvOperation): KvResult | null {
  return decodeKvResult(app.execute(encodeKvOperation(operation)));
}

function state(value: string | null): KvResult {
  return { kind: "state", value: value === null ? null : text(value) };
}

/** All parts of a snapshot together. */
function joined(app: Store): Bytes {
  return Buffer.concat(stateIn(app).flat());
}

const STORES = [
  ["kv", (stateMax?: number): Store => new KvApp(stateMax)],
  ["btree", (stateMax?: number): Store => new BtreeApp(stateMax)],
  ["sqlite", (stateMax?: number): Store => new SqliteApp(stateMax)],
] as const;

test("the suite has every store", () => {
  expect(STORES.map(([name]) => name)).toEqual([...apps.keys()].filter(isStore) as never);
});

describe.each(STORES)("%s", (name, make) => {
  /** An application after these operations, committed. */
  function after(all: readonly KvOperation[]): Store {
    const app = make();
    for (const operation of all) app.execute(encodeKvOperation(operation));
    app.commit(all.length);
    return app;
  }

  describe("operations", () => {
    test("each shows the state that it saw", () => {
      const app = make();
      const k = text("k");
      const steps: readonly (readonly [KvOperation, string | null])[] = [
        [{ kind: "get", key: k }, null],
        [{ kind: "put", key: k, value: text("1") }, null],
        [{ kind: "get", key: k }, "1"],
        [{ kind: "append", key: k, value: text("2") }, "1"],
        [{ kind: "compareAndSet", key: k, expected: text("1"), value: text("x") }, "12"],
        [{ kind: "compareAndSet", key: k, expected: null, value: text("x") }, "12"],
        [{ kind: "compareAndSet", key: k, expected: text("12"), value: text("3") }, "12"],
        [{ kind: "get", key: text("other") }, null],
        [{ kind: "delete", key: k }, "3"],
        [{ kind: "delete", key: k }, null],
        [{ kind: "compareAndSet", key: k, expected: EMPTY, value: text("4") }, null],
        [{ kind: "compareAndSet", key: k, expected: null, value: EMPTY }, null],
        [{ kind: "append", key: text("new"), value: text("5") }, null],
        [{ kind: "get", key: text("new") }, "5"],
        [{ kind: "get", key: k }, ""],
      ];
      for (const [operation, saw] of steps) {
        expect({ operation, result: ask(app, operation) }).toEqual({
          operation,
          result: state(saw),
        });
      }
    });

    test("a map of keys, with the transition that checkers use, is all there is to it", () => {
      fc.assert(
        fc.property(operations, (all) => {
          const app = make();
          const model = new Map<string, Bytes | null>();
          for (const operation of all) {
            const name = operation.key.toHex();
            const before = model.get(name) ?? null;
            expect(ask(app, operation)).toEqual({ kind: "state", value: before });
            model.set(name, applyKvOperation(operation, before));
          }
        }),
      );
    });

    test("operations are read as they were written", () => {
      fc.assert(
        fc.property(operation, (operation) => {
          expect(decodeKvOperation(encodeKvOperation(operation))).toEqual(operation);
        }),
      );
    });

    test("what is malformed has an error result, changes nothing and throws nothing", () => {
      const app = after([{ kind: "put", key: EMPTY, value: text("kept") }]);
      const before = stateIn(app);
      const refused = (op: Bytes) => {
        expect(decodeKvResult(app.execute(op))).toEqual({ kind: "error", error: "malformed" });
        app.commit(1);
      };
      for (const op of [
        EMPTY,
        Uint8Array.of(5, 0, 0, 0, 0),
        Uint8Array.of(0),
        new Uint8Array(100),
      ]) {
        refused(op);
      }
      fc.assert(
        fc.property(operation, (operation) => {
          const op = encodeKvOperation(operation);
          for (let end = 0; end < op.length; end++) refused(op.slice(0, end));
          refused(Uint8Array.of(...op, 0));
        }),
      );
      const longKey = new Uint8Array(KEY_MAX + 1);
      refused(encodeKvOperation({ kind: "get", key: longKey }));
      const longValue = new Uint8Array(VALUE_MAX + 1);
      refused(encodeKvOperation({ kind: "put", key: EMPTY, value: longValue }));
      expect(stateIn(app)).toEqual(before);
    });

    test("any bytes at all have a result that can be read", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), (op) => {
          expect(decodeKvResult(make().execute(op))).not.toBeNull();
        }),
      );
    });

    test("a value grows to its bound and no further", () => {
      const app = make();
      const k = text("k");
      ask(app, { kind: "put", key: k, value: new Uint8Array(VALUE_MAX - 1) });
      const more: KvOperation = { kind: "append", key: k, value: text("x") };
      expect(ask(app, more)).toMatchObject({ kind: "state" });
      expect(ask(app, more)).toEqual({ kind: "error", error: "too large" });
      const now = ask(app, { kind: "get", key: k });
      expect(now?.kind === "state" ? now.value?.length : null).toBe(VALUE_MAX);
      app.rollback(4);
      expect(ask(app, { kind: "get", key: k })).toEqual(state(null));
    });

    test("the state grows to its bound and no further, also after a restore", () => {
      const stateMax = 16 * VALUE_MAX;
      const app = make(stateMax);
      const value = new Uint8Array(VALUE_MAX - 100);
      const put = (app: Store, i: number) => ask(app, { kind: "put", key: text(`${i}`), value });
      let held = 0;
      while (held < 100 && put(app, held)?.kind === "state") held++;
      // Values, keys, and 8 bytes for both, in all of 16 MiB.
      expect(held).toBe(Math.floor(stateMax / (VALUE_MAX - 100 + 8 + 2)));
      app.commit(held + 1);
      const restored = make(stateMax);
      restoreAll(restored, stateIn(app));
      for (const full of [app, restored]) {
        // Each part has the number of its pairs besides.
        expect(joined(full).length).toBeLessThanOrEqual(stateMax + 4 * stateIn(full).length);
        expect(put(full, 99)).toEqual({ kind: "error", error: "too large" });
        // Reading, replacing by as much, and deleting go on; what was deleted makes room.
        expect(ask(full, { kind: "put", key: text("0"), value })).toMatchObject({ kind: "state" });
        expect(ask(full, { kind: "delete", key: text("1") })).toMatchObject({ kind: "state" });
        expect(put(full, 99)).toEqual(state(null));
        full.rollback(4);
        expect(put(full, 99)).toEqual({ kind: "error", error: "too large" });
        full.rollback(1);
      }
    });

    test("a result that is none is not read", () => {
      for (const bytes of [EMPTY, Uint8Array.of(1), Uint8Array.of(4), Uint8Array.of(0, 0)]) {
        expect(decodeKvResult(bytes)).toBeNull();
      }
    });
  });

  describe("records", () => {
    const K = text("k");
    const [A, B, C] = ["a", "bb", ""].map(text) as [Bytes, Bytes, Bytes];

    test("are inserted once, read, changed by fields, and nothing else", () => {
      const app = make();
      const steps: readonly (readonly [RecordOperation, RecordResult])[] = [
        [{ kind: "read", key: K, field: null }, { kind: "not found" }],
        [{ kind: "update", key: K, fields: [{ index: 0, value: A }] }, { kind: "not found" }],
        [{ kind: "insert", key: K, record: encodeRecord([A, B]) }, { kind: "done" }],
        [{ kind: "insert", key: K, record: encodeRecord([]) }, { kind: "exists" }],
        [
          { kind: "read", key: K, field: null },
          { kind: "record", record: encodeRecord([A, B]) },
        ],
        [
          { kind: "read", key: K, field: 1 },
          { kind: "record", record: encodeRecord([B]) },
        ],
        [
          { kind: "read", key: K, field: 2 },
          { kind: "error", error: "no record" },
        ],
        [{ kind: "update", key: K, fields: [{ index: 1, value: C }] }, { kind: "done" }],
        [
          { kind: "update", key: K, fields: [{ index: 2, value: A }] },
          { kind: "error", error: "no record" },
        ],
        [
          { kind: "read", key: K, field: null },
          { kind: "record", record: encodeRecord([A, C]) },
        ],
      ];
      for (const [operation, result] of steps) {
        expect({ operation, result: askRecord(app, operation) }).toEqual({ operation, result });
      }
    });

    test("values that are none are refused, and kept", () => {
      const app = after([{ kind: "put", key: K, value: text("plain") }]);
      const error = { kind: "error", error: "no record" } as const;
      expect(askRecord(app, { kind: "read", key: K, field: null })).toEqual(error);
      const change = [{ index: 0, value: A }];
      expect(askRecord(app, { kind: "update", key: K, fields: change })).toEqual(error);
      expect(ask(app, { kind: "get", key: K })).toEqual(state("plain"));
    });

    test("that grow too large are refused at every store alike", () => {
      const app = make();
      const large = new Uint8Array(VALUE_MAX - 100);
      expect(askRecord(app, { kind: "insert", key: K, record: encodeRecord([A, A]) })).toEqual({
        kind: "done",
      });
      const first: RecordOperation = {
        ...{ kind: "update", key: K },
        fields: [{ index: 0, value: large }],
      };
      const second: RecordOperation = {
        ...{ kind: "update", key: K },
        fields: [{ index: 1, value: large }],
      };
      expect(askRecord(app, first)).toEqual({ kind: "done" });
      expect(askRecord(app, second)).toEqual({ kind: "error", error: "too large" });
    });

    test("what is malformed has an error result, and changes nothing", () => {
      const app = make();
      const malformed = { kind: "error", error: "malformed" } as const;
      const operations: readonly RecordOperation[] = [
        { kind: "insert", key: K, record: text("none") },
        { kind: "insert", key: new Uint8Array(KEY_MAX + 1), record: encodeRecord([]) },
        { kind: "scan", key: K, count: 100_001, field: null },
      ];
      const before = stateIn(app);
      for (const operation of operations) expect(askRecord(app, operation)).toEqual(malformed);
      fc.assert(
        fc.property(recordOperation, (operation) => {
          const op = encodeRecordOperation(operation);
          expect(decodeRecordOperation(op)).toEqual(operation);
          for (let end = 1; end < op.length; end++) {
            expect(decodeRecordResult(app.execute(op.slice(0, end)))).toEqual(malformed);
          }
          expect(decodeRecordResult(app.execute(Uint8Array.of(...op, 0)))).toEqual(malformed);
        }),
      );
      expect(stateIn(app)).toEqual(before);
    });

    test("scans have what there is from a key on, in the order of its bytes, or are refused", () => {
      const app = make();
      const keys = ["b", "a", "\u0080", "", "a\u0000", "ab"].map((name) =>
        Uint8Array.from(name, (letter) => letter.charCodeAt(0)),
      );
      for (const key of keys)
        askRecord(app, { kind: "insert", key, record: encodeRecord([key, A]) });
      const scan = (from: string, count: number, field: number | null = 0) =>
        askRecord(app, { kind: "scan", key: text(from), count, field });
      if (!isOrdered(name)) {
        expect(scan("", 1)).toEqual({ kind: "error", error: "no order" });
        return;
      }
      const found = (from: string, count: number) => {
        const result = scan(from, count);
        const rows = result?.kind === "rows" ? result.rows : [];
        for (const { key, value } of rows) expect(value).toEqual(encodeRecord([key]));
        return rows.map(({ key }) => latin1(key));
      };
      expect(found("", 9)).toEqual(["", "a", "a\u0000", "ab", "b", "\u0080"]);
      expect(found("a", 3)).toEqual(["a", "a\u0000", "ab"]);
      expect(found("aa", 1)).toEqual(["ab"]);
      expect(found("c", 0)).toEqual([]);
      expect(found("\u00ff", 9)).toEqual([]);
      ask(app, { kind: "put", key: text("ac"), value: text("plain") });
      expect(scan("ab", 2)).toEqual({ kind: "error", error: "no record" });
      expect(found("ab", 1)).toEqual(["ab"]);
    });

    test("a scan ends before its answer is too large, and others follow", () => {
      if (!isOrdered(name)) return;
      const app = make();
      const record = encodeRecord([new Uint8Array(300_000)]);
      for (let i = 0; i < 6; i++) askRecord(app, { kind: "insert", key: Uint8Array.of(i), record });
      for (const round of [1, 2]) {
        const result = askRecord(app, { kind: "scan", key: EMPTY, count: 6, field: null });
        expect(result?.kind === "rows" ? result.rows.length : -round).toBe(3);
        askRecord(app, { kind: "insert", key: text("more"), record });
      }
    });
  });

  test("random interleavings are those of a model, with its snapshots and undoing", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: operation.map((of) => encodeKvOperation(of)) },
      { weight: 6, arbitrary: recordOperation.map((of) => encodeRecordOperation(of)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) },
      fc.record({ rollback: fc.nat(5) }),
      fc.record({ commit: fc.nat(5) }),
      fc.record({ restore: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let app = make();
        const model = new Model(isOrdered(name));
        for (const one of steps) {
          if (one instanceof Uint8Array) {
            expect(app.execute(one)).toEqual(model.execute(one));
          } else if ("rollback" in one) {
            app.rollback(model.rollback(one.rollback));
          } else if ("commit" in one) {
            app.commit(model.commit(one.commit));
          } else {
            // In another store, or in the same one.
            const parts = stateIn(app);
            if (one.restore) app = make();
            restoreAll(app, parts);
            model.forget();
            expect(stateIn(app)).toEqual(parts);
          }
        }
        expect(stateIn(app)).toEqual(stateIn(after(model.puts())));
      }),
    );
  });

  describe("snapshots", () => {
    test("are canonical, whatever the history", () => {
      fc.assert(
        fc.property(operations, fc.infiniteStream(fc.nat(1000)), (all, dice) => {
          const app = after(all);
          const parts = stateIn(app);
          // The same content, put in another order, with detours.
          const keys = ["", "a", "b", "\u0080", "a\u0000"].map(text);
          const weights = new Map(keys.map((key) => [key, dice.next().value as number]));
          keys.sort((a, b) => weights.get(a)! - weights.get(b)!);
          const puts = keys.flatMap((key): KvOperation[] => {
            const now = ask(app, { kind: "get", key });
            app.commit(1);
            const value = now?.kind === "state" ? now.value : null;
            const detour: KvOperation = { kind: "put", key, value: text("detour") };
            return [detour, value === null ? { kind: "delete", key } : { kind: "put", key, value }];
          });
          expect(stateIn(after(puts))).toEqual(parts);
          const restored = after([{ kind: "put", key: text("old"), value: text("gone") }]);
          restoreAll(restored, parts);
          expect(stateIn(restored)).toEqual(parts);
        }),
      );
    });

    test("have the keys in the order of their bytes", () => {
      const app = after(["b", "\u0080", "a", "a\u0000", ""].map((k) => put(k)));
      const order = [
        ...Buffer.from(joined(app))
          .toString("latin1")
          .matchAll(/<(.*?)>/gs),
      ];
      expect(order.map((match) => match[1])).toEqual(["", "a", "a\u0000", "b", "\u00c2\u0080"]);
    });

    function put(k: string): KvOperation {
      return { kind: "put", key: text(k), value: text(`<${k}>`) };
    }

    test("are of the present state, which can be undone", () => {
      const app = after([put("a")]);
      const before = stateIn(app).map((part) => part.map((bytes) => new Uint8Array(bytes)));
      ask(app, put("b"));
      expect(stateIn(app)).toEqual(stateIn(after([put("a"), put("b")])));
      app.rollback(1);
      expect(stateIn(app)).toEqual(before);
    });

    test("are checked before they are restored", () => {
      const app = after([put("k")]);
      const [[part = EMPTY] = []] = stateIn(app);
      for (const wrong of [part.slice(0, -1), new Uint8Array(4).fill(255), EMPTY]) {
        expect(() => restoreAll(app, [[wrong]])).toThrow("checked before it is restored");
      }
    });

    test("are read as they were written, whatever the sizes of values", () => {
      const lengths = fc.constantFrom(0, 1, 4095, 4096, 4097, 20_000);
      const entries = fc.uniqueArray(fc.record({ key: fc.nat(300), length: lengths }), {
        selector: ({ key }) => key,
        maxLength: 40,
      });
      fc.assert(
        fc.property(entries, (entries) => {
          const app = after(entries.map(({ key, length }) => sized(key, length)));
          const restored = make();
          restoreAll(
            restored,
            stateIn(app).map((part) => part.map((bytes) => new Uint8Array(bytes))),
          );
          expect(stateIn(restored)).toEqual(stateIn(app));
          for (const { key, length } of entries) {
            const now = ask(restored, { kind: "get", key: text(`${key}`) });
            expect(now).toEqual({ kind: "state", value: new Uint8Array(length).fill(key) });
          }
        }),
        { numRuns: 30 },
      );
    });

    test("a large value is a view of its operation, and of a larger one a copy", () => {
      const value = new Uint8Array(20_000);
      const op = encodeKvOperation({ kind: "put", key: text("k"), value });
      const batch = new Uint8Array(60_000);
      batch.set(op, 7);
      const [alone, one] = [op, batch.subarray(7, 7 + op.length)].map((op) => {
        const app = make();
        app.execute(op);
        app.commit(1);
        return stateIn(app).flat();
      });
      expect(alone?.at(-1)?.buffer === op.buffer).toBe(true);
      expect(one?.at(-1)?.buffer === batch.buffer).toBe(false);
      expect(one).toEqual(alone!);
    });

    test("without one of its large values, or with another one, is none", () => {
      const [[part, ...values] = []] = stateIn(after([sized(1, 5000), sized(2, 6000)]));
      expect(values.map(({ length }) => length).sort()).toEqual([5000, 6000]);
      const wrong = [values.slice(1), [...values, values[0]!], values.toReversed()];
      for (const others of wrong) {
        expect(() => restoreAll(make(), [[part!, ...others]])).toThrow(
          "checked before it is restored",
        );
      }
    });

    function sized(key: number, length: number): KvOperation {
      return { kind: "put", key: text(`${key}`), value: new Uint8Array(length).fill(key) };
    }

    test("are the same where rows were expected: as many, more, fewer, or others", () => {
      const inserts = Array.from({ length: 500 }, (_, i) =>
        encodeRecordOperation({
          ...{ kind: "insert", key: text(`key ${i}`) },
          record: encodeRecord([new Uint8Array(100).fill(i)]),
        }),
      );
      const filled = (count: number, like = inserts[0] ?? EMPTY) => {
        const app = make();
        app.expect(like, count);
        for (const op of inserts) app.execute(op);
        app.commit(inserts.length);
        return app;
      };
      const parts = stateIn(filled(0));
      expect(parts.length).toBeGreaterThan(10);
      for (const count of [1, 100, 499, 500, 501, 5000]) {
        expect(stateIn(filled(count))).toEqual(parts);
      }
      for (const like of [EMPTY, encodeKvOperation({ kind: "get", key: EMPTY })]) {
        expect(stateIn(filled(500, like))).toEqual(parts);
      }
      const full = filled(500);
      full.expect(inserts[0] ?? EMPTY, 100_000);
      expect(stateIn(full)).toEqual(parts);
    });

    test("have no room behind their bytes, and what is copied for them is told", () => {
      const app = after(Array.from({ length: 200 }, (_, i) => sized(i, 100)));
      const first = app.snapshot();
      for (const [head] of partsOf(first)) expect(head?.buffer.byteLength).toBe(head?.length);
      const before = allocatedBytes();
      ask(app, { kind: "get", key: text("3") });
      expect(allocatedBytes()).toBe(before);
      ask(app, sized(3, 100));
      const copied = allocatedBytes() - before;
      ask(app, sized(3, 100));
      expect(allocatedBytes() - before).toBe(copied);
      app.commit(3);
      const second = app.snapshot();
      const [index = -1] = second.changed;
      expect(second.changed.size).toBe(1);
      expect(copied).toBe(second.part(index)[0]?.length ?? 0);
      expect(second.part(index)[0]).not.toBe(first.part(index)[0]);
    });

    test("cost what changed: of many small values, or of large ones, one part", () => {
      for (const [count, length] of [
        [20_000, 300],
        [16, 1024 * 1024 - 64],
      ] as const) {
        const app = after(Array.from({ length: count }, (_, i) => sized(i, length)));
        const first = stateIn(app);
        expect(app.snapshot().changed.size).toBe(0);
        ask(app, { kind: "get", key: text("3") });
        app.commit(1);
        expect(app.snapshot().changed.size).toBe(0);
        app.execute(encodeKvOperation(sized(3, length - 1)));
        app.commit(1);
        const second = app.snapshot();
        expect(changedBytes(second, first)).toBeGreaterThan(0);
        expect(changedBytes(second, first)).toBeLessThan(Math.max(32 * 1024, length + 4096));
        const parts = partsOf(second);
        // One more pair may make one more part, which another one is split for.
        app.execute(encodeKvOperation(sized(count, Math.min(length, 4096))));
        app.commit(1);
        expect(changedBytes(app.snapshot(), parts)).toBeLessThan(100 * 1024);
      }
    });
  });

  describe("undoing", () => {
    test("rolling back what was executed gives the state before it, committed or not", () => {
      fc.assert(
        fc.property(operations, operations, fc.nat(30), (first, second, commits) => {
          const app = make();
          const committed = Math.min(commits, first.length);
          for (const operation of first.slice(0, committed)) ask(app, operation);
          app.commit(committed);
          // Nothing of it may be kept that changes later.
          app.snapshot();
          for (const operation of first.slice(committed)) ask(app, operation);
          for (const operation of second) ask(app, operation);
          app.rollback(second.length);
          app.commit(first.length - committed);
          expect(stateIn(app)).toEqual(stateIn(after(first)));
        }),
      );
    });

    test("what was committed is not rolled back, what was not executed is not committed", () => {
      const app = make();
      ask(app, { kind: "get", key: EMPTY });
      expect(() => app.commit(2)).toThrow("commit of operations that were not executed");
      app.commit(1);
      expect(() => app.rollback(1)).toThrow("rollback of committed operations");
    });
  });
});

test("the null app answers as many bytes as it is told, to whatever is asked", () => {
  for (const [replySize, op] of [
    [0, 4096],
    [4096, 0],
  ] as const) {
    const result = apps.get("null")?.({ replySize }).execute(new Uint8Array(op));
    expect(result).toEqual(new Uint8Array(replySize));
  }
});

describe("every application", () => {
  test.each([...apps])("%s never throws, and restores its own snapshot", (_name, make) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }), (ops) => {
        const [app, twin] = [make(), make()];
        for (const op of ops) {
          expect(app.execute(op)).toEqual(twin.execute(op));
          app.commit(1);
        }
        twin.rollback(ops.length);
        restoreAll(twin, stateIn(app));
        expect(stateIn(twin)).toEqual(stateIn(app));
      }),
    );
  });
});
