// Requests that are ordered together, with one digest for all of them.

import type { BodyPlace } from "../../base/body-form.ts";
import { CLIENT_KEY_LENGTH } from "../../base/client-key.ts";
import { SHARED_MIN } from "../../base/copies.ts";
import { NO_PROOFS, type Bytes, type Proof } from "../../actor.ts";
import {
  bytesOf,
  EMPTY,
  equal,
  latin1,
  Reader,
  u32At,
  type Addresses,
  type Writer,
} from "../../wire.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import {
  BATCH_ROOTS_MAX,
  decodeSeals,
  encodeSeals,
  ONE_TIME_SEALS_MAX,
  oneTimeBytesOf,
  sealBytesOf,
  sealProofs,
  sealsOf,
  UNSIGNED,
  unsealed,
  type BatchSeals,
} from "./request-auth.ts";
import {
  decodeOrdered,
  encodeOrdered,
  isBody,
  isOpen,
  OPERATION_MAX,
  sameOperationDigest,
  type Request,
} from "./request.ts";

/** Most requests in a batch. */
export const BATCH_REQUESTS_MAX = 65_536;
/**
 * Most bytes of requests in a batch of several: what leaders may be told at most, and what all
 * replicas take, whatever they were told.
 */
export const BATCH_BYTES_MAX = 1024 * 1024;
/** Less would be a batch for each operation, which is what a batch of one request is for. */
export const BATCH_BYTES_MIN = 1024;
/** Bytes of a request beside its operation, at most: an `open` has its source. */
export const REQUEST_OVERHEAD = 28;
/** Bytes that its client's key adds, at most: each could have its own. */
export const KEY_OVERHEAD = 1 + CLIENT_KEY_LENGTH;
/** Before the keys of a batch: a byte that no request begins with, and how many there are. */
const KEYED = 0x80;
const KEYED_OVERHEAD = 1 + 2;
/** Added to the number of requests, where a batch has keys. */
const KEYED_COUNT = 2 ** 31;
const ADDRESS_LENGTH = 8;

export interface Batch {
  /** The canonical bytes of the requests, in order. */
  readonly bytes: Bytes;
  /**
   * Of these bytes, with the digest of each long operation in its place, which is needed in any
   * case; its length, before it, tells which is which. Computed when it is asked for first: where
   * nobody lies nobody asks.
   */
  readonly digest: Bytes;
  readonly requests: readonly Request[];
  /**
   * Where the client of each request is; not covered by the digest, since every process has its own
   * handles.
   */
  readonly clients: Addresses;
  /**
   * Where clients sign: their signatures, not covered by the digest, so that batches of equal
   * requests are one; null where they do not, or if there are none.
   */
  readonly seals: BatchSeals | null;
}

function batchOf(
  bytes: Bytes,
  requests: readonly Request[],
  clients: Addresses,
  seals: BatchSeals | null,
): Batch {
  let digest: Bytes | null = null;
  return {
    bytes,
    get digest() {
      return (digest ??= digestOf(shortened(bytes, requests)));
    },
    requests,
    clients,
    seals,
  };
}

function isKeyed(bytes: Bytes): boolean {
  return bytes[0] === KEYED;
}

/** `clients[i]` sent `requests[i]`. */
export function makeBatch(requests: readonly Request[], clients: Addresses): Batch {
  const keyed = requests[0]?.key !== undefined;
  const bytes = bytesOf((out) => {
    if (keyed) return encodeKeyed(requests, out);
    for (const request of requests) encodeOrdered(request, out);
  });
  const seals = keyed ? sealsOf(requests) : null;
  return batchOf(bytes, sharing(requests, bytes), clients, seals);
}

/** Each key once, in the order of first use, and for each request which it is. */
function encodeKeyed(requests: readonly Request[], out: Writer): void {
  const keys = new Map<string, number>();
  const listed: Bytes[] = [];
  let last: { readonly key: Bytes; readonly number: number } | null = null;
  const numbers = requests.map(({ key = EMPTY }) => {
    if (last !== null && equal(last.key, key)) return last.number;
    const name = latin1(key);
    const known = keys.get(name) ?? keys.size;
    if (known === keys.size) {
      keys.set(name, known);
      listed.push(key);
    }
    last = { key, number: known };
    return known;
  });
  out.u8(KEYED);
  out.u16(listed.length);
  for (const key of listed) out.bytes(key);
  for (const [i, request] of requests.entries()) {
    out.u8(numbers[i] ?? 0);
    encodeOrdered(request, out);
  }
}

