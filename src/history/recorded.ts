// Histories that `client --history` wrote.

import { UsageError } from "../base/errors.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import { kvKeyRecord, recorded, type KeyRecord } from "../simulation/linearizability.ts";
import type { History, HistoryRecord } from "./key-history.ts";

const HEX = /^(?:[0-9a-f]{2})*$/;

/** Whether this is an entry, or was meant to be one. */
export function isRecorded(value: unknown): boolean {
  return typeof value === "object" && value !== null && "op" in value && "invokedMs" in value;
}

/** Reads the entries of a file at `path`; throws UsageError for one that is none, or not of kv. */
export function readRecorded(entries: readonly unknown[], path: string): History {
  const records: HistoryRecord[] = [];
  let startMs = Infinity;
  for (const [i, value] of entries.entries()) {
    const where = `${path}: operation ${i}`;
    const entry = readEntry(value, where);
    startMs = Math.min(startMs, entry.invokedMs);
    const record = keyRecordOf(entry, where);
    if (record !== null) records.push({ ...record, client: String(entry.client) });
  }
  return {
    format: "oskr",
    unit: "ms",
    initial: null,
    silent: entries.length - records.length,
    // From the first operation on: the clock that was read counts from when the machine began.
    records: records.map((record) => ({
      ...record,
      invoked: record.invoked - startMs,
      returned: record.returned - startMs,
    })),
  };
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
