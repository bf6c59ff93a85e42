// Shows that histories of oskr, Jepsen and Porcupine are read as they are meant, with the verdicts
// that Porcupine gives them, and that what cannot be read is told by its place.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KvApp } from "../../src/app/kv.ts";
import { encodeKvOperation, type KvOperation } from "../../src/app/operation.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { HistoryWriter } from "../../src/evaluation/history.ts";
import { judgeHistory } from "../../src/history/judge-history.ts";
import { parseHistory } from "../../src/history/read-history.ts";
import { STEPS_MAX } from "../../src/simulation/linearizability.ts";
import { ROOT, run } from "../support/programs.ts";

const verdictOf = (text: string) => judgeHistory(parseHistory(text, "h"), STEPS_MAX).verdict;
const lines = (...all: readonly string[]): string => `${all.join("\n")}\n`;

/** Clients of one store that answers at a moment between call and return. */
function recorded(operations: number, lie: boolean): string {
  const dice = new Random(1, "recorded");
  const app = new KvApp();
  let nowMs = 0;
  const writer = new HistoryWriter(() => 1e6 + nowMs);
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  for (let i = 0, at = 0; i < operations; i++, at += 2) {
    const key = bytes(`k${dice.int(3)}`);
    const value = bytes(`${i};`);
    const kinds = [
      { kind: "get", key },
      { kind: "put", key, value },
      { kind: "append", key, value },
      { kind: "compareAndSet", key, expected: dice.int(2) === 0 ? null : value, value },
      { kind: "delete", key },
    ] as const satisfies readonly KvOperation[];
    const op = encodeKvOperation(dice.pick(kinds));
    nowMs = at;
    writer.invoked(i % 4, op);
    const result = app.execute(op);
    app.commit(1);
    nowMs = at + 1;
    if (dice.int(10) > 0) writer.returned(i % 4, result);
  }
  if (lie) {
    const op = encodeKvOperation({ kind: "get", key: bytes("k1") });
    nowMs = 2 * operations;
    writer.invoked(4, op);
    nowMs++;
    writer.returned(4, Uint8Array.of(1, 0, 0, 0, 1, 0x21));
  }
  return JSON.stringify(writer.entries);
}

describe("a history of oskr", () => {
  test("is linearizable if its store was one, and not if a client lies", () => {
    expect(verdictOf(recorded(400, false))).toBe("linearizable");
    const history = parseHistory(recorded(400, true), "h");
    const { verdict, violation } = judgeHistory(history, STEPS_MAX);
    expect(verdict).toBe("not linearizable");
    expect(violation).toMatchObject({ key: "k1", culprit: { client: "4", output: { saw: "!" } } });
  });

  test.each([
    ['[{"client":0,"op":"0","result":null,"invokedMs":1,"returnedMs":null}]', "op: expected hex"],
    ['[{"client":0,"op":"","result":null,"invokedMs":1,"returnedMs":null}]', "none of the appli"],
    [
      '[{"client":0,"op":"000000000161","result":"00","invokedMs":1,"returnedMs":null}]',
      "expected both",
    ],
    [
      '[{"client":0,"op":"000000000161","result":"05","invokedMs":1,"returnedMs":2}]',
      "its result is none of kv",
    ],
  ])("that is %s is refused: %s", (text, reason) => {
    expect(() => parseHistory(text, "h.json")).toThrow(`h.json: operation 0: `);
    expect(() => parseHistory(text, "h.json")).toThrow(reason);
  });
});

/** The histories of etcd that Jepsen recorded, with the verdicts of Porcupine. */
const etcd = readFileSync(join(ROOT, "tests/simulation/etcd-histories.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [name = "", verdict = "", ...words] = line.split(" ");
    return { name, linearizable: verdict !== "not", words };
  });
const WORD = /^(\d+)([?=!~])(.*)$/;

/** As etcd's tests of Porcupine have them; a comparison that did not hold is an answer. */
function asPorcupine(words: readonly string[]): string {
  interface Operation {
    readonly ClientId: number;
    readonly Input: object;
    readonly Call: bigint;
    Output: object | null;
    Return: bigint;
  }
  const zero = 1_700_000_000_000_000_000n;
  const all: Operation[] = [];
  const open = new Map<string, Operation>();
  for (const [i, word] of words.entries()) {
    const [, client = "", sign = "", rest = ""] = WORD.exec(word) ?? [];
    const at = zero + BigInt(i);
    if (sign === "?") {
      const Op = "rwc".indexOf(rest[0] ?? "");
      const [Arg1 = 0, Arg2 = 0] = rest.slice(1).split(",").map(Number);
      const Input = { Op, Arg1, Arg2 };
      const one = {
        ClientId: Number(client),
        Input,
        Call: at,
        Output: null,
        Return: 2n ** 63n - 1n,
      };
      all.push(one);
      open.set(client, one);
      continue;
    }
    const one = open.get(client);
    open.delete(client);
    if (one === undefined || sign === "~") continue;
    const Exists = rest !== "nil";
    one.Output = { Ok: sign === "=", Exists, Value: Exists ? Number(rest) : 0, Unknown: false };
    one.Return = at;
  }
  const text = JSON.stringify(all, (_, value: unknown) =>
    typeof value === "bigint" ? `big ${value}` : value,
  );
  return text.replace(/"big (\d+)"/g, "$1");
}

