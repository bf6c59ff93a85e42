// The rows of a store, kept as the parts of its snapshots: buckets by the hash of the key, each in
// the bytes that a checkpoint hashes. So a checkpoint makes nothing, a bucket is copied when it is
// first written to after one, and a row costs no more memory than its bytes. How many buckets there
// are follows from the bytes of all rows, and where a row is from that: linear hashing (Litwin,
// "Linear Hashing", VLDB '80), which knows no history.

import type { Bytes, Part, Snapshot, State } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { allocateBuffer } from "../base/large-arrays.ts";
import { bucketOf, shareOf, sourceOf } from "../base/linear-hashing.ts";
import { Parts } from "../base/parts.ts";
import { bufferOf, copyOf } from "../base/copies.ts";
import { u32At } from "../wire.ts";
import { KEY_MAX, VALUE_MAX } from "./operation.ts";
import type { Row } from "./record-operation.ts";

/** Bytes of a bucket, on average. */
export const PART_BYTES = 4096;
/** The largest value that stands beside its key; a larger one is by itself, and never copied. */
const INLINE_MAX = 4096;
/** Lengths in front of a key and a value. */
const ROW_BYTES = 8;
/** The number of rows, in front of them. */
const HEAD_BYTES = 4;
/** Bytes that a bucket is made larger by than what it has to hold. */
const SLACK = 1 / 8;

/** Of the bytes of a bucket of expected rows: room for all but few buckets. */
const EXPECTED_DEVIATIONS = 2.5;

/** Rows in the order of their keys: length and bytes of each key and of its value. */
interface Bucket {
  buffer: Buffer;
  /** Bytes of the buffer that are in use. */
  used: number;
  /** These bytes as a snapshot has them, from when on nobody writes to them; null: none has. */
  part: Bytes | null;
  /** Large values by their keys, whose lengths alone stand in the buffer; null: none. */
  large: Map<string, Bytes> | null;
}

export class RowParts {
  #buckets: Bucket[] = [emptyBucket()];
  readonly #parts = new Parts((index) => partOf(this.#bucketAt(index)), 1);
  #bytes = 0;
  /** Without large values. */
  #inlineBytes = 0;

