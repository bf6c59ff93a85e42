// What histories of other tools have in common: their words for operations, and values as text.

import { UsageError } from "../base/errors.ts";
import type { HistoryRecord } from "./key-history.ts";
import type { KeyOperation } from "../simulation/linearizability.ts";

/** An operation by its name, with its argument. */
export interface Asked {
  readonly f: string;
  readonly key: string;
  readonly argument: unknown;
}

/** What the checker makes of it. Throws UsageError for what it does not know. */
export function operationOf(
  { f, argument }: Asked,
  where: string,
): { readonly input: KeyOperation; readonly isRead: boolean } {
  const of = (kind: KeyOperation["kind"], value: unknown, expected: unknown = null) => ({
    input: { kind, value: textOf(value) ?? "", expected: textOf(expected) },
    isRead: kind === "get",
  });
  switch (f) {
    case "read":
    case "get":
      return of("get", null);
    case "write":
    case "put":
      return of(argument === null ? "delete" : "put", argument);
    case "append":
      return of("append", argument);
    case "delete":
      return of("delete", null);
    case "cas": {
      if (Array.isArray(argument) && argument.length === 2) {
        return of("compareAndSet", argument[1], argument[0]);
      }
      throw new UsageError(`${where}: cas: expected the value that is expected, and the new one`);
    }
    default:
      throw unsupported(f, where);
  }
}

/** In stores of which an absent key reads as the empty text, nothing and that are the same. */
export function absentIsEmpty(record: HistoryRecord): HistoryRecord {
  const { input, output } = record;
  const { kind, value, expected } = input;
  const deletes = kind === "delete";
  return {
    ...record,
    input: { kind: deletes ? "put" : kind, value: deletes ? "" : value, expected: expected ?? "" },
    output: typeof output === "object" && output !== null ? { saw: output.saw ?? "" } : output,
  };
}

export function unsupported(what: string, where: string): UsageError {
  return new UsageError(
    `${where}: ${what}: only registers and key-value stores can be checked ` +
      "(read, write, cas, get, put, append, delete)",
  );
}

/** Equal texts for equal values; null for null. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