/** As Jepsen writes them, with keys as `jepsen.independent` has them. */
function asJepsen(words: readonly string[], keyed: boolean): string {
  const open = new Map<string, { readonly f: string; readonly value: string }>();
  const types: { readonly [sign: string]: string } = { "=": "ok", "!": "fail", "~": "info" };
  const all = words.map((word, index) => {
    const [, process = "", sign = "", rest = ""] = WORD.exec(word) ?? [];
    const map = (type: string, f: string, value: string): string => {
      const whole = keyed ? `[7 ${value}]` : value;
      return `{:index ${index}, :type :${type}, :f :${f}, :value ${whole}, :process ${process}}`;
    };
    if (sign === "?") {
      const args = rest.slice(1).replace(",", " ");
      const f = { r: "read", w: "write", c: "cas" }[rest[0] ?? ""] ?? "";
      const value = f === "read" ? "nil" : f === "cas" ? `[${args}]` : args;
      open.set(process, { f, value });
      return map("invoke", f, value);
    }
    const { f = "", value = "" } = open.get(process) ?? {};
    return map(types[sign] ?? "", f, f === "read" && sign === "=" ? rest : value);
  });
  return lines("{:type :info, :f :start, :value nil, :process :nemesis}", ...all);
}

describe("histories of etcd", () => {
  test("of Porcupine have its verdicts", () => {
    expect(etcd.length).toBeGreaterThan(20);
    for (const { name, linearizable, words } of etcd) {
      const verdict = verdictOf(asPorcupine(words));
      expect([name, verdict]).toEqual([name, linearizable ? "linearizable" : "not linearizable"]);
    }
  });

  test("of Jepsen have them too, but where a comparison that failed alone convicts", () => {
    let convicted = 0;
    for (const [i, { name, linearizable, words }] of etcd.entries()) {
      const verdict = verdictOf(asJepsen(words, i % 2 === 0));
      if (linearizable) expect([name, verdict]).toEqual([name, "linearizable"]);
      if (verdict === "not linearizable") convicted++;
    }
    expect(convicted).toBeGreaterThan(10);
  });
});

describe("a history of Jepsen", () => {
  const store = [
    '{:process 0, :type :invoke, :f :get, :key "x", :value nil}',
    '{:process 0, :type :ok, :f :get, :key "x", :value ""}',
    '{:process 1, :type :invoke, :f :append, :key "x", :value "a b"}',
    '{:process 1, :type :ok, :f :append, :key "x", :value "a b"}',
    '{:process 0, :type :invoke, :f :get, :key "x", :value nil}',
    '{:process 0, :type :ok, :f :get, :key "x", :value "a b"}',
  ];
  test("of a store begins with empty values, as a list of lines, a vector or tagged", () => {
    expect(verdictOf(lines(...store))).toBe("linearizable");
    expect(verdictOf(`[${store.join("\n ")}]`)).toBe("linearizable");
    const tagged = store.map((map) => `#jepsen.history.Op${map.replace(", ", ",\n  ")}`);
    expect(verdictOf(lines("; a comment", ...tagged))).toBe("linearizable");
    const [, ...later] = store.toReversed();
    const stale = [...later.toReversed(), '{:process 0, :type :ok, :f :get, :key "x", :value ""}'];
    expect(verdictOf(lines(...stale))).toBe("not linearizable");
  });

  const cas = (type: string) => [
    "{:process 0, :type :invoke, :f :cas, :value [1 2]}",
    `{:process 0, :type :${type}, :f :cas, :value [1 2]}`,
  ];
  test.each([
    ["ok", "not linearizable"],
    ["fail", "linearizable"],
    ["info", "linearizable"],
  ] as const)("a comparison with what is not there is :%s: %s", (type, verdict) => {
    expect(verdictOf(lines(...cas(type)))).toBe(verdict);
  });

  test.each([
    ["{:process 0, :type :ok, :f :read, :value 1}", "h:1: process 0 completes what it did not"],
    [lines(...cas("ok").slice(0, 1), ...cas("ok")), "h:2: process 0 invokes, but"],
    ["{:process 0, :type :invoke, :f :enqueue, :value 1}", "h:1: :f :enqueue: only registers"],
    ["{:process 0, :type :invoked, :f :read, :value 1}", "h:1: :type: expected :invoke, :ok"],
    ["\n{:process 0, :type :invoke", "h:2: a form without an end"],
    ["[{:process 0", "h: a vector without an end"],
    ["{:process 0, :type :invoke, :f :cas, :value 1}", "h:1: cas: expected the value"],
  ])("%s is refused: %s", (text, reason) => expect(() => parseHistory(text, "h")).toThrow(reason));
});

