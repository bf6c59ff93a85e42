// Operations of the stores on records, as YCSB asks them: a record is a value of a key that has
// fields, which are told by their numbers.

import type { Bytes } from "../actor.ts";
import { bytesOf, type Writer } from "../wire.ts";
import { Cursor } from "./cursor.ts";
import { KEY_MAX, VALUE_MAX } from "./operation.ts";

/** Most fields of a record. */
export const FIELDS_MAX = 10_000;
/** Most records of a scan. */
export const SCAN_MAX = 100_000;
/** A scan ends before what it answers is larger. */
export const SCAN_BYTES_MAX = 1024 * 1024;

export interface Field {
  readonly index: number;
  readonly value: Bytes;
}

/** A field by its number; null: all of them. */
type Wanted = number | null;

export type RecordOperation =
  | { readonly kind: "read"; readonly key: Bytes; readonly field: Wanted }
  /** Of a key that is absent; `record` is as `encodeRecord` makes it. */
  | { readonly kind: "insert"; readonly key: Bytes; readonly record: Bytes }
  /** Replaces fields of a record that there is. */
  | { readonly kind: "update"; readonly key: Bytes; readonly fields: readonly Field[] }
  /** Records from `key` on in the order of their keys; stores without order have an error. */
  | {
      readonly kind: "scan";
      readonly key: Bytes;
      readonly count: number;
      readonly field: Wanted;
    };

/** A record, or one field of it as a record of one, by its key. */
export interface Row {
  readonly key: Bytes;
  readonly value: Bytes;
}

export type RecordError = "malformed" | "too large" | "no order" | "no record";

export type RecordResult =
  | { readonly kind: "done" }
  | { readonly kind: "not found" }
  | { readonly kind: "exists" }
  | { readonly kind: "record"; readonly record: Bytes }
  | { readonly kind: "rows"; readonly rows: readonly Row[] }
  | { readonly kind: "error"; readonly error: RecordError };

/** Behind the kinds of operations on single keys. */
const KINDS_START = 16;
const KINDS = ["read", "insert", "update", "scan"] as const;

/** Whether an operation is one on records, malformed or not. */
export function isRecordOperation(op: Bytes): boolean {
  return (op[0] ?? 0) >= KINDS_START;
}

export function encodeRecordOperation(operation: RecordOperation): Bytes {
  return bytesOf((out) => {
    out.u8(KINDS_START + KINDS.indexOf(operation.kind));
    out.blob(operation.key);
    switch (operation.kind) {
      case "read":
        encodeWanted(operation.field, out);
        break;
      case "insert":
        out.blob(operation.record);
        break;
      case "update":
        out.u16(operation.fields.length);
        for (const { index, value } of operation.fields) {
          out.u16(index);
          out.blob(value);
        }
        break;
      case "scan":
        out.u32(operation.count);
        encodeWanted(operation.field, out);
        break;
    }
  });
}

/** null when malformed; nobody writes to the operation, of which a large record is a view. */
export function decodeRecordOperation(op: Bytes): RecordOperation | null {
  const input = new Cursor(op);
  const kind = KINDS[input.u8() - KINDS_START];
  const key = input.blob(KEY_MAX);
  const operation = kind === undefined ? null : readOperation(kind, key, input);
  return input.done ? operation : null;
}

function readOperation(
  kind: RecordOperation["kind"],
  key: Bytes,
  input: Cursor,
): RecordOperation | null {
  switch (kind) {
    case "read":
      return { kind, key, field: decodeWanted(input) };
    case "insert": {
      const record = input.sharedBlob(VALUE_MAX);
      return isRecord(record) ? { kind, key, record } : null;
    }
    case "update": {
      const fields: Field[] = [];
      for (let count = input.u16(); count > 0 && input.ok; count--) {
        fields.push({ index: input.u16(), value: input.blob(VALUE_MAX) });
      }
      return { kind, key, fields };
    }
    case "scan": {
      const count = input.u32();
      const field = decodeWanted(input);
      return count > SCAN_MAX ? null : { kind, key, count, field };
    }
  }
}

function encodeWanted(field: Wanted, out: Writer): void {
  out.flag(field !== null);
  out.u16(field ?? 0);
}

function decodeWanted(input: Cursor): Wanted {
  const one = input.flag();
  const index = input.u16();
  if (!one && index !== 0) input.poison();
  return one ? index : null;
}

/** A record of these fields, at most FIELDS_MAX. */
export function encodeRecord(fields: readonly Bytes[]): Bytes {
  return bytesOf((out) => {
    out.u16(fields.length);
    for (const field of fields) out.blob(field);
  });
}

