// Histories of Porcupine: its operations or events, marshalled as JSON, of registers and key-value
// stores. Names are those of the fields in Go, in any case.

import { UsageError } from "../base/errors.ts";
import type { KeyOperation, KeyResult } from "../simulation/linearizability.ts";
import type { History, HistoryRecord } from "./key-history.ts";
import { absentIsEmpty, operationOf, textOf, unsupported, type Asked } from "./import.ts";

/** By their names in lower case. */
type Fields = ReadonlyMap<string, unknown>;

/** An operation as Porcupine has it; without a return, nobody knows what came of it. */
interface Call {
  readonly where: string;
  readonly client: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly call: number;
  readonly returned: number;
}

/** What programs give operations that never returned: the largest integer, or nearly. */
const NEVER = 2 ** 62;

/** Words for operations, by what programs call them. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ...["get", "read", "r"].map((word) => [word, "get"] as const),
  ...["put", "write", "w", "set"].map((word) => [word, "put"] as const),
  ...["append"].map((word) => [word, "append"] as const),
  ...["cas", "compareandset", "compareandswap", "c"].map((word) => [word, "cas"] as const),
  ...["delete", "del", "remove"].map((word) => [word, "delete"] as const),
]);
/** Numbers of operations, in the models of Porcupine's tests. */
const KV_OPERATIONS = ["get", "put", "append"] as const;
const ETCD_OPERATIONS = ["get", "put", "cas"] as const;

/** Reads the values of a file at `path`; throws UsageError with the one that it does not know. */
export function readPorcupine(values: readonly unknown[], path: string): History {
  const all = values.map((value, i) => fieldsOf(value, `${path}: entry ${i}`));
  const [first] = all;
  const calls = first?.has("kind") === true ? callsOfEvents(all, path) : callsOf(all, path);
  const models = new Set<Model>();
  const records = calls.flatMap((call): HistoryRecord[] => {
    const { record, model } = recordOf(call);
    models.add(model);
    return record === null ? [] : [record];
  });
  const [model = "kv", ...others] = models;
  if (others.length > 0) throw new UsageError(`${path}: operations of several models`);
  const initial = { kv: "", register: "0", etcd: null }[model];
  const silent = calls.length - records.length;
  const alike = initial === "" ? records.map(absentIsEmpty) : records;
  return { format: "Porcupine", unit: "", initial, records: alike, silent };
}

/** Whether a value is one that Porcupine may have written. */
export function isPorcupine(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const fields = fieldsOf(value, "");
  return (fields.has("call") && fields.has("input")) || fields.has("kind");
}

function callsOf(all: readonly Fields[], path: string): readonly Call[] {
  const zero = earliest(all.map((fields) => fields.get("call")));
  return all.map((fields, i): Call => {
    const where = `${path}: entry ${i}`;
    const [call, returned] = [
      timeOf(fields.get("call"), zero, `${where}: Call`),
      timeOf(fields.get("return") ?? Infinity, zero, `${where}: Return`),
    ];
    if (returned < call) throw new UsageError(`${where}: Return: before Call`);
    const client = textOf(fields.get("clientid") ?? fields.get("client")) ?? "?";
    return {
      where,
      client,
      call,
      returned,
      input: fields.get("input"),
      output: fields.get("output"),
    };
  });
}

/** Events stand in the order in which they happened. */
function callsOfEvents(all: readonly Fields[], path: string): readonly Call[] {
  const open = new Map<string, Call>();
  const calls: Call[] = [];
  for (const [at, fields] of all.entries()) {
    const where = `${path}: entry ${at}`;
    const id = textOf(fields.get("id")) ?? "";
    const kind = fields.get("kind");
    const isCall = [0, false, "call", "CallEvent"].includes(kind as string);
    if (!isCall && ![1, true, "return", "ReturnEvent"].includes(kind as string)) {
      throw new UsageError(`${where}: Kind: expected 0 for a call, 1 for a return`);
    }
    const call = open.get(id);
    if (isCall === (call !== undefined)) {
      throw new UsageError(`${where}: Id ${id}: ${isCall ? "called twice" : "was not called"}`);
    }
    if (call === undefined) {
      const client = textOf(fields.get("clientid")) ?? id;
      const input = fields.get("value");
      open.set(id, { where, client, input, output: null, call: at, returned: Infinity });
    } else {
      open.delete(id);
      calls.push({ ...call, output: fields.get("value"), returned: at });
    }
  }
  return [...calls, ...open.values()];
}

