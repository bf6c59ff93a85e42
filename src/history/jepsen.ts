// Histories that Jepsen recorded (history.edn), of registers and key-value stores; and those of
// Porcupine's tests of key-value stores, which are written the same way.

import { parseEDNString } from "edn-data";
import { UsageError } from "../base/errors.ts";
import type { History, HistoryRecord } from "./key-history.ts";
import { absentIsEmpty, operationOf, textOf, unsupported, type Asked } from "./import.ts";

/** An invocation or a completion. */
interface Event {
  readonly line: number;
  readonly type: string;
  readonly f: string;
  readonly process: string;
  readonly key: unknown;
  readonly value: unknown;
}

/** An invocation that has not completed. */
interface Open {
  readonly event: Event;
  readonly at: number;
}

const OPTIONS = {
  mapAs: "object",
  keywordAs: "string",
  listAs: "array",
  charAs: "string",
} as const;

/**
 * Reads a vector of maps, or a map a line. Completions of the type `:fail` say that nothing
 * happened, `:info` that nobody knows. Throws UsageError with the line of what cannot be read.
 */
export function readJepsen(text: string, path: string): History {
  const events = eventsOf(text, path);
  const keyed = areKeyed(events);
  const records: HistoryRecord[] = [];
  let silent = 0;
  const open = new Map<string, Open>();
  const add = (call: Open, completion: { event: Event; at: number } | null): void => {
    const record = recordOf(call, completion, keyed, `${path}:${call.event.line}`);
    if (record === null) silent++;
    else records.push(record);
  };
  for (const [at, event] of events.entries()) {
    const where = `${path}:${event.line}`;
    const call = open.get(event.process);
    if (event.type === "invoke") {
      if (call !== undefined) {
        const since = `its operation of line ${call.event.line} has not completed`;
        throw new UsageError(`${where}: process ${event.process} invokes, but ${since}`);
      }
      open.set(event.process, { event, at });
      continue;
    }
    if (call === undefined) {
      throw new UsageError(`${where}: process ${event.process} completes what it did not invoke`);
    }
    open.delete(event.process);
    if (event.type === "fail") silent++;
    else add(call, event.type === "ok" ? { event, at } : null);
  }
  for (const call of open.values()) add(call, null);
  // Get, put and append are the words of key-value stores, of which an absent key reads as empty.
  const initial = events.some(({ f }) => f === "get" || f === "append") ? "" : null;
  const alike = initial === "" ? records.map(absentIsEmpty) : records;
  return { format: "Jepsen", unit: "", initial, records: alike, silent };
}

function recordOf(
  { event, at }: Open,
  completion: { readonly event: Event; readonly at: number } | null,
  keyed: boolean,
  where: string,
): HistoryRecord | null {
  const [key, argument] = keyed ? pairOf(event.value, where) : [event.key ?? "", event.value];
  const seen = completion === null ? null : completion.event.value;
  const value = keyed && seen !== null ? pairOf(seen, where)[1] : seen;
  const asked: Asked = { f: event.f, key: textOf(key) ?? "", argument };
  const { input, isRead } = operationOf(asked, where);
  if (completion === null && isRead) return null;
  const output =
    completion === null
      ? null
      : isRead
        ? { saw: textOf(value) }
        : input.kind === "compareAndSet"
          ? ("equal" as const)
          : ("done" as const);
  const returned = completion === null ? Infinity : completion.at;
  return { client: event.process, key: asked.key, input, output, invoked: at, returned };
}

/** Whether values are pairs of a key and a value, as jepsen.independent has them. */
function areKeyed(events: readonly Event[]): boolean {
  const isPair = (value: unknown): value is readonly unknown[] =>
    Array.isArray(value) && value.length === 2;
  const plain = events.filter(({ key }) => key === undefined);
  const reads = plain.filter(({ f }) => f === "read" || f === "get" || f === "write");
  if (reads.length > 0) return reads.every(({ value }) => isPair(value));
  return plain.length > 0 && plain.every(({ value }) => isPair(value) && isPair(value[1]));
}

function pairOf(value: unknown, where: string): readonly [key: unknown, value: unknown] {
  if (Array.isArray(value) && value.length === 2) return [value[0], value[1]];
  throw new UsageError(`${where}: :value: expected a key and a value`);
}

function eventsOf(text: string, path: string): readonly Event[] {
  return formsOf(text, path).flatMap(({ line, value }) => {
    const where = `${path}:${line}`;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new UsageError(`${where}: expected a map, as {:type :invoke, :f :read, ...}`);
    }
    const map = value as { readonly [name: string]: unknown };
    const { type, f, process, key } = map;
    if (typeof process !== "number") {
      // The nemesis, which breaks things and asks for nothing.
      if (typeof process === "string") return [];
      throw new UsageError(`${where}: :process: expected a number`);
    }
    if (typeof type !== "string" || !["invoke", "ok", "fail", "info"].includes(type)) {
      throw new UsageError(`${where}: :type: expected :invoke, :ok, :fail or :info`);
    }
    if (typeof f !== "string") throw new UsageError(`${where}: :f: expected a keyword`);
    if (!isKnown(f)) throw unsupported(`:f :${f}`, where);
    return [{ line, type, f, process: String(process), key, value: untagged(map["value"]) }];
  });
}

function isKnown(f: string): boolean {
  return ["read", "get", "write", "put", "append", "cas", "delete"].includes(f);
}

interface Form {
  readonly line: number;
  readonly value: unknown;
}

/** The maps of the file: in a vector, or one after another, each on lines of its own. */
function formsOf(text: string, path: string): readonly Form[] {
  if (/^\s*[[(]/.test(text)) {
    const all = untagged(parse(text, `${path}:1`));
    if (!Array.isArray(all)) throw new UsageError(`${path}: a vector without an end`);
    return all.map((value: unknown, i) => ({ line: i + 1, value: untagged(value) }));
  }
  const forms: Form[] = [];
  let [unfinished, since] = ["", 0];
  for (const [i, line] of text.split("\n").entries()) {
    if (unfinished === "" && /^\s*(?:;.*)?$/.test(line)) continue;
    if (unfinished === "") since = i + 1;
    unfinished += `${line}\n`;
    const value = parse(unfinished, `${path}:${since}`);
    // The parser's word for a form without an end.
    if (value === null) continue;
    forms.push({ line: since, value: untagged(value) });
    unfinished = "";
  }
  if (unfinished !== "") throw new UsageError(`${path}:${since}: a form without an end`);
  return forms;
}

function parse(text: string, where: string): unknown {
  try {
    return parseEDNString(text, OPTIONS);
  } catch {
    throw new UsageError(`${where}: no EDN`);
  }
}

/** Tags such as #jepsen.history.Op say what a map is, which its keys do as well. */
function untagged(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("tag" in value)) return value;
  const inner: unknown = "val" in value ? value.val : null;
  if (typeof inner !== "object" || inner === null || !("key" in inner && "value" in inner)) {
    return inner;
  }
  // A jepsen.independent.Tuple as a record.
  return Object.keys(inner).length === 2 ? [inner.key, inner.value] : inner;
}
