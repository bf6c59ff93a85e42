// Requests that are ordered together, with one digest for all of them.

import type { Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import {
  bytesOf,
  manyBytesOf,
  Reader,
  SHARED_MIN,
  type Addresses,
  type Writer,
} from "../../wire.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import {
  decodeNamed,
  decodeOrdered,
  encodeNamed,
  encodeOrdered,
  isBody,
  OPERATION_MAX,
  type NamedBody,
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
const ADDRESS_LENGTH = 8;

export interface Batch {
  /** The canonical bytes of the requests, in order; in the named form those that it has. */
  readonly bytes: Bytes;
  /** How many they are: of one that was put together from bodies they are made when asked for. */
  readonly size: number;
  /**
   * Of what it covers: the requests with the digests of bodies in their places, so that it is the
   * same in both forms. Computed when it is asked for first: where nobody lies nobody asks.
   */
  readonly digest: Bytes;
  readonly covered: Bytes;
  readonly requests: readonly Request[];
  /**
   * Where the client of each request is; not covered by the digest, since every process has its own
   * handles.
   */
  readonly clients: Addresses;
  /** What the named form, in which proposals travel whose bodies do not, is about; null: whole. */
  readonly named: Named | null;
}

/** Of a batch in the named form, which has digests in the place of bodies. */
export interface Named {
  /** Bodies that are not here. */
  readonly lacks: readonly Lack[];
  /** The whole batch where it was made. */
  readonly whole: Batch | null;
}

/** The body of one of a batch's requests. */
export interface Lack extends NamedBody {
  /** Which request it is of. */
  readonly index: number;
}

/** What is known of a whole batch beside its requests. */
interface Known {
  bytes?: Bytes;
  digest?: Bytes;
  covered?: Bytes;
}

function hasBodies(requests: readonly Request[]): boolean {
  return requests.some(({ op }) => isBody(op));
}

function batchOf(requests: readonly Request[], clients: Addresses, known: Known, size: number) {
  let { bytes, digest, covered } = known;
  // Whoever asks for a digest may be in the middle of bytesOf.
  const canonical = () => (bytes ??= manyBytesOf((out) => encodeAll(requests, out), size));
  const cover = () => (covered ??= hasBodies(requests) ? namedBytesOf(requests) : canonical());
  return {
    get bytes(): Bytes {
      return canonical();
    },
    size,
    get digest(): Bytes {
      return (digest ??= digestOf(cover()));
    },
    get covered(): Bytes {
      return cover();
    },
    requests,
    clients,
    named: null,
  };
}

function encodeAll(requests: readonly Request[], out: Writer): void {
  for (const request of requests) encodeOrdered(request, out);
}

function namedBytesOf(requests: readonly Request[]): Bytes {
  let size = 0;
  for (const { op } of requests)
    size += REQUEST_OVERHEAD + (isBody(op) ? DIGEST_LENGTH : op.length);
  return manyBytesOf((out) => {
    for (const request of requests) encodeNamed(request, out);
  }, size);
}

/** `clients[i]` sent `requests[i]`. */
export function makeBatch(requests: readonly Request[], clients: Addresses): Batch {
  const bytes = bytesOf((out) => encodeAll(requests, out));
  return batchOf(sharing(requests, bytes), clients, { bytes }, bytes.length);
}

/**
 * As makeBatch, without a copy of the requests before somebody asks for it, as few do of a batch
 * whose bodies travel apart.
 */
export function gatherBatch(requests: readonly Request[], clients: Addresses): Batch {
  let size = 0;
  for (const { session, op } of requests) size += REQUEST_MIN + op.length + (session === 0 ? 4 : 0);
  return batchOf(requests, clients, {}, size);
}

/** The named form of a whole batch; the batch itself if it has no bodies. */
export function namedOf(batch: Batch): Batch {
  if (!hasBodies(batch.requests)) return batch;
  const { requests, clients, digest, covered } = batch;
  const named = { lacks: [], whole: batch };
  return { bytes: covered, size: covered.length, digest, covered, requests, clients, named };
}

/** The whole of a batch that lacks bodies, which are given in the order of its lacks. */
export function wholeOf(batch: Batch, bodies: readonly Bytes[]): Batch {
  const { clients, digest, covered, named } = batch;
  const requests = [...batch.requests];
  let { size } = batch;
  for (const [i, { index, digest: ofBody }] of (named?.lacks ?? []).entries()) {
    const request = requests[index];
    const op = bodies[i];
    assert(request !== undefined && op !== undefined, "a body for each lack");
    requests[index] = { ...request, op, digested: { op, digest: ofBody } };
    size += op.length - DIGEST_LENGTH;
  }
  return batchOf(requests, clients, { digest, covered }, size);
}

/** The requests, of which large operations are views of these bytes, where they are encoded. */
function sharing(requests: readonly Request[], bytes: Bytes): readonly Request[] {
  if (!requests.some(({ op }) => op.length >= SHARED_MIN)) return requests;
  const input = new Reader(bytes);
  const shared = requests.map(() => decodeOrdered(input));
  // What is malformed, as Byzantine leaders make it, stays as it is.
  return input.done ? shared : requests;
}

/** Memory that a batch takes, about: its bytes, and each request with its operation. */
export function footprintOf({ size, requests }: Batch): number {
  return 2 * size + REQUEST_FOOTPRINT * requests.length;
}

const REQUEST_FOOTPRINT = 160;
/** Bytes of the shortest request. */
const REQUEST_MIN = 24;
/** That of the largest batch. */
export const FOOTPRINT_MAX = Math.max(
  2 * (REQUEST_OVERHEAD + OPERATION_MAX) + REQUEST_FOOTPRINT,
  2 * BATCH_BYTES_MAX + REQUEST_FOOTPRINT * Math.floor(BATCH_BYTES_MAX / REQUEST_MIN),
);

/** That of a full batch of large requests, if a batch has so many bytes at most. */
export function footprintOfFull(batchBytesMax: number): number {
  return 2 * batchBytesMax + REQUEST_FOOTPRINT;
}

/** No requests: fills a gap, or drives what came before it. */
export const EMPTY_BATCH: Batch = makeBatch([], []);

/** Of the number of requests, that the batch is in the named form. */
const NAMED = 0x8000_0000;

export function encodeBatch(batch: Batch, out: Writer): void {
  const { requests, named } = batch;
  out.u32(named === null ? requests.length : requests.length + NAMED);
  out.blob(batch.bytes);
  out.addresses(batch.clients);
}

/** Most bytes of a batch of so many requests. */
function bytesMaxOf(count: number): number {
  return count === 1 ? REQUEST_OVERHEAD + OPERATION_MAX : BATCH_BYTES_MAX;
}

/** Poisons the reader if the batch is malformed, or larger than a correct leader makes any. */
export function decodeBatch(input: Reader): Batch {
  return decodeWhole(input.u32(), input);
}

/** As decodeBatch, in either form. */
export function decodeProposed(input: Reader): Batch {
  const count = input.u32();
  return count < NAMED ? decodeWhole(count, input) : decodeNamedForm(count - NAMED, input);
}

function decodeWhole(count: number, input: Reader): Batch {
  const bytes = input.blob(bytesMaxOf(count));
  if (count === 0 && bytes.length === 0) return EMPTY_BATCH;
  if (!isPlausible(count, input)) return EMPTY_BATCH;
  const requests: Request[] = [];
  const inner = new Reader(bytes);
  for (let i = 0; i < count && inner.ok; i++) requests.push(decodeOrdered(inner));
  const clients = input.addresses(count);
  if (!inner.done) input.poison();
  return batchOf(requests, clients, { bytes }, bytes.length);
}

/** One that lacks nothing, or would be too large with what it lacks, is malformed. */
function decodeNamedForm(count: number, input: Reader): Batch {
  const bytes = input.blob(bytesMaxOf(count));
  if (!isPlausible(count, input)) return EMPTY_BATCH;
  const requests: Request[] = [];
  const lacks: Lack[] = [];
  const inner = new Reader(bytes);
  let whole = bytes.length;
  for (let index = 0; index < count && inner.ok; index++) {
    const { request, body } = decodeNamed(inner);
    requests.push(request);
    if (body === null) continue;
    lacks.push({ index, ...body });
    whole += body.length - DIGEST_LENGTH;
  }
  const clients = input.addresses(count);
  if (!inner.done || lacks.length === 0 || whole > bytesMaxOf(count)) input.poison();
  const form = { bytes, size: bytes.length, digest: digestOf(bytes), covered: bytes };
  return { ...form, requests, clients, named: { lacks, whole: null } };
}

/** Whether so many requests may follow with their clients; else poisons the reader. */
function isPlausible(count: number, input: Reader): boolean {
  const fits = count <= BATCH_REQUESTS_MAX && count * ADDRESS_LENGTH <= input.remaining;
  if (!input.ok || !fits) input.poison();
  return input.ok;
}
