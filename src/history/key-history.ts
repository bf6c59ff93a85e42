// A history that is to be checked: what clients asked of keys and were told, wherever it was
// recorded.

import type { KeyRecord, KeyResult } from "../simulation/linearizability.ts";
import { shown } from "./shown.ts";
import { describeStoreRecord, type StoreHistoryRecord } from "./store-history.ts";

/** An operation, with who asked. */
export interface HistoryRecord extends KeyRecord {
  readonly client: string;
}

/** One of either history. */
export type AnyRecord = HistoryRecord | StoreHistoryRecord;

export interface History {
  /** Who recorded it, for people. */
  readonly format: string;
  /** Of `invoked` and `returned`; empty where they count the entries of the file. */
  readonly unit: "ms" | "";
  /** Of every key; null: it is absent. */
  readonly initial: string | null;
  readonly records: readonly HistoryRecord[];
  /** Of a store with operations on records, where none are among the records above. */
  readonly store?: readonly StoreHistoryRecord[];
  /** Operations of the file that constrain nothing, and are not among the records. */
  readonly silent: number;
}

/** An operation as people write it, with what its client was told and when. */
export function describeRecord(record: AnyRecord, unit: History["unit"]): string {
  const { client, invoked, returned } = record;
  const at = (time: number): string =>
    unit === "ms" ? `${time.toFixed(3)} ms` : String(Number(time.toFixed(3)));
  const until = returned === Infinity ? "never answered" : at(returned);
  const what = "key" in record ? describeKeyRecord(record) : describeStoreRecord(record);
  return `client ${client}, ${at(invoked)} to ${until}: ${what}`;
}

function describeKeyRecord({ key, input, output }: HistoryRecord): string {
  const name = key === "" ? "" : ` ${shown(key)}`;
  const what = {
    get: `get${name}`,
    put: `put${name} ${shown(input.value)}`,
    append: `append${name} ${shown(input.value)}`,
    compareAndSet: `compare and set${name} ${shown(input.expected)} ${shown(input.value)}`,
    delete: `delete${name}`,
  }[input.kind];
  return `${what}${told(output)}`;
}

function told(output: KeyResult | null): string {
  if (output === null) return "";
  if (typeof output === "object") return `, which saw ${shown(output.saw)}`;
  return { done: "", failed: ", which failed", equal: ": equal", unequal: ": unequal" }[output];
}