type Model = "kv" | "register" | "etcd";

function recordOf(call: Call): { readonly record: HistoryRecord | null; readonly model: Model } {
  const { where, client, call: invoked } = call;
  const input = fieldsOf(call.input, `${where}: Input`);
  if (input.has("version")) throw unsupported("Input.Version", where);
  const model: Model = input.has("arg1")
    ? "etcd"
    : typeof operatorOf(input) === "boolean"
      ? "register"
      : "kv";
  const asked: Asked = {
    f: wordOf(operatorOf(input), model, where),
    key: textOf(input.get("key")) ?? "",
    argument: undefined,
  };
  const argument = argumentOf(asked.f, input);
  const { input: operation, isRead } = operationOf({ ...asked, argument }, where);
  const output = call.returned === Infinity ? null : resultOf(call.output, operation);
  if (output === null && isRead) return { record: null, model };
  const returned = output === null ? Infinity : call.returned;
  return { record: { client, key: asked.key, input: operation, output, invoked, returned }, model };
}

function operatorOf(input: Fields): unknown {
  return input.get("op") ?? input.get("kind") ?? input.get("type") ?? input.get("f");
}

function wordOf(operator: unknown, model: Model, where: string): string {
  const word =
    typeof operator === "boolean"
      ? operator
        ? "get"
        : "put"
      : typeof operator === "number"
        ? (model === "etcd" ? ETCD_OPERATIONS : KV_OPERATIONS)[operator]
        : WORDS.get(String(operator).toLowerCase());
  if (word === undefined) throw unsupported(`Input.Op ${String(operator)}`, where);
  return word;
}

function argumentOf(f: string, input: Fields): unknown {
  const first = (...names: readonly string[]): unknown =>
    names.map((name) => input.get(name)).find((value) => value !== undefined);
  if (f !== "cas") return first("value", "arg1", "val") ?? null;
  const expected = first("expected", "old", "from", "arg1") ?? null;
  return [expected, first("new", "to", "arg2", "value") ?? null];
}

/** null: nobody knows. */
function resultOf(output: unknown, { kind }: KeyOperation): KeyResult | null {
  const fields: Fields =
    typeof output === "object" && output !== null
      ? fieldsOf(output, "")
      : new Map([["value", output]]);
  if (fields.get("unknown") === true) return null;
  if (kind === "compareAndSet") {
    const held = fields.get("ok") ?? fields.get("value") ?? true;
    return held === false ? "unequal" : "equal";
  }
  if (kind !== "get") return "done";
  const absent = fields.get("exists") === false || /nokey/i.test(String(fields.get("err") ?? ""));
  return { saw: absent ? null : textOf(fields.get("value")) };
}

/** Numbers of any size, from the first one on; Infinity for what never came. */
function timeOf(value: unknown, zero: bigint | number, where: string): number {
  if (value === Infinity || (typeof value === "bigint" && value >= NEVER)) return Infinity;
  if (typeof value === "number" && value >= NEVER) return Infinity;
  if (typeof value === "bigint") return Number(value - BigInt(zero));
  if (typeof value !== "number") throw new UsageError(`${where}: expected a number`);
  return typeof zero === "bigint" ? Number(BigInt(value) - zero) : value - zero;
}

function earliest(values: readonly unknown[]): bigint | number {
  const times = values.filter((value) => typeof value === "number" || typeof value === "bigint");
  return times.reduce((least, value) => (value < least ? value : least), times[0] ?? 0);
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${where}: expected an object`);
  }
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}