  /** Of keys and values, with ROW_BYTES for each pair. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * So many rows of these lengths are to come, about: where there are none yet, buckets are made
   * with room for them, because rows that come one by one have each bucket copied again and again.
   */
  expect(count: number, key: number, value: number): void {
    const row = ROW_BYTES + key + inlineLength(value);
    const rows = count * row;
    // Rather too few, which are split, than too many, which are merged.
    const buckets = Math.floor(rows / PART_BYTES);
    if (this.#bytes > 0 || buckets < 2) return;
    this.#parts.resize(buckets);
    this.#buckets = Array.from({ length: buckets }, (_, index) => {
      const mean = rows * shareOf(index, buckets);
      const deviation = Math.sqrt(mean * row);
      return emptyBucket(HEAD_BYTES + Math.ceil(mean + EXPECTED_DEVIATIONS * deviation));
    });
  }

  /** A copy, or a large value itself, to which nobody writes; null: the key is absent. */
  get(key: Bytes): Bytes | null {
    const bucket = this.#bucketAt(this.#indexOf(hashOf(key, 0, key.length)));
    const at = find(bucket, key);
    return at < 0 ? null : valueAt(bucket, at);
  }

  /** Nobody writes to the value afterwards; null: the key is absent from here on. */
  set(key: Bytes, value: Bytes | null): void {
    const index = this.#indexOf(hashOf(key, 0, key.length));
    const bucket = this.#bucketAt(index);
    const found = find(bucket, key);
    if (found < 0 && value === null) return;
    this.#parts.touch(index);
    const at = found < 0 ? placeOf(bucket, key) : found;
    const end = found < 0 ? at : endOfRow(bucket.buffer, at);
    const before = found < 0 ? 0 : u32At(bucket.buffer, at + 4 + key.length);
    if (found >= 0) this.#bytes -= ROW_BYTES + key.length + before;
    if (value !== null) this.#bytes += ROW_BYTES + key.length + value.length;
    if (before > INLINE_MAX) dropLarge(bucket, key);
    const length = value === null ? 0 : ROW_BYTES + key.length + inlineLength(value.length);
    this.#inlineBytes += length - (end - at);
    replace(bucket, at, end, length);
    if (value !== null) writeRow(bucket, at, key, value);
    if (found < 0) addToCount(bucket, 1);
    if (value === null) addToCount(bucket, -1);
    while (this.#buckets.length < this.#target) this.#split();
  }

  /** A part for each bucket: its rows, and behind them its large values in the order of keys. */
  snapshot(): Snapshot {
    while (this.#buckets.length > this.#target) this.#merge();
    return this.#parts.snapshot();
  }

  /**
   * Becomes this state, as an application does. Tells of each row that goes, which is null then,
   * and after that of each one that comes, if anybody wants to know: that copies all of them.
   */
  restore(
    state: State,
    changed: Iterable<number>,
    tell: ((key: Bytes, value: Bytes | null) => void) | null,
  ): void {
    const indexes = [...changed].filter((index) => index < state.count);
    const beyond = this.#buckets.slice(state.count);
    for (const bucket of [...beyond, ...indexes.flatMap((index) => this.#buckets[index] ?? [])]) {
      this.#count(bucket, -1);
      if (tell !== null) for (const { key } of rowsIn(bucket)) tell(key, null);
    }
    this.#buckets.length = Math.min(this.#buckets.length, state.count);
    while (this.#buckets.length < state.count) this.#buckets.push(emptyBucket());
    for (const index of indexes) {
      const bucket = readBucket(state.part(index));
      this.#buckets[index] = bucket;
      this.#count(bucket, 1);
      for (const { from } of placesOf(bucket)) {
        assert(this.#indexOf(hashAt(bucket, from)) === index, UNCHECKED);
      }
      if (tell !== null) for (const { key, value } of rowsIn(bucket)) tell(key, value);
    }
    assert(this.#buckets.length === this.#target, UNCHECKED);
    this.#parts.restored(state.count);
  }

  get #target(): number {
    return Math.max(1, Math.ceil(this.#inlineBytes / PART_BYTES));
  }

  #bucketAt(index: number): Bucket {
    return this.#buckets[index] ?? assert.fail("no such bucket");
  }

  #indexOf(hash: number): number {
    return bucketOf(hash, this.#buckets.length);
  }

  /** Adds the bytes of a bucket, or with -1 takes them away. */
  #count({ used, large }: Bucket, sign: number): void {
    this.#inlineBytes += sign * (used - HEAD_BYTES);
    this.#bytes += sign * (used - HEAD_BYTES);
    for (const value of large?.values() ?? []) this.#bytes += sign * value.length;
  }

  /** Adds a bucket, with those rows of another one that belong there from now on. */
  #split(): void {
    const index = this.#buckets.length;
    const from = sourceOf(index);
    const source = this.#bucketAt(from);
    this.#parts.touch(from);
    this.#buckets.push(emptyBucket());
    this.#parts.resize(index + 1);
    const [kept, moved] = [emptyBucket(source.used), emptyBucket(source.used)];
    for (const place of placesOf(source)) {
      appendRow(this.#indexOf(hashAt(source, place.from)) === index ? moved : kept, source, place);
    }
    this.#buckets[from] = kept;
    this.#buckets[index] = moved;
  }

  /** Takes the last bucket away, whose rows go to the one that they came from. */
  #merge(): void {
    const index = this.#buckets.length - 1;
    const into = sourceOf(index);
    const [target, last] = [this.#bucketAt(into), this.#bucketAt(index)];
    this.#parts.touch(into);
    this.#parts.resize(index);
    this.#buckets.pop();
    this.#buckets[into] = merged(target, last);
  }
}

const UNCHECKED = "a snapshot is checked before it is restored";

/** Where a row begins and ends in its bucket's buffer. */
interface Place {
  readonly from: number;
  readonly to: number;
}

function emptyBucket(size = HEAD_BYTES): Bucket {
  const buffer = allocateBuffer(size);
  buffer.writeUInt32BE(0, 0);
  return { buffer, used: HEAD_BYTES, part: null, large: null };
}

function nameOf(key: Bytes): string {
  return Buffer.prototype.toString.call(key, "latin1");
}

/** FNV-1a, with its low bits mixed. */
function hashOf(bytes: Bytes, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Of the key of the row at `at`. */
function hashAt({ buffer }: Bucket, at: number): number {
  return hashOf(buffer, at + 4, at + 4 + u32At(buffer, at));
}

function inlineLength(length: number): number {
  return length > INLINE_MAX ? 0 : length;
}

function endOfRow(buffer: Buffer, at: number): number {
  const lengthAt = at + 4 + u32At(buffer, at);
  return lengthAt + 4 + inlineLength(u32At(buffer, lengthAt));
}

/** Where the row of a key begins, -1 if there is none. */
function find({ buffer, used }: Bucket, key: Bytes): number {
  const { length } = key;
  for (let at = HEAD_BYTES; at < used; at = endOfRow(buffer, at)) {
    if (u32At(buffer, at) !== length) continue;
    // From the end, where keys differ that have a beginning in common.
    let i = length - 1;
    while (i >= 0 && buffer[at + 4 + i] === key[i]) i--;
    if (i < 0) return at;
  }
  return -1;
}

/** Where the row of a key belongs that has none. */
function placeOf({ buffer, used }: Bucket, key: Bytes): number {
  let at = HEAD_BYTES;
  while (at < used) {
    const end = at + 4 + u32At(buffer, at);
    if (buffer.compare(key, 0, key.length, at + 4, end) > 0) break;
    at = endOfRow(buffer, at);
  }
  return at;
}

function placesOf({ buffer, used }: Bucket): Place[] {
  const places: Place[] = [];
  for (let from = HEAD_BYTES; from < used;) {
    const to = endOfRow(buffer, from);
    places.push({ from, to });
    from = to;
  }
  return places;
}

function isBefore(one: Bucket, a: Place, other: Bucket, b: Place): boolean {
  const [ends, theirs] = [a.from + 4 + u32At(one.buffer, a.from), b.from + 4];
  const end = theirs + u32At(other.buffer, b.from);
  return one.buffer.compare(other.buffer, theirs, end, a.from + 4, ends) < 0;
}

/** Makes room of `length` bytes in place of those from `at` to `end`, in a buffer of its own. */
function replace(bucket: Bucket, at: number, end: number, length: number): void {
  const { buffer, used } = bucket;
  const after = used + length - (end - at);
  if (bucket.part === null && after <= buffer.length) {
    if (after !== used) buffer.copyWithin(at + length, end, used);
  } else {
    const room = Math.ceil(after * (1 + (after > used ? SLACK : 0)));
    const copy = allocateBuffer(room);
    buffer.copy(copy, 0, 0, at);
    buffer.copy(copy, at + length, end, used);
    bucket.buffer = copy;
    bucket.part = null;
  }
  bucket.used = after;
}

/** Fills the room that `replace` made. */
function writeRow(bucket: Bucket, at: number, key: Bytes, value: Bytes): void {
  const { buffer } = bucket;
  buffer.writeUInt32BE(key.length, at);
  buffer.set(key, at + 4);
  buffer.writeUInt32BE(value.length, at + 4 + key.length);
  if (value.length <= INLINE_MAX) {
    buffer.set(value, at + ROW_BYTES + key.length);
  } else {
    bucket.large ??= new Map();
    bucket.large.set(nameOf(key), value);
  }
}

function addToCount({ buffer }: Bucket, count: number): void {
  buffer.writeUInt32BE(u32At(buffer, 0) + count, 0);
}

/** A row of another bucket behind all others, with its large value; there must be room. */
function appendRow(to: Bucket, source: Bucket, { from, to: end }: Place): void {
  source.buffer.copy(to.buffer, to.used, from, end);
  to.used += end - from;
  addToCount(to, 1);
  if (source.large === null) return;
  const name = nameOf(keyAt(source, from));
  const value = source.large.get(name);
  if (value === undefined) return;
  to.large ??= new Map();
  to.large.set(name, value);
}

function keyAt({ buffer }: Bucket, at: number): Bytes {
  return buffer.subarray(at + 4, at + 4 + u32At(buffer, at));
}

/** A copy, or a large value itself. */
function valueAt(bucket: Bucket, at: number): Bytes {
  const { buffer } = bucket;
  const keyLength = u32At(buffer, at);
  const length = u32At(buffer, at + 4 + keyLength);
  if (length <= INLINE_MAX) return copyOf(buffer, at + ROW_BYTES + keyLength, length);
  return bucket.large?.get(nameOf(keyAt(bucket, at))) ?? assert.fail("a large value is kept");
}

function dropLarge(bucket: Bucket, key: Bytes): void {
  bucket.large?.delete(nameOf(key));
  if (bucket.large?.size === 0) bucket.large = null;
}

function* rowsIn(bucket: Bucket): Generator<Row> {
  for (const { from } of placesOf(bucket)) {
    const key = copyOf(bucket.buffer, from + 4, u32At(bucket.buffer, from));
    yield { key, value: valueAt(bucket, from) };
  }
}

/** The rows of both in the order of their keys. */
function merged(one: Bucket, other: Bucket): Bucket {
  const all = emptyBucket(one.used + other.used);
  const [left, right] = [placesOf(one), placesOf(other)];
  while (left.length > 0 || right.length > 0) {
    const [a, b] = [left[0], right[0]];
    const first = b === undefined || (a !== undefined && isBefore(one, a, other, b));
    const place = first ? left.shift() : right.shift();
    if (place !== undefined) appendRow(all, first ? one : other, place);
  }
  return all;
}

/**
 * Its buffer, with no room behind the bytes: many buckets stay as they are for long, and a view of
 * less would be three more objects of each to the collector of garbage.
 */
function freeze(bucket: Bucket): Bytes {
  const { buffer, used } = bucket;
  if (buffer.length > used) {
    bucket.buffer = allocateBuffer(used);
    buffer.copy(bucket.buffer, 0, 0, used);
  }
  return bucket.buffer;
}

/** What a snapshot has of a bucket, to whose bytes nobody writes from here on. */
function partOf(bucket: Bucket): Part {
  if (bucket.used === HEAD_BYTES) return [];
  bucket.part ??= freeze(bucket);
  if (bucket.large === null) return [bucket.part];
  const large: Bytes[] = [];
  for (const { from } of placesOf(bucket)) {
    const value = bucket.large.get(nameOf(keyAt(bucket, from)));
    if (value !== undefined) large.push(value);
  }
  return [bucket.part, ...large];
}

/** The bucket that a part is of, all of it checked. */
function readBucket([head, ...values]: Part): Bucket {
  if (head === undefined) return emptyBucket();
  const bucket: Bucket = { buffer: bufferOf(head), used: head.length, part: head, large: null };
  const count = u32At(head, 0);
  let [rows, from, next] = [0, HEAD_BYTES, 0];
  for (; rows < count && from + ROW_BYTES <= head.length; rows++) {
    const keyLength = u32At(head, from);
    const length = u32At(head, from + 4 + keyLength);
    const to = from + ROW_BYTES + keyLength + inlineLength(length);
    if (keyLength > KEY_MAX || length > VALUE_MAX || to > head.length) break;
    if (length > INLINE_MAX) {
      const value = values[next++];
      if (value?.length !== length) break;
      bucket.large ??= new Map();
      bucket.large.set(nameOf(keyAt(bucket, from)), value);
    }
    from = to;
  }
  const whole = count > 0 && rows === count && from === head.length && next === values.length;
  assert(whole, UNCHECKED);
  return bucket;
}
