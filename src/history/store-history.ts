// Histories of stores with operations on records, as people read them.

import { decodeKvResult, type KvOperation } from "../app/operation.ts";
import {
  decodeRecord,
  decodeRecordResult,
  type RecordOperation,
  type RecordResult,
} from "../app/record-operation.ts";
import { isOnRecords, type StoreRecord } from "../simulation/store-model.ts";
import { latin1, type Bytes } from "../wire.ts";
import { shown } from "./shown.ts";

/** An operation, with who asked. */
export interface StoreHistoryRecord extends StoreRecord {
  readonly client: string;
}

/** What was asked, and what the client was told. */
export function describeStoreRecord({ input, output }: StoreRecord): string {
  if (!isOnRecords(input)) return `${describeKv(input)}${toldOfKey(output)}`;
  const result = output === null ? null : decodeRecordResult(output);
  return `${describeAsked(input)}${result === null ? "" : told(result)}`;
}

function describeKv(operation: KvOperation): string {
  const key = shown(latin1(operation.key));
  const value = "value" in operation ? ` ${shown(latin1(operation.value))}` : "";
  if (operation.kind !== "compareAndSet") return `${operation.kind} ${key}${value}`;
  const { expected } = operation;
  return `compare and set ${key} ${shown(expected === null ? null : latin1(expected))}${value}`;
}

function toldOfKey(output: Bytes | null): string {
  const result = output === null ? null : decodeKvResult(output);
  if (result === null) return "";
  if (result.kind === "error") return ", which failed";
  return `, which saw ${result.value === null ? shown(null) : shownValue(result.value)}`;
}

function describeAsked(operation: RecordOperation): string {
  const key = shown(latin1(operation.key));
  switch (operation.kind) {
    case "read":
      return `read ${key}`;
    case "insert":
      return `insert ${key} ${shownValue(operation.record)}`;
    case "update": {
      const fields = operation.fields.map(({ index, value }) => {
        return `field ${index} ${shown(latin1(value))}`;
      });
      return `update ${key} ${fields.join(", ")}`;
    }
    case "scan":
      return `scan ${operation.count} from ${key}`;
  }
}

function told(result: RecordResult): string {
  switch (result.kind) {
    case "record":
      return `, which saw ${shownValue(result.record)}`;
    case "rows": {
      const rows = result.rows.map(({ key, value }) => {
        return `${shown(latin1(key))} ${shownValue(value)}`;
      });
      return `, which saw ${rows.length === 0 ? shown(null) : rows.join(", ")}`;
    }
    case "error":
      return `, which failed: ${result.error}`;
    default:
      return `: ${result.kind}`;
  }
}

/** The fields of a record, or what else there is in its place. */
function shownValue(value: Bytes): string {
  const fields = decodeRecord(value)?.map((field) => shown(latin1(field)));
  return fields === undefined ? shown(latin1(value)) : `(${fields.join(", ")})`;
}
