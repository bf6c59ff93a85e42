// A store as one machine that answers one operation after another, for histories with operations on
// records. A scan sees many keys at once, so that a history with scans is searched as a whole; one
// without goes key by key.

import type { Bytes } from "../actor.ts";
import {
  applyKvOperation,
  decodeKvOperation,
  encodeState,
  MALFORMED,
  TOO_LARGE,
  type KvOperation,
} from "../app/operation.ts";
import {
  decodeRecordOperation,
  decodeRecordResult,
  encodeRecordResult,
  isRecordOperation,
  replaceFields,
  selectField,
  type RecordOperation,
  type RecordResult,
  type Row,
} from "../app/record-operation.ts";
import type { HistoryEntry } from "../evaluation/history.ts";
import { bytesOf, EMPTY, equal, latin1 } from "../wire.ts";
import {
  checkKv,
  checkOperations,
  recorded,
  STEPS_MAX,
  type KvRecord,
  type Model,
  type Operation,
  type Verdict,
} from "./linearizability.ts";

export type StoreOperation = KvOperation | RecordOperation;

/** An operation on a store as a client saw it; the output null is one that never came. */
export type StoreRecord = Operation<StoreOperation, Bytes>;

/** Rows by the latin1 of their keys, and a text that is equal for equal rows only. */
interface Rows {
  readonly rows: ReadonlyMap<string, Bytes>;
  readonly text: string;
}

const MODEL: Model<Rows, StoreOperation, Bytes> = {
  initial: { rows: new Map(), text: "" },
  step(state, input, output) {
    // A refusal, which may come from a bound that no history shows, changes nothing.
    if (output !== null && isRefusal(input, output)) return state;
    const { result, after } = answer(state.rows, input);
    if (output !== null && !equal(result(), output)) return undefined;
    return after === undefined ? state : withRow(state, latin1(input.key), after);
  },
  key: ({ text }) => text,
  reads: (input, output) => {
    if (readsOnly(input) || isRefusal(input, output)) return true;
    return isOnRecords(input) && decodeRecordResult(output)?.kind !== "done";
  },
};

function isRefusal(operation: StoreOperation, output: Bytes): boolean {
  if (!isOnRecords(operation)) return equal(output, MALFORMED) || equal(output, TOO_LARGE);
  const result = decodeRecordResult(output);
  return result?.kind === "error" && result.error !== "no record";
}

export function isOnRecords(operation: StoreOperation): operation is RecordOperation {
  const { kind } = operation;
  return kind === "read" || kind === "insert" || kind === "update" || kind === "scan";
}

function withRow({ rows }: Rows, key: string, value: Bytes | null): Rows {
  const changed = new Map(rows);
  if (value === null) changed.delete(key);
  else changed.set(key, value);
  const names = [...changed.keys()].sort();
  const texts = names.map((name) => JSON.stringify([name, latin1(changed.get(name) ?? EMPTY)]));
  return { rows: changed, text: texts.join() };
}

/** What a store with these rows answers, and the row of the key then; undefined: as it was. */
interface Answer {
  result(): Bytes;
  readonly after?: Bytes | null;
}

function answer(rows: ReadonlyMap<string, Bytes>, operation: StoreOperation): Answer {
  const before = rows.get(latin1(operation.key)) ?? null;
  if (!isOnRecords(operation)) {
    const after = applyKvOperation(operation, before);
    const result = () => bytesOf((out) => encodeState(before, out));
    return after === before ? { result } : { result, after };
  }
  const [told, after] = answerRecord(rows, before, operation);
  const result = () => encodeRecordResult(told);
  return after === undefined ? { result } : { result, after };
}

function answerRecord(
  rows: ReadonlyMap<string, Bytes>,
  before: Bytes | null,
  operation: RecordOperation,
): readonly [RecordResult, Bytes?] {
  switch (operation.kind) {
    case "scan":
      return [scanned(rows, operation)];
    case "read": {
      if (before === null) return [{ kind: "not found" }];
      const record = selectField(before, operation.field);
      return [record === null ? NO_RECORD : { kind: "record", record }];
    }
    case "insert":
      return before === null ? [{ kind: "done" }, operation.record] : [{ kind: "exists" }];
    case "update": {
      if (before === null) return [{ kind: "not found" }];
      const after = replaceFields(before, operation.fields);
      return after === null ? [NO_RECORD] : [{ kind: "done" }, after];
    }
  }
}

const NO_RECORD: RecordResult = { kind: "error", error: "no record" };

function scanned(
  rows: ReadonlyMap<string, Bytes>,
  { key, count, field }: RecordOperation & { readonly kind: "scan" },
): RecordResult {
  const from = latin1(key);
  const names = [...rows.keys()].filter((name) => name >= from).sort();
  const found: Row[] = [];
  for (const name of names.slice(0, count)) {
    const value = selectField(rows.get(name) ?? EMPTY, field);
    if (value === null) return NO_RECORD;
    found.push({ key: new Uint8Array(Buffer.from(name, "latin1")), value });
  }
  return { kind: "rows", rows: found };
}

/** Whether it changes nothing. */
export function readsOnly({ kind }: StoreOperation): boolean {
  return kind === "get" || kind === "read" || kind === "scan";
}

/** The operation of these bytes. Throws if a store knows none. */
function operationOf(op: Bytes): StoreOperation {
  const operation = isRecordOperation(op) ? decodeRecordOperation(op) : decodeKvOperation(op);
  if (operation === null) throw new Error("the history holds an operation that is not of a store");
  return operation;
}

/**
 * What the checker makes of an operation; null of one that only reads and has no answer, since that
 * constrains nothing. Throws if the operation is none of a store.
 */
export function storeRecord({ op, result, invoked, returned }: KvRecord): StoreRecord | null {
  const input = operationOf(op);
  if (result === null && readsOnly(input)) return null;
  return { input, output: result, invoked, returned: result === null ? Infinity : returned };
}

/** Those that are searched together: all if there is a scan, else those of one key. */
export function groupsOf<T extends StoreRecord>(records: readonly T[]): readonly (readonly T[])[] {
  const sorted = records.toSorted((a, b) => a.invoked - b.invoked);
  if (sorted.some(({ input }) => input.kind === "scan")) return [sorted];
  return [...Map.groupBy(sorted, ({ input }) => latin1(input.key)).values()];
}

/** Of operations that are searched together, in the order of invocation, on an empty store. */
export function checkGroup(records: readonly StoreRecord[], stepsMax = STEPS_MAX): Verdict {
  return checkOperations(MODEL, records, stepsMax);
}

/** Whether what clients of a store saw is linearizable. Throws if it holds other operations. */
export function checkStore(records: readonly KvRecord[], stepsMax = STEPS_MAX): Verdict {
  if (!records.some(({ op }) => isRecordOperation(op))) return checkKv(records, stepsMax);
  let verdict: Verdict = "linearizable";
  for (const group of groupsOf(records.flatMap((record) => storeRecord(record) ?? []))) {
    const of = checkGroup(group, stepsMax);
    if (of === "not linearizable") return of;
    if (of === "unknown") verdict = of;
  }
  return verdict;
}

/** The same for a history that `client --history` wrote. */
export function checkRecorded(entries: readonly HistoryEntry[]): Verdict {
  return checkStore(entries.map(recorded));
}
