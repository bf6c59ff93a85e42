// The linearizability checker: histories with known verdicts, generated ones against brute force,
// and size.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { KvApp } from "../../src/app/kv.ts";
import { encodeKvOperation, type KvOperation } from "../../src/app/operation.ts";
import { Random } from "../../src/base/seeded-random.ts";
import {
  checkKv,
  checkOperations,
  type KvRecord,
  type Model,
  type Operation,
} from "../../src/simulation/linearizability.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** A register: null reads, a number writes; reads output what they saw. */
const register: Model<number, number | null, number> = {
  initial: 0,
  step: (state, input, output) => {
    if (input !== null) return input;
    return output === null || output === state ? state : undefined;
  },
  key: String,
};

type RegisterOperation = Operation<number | null, number>;

function write(value: number, invoked: number, returned: number): RegisterOperation {
  return { input: value, output: returned === Infinity ? null : 0, invoked, returned };
}
function read(value: number, invoked: number, returned: number): RegisterOperation {
  return { input: null, output: value, invoked, returned };
}

describe("histories with known verdicts", () => {
  const cases: [string, boolean, RegisterOperation[]][] = [
    ["nothing", true, []],
    ["a read of the initial value", true, [read(0, 1, 2)]],
    ["a read of a value never written", false, [read(7, 1, 2)]],
    ["a read after a write", true, [write(1, 1, 2), read(1, 3, 4)]],
    ["a stale read after a write", false, [write(1, 1, 2), read(0, 3, 4)]],
    ["a concurrent read sees the old value", true, [write(1, 1, 4), read(0, 2, 3)]],
    ["a concurrent read sees the new value", true, [write(1, 1, 4), read(1, 2, 3)]],
    // Herlihy and Wing's inversion: the second read goes back.
    ["new, then old", false, [write(1, 1, 9), read(1, 2, 3), read(0, 4, 5)]],
    ["old, then new", true, [write(1, 1, 9), read(0, 2, 3), read(1, 4, 5)]],
    [
      "two writers, one order",
      true,
      [write(1, 1, 5), write(2, 1, 5), read(2, 6, 7), read(2, 8, 9)],
    ],
    [
      "two writers, two readers that disagree",
      false,
      [write(1, 1, 2), write(2, 1, 2), read(1, 3, 4), read(2, 5, 6), read(1, 7, 8)],
    ],
    ["a pending write that was seen", true, [write(1, 1, Infinity), read(1, 5, 6)]],
    ["a pending write that was not", true, [write(1, 1, Infinity), read(0, 5, 6)]],
    [
      "a pending write seen and unseen",
      false,
      [write(1, 1, Infinity), read(1, 2, 3), read(0, 4, 5)],
    ],
    ["a pending write seen before it was sent", false, [read(1, 1, 2), write(1, 3, Infinity)]],
    ["a return and an invocation at once are concurrent", true, [write(1, 1, 2), read(0, 2, 3)]],
  ];
  for (const [name, linearizable, operations] of cases) {
    test(name, () => {
      const verdict = linearizable ? "linearizable" : "not linearizable";
      expect(checkOperations(register, operations)).toBe(verdict);
    });
  }

  test("a search that takes too long is unknown, never wrong", () => {
    const operations = Array.from({ length: 12 }, (_, i) => write(i + 1, 0, 100));
    operations.push(read(99, 200, 201));
    expect(checkOperations(register, operations, 50)).toBe("unknown");
    expect(checkOperations(register, operations)).toBe("not linearizable");
  });
});

interface EtcdInput {
  readonly kind: "r" | "w" | "c";
  readonly a: string;
  readonly b: string;
}

/** A register with compare-and-set; the output of a failed one is "failed". */
const etcd: Model<string, EtcdInput, string> = {
  initial: "nil",
  step(state, { kind, a, b }, output) {
    if (kind === "r") return output === null || output === state ? state : undefined;
    if (kind === "w") return a;
    if (output === null) return state === a ? b : state;
    return (output !== "failed") === (state === a) ? (state === a ? b : state) : undefined;
  },
  key: (state) => state,
};