/** Poisons the reader if they are malformed, or keys are not in their one order. */
function decodeKeyed(count: number, input: Reader): Request[] {
  input.u8();
  const listed = input.u16();
  if (listed === 0 || listed > BATCH_ROOTS_MAX) input.poison();
  const keys: Bytes[] = [];
  while (keys.length < listed && input.ok) keys.push(input.bytes(CLIENT_KEY_LENGTH));
  if (new Set(keys.map(latin1)).size < keys.length) input.poison();
  let used = 0;
  const requests: Request[] = [];
  for (let i = 0; i < count && input.ok; i++) {
    const number = input.u8();
    const key = keys[number];
    if (key === undefined || number > used) input.poison();
    if (number === used) used++;
    requests.push(decodeOrdered(input, true, key));
  }
  if (used < keys.length) input.poison();
  return requests;
}

/** What has to hold for a batch: nothing where clients do not sign. */
export function batchProofs({ bytes, requests, seals }: Batch, signs: boolean): readonly Proof[] {
  if (requests.length === 0) return NO_PROOFS;
  if (!isKeyed(bytes)) return signs ? UNSIGNED : NO_PROOFS;
  return signs && seals !== null ? sealProofs(requests, seals) : UNSIGNED;
}

/** The requests as they can be ordered anew, each with its own signature where clients sign. */
export function requestsOf({ requests, seals }: Batch): readonly Request[] {
  return seals === null ? requests : unsealed(requests, seals);
}

/** The requests, of which large operations are views of these bytes, where they are encoded. */
function sharing(requests: readonly Request[], bytes: Bytes): readonly Request[] {
  if (!requests.some(({ op }) => op.length >= SHARED_MIN)) return requests;
  const input = new Reader(bytes);
  const { length } = requests;
  const shared = isKeyed(bytes) ? decodeKeyed(length, input) : decodeAll(length, input, true);
  // What is malformed, as Byzantine leaders make it, stays as it is.
  return input.done ? shared : requests;
}

/** Bytes of a batch in a message, about: those of its requests, and of what signs them. */
export function lengthOf({ bytes, seals }: Batch): number {
  return bytes.length + (seals === null ? 0 : sealBytesOf(seals));
}

/**
 * Memory that a batch takes, about: its bytes, each request with its operation, and one-time
 * signatures of requests, which are long.
 */
export function footprintOf({ bytes, requests, seals }: Batch): number {
  const oneTime = seals === null ? 0 : oneTimeBytesOf(seals);
  return 2 * bytes.length + REQUEST_FOOTPRINT * requests.length + oneTime;
}

const REQUEST_FOOTPRINT = 160;
/** Bytes of the shortest request. */
const REQUEST_MIN = 24;
/** That of the largest batch. */
export const FOOTPRINT_MAX =
  ONE_TIME_SEALS_MAX +
  Math.max(
    2 * (REQUEST_OVERHEAD + OPERATION_MAX) + REQUEST_FOOTPRINT,
    2 * BATCH_BYTES_MAX + REQUEST_FOOTPRINT * Math.floor(BATCH_BYTES_MAX / REQUEST_MIN),
  );

/** That of a full batch of large requests, if a batch has so many bytes at most. */
export function footprintOfFull(batchBytesMax: number): number {
  return 2 * batchBytesMax + REQUEST_FOOTPRINT;
}

/** No requests: fills a gap, or drives what came before it. */
export const EMPTY_BATCH: Batch = makeBatch([], []);

export function encodeBatch(batch: Batch, out: Writer): void {
  const keyed = isKeyed(batch.bytes);
  out.u32(batch.requests.length + (keyed ? KEYED_COUNT : 0));
  out.blob(batch.bytes);
  out.addresses(batch.clients);
  if (!keyed) return;
  out.flag(batch.seals !== null);
  if (batch.seals !== null) encodeSeals(batch.seals, out);
}

