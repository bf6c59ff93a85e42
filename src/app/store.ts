// What all stores have in common: operations on keys and on records, their results, bounds, undoing
// and snapshots. A store differs from others in where it finds rows, and whether in an order.

import type { App, Bytes, Snapshot, State } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { bytesOf } from "../wire.ts";
import {
  applyKvOperation,
  decodeKvOperation,
  encodeState,
  MALFORMED,
  TOO_LARGE,
  VALUE_MAX,
} from "./operation.ts";
import {
  decodeRecordOperation,
  encodeRecordResult,
  isRecordOperation,
  replaceFields,
  rowSize,
  SCAN_BYTES_MAX,
  selectField,
  type RecordOperation,
  type RecordResult,
  type Row,
} from "./record-operation.ts";
import { RowParts } from "./row-parts.ts";

/**
 * Most bytes of keys and values, with eight for each pair; an operation that would need more is
 * refused.
 */
const STATE_MAX = 2 * 1024 * 1024 * 1024;

/** A key with what it had before an operation that is not committed; null: it was absent. */
interface Undo {
  readonly key: Bytes;
  readonly before: Bytes | null;
}

/** Committed operations that are forgotten together. */
const FORGOTTEN_MIN = 1024;

export abstract class Store implements App {
  protected readonly rows = new RowParts();
  readonly #stateMax: number;
  /** One for each operation that can be undone, oldest first; null: it changed nothing. */
  readonly #journal: (Undo | null)[] = [];
  /** How many of them are committed. */
  #committed = 0;

  constructor(stateMax = STATE_MAX) {
    this.#stateMax = stateMax;
  }

  /** null: the key is absent; nobody writes to the value. */
  protected abstract read(key: Bytes): Bytes | null;
  /**
   * The row is to be this; null: absent. `rows` have it already; a store that has nothing beside
   * them has no need of it.
   */
  protected write?(key: Bytes, value: Bytes | null): void;
  /** Rows from a key on in the order of their keys; null: there is no order. */
  protected abstract scan(from: Bytes, count: number): Iterable<Row> | null;

  execute(op: Bytes): Bytes {
    return isRecordOperation(op) ? this.#executeRecord(op) : this.#executeKv(op);
  }

  expect(op: Bytes, count: number): void {
    const operation = isRecordOperation(op) ? decodeRecordOperation(op) : null;
    if (operation?.kind !== "insert") return;
    const { key, record } = operation;
    // No more than are taken.
    const most = Math.floor(this.#stateMax / sizeOf(key, record));
    this.rows.expect(Math.min(count, most), key.length, record.length);
  }

  snapshot(): Snapshot {
    return this.rows.snapshot();
  }

  restore(state: State, changed: Iterable<number>): void {
    this.#journal.length = 0;
    this.#committed = 0;
    this.rows.restore(state, changed, this.write?.bind(this) ?? null);
  }

  rollback(count: number): void {
    assert(count <= this.#pending, "rollback of committed operations");
    for (let i = 0; i < count; i++) {
      const undo = this.#journal.pop() ?? null;
      if (undo !== null) this.#set(undo.key, undo.before);
    }
  }

  commit(count: number): void {
    assert(count <= this.#pending, "commit of operations that were not executed");
    this.#committed += count;
    if (this.#committed === this.#journal.length) {
      this.#journal.length = 0;
      this.#committed = 0;
    } else if (this.#committed >= FORGOTTEN_MIN) {
      this.#journal.splice(0, this.#committed);
      this.#committed = 0;
    }
  }

  get #pending(): number {
    return this.#journal.length - this.#committed;
  }

  #executeKv(op: Bytes): Bytes {
    const operation = decodeKvOperation(op);
    if (operation === null) return this.#unchanged(MALFORMED);
    const { key } = operation;
    const before = this.read(key);
    const after = applyKvOperation(operation, before);
    if (this.#refuses(key, before, after)) return this.#unchanged(TOO_LARGE);
    if (after === before) this.#journal.push(null);
    else this.#change(key, before, after);
    return bytesOf((out) => encodeState(before, out));
  }

  #executeRecord(op: Bytes): Bytes {
    const operation = decodeRecordOperation(op);
    if (operation === null) return this.#unchanged(MALFORMED);
    const result = this.#resultOf(operation);
    return encodeRecordResult(result);
  }

  /** Notes in the journal what it does. */
  #resultOf(operation: RecordOperation): RecordResult {
    const { kind, key } = operation;
    if (kind === "scan") {
      this.#journal.push(null);
      return this.#scanned(operation);
    }
    const before = this.read(key);
    if (kind === "read") {
      this.#journal.push(null);
      return found(before, operation.field);
    }
    const wrong = before === null ? "not found" : "exists";
    if ((kind === "insert") === (before !== null)) {
      this.#journal.push(null);
      return { kind: wrong };
    }
    const after =
      kind === "insert" ? operation.record : replaceFields(before ?? NO_RECORD, operation.fields);
    const error =
      after === null ? "no record" : this.#refuses(key, before, after) ? "too large" : null;
    if (error !== null) {
      this.#journal.push(null);
      return { kind: "error", error };
    }
    this.#change(key, before, after);
    return { kind: "done" };
  }

  #scanned({ key, count, field }: RecordOperation & { readonly kind: "scan" }): RecordResult {
    const scanned = this.scan(key, count);
    if (scanned === null) return { kind: "error", error: "no order" };
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of scanned) {
      const value = selectField(row.value, field);
      if (value === null) return { kind: "error", error: "no record" };
      bytes += rowSize({ key: row.key, value });
      if (bytes > SCAN_BYTES_MAX) break;
      rows.push({ key: row.key, value });
    }
    return { kind: "rows", rows };
  }

  #refuses(key: Bytes, before: Bytes | null, after: Bytes | null): boolean {
    if (after === null) return false;
    if (after.length > VALUE_MAX) return true;
    const more = sizeOf(key, after) - sizeOf(key, before);
    return more > 0 && this.rows.bytes + more > this.#stateMax;
  }

  #unchanged(result: Bytes): Bytes {
    this.#journal.push(null);
    return result;
  }

  #change(key: Bytes, before: Bytes | null, after: Bytes | null): void {
    this.#journal.push({ key, before });
    this.#set(key, after);
  }

  #set(key: Bytes, value: Bytes | null): void {
    this.rows.set(key, value);
    this.write?.(key, value);
  }
}

/** Of no fields at all. */
const NO_RECORD: Bytes = new Uint8Array(2);

function found(record: Bytes | null, field: number | null): RecordResult {
  if (record === null) return { kind: "not found" };
  const wanted = selectField(record, field);
  return wanted === null
    ? { kind: "error", error: "no record" }
    : { kind: "record", record: wanted };
}

/** What a key in this state adds to the bytes of the state. */
function sizeOf(key: Bytes, value: Bytes | null): number {
  return value === null ? 0 : 8 + key.length + value.length;
}
