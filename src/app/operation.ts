// Operations of the stores on single keys, and what they answer. Every result shows the state of
// the key before the operation, so that a history of operations and results can be checked for
// linearizability.

import type { Bytes } from "../actor.ts";
import { bytesOf, EMPTY, equal, type Writer } from "../wire.ts";
import { Cursor } from "./cursor.ts";

export const KEY_MAX = 1024;
export const VALUE_MAX = 1024 * 1024;

export type KvOperation =
  | { readonly kind: "get"; readonly key: Bytes }
  | { readonly kind: "put"; readonly key: Bytes; readonly value: Bytes }
  /** Sets the value if the state is `expected`, null meaning that the key is absent. */
  | {
      readonly kind: "compareAndSet";
      readonly key: Bytes;
      readonly expected: Bytes | null;
      readonly value: Bytes;
    }
  /** An absent key counts as empty. */
  | { readonly kind: "append"; readonly key: Bytes; readonly value: Bytes }
  | { readonly kind: "delete"; readonly key: Bytes };

/** The state of the key that the operation saw, or why it did nothing. */
export type KvResult =
  | { readonly kind: "state"; readonly value: Bytes | null }
  | { readonly kind: "error"; readonly error: "malformed" | "too large" };

const KINDS = ["get", "put", "compareAndSet", "append", "delete"] as const;

export function encodeKvOperation(operation: KvOperation): Bytes {
  return bytesOf((out) => {
    out.u8(KINDS.indexOf(operation.kind));
    out.blob(operation.key);
    if (operation.kind === "compareAndSet") encodeState(operation.expected, out);
    if ("value" in operation) out.blob(operation.value);
  });
}

/** null when malformed; nobody writes to the operation, of which a large value is a view. */
export function decodeKvOperation(op: Bytes): KvOperation | null {
  const input = new Cursor(op);
  const operation = readOperation(input);
  return input.done ? operation : null;
}

function readOperation(input: Cursor): KvOperation | null {
  const kind = KINDS[input.u8()];
  const key = input.blob(KEY_MAX);
  switch (kind) {
    case "get":
    case "delete":
      return { kind, key };
    case "put":
    case "append":
      return { kind, key, value: input.sharedBlob(VALUE_MAX) };
    case "compareAndSet": {
      const expected = decodeState(input);
      return { kind, key, expected, value: input.sharedBlob(VALUE_MAX) };
    }
    default:
      return null;
  }
}

export function encodeState(value: Bytes | null, out: Writer): void {
  out.u8(value === null ? 0 : 1);
  if (value !== null) out.blob(value);
}

function decodeState(input: Cursor): Bytes | null {
  switch (input.u8()) {
    case 0:
      return null;
    case 1:
      return input.blob(VALUE_MAX);
    default:
      input.poison();
      return null;
  }
}

export const MALFORMED = Uint8Array.of(2);
export const TOO_LARGE = Uint8Array.of(3);

/** null when malformed. */
export function decodeKvResult(result: Bytes): KvResult | null {
  if (equal(result, MALFORMED)) return { kind: "error", error: "malformed" };
  if (equal(result, TOO_LARGE)) return { kind: "error", error: "too large" };
  const input = new Cursor(result);
  const value = decodeState(input);
  return input.done ? { kind: "state", value } : null;
}

/**
 * What the operation makes of the state, null meaning that the key is absent; for checkers as well.
 */
export function applyKvOperation(operation: KvOperation, state: Bytes | null): Bytes | null {
  switch (operation.kind) {
    case "get":
      return state;
    case "put":
      return operation.value;
    case "compareAndSet":
      return sameState(state, operation.expected) ? operation.value : state;
    case "append":
      return Buffer.concat([state ?? EMPTY, operation.value]);
    case "delete":
      return null;
  }
}

function sameState(a: Bytes | null, b: Bytes | null): boolean {
  return a === null || b === null ? a === b : equal(a, b);
}