/** As encodeBatch, of what is proposed: says where bodies stand, which may travel apart. */
export function encodeProposed(batch: Batch, out: Writer): void {
  if (out.bodies !== null) notePlaces(batch, out.length + COUNT_LENGTH + LENGTH_LENGTH, out.bodies);
  encodeBatch(batch, out);
}

/** The canonical bytes with the digest of each long operation in its place. */
function shortened(bytes: Bytes, requests: readonly Request[]): Bytes {
  const places: BodyPlace[] = [];
  notePlaces({ bytes, requests }, 0, places);
  const last = places.at(-1);
  // Malformed bytes, which their reader refuses, need not hold what was read of them.
  if (last === undefined || last.at + last.body.length > bytes.length) return bytes;
  const left = places.reduce((sum, { body }) => sum - body.length, bytes.length);
  const short = new Uint8Array(left + DIGEST_LENGTH * places.length);
  let [from, to] = [0, 0];
  for (const { at, body } of places) {
    short.set(bytes.subarray(from, at), to);
    to += at - from;
    short.set(sameOperationDigest(body), to);
    to += DIGEST_LENGTH;
    from = at + body.length;
  }
  short.set(bytes.subarray(from), to);
  return short;
}

/** Adds those of the bodies in the canonical bytes of a batch, which begin at `start`. */
function notePlaces(
  { bytes, requests }: Pick<Batch, "bytes" | "requests">,
  start: number,
  places: BodyPlace[],
): void {
  const keyed = isKeyed(bytes);
  const keys = keyed ? (u32At(bytes, 0) >>> 8) & 0xffff : 0;
  let at = start + (keyed ? KEYED_OVERHEAD + CLIENT_KEY_LENGTH * keys : 0);
  for (const request of requests) {
    at += REQUEST_MIN + (keyed ? 1 : 0);
    if (isBody(request.op)) places.push({ at, body: request.op });
    at += request.op.length + (isOpen(request) ? SOURCE_LENGTH : 0);
  }
}

/** Of the number of requests, of that of bytes, and of the source of an `open`. */
const COUNT_LENGTH = 4;
const LENGTH_LENGTH = 4;
const SOURCE_LENGTH = 4;

/** Of a message that has none. */
export const NO_BATCHES: readonly Batch[] = [];

/** Poisons the reader if the batch is malformed, or larger than a correct leader makes any. */
export function decodeBatch(input: Reader): Batch {
  const head = input.u32();
  const keyed = head >= KEYED_COUNT;
  const count = keyed ? head - KEYED_COUNT : head;
  const length = input.u32();
  if (head === 0 && length === 0) return EMPTY_BATCH;
  const slack = keyed ? KEYED_OVERHEAD + KEY_OVERHEAD : 0;
  const max = count === 1 ? REQUEST_OVERHEAD + OPERATION_MAX : BATCH_BYTES_MAX;
  const room = input.remaining - length;
  const fits = count <= BATCH_REQUESTS_MAX && count * ADDRESS_LENGTH <= room;
  if (!input.ok || length > max + slack || !fits) {
    input.poison();
    return EMPTY_BATCH;
  }
  if (keyed) return decodeSealed(count, input.bytes(length), input);
  const start = input.position;
  // A reader of its own, for views, costs more than copies of what is short.
  if (length < SHARED_MIN) {
    const requests = decodeAll(count, input, false);
    const bytes = input.since(start);
    if (bytes.length !== length) input.poison();
    return batchOf(bytes, requests, input.addresses(count), null);
  }
  const bytes = input.bytes(length);
  const inner = new Reader(bytes);
  const requests = decodeAll(count, inner, true);
  if (!inner.done) input.poison();
  return batchOf(bytes, requests, input.addresses(count), null);
}

/** One whose clients have keys, from its canonical bytes on. */
function decodeSealed(count: number, bytes: Bytes, input: Reader): Batch {
  const inner = new Reader(bytes);
  const requests = isKeyed(bytes) ? decodeKeyed(count, inner) : [];
  if (!inner.done || requests.length !== count) input.poison();
  const clients = input.addresses(count);
  return batchOf(bytes, requests, clients, input.flag() ? decodeSeals(input, requests) : null);
}

function decodeAll(count: number, input: Reader, lasting: boolean): readonly Request[] {
  const requests: Request[] = [];
  for (let i = 0; i < count && input.ok; i++) requests.push(decodeOrdered(input, lasting));
  return requests;
}