function readEtcd(words: readonly string[]): Operation<EtcdInput, string>[] {
  const operations: {
    input: EtcdInput;
    output: string | null;
    invoked: number;
    returned: number;
  }[] = [];
  const open = new Map<string, (typeof operations)[number]>();
  for (const [at, word] of words.entries()) {
    const [, client = "", sign = "", rest = ""] = /^(\d+)([?=!~])(.*)$/.exec(word) ?? [];
    if (sign === "?") {
      const [a = "", b = ""] = rest.slice(1).split(",");
      const input = { kind: rest[0] as EtcdInput["kind"], a, b };
      const operation = { input, output: null, invoked: at, returned: Infinity };
      operations.push(operation);
      open.set(client, operation);
      continue;
    }
    const operation = open.get(client);
    if (operation === undefined) throw new Error(`${word} answers nothing`);
    open.delete(client);
    if (sign === "~") continue;
    operation.output = sign === "!" ? "failed" : rest;
    operation.returned = at;
  }
  return operations;
}

describe("agrees with Porcupine on etcd histories of Jepsen", () => {
  const path = `${import.meta.dir}/etcd-histories.txt`;
  const lines = readFileSync(path, "utf8").split("\n");
  for (const line of lines) {
    if (line === "" || line.startsWith("#")) continue;
    const [name, verdict, ...words] = line.split(" ");
    test(`${name} ${verdict}`, () => {
      const expected = verdict === "not" ? "not linearizable" : "linearizable";
      expect(checkOperations(etcd, readEtcd(words))).toBe(expected);
    });
  }
});

/** Tries every order. */
function bruteForce(operations: readonly RegisterOperation[]): boolean {
  const place = (left: readonly RegisterOperation[], state: number): boolean => {
    if (left.every(({ returned }) => returned === Infinity)) return true;
    const earliest = Math.min(...left.map(({ returned }) => returned));
    return left.some((operation, i) => {
      if (operation.invoked > earliest) return false;
      const next = register.step(state, operation.input, operation.output);
      return next !== undefined && place([...left.slice(0, i), ...left.slice(i + 1)], next);
    });
  };
  return place(operations, register.initial);
}

test("agrees with brute force on generated histories", () => {
  const operation = fc
    .tuple(fc.boolean(), fc.integer({ min: 0, max: 3 }), fc.nat(12), fc.nat(6), fc.nat(9))
    .map(([reads, value, invoked, length, pending]): RegisterOperation => {
      const returned = pending === 0 ? Infinity : invoked + length;
      if (reads) return { input: null, output: pending === 0 ? null : value, invoked, returned };
      return write(value, invoked, returned);
    });
  const verdicts = { linearizable: 0, other: 0 };
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 7 }), (operations) => {
      const expected = bruteForce(operations) ? "linearizable" : "not linearizable";
      if (expected === "linearizable") verdicts.linearizable++;
      else verdicts.other++;
      expect(checkOperations(register, operations)).toBe(expected);
    }),
    { numRuns: 5000, seed: 1 },
  );
  // Both verdicts were really tried.
  expect(Math.min(verdicts.linearizable, verdicts.other)).toBeGreaterThan(500);
});

/**
 * What clients of a real store would see: operations take effect at a moment between call and
 * return.
 */
function history(random: Random, clients: number, operations: number): KvRecord[] {
  const app = new KvApp();
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  const pending: { at: number; client: number; number: number }[] = [];
  for (let client = 0; client < clients; client++) {
    let at = 0;
    for (let number = 0; number < operations / clients; number++) {
      at += 1 + random.int(100);
      pending.push({ at, client, number });
      at += 100;
    }
  }
  pending.sort((a, b) => a.at - b.at || a.client - b.client);
  return pending.map(({ at, client, number }): KvRecord => {
    const key = bytes(`k${random.int(3)}`);
    const value = bytes(`${client}.${number};`);
    const operation: KvOperation = random.pick([
      { kind: "get", key },
      { kind: "put", key, value },
      { kind: "append", key, value },
      { kind: "delete", key },
    ] as const);
    const op = encodeKvOperation(operation);
    const result = app.execute(op);
    app.commit(1);
    return { op, result, invoked: at - random.int(50), returned: at + random.int(50) };
  });
}

test("handles 4,000 operations of 20 clients, and finds one wrong answer among them", () => {
  const records = history(new Random(3, "history"), 20, 4000);
  expect(records.length).toBe(4000);
  expect(checkKv(records)).toBe("linearizable");
  const gets = records.flatMap(({ op }, i) => (op[0] === 0 ? [i] : []));
  const wrong = gets[gets.length >> 1] ?? 0;
  const unseen = Uint8Array.of(1, 0, 0, 0, 1, 0x21);
  const changed = records.map((record, i) =>
    i === wrong ? { ...record, result: unseen } : record,
  );
  expect(checkKv(changed)).toBe("not linearizable");
});
