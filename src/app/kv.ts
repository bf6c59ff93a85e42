// A small key-value store.

import type { App, Bytes, Part, Snapshot, State } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { Buckets } from "../base/buckets.ts";
import { bytesOf, EMPTY, latin1, manyBytesOf, Reader } from "../wire.ts";
import {
  applyKvOperation,
  decodeKvOperation,
  encodeState,
  KEY_MAX,
  MALFORMED,
  TOO_LARGE,
  VALUE_MAX,
} from "./operation.ts";

/**
 * Most bytes of keys and values, with ENTRY_BYTES for each pair; an operation that would need more
 * is refused. A checkpoint after which all of it has changed copies and hashes it, in a turn of the
 * polling thread that must stay well below a view timeout: 16 MiB take a third of a second on a
 * slow processor.
 */
export const STATE_MAX = 16 * 1024 * 1024;
/** Lengths in front of a key and a value in a snapshot. */
const ENTRY_BYTES = 8;
/** Bytes of a part of a snapshot, on average. */
const PART_BYTES = 4096;
/** The largest value that stands beside its key; a larger one is a part of its own, uncopied. */
const INLINE_MAX = 4096;

interface Undo {
  readonly key: string;
  readonly before: Bytes | null;
}

interface Entry {
  readonly key: string;
  readonly hash: number;
  /** Nobody writes to it. */
  value: Bytes;
}

export class KvApp implements App {
  readonly #state = new Map<string, Entry>();
  readonly #parts = new Buckets<Entry>(partOf);
  /** Of keys and values, ENTRY_BYTES for each pair included. */
  #bytes = 0;
  /** Those of them that stand together. */
  #inlineBytes = 0;
  /** What operations that are not committed changed, oldest first. */
  readonly #undo: Undo[] = [];

  execute(op: Bytes): Bytes {
    const operation = decodeKvOperation(op);
    const key = operation === null ? "" : latin1(operation.key);
    const before = this.#state.get(key)?.value ?? null;
    this.#undo.push({ key, before });
    if (operation === null) return MALFORMED;
    const after = applyKvOperation(operation, before);
    const more = sizeOf(key, after) - sizeOf(key, before);
    const full = more > 0 && this.#bytes + more > STATE_MAX;
    if (full || (after !== null && after.length > VALUE_MAX)) return TOO_LARGE;
    this.#set(key, after);
    return bytesOf((out) => encodeState(before, out));
  }

  /** Keys by their hashes, in parts of PART_BYTES on average, beside large values. */
  snapshot(): Snapshot {
    assert(this.#undo.length === 0, "a snapshot holds committed operations only");
    return this.#parts.snapshot();
  }

  restore(state: State, changed: Iterable<number>): void {
    this.#undo.length = 0;
    this.#parts.resize(state.count);
    const read: { readonly key: string; readonly value: Bytes }[] = [];
    for (const index of changed) {
      for (const { key } of [...this.#parts.itemsOf(index)]) this.#put(key, null);
      readPart(state.part(index), read);
    }
    for (const { key, value } of read) this.#put(key, value);
    assert(this.#partsFor() === state.count, "a snapshot is checked before it is restored");
    this.#parts.restored();
  }

  rollback(count: number): void {
    assert(count <= this.#undo.length, "rollback of committed operations");
    for (const { key, before } of this.#undo.splice(this.#undo.length - count).reverse()) {
      this.#set(key, before);
    }
  }

  commit(count: number): void {
    assert(count <= this.#undo.length, "commit of operations that were not executed");
    this.#undo.splice(0, count);
  }

  #set(key: string, value: Bytes | null): void {
    this.#put(key, value);
    this.#parts.resize(this.#partsFor());
  }

  /** How many parts there are for what there is. */
  #partsFor(): number {
    return Math.max(1, Math.ceil(this.#inlineBytes / PART_BYTES));
  }

  #put(key: string, value: Bytes | null): void {
    const known = this.#state.get(key);
    const before = known?.value ?? null;
    if (value === before) return;
    this.#bytes += sizeOf(key, value) - sizeOf(key, before);
    this.#inlineBytes += inlineSizeOf(key, value) - inlineSizeOf(key, before);
    if (value === null) {
      this.#state.delete(key);
      if (known !== undefined) this.#parts.remove(known);
    } else if (known === undefined) {
      const entry = { key, hash: hashOf(key), value };
      this.#state.set(key, entry);
      this.#parts.add(entry);
    } else {
      this.#parts.touch(known);
      known.value = value;
    }
  }
}

/** FNV-1a, with its low bits mixed. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** These entries in the order of their keys, and then their large values. */
function partOf(entries: readonly Entry[]): Part {
  if (entries.length === 0) return [];
  const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  let size = 4;
  for (const { key, value } of sorted) size += inlineSizeOf(key, value);
  const part = manyBytesOf((out) => {
    out.u32(sorted.length);
    for (const { key, value } of sorted) {
      out.blob(Buffer.from(key, "latin1"));
      out.u32(value.length);
      if (value.length <= INLINE_MAX) out.bytes(value);
    }
  }, size);
  const large = sorted.filter(({ value }) => value.length > INLINE_MAX);
  return [part, ...large.map(({ value }) => value)];
}

/** Reads what a part holds. */
function readPart(part: Part, read: { readonly key: string; readonly value: Bytes }[]): void {
  const [head = EMPTY, ...large] = part;
  if (part.length === 0) return;
  const input = new Reader(head);
  let next = 0;
  for (let count = input.u32(); count > 0 && input.ok; count--) {
    const key = latin1(input.blob(KEY_MAX));
    const length = input.u32();
    const value = length > INLINE_MAX ? large[next++] : input.bytes(length);
    if (value?.length !== length || length > VALUE_MAX) input.poison();
    else read.push({ key, value });
  }
  assert(input.done && next === large.length, "a snapshot is checked before it is restored");
}

/** What a key in this state adds to a snapshot. */
function sizeOf(key: string, value: Bytes | null): number {
  return value === null ? 0 : ENTRY_BYTES + key.length + value.length;
}

/** That without a large value. */
function inlineSizeOf(key: string, value: Bytes | null): number {
  return sizeOf(key, value) - (value !== null && value.length > INLINE_MAX ? value.length : 0);
}