/** The fields of a record; null if it is none. */
export function decodeRecord(record: Bytes): readonly Bytes[] | null {
  const input = new Cursor(record);
  const count = input.u16();
  if (count > FIELDS_MAX) return null;
  const fields: Bytes[] = [];
  while (fields.length < count && input.ok) fields.push(input.blob(VALUE_MAX));
  return input.done ? fields : null;
}

function isRecord(record: Bytes): boolean {
  const input = new Cursor(record);
  const count = input.u16();
  for (let i = 0; i < count && input.ok; i++) input.skip(input.u32());
  return input.done && count <= FIELDS_MAX;
}

/** What of a record was asked for; null if it is none, or has no such field. */
export function selectField(record: Bytes, field: Wanted): Bytes | null {
  if (field === null) return isRecord(record) ? record : null;
  const value = decodeRecord(record)?.[field];
  return value === undefined ? null : encodeRecord([value]);
}

/** The record with these fields replaced; null if it is none, or has no such field. */
export function replaceFields(record: Bytes, fields: readonly Field[]): Bytes | null {
  const places = placesOf(record);
  if (places === null) return null;
  const last = places.length - 1;
  if (fields.some(({ index }) => index >= last)) return null;
  const lengthOf = (index: number): number => (places[index + 1] ?? 0) - (places[index] ?? 0) - 4;
  if (fields.some(({ index, value }) => value.length !== lengthOf(index))) {
    const all = [...(decodeRecord(record) ?? [])];
    for (const { index, value } of fields) all[index] = value;
    return encodeRecord(all);
  }
  const changed = new Uint8Array(record.length);
  changed.set(record);
  for (const { index, value } of fields) changed.set(value, (places[index] ?? 0) + 4);
  return changed;
}

/** Where each field begins, with its length, and the end; null if it is no record. */
function placesOf(record: Bytes): readonly number[] | null {
  const input = new Cursor(record);
  const places: number[] = [];
  for (let count = input.u16(); count > 0 && input.ok; count--) {
    places.push(input.position);
    input.skip(input.u32());
  }
  places.push(input.position);
  return input.done && places.length <= FIELDS_MAX + 1 ? places : null;
}

const ERRORS: readonly RecordError[] = ["malformed", "too large", "no order", "no record"];
/** The first two are those of operations on single keys. */
const ERRORS_START = 2;
const DONE = 16;
const NOT_FOUND = 17;
const EXISTS = 18;
const RECORD = 19;
const ROWS = 20;

export function encodeRecordResult(result: RecordResult): Bytes {
  switch (result.kind) {
    case "done":
      return DONE_RESULT;
    case "not found":
      return NOT_FOUND_RESULT;
    case "exists":
      return EXISTS_RESULT;
    case "error":
      return Uint8Array.of(ERRORS_START + ERRORS.indexOf(result.error));
    case "record":
      return recordResult(result.record);
    case "rows":
      return bytesOf((out) => {
        out.u8(ROWS);
        out.u32(result.rows.length);
        for (const { key, value } of result.rows) {
          out.blob(key);
          out.blob(value);
        }
      });
  }
}

function recordResult(record: Bytes): Bytes {
  const result = new Uint8Array(1 + record.length);
  result[0] = RECORD;
  result.set(record, 1);
  return result;
}

const DONE_RESULT = Uint8Array.of(DONE);
const NOT_FOUND_RESULT = Uint8Array.of(NOT_FOUND);
const EXISTS_RESULT = Uint8Array.of(EXISTS);

/** null when malformed. */
export function decodeRecordResult(result: Bytes): RecordResult | null {
  const input = new Cursor(result);
  const first = input.u8();
  const error = ERRORS[first - ERRORS_START];
  if (error !== undefined) return input.done ? { kind: "error", error } : null;
  switch (first) {
    case DONE:
      return input.done ? { kind: "done" } : null;
    case NOT_FOUND:
      return input.done ? { kind: "not found" } : null;
    case EXISTS:
      return input.done ? { kind: "exists" } : null;
    case RECORD: {
      const record = input.bytes(input.remaining);
      return isRecord(record) ? { kind: "record", record } : null;
    }
    case ROWS: {
      const rows: Row[] = [];
      for (let count = input.u32(); count > 0 && input.ok; count--) {
        rows.push({ key: input.blob(KEY_MAX), value: input.blob(VALUE_MAX) });
      }
      return input.done ? { kind: "rows", rows } : null;
    }
    default:
      return null;
  }
}

/** Bytes that a row adds to what a scan answers. */
export function rowSize({ key, value }: Row): number {
  return 8 + key.length + value.length;
}