describe("a history of Porcupine", () => {
  const operation = (Op: unknown, Value: unknown, Output: unknown, Call: number, Return: number) =>
    JSON.stringify({ ClientId: 0, Input: { Op, Key: "x", Value }, Call, Output, Return });

  test("of a store, by numbers or by names, a line each or events", () => {
    for (const [get, put, append] of [
      [0, 1, 2],
      ["get", "Put", "append"],
    ]) {
      const good = [
        operation(get, "", { Value: "" }, 0, 1),
        operation(put, "a", null, 2, 3),
        operation(append, "b", null, 4, 5),
        operation(get, "", "ab", 6, 7),
      ];
      expect(verdictOf(lines(...good))).toBe("linearizable");
      expect(verdictOf(`[${good.join(",")}]`)).toBe("linearizable");
      const bad = [...good, operation(get, "", { Value: "a" }, 8, 9)];
      expect(verdictOf(lines(...bad))).toBe("not linearizable");
    }
    const event = (ClientId: number, Kind: number, Value: object, Id: number) => ({
      ...{ ClientId, Kind, Value, Id },
    });
    const read = { op: "get", key: "x" };
    const events = [
      event(0, 0, { op: "put", key: "x", value: "a" }, 0),
      event(1, 0, read, 1),
      event(1, 1, { value: "" }, 1),
      event(0, 1, {}, 0),
    ];
    expect(verdictOf(JSON.stringify(events))).toBe("linearizable");
    const late = [event(1, 0, read, 2), event(1, 1, { value: "" }, 2)];
    expect(verdictOf(JSON.stringify([...events, ...late]))).toBe("not linearizable");
  });

  test("of the register of its example", () => {
    const register = (
      op: boolean,
      value: number,
      output: number,
      Call: number,
      Return: number,
    ) => ({
      ...{ ClientId: 1, Input: { op, value }, Call, Output: output, Return },
    });
    const first = [register(true, 0, 0, 0, 1), register(false, 100, 0, 2, 9)];
    expect(verdictOf(JSON.stringify([...first, register(true, 0, 100, 3, 4)]))).toBe(
      "linearizable",
    );
    const back = [register(true, 0, 100, 3, 4), register(true, 0, 0, 5, 6)];
    expect(verdictOf(JSON.stringify([...first, ...back]))).toBe("not linearizable");
  });

  test.each([
    [operation(7, "", null, 0, 1), "h: entry 0: Input.Op 7: only registers"],
    [operation(0, "", null, 3, 1), "h: entry 0: Return: before Call"],
    ['{"Call": 1, "Input": 4}', "h: entry 0: Input: expected an object"],
    ['{"Call": 1, "Input": {"Op": 1, "Version": 3}}', "h: entry 0: Input.Version: only"],
    ['{"Kind": 3}', "h: entry 0: Kind: expected 0 for a call"],
  ])("%s is refused: %s", (text, reason) => expect(() => parseHistory(text, "h")).toThrow(reason));
});

describe("npm run check-history", () => {
  let dir = "";
  beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "oskr-history-"))));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };

  test("tells the verdict by its status, and the answer that no order explains", async () => {
    const good = file("good.json", recorded(100, false));
    const { status, out, err } = await run("check-history", [good]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).toMatch(
      /good.json: linearizable: \d+ operations of 4 clients on 3 keys.*\(oskr\)\n$/,
    );

    const page = readFileSync(join(ROOT, "docs/histories.md"), "utf8");
    const told = /^    store.edn: [^]*?\n\n/m.exec(page)?.[0].replaceAll(/^    /gm, "") ?? "none";
    const write = (value: number) => [
      `{:process 0, :type :invoke, :f :write, :value ${value}}`,
      `{:process 0, :type :ok, :f :write, :value ${value}}`,
    ];
    const read = (value: number) => [
      "{:process 1, :type :invoke, :f :read, :value nil}",
      `{:process 1, :type :ok, :f :read, :value ${value}}`,
    ];
    const bad = file("store.edn", lines(...write(1), ...write(2), ...read(2), ...read(1)));
    const convicted = await run("check-history", [bad]);
    expect(convicted.status).toBe(1);
    expect(convicted.out.replace(`${dir}/`, "")).toBe(told.trimEnd() + "\n");

    const gaveUp = await run("check-history", [good, "--steps", "3"]);
    expect(gaveUp.status).toBe(3);
    expect(gaveUp.out).toContain("unknown");
    expect(gaveUp.out).toContain("--steps allows more");
  });

  test.each([
    ["nothing.json", "[]", "has no operations"],
    ["words.txt", "INFO  jepsen.util - 0 :invoke :read nil\n", "no history of oskr"],
    ["page.txt", "# A page\n\n[not](EDN)\n", "no history of oskr"],
    ["other.json", '{"a": 1}', "no history of oskr"],
  ])("%s is a mistake, in a line", async (name, text, reason) => {
    const { status, out, err } = await run("check-history", [file(name, text)]);
    expect({ status, out, lines: err.trim().split("\n").length }).toEqual({
      ...{ status: 2, out: "", lines: 1 },
    });
    expect(err).toContain(reason);
  });
});
