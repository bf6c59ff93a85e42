// Histories in files, whoever wrote them.

import { readFileSync } from "node:fs";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { History } from "./key-history.ts";
import { readJepsen } from "./jepsen.ts";
import { isPorcupine, readPorcupine } from "./porcupine.ts";
import { isRecorded, readRecorded } from "./recorded.ts";

/** Reads the history at `path`; throws UsageError if it is none that can be checked. */
export function readHistory(path: string): History {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${reasonOf(error).split("\n")[0]}`);
  }
  const history = parseHistory(text, path);
  const { records, store = [], silent } = history;
  if (records.length + store.length + silent > 0) return history;
  throw new UsageError(`${path}: has no operations`);
}

/** The format follows from the text. */
export function parseHistory(text: string, path: string): History {
  const values = jsonOf(text);
  if (values === null) {
    if (/^\s*(?:;.*\n\s*)*(?:[[({]|#[A-Za-z])/.test(text)) return readJepsen(text, path);
    throw unknown(path);
  }
  const [first] = values;
  if (values.length === 0 || isRecorded(first)) return readRecorded(values, path);
  if (isPorcupine(first)) return readPorcupine(values, path);
  throw unknown(path);
}

function unknown(path: string): UsageError {
  return new UsageError(
    `${path}: no history of oskr (--history), Jepsen (EDN) or Porcupine (JSON); ` +
      "docs/histories.md describes them",
  );
}

/** The values of a list, or one a line; null if it is no JSON. */
function jsonOf(text: string): readonly unknown[] | null {
  try {
    const value = parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    try {
      return lines.map(parse);
    } catch {
      return null;
    }
  }
}

/** With integers whole that a number does not hold. */
function parse(text: string): unknown {
  const reviver = (
    _name: string,
    value: unknown,
    context?: { readonly source?: string },
  ): unknown =>
    typeof value === "number" && /^-?\d{16,}$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? 0)
      : value;
  return JSON.parse(text, reviver);
}
