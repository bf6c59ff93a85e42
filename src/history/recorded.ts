// Histories that `client --history` wrote.

import { isRecordOperation } from "../app/record-operation.ts";
import { UsageError } from "../base/errors.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import {
  kvKeyRecord,
  recorded,
  type KeyRecord,
  type Operation,
} from "../simulation/linearizability.ts";
import { storeRecord, type StoreRecord } from "../simulation/store-model.ts";
import type { History } from "./key-history.ts";

const HEX = /^(?:[0-9a-f]{2})*$/;

/** Whether this is an entry, or was meant to be one. */
export function isRecorded(value: unknown): boolean {
  return typeof value === "object" && value !== null && "op" in value && "invokedMs" in value;
}

/** Reads the entries of a file at `path`; throws UsageError for one that is none, or not of kv. */
export function readRecorded(entries: readonly unknown[], path: string): History {
  const where = (i: number): string => `${path}: operation ${i}`;
  const read = entries.map((value, i) => readEntry(value, where(i)));
  // From the first operation on: the clock that was read counts from when the machine began.
  const startMs = Math.min(...read.map(({ invokedMs }) => invokedMs));
  const own = { format: "oskr", unit: "ms", initial: null } as const;
  if (read.some(({ op }) => isRecordOperation(Buffer.from(op, "hex")))) {
    const store = read.flatMap((entry, i) => timed(entry, storeRecordOf(entry, where(i)), startMs));
    return { ...own, silent: read.length - store.length, records: [], store };
  }
  const records = read.flatMap((entry, i) => timed(entry, keyRecordOf(entry, where(i)), startMs));
  return { ...own, silent: read.length - records.length, records };
}

/** With who asked, from the start on; nothing of one that constrains nothing. */
function timed<T extends Operation<unknown, unknown>>(
  { client }: HistoryEntry,
  record: T | null,
  startMs: number,
): readonly (T & { readonly client: string })[] {
  if (record === null) return [];
  const invoked = record.invoked - startMs;
  return [{ ...record, client: String(client), invoked, returned: record.returned - startMs }];
}

function storeRecordOf(entry: HistoryEntry, where: string): StoreRecord | null {
  try {
    return storeRecord(recorded(entry));
  } catch {
    throw new UsageError(`${where}: none of a store, whose histories alone are checked`);
  }
}

function readEntry(value: unknown, where: string): HistoryEntry {
  const refuse = (what: string): never => {
    throw new UsageError(`${where}: ${what}`);
  };
  if (typeof value !== "object" || value === null) return refuse("expected an object");
  const { client, op, result, invokedMs, returnedMs }: Partial<HistoryEntry> = value;
  if (typeof client !== "number") return refuse("client: expected a number");
  if (typeof op !== "string" || !HEX.test(op)) return refuse("op: expected hexadecimal digits");
  if (typeof invokedMs !== "number") return refuse("invokedMs: expected a number");
  const answered = typeof result === "string";
  if (answered && !HEX.test(result)) return refuse("result: expected hexadecimal digits");
  if (answered !== (typeof returnedMs === "number")) {
    return refuse("result and returnedMs: expected both, or null for both");
  }
  if (typeof returnedMs === "number" && returnedMs < invokedMs) {
    return refuse("returnedMs: before invokedMs");
  }
  return { client, op, result: result ?? null, invokedMs, returnedMs: returnedMs ?? null };
}

function keyRecordOf(entry: HistoryEntry, where: string): KeyRecord | null {
  let record: ReturnType<typeof kvKeyRecord>;
  try {
    record = kvKeyRecord(recorded(entry));
  } catch {
    throw new UsageError(`${where}: none of the application kv, whose histories alone are checked`);
  }
  if (record === "no result") throw new UsageError(`${where}: its result is none of kv`);
  return record;
}
