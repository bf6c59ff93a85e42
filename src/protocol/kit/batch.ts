// Requests that are ordered together, with one digest for all of them.

import type { Bytes } from "../../actor.ts";
import { bytesOf, Reader, SHARED_MIN, type Addresses, type Writer } from "../../wire.ts";
import { digestOf } from "./digest.ts";
import { decodeOrdered, encodeOrdered, OPERATION_MAX, type Request } from "./request.ts";

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
  /** The canonical bytes of the requests, in order, which the digest covers. */
  readonly bytes: Bytes;
  /** Computed when it is asked for first: where nobody lies nobody asks. */
  readonly digest: Bytes;
  readonly requests: readonly Request[];
  /**
   * Where the client of each request is; not covered by the digest, since every process has its own
   * handles.
   */
  readonly clients: Addresses;
}

function batchOf(bytes: Bytes, requests: readonly Request[], clients: Addresses): Batch {
  let digest: Bytes | null = null;
  return {
    bytes,
    get digest() {
      return (digest ??= digestOf(bytes));
    },
    requests,
    clients,
  };
}

/** `clients[i]` sent `requests[i]`. */
export function makeBatch(requests: readonly Request[], clients: Addresses): Batch {
  const bytes = bytesOf((out) => {
    for (const request of requests) encodeOrdered(request, out);
  });
  return batchOf(bytes, sharing(requests, bytes), clients);
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
export function footprintOf({ bytes, requests }: Batch): number {
  return 2 * bytes.length + REQUEST_FOOTPRINT * requests.length;
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

export function encodeBatch(batch: Batch, out: Writer): void {
  out.u32(batch.requests.length);
  out.blob(batch.bytes);
  out.addresses(batch.clients);
}

/** Poisons the reader if the batch is malformed, or larger than a correct leader makes any. */
export function decodeBatch(input: Reader): Batch {
  const count = input.u32();
  const length = input.u32();
  if (count === 0 && length === 0) return EMPTY_BATCH;
  const max = count === 1 ? REQUEST_OVERHEAD + OPERATION_MAX : BATCH_BYTES_MAX;
  const room = input.remaining - length;
  const fits = count <= BATCH_REQUESTS_MAX && count * ADDRESS_LENGTH <= room;
  if (!input.ok || length > max || !fits) {
    input.poison();
    return EMPTY_BATCH;
  }
  const start = input.position;
  // Of short bytes no operation is a view, so that they need no reader of their own.
  if (length < SHARED_MIN) {
    const requests = decodeAll(count, input);
    const bytes = input.since(start);
    if (bytes.length !== length) input.poison();
    return batchOf(bytes, requests, input.addresses(count));
  }
  const bytes = input.bytes(length);
  const inner = new Reader(bytes);
  const requests = decodeAll(count, inner);
  if (!inner.done) input.poison();
  return batchOf(bytes, requests, input.addresses(count));
}

function decodeAll(count: number, input: Reader): readonly Request[] {
  const requests: Request[] = [];
  for (let i = 0; i < count && input.ok; i++) requests.push(decodeOrdered(input));
  return requests;
}
