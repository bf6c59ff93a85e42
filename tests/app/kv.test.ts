// Shows what the applications do: kv against a plain model of it, snapshots that know no history,
// and undoing.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes } from "../../src/actor.ts";
import { KvApp, STATE_MAX } from "../../src/app/kv.ts";
import {
  applyKvOperation,
  decodeKvOperation,
  decodeKvResult,
  encodeKvOperation,
  KEY_MAX,
  VALUE_MAX,
  type KvOperation,
  type KvResult,
} from "../../src/app/operation.ts";
import { apps } from "../../src/app/index.ts";
import { EMPTY } from "../../src/wire.ts";
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

/** Executes and decodes. */
function ask(app: KvApp, operation: KvOperation): KvResult | null {
  return decodeKvResult(app.execute(encodeKvOperation(operation)));
}

function state(value: string | null): KvResult {
  return { kind: "state", value: value === null ? null : text(value) };
}

/** All parts of a snapshot together. */
function joined(app: KvApp): Bytes {
  return Buffer.concat(stateIn(app).flat());
}

/** An application after these operations, committed. */
function after(all: readonly KvOperation[]): KvApp {
  const app = new KvApp();
  for (const operation of all) app.execute(encodeKvOperation(operation));
  app.commit(all.length);
  return app;
}

describe("kv operations", () => {
  test("each shows the state that it saw", () => {
    const app = new KvApp();
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
      expect({ operation, result: ask(app, operation) }).toEqual({ operation, result: state(saw) });
    }
  });

  test("a map of keys, with the transition that checkers use, is all there is to it", () => {
    fc.assert(
      fc.property(operations, (all) => {
        const app = new KvApp();
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
    for (const op of [EMPTY, Uint8Array.of(5, 0, 0, 0, 0), Uint8Array.of(0), new Uint8Array(100)]) {
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
        expect(decodeKvResult(new KvApp().execute(op))).not.toBeNull();
      }),
    );
  });

  test("a value grows to its bound and no further", () => {
    const app = new KvApp();
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
    const app = new KvApp();
    const value = new Uint8Array(VALUE_MAX - 100);
    const put = (app: KvApp, i: number) => ask(app, { kind: "put", key: text(`${i}`), value });
    let held = 0;
    while (held < 100 && put(app, held)?.kind === "state") held++;
    // Values, keys, and 8 bytes for both, in all of 16 MiB.
    expect(held).toBe(Math.floor(STATE_MAX / (VALUE_MAX - 100 + 8 + 2)));
    app.commit(held + 1);
    const restored = new KvApp();
    restoreAll(restored, stateIn(app));
    for (const full of [app, restored]) {
      // Each part has the number of its pairs besides.
      expect(joined(full).length).toBeLessThanOrEqual(STATE_MAX + 4 * stateIn(full).length);
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

describe("kv snapshots", () => {
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

  test("hold committed operations only, and are checked before they are restored", () => {
    const app = new KvApp();
    ask(app, put("k"));
    expect(() => app.snapshot()).toThrow("committed operations only");
    app.commit(1);
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
        const restored = new KvApp();
        const parts = stateIn(app).map((part) => part.map((bytes) => bytes.slice()));
        restoreAll(restored, parts);
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
      const app = new KvApp();
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
      expect(() => restoreAll(new KvApp(), [[part!, ...others]])).toThrow(
        "checked before it is restored",
      );
    }
  });

  function sized(key: number, length: number): KvOperation {
    return { kind: "put", key: text(`${key}`), value: new Uint8Array(length).fill(key) };
  }

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

describe("kv speculation", () => {
  test("rolling back what was executed gives the state before it, committed or not", () => {
    fc.assert(
      fc.property(operations, operations, fc.nat(30), (first, second, commits) => {
        const app = new KvApp();
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
    const app = new KvApp();
    ask(app, { kind: "get", key: EMPTY });
    expect(() => app.commit(2)).toThrow("commit of operations that were not executed");
    app.commit(1);
    expect(() => app.rollback(1)).toThrow("rollback of committed operations");
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
