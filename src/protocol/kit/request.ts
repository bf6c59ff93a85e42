// What clients ask and replicas answer, alike in every protocol. A session is opened by a request
// of its own (session 0, number 0, the operation a nonce) and has one operation in flight.

import type { Bytes, Signer } from "../../actor.ts";
import { BODY_MIN } from "../../base/body-form.ts";
import { bytesOf, EMPTY, equal, latin1, u32At, type Reader, type Writer } from "../../wire.ts";
import { crc32Of, DIGEST_LENGTH, digestOf, FNV_BASIS, FNV_PRIME } from "./digest.ts";
import { drawNonce } from "./nonce.ts";

/** Bytes of the random nonce of an `open`: 104 bits. */
export const NONCE_LENGTH = 13;
/** Bytes of the operation of an `open` whose client has a key: its nonce is made of both. */
export const KEYED_NONCE_LENGTH = 16;
/** The largest operation and the largest result, in bytes; a batch of one must fit a message. */
export const OPERATION_MAX = 2 * 1024 * 1024;
export const RESULT_MAX = 2 * 1024 * 1024;

export interface Request {
  /** The log position of the `open` that made the session, or 0: this is an `open`. */
  readonly session: number;
  /** The first 32 bits of that nonce: a cluster that was restarted empty uses positions again. */
  readonly tag: number;
  /**
   * Rises with each operation of the session, from 1, by one or a little more (repliers.ts); 0 for
   * an `open`.
   */
  readonly number: number;
  readonly op: Bytes;
  /**
   * Of an `open` that is ordered: the host that it came from (Host.sourceOf), or the replica that
   * relayed it, as whoever orders says.
   */
  readonly source?: number;
  /** Where clients sign: the key of its client's process, 33 bytes, to which sessions are bound. */
  readonly key?: Bytes;
  /** The signature block by that key, which names nothing: two with others are the same request. */
  readonly seal?: Bytes;
}

export function isOpen(request: Request): boolean {
  return request.session === 0;
}

/** Whether both are named alike: the same number of the same session, of clients with one key. */
export function sameRequest(a: Request, b: Request): boolean {
  const same = a.session === b.session && a.tag === b.tag && a.number === b.number;
  return same && sameKey(a.key, b.key);
}

/** Whether two clients have one key, or both none. */
export function sameKey(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equal(a, b));
}

/**
 * A Map's key for what can wait once: of a session, or an `open`. A client's key is part of it,
 * because anybody can sign a request of another's session, and it must not take the place of one.
 */
export function waitingName(request: Request): number | string {
  const { session, key, op } = request;
  if (key === undefined) return isOpen(request) ? latin1(op) : session;
  return latin1(key) + (isOpen(request) ? latin1(op) : session);
}

/** What draws nonces, and the key by which it signs requests, null if it signs none. */
export interface Asking {
  random(bound: number): number;
  readonly clientKey?: Bytes | null;
}

/** An `open` with a fresh nonce. */
export function openRequest(host: Asking): Request {
  const key = host.clientKey ?? undefined;
  const length = key === undefined ? NONCE_LENGTH : KEYED_NONCE_LENGTH;
  const op = drawNonce(length, (bound) => host.random(bound));
  const open = { session: 0, tag: tagOf(nonceOf({ op, key })), number: 0, op };
  return key === undefined ? open : { ...open, key };
}

/**
 * The nonce of an `open`. Of a client with a key it is a hash of that and of what it drew: if it
 * came ready-made another key could open it first, and its owner would have no session for ever.
 */
export function nonceOf({
  op,
  key,
}: {
  readonly op: Bytes;
  readonly key?: Bytes | undefined;
}): Bytes {
  if (key === undefined) return op;
  const named = new Uint8Array(key.length + op.length);
  named.set(key);
  named.set(op, key.length);
  return digestOf(named).subarray(0, NONCE_LENGTH);
}

/** The first 32 bits of a nonce. */
export function tagOf(nonce: Bytes): number {
  return u32At(nonce, 0);
}

export function encodeRequest(request: Request, out: Writer): void {
  out.u53(request.session);
  out.u32(request.tag);
  out.u53(request.number);
  out.blob(request.op);
}

/** Poisons the reader if the request is malformed. */
export function decodeRequest(input: Reader): Request {
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  return checked(session, tag, number, input.blob(OPERATION_MAX), input);
}

function checked(session: number, tag: number, number: number, op: Bytes, input: Reader): Request {
  const wellFormed =
    session === 0 ? number === 0 && op.length === NONCE_LENGTH && tagOf(op) === tag : number > 0;
  if (!wellFormed) input.poison();
  return { session, tag, number, op };
}

/** That of a client with a key; poisons the reader as decodeRequest does. */
export function checkedKeyed(request: Request & { readonly key: Bytes }, input: Reader): Request {
  const { session, tag, number, op } = request;
  const wellFormed =
    session === 0
      ? number === 0 && op.length === KEYED_NONCE_LENGTH && tagOf(nonceOf(request)) === tag
      : number > 0;
  if (!wellFormed) input.poison();
  return request;
}

/** The form in which a request is ordered, which a batch's digest covers. */
export function encodeOrdered(request: Request, out: Writer): void {
  encodeRequest(request, out);
  if (isOpen(request)) out.u32(request.source ?? 0);
}

/**
 * Where nobody writes to what is read (`lasting`), a long operation is a view. Poisons the reader
 * if the request is malformed.
 */
export function decodeOrdered(input: Reader, lasting: boolean, key?: Bytes): Request {
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const op = lasting ? input.sharedBlob(OPERATION_MAX) : input.blob(OPERATION_MAX);
  const request =
    key === undefined
      ? checked(session, tag, number, op, input)
      : checkedKeyed({ session, tag, number, op, key }, input);
  return isOpen(request) ? { ...request, source: input.u32() } : request;
}

/**
 * For requests that travel alone, unsigned: no flip of bits within one byte passes, and any other
 * change only by a chance of 2^-32. FNV-1a's step over the numbers and a short operation, which
 * costs less than a call; CRC-32 of a longer one, begun with the numbers' hash.
 */
export function checksumOf({ session, tag, number, op }: Request): number {
  let hash = FNV_BASIS;
  hash = Math.imul(hash ^ (session / 2 ** 32), FNV_PRIME);
  hash = Math.imul(hash ^ session, FNV_PRIME);
  hash = Math.imul(hash ^ tag, FNV_PRIME);
  hash = Math.imul(hash ^ (number / 2 ** 32), FNV_PRIME);
  hash = Math.imul(hash ^ number, FNV_PRIME);
  if (op.length > SHORT_OPERATION) return crc32Of(op, hash >>> 0);
  for (let i = 0; i < op.length; i++) hash = Math.imul(hash ^ (op[i] ?? 0), FNV_PRIME);
  return hash >>> 0;
}

const SHORT_OPERATION = 64;

/** A request that travels alone, with its checksum. */
export function encodeLoneRequest(request: Request, out: Writer): void {
  encodeRequest(request, out);
  out.u32(checksumOf(request));
}

/** Poisons the reader if the request is malformed, or was altered on its way. */
export function decodeLoneRequest(input: Reader): Request {
  const request = decodeRequest(input);
  if (input.u32() !== checksumOf(request)) input.poison();
  return request;
}

/** What a signed reply names, so that it answers no other request. */
export function requestDigest(request: Request): Bytes {
  return digestOf(bytesOf((out) => encodeRequest(request, out)));
}

const EMPTY_DIGEST = digestOf(EMPTY);

/** Whether it may travel apart from proposals. */
export function isBody(op: Bytes): boolean {
  return op.length >= BODY_MIN;
}

/** The digests of long operations that were made, by the operation. */
const digests = new WeakMap<Bytes, Bytes>();

/** The digest of an operation, for replies that name the rest of the request in full. */
export function operationDigest(op: Bytes): Bytes {
  if (op.length === 0) return EMPTY_DIGEST;
  const digest = digestOf(op);
  if (isBody(op)) digests.set(op, digest);
  return digest;
}

/**
 * As `operationDigest`, of an operation that nobody has written to since that was asked for, as of
 * all that are decoded: a long one is hashed once, and not for its seal, its batch, its session and
 * the answer each.
 */
export function sameOperationDigest(op: Bytes): Bytes {
  return (isBody(op) ? digests.get(op) : undefined) ?? operationDigest(op);
}

/**
 * The answer to a request: its result, the new session of an `open`, that the result was dropped
 * after the operation had been executed, that its number, or a later one of the session, was used
 * for another operation, or that there is no such session.
 */
export type Outcome =
  | { readonly status: "done"; readonly result: Bytes }
  | { readonly status: "opened"; readonly session: number }
  | { readonly status: "forgotten" }
  | { readonly status: "number used" }
  | { readonly status: "no session" };

/**
 * What a replica says of an outcome: in place of a long result its digest, where another replica
 * gives the result itself (Castro and Liskov, TOCS '02, section 5.1, "digest replies").
 */
export type Told = Outcome | { readonly status: "digest"; readonly digest: Bytes };

/** The longest result that every replica gives itself: a shorter one costs less than its digest. */
export const GIVEN_BY_ALL_MAX = 512;

/** Whether one replica gives the result, and the others its digest. */
export function isLong(outcome: Told): outcome is Extract<Outcome, { readonly status: "done" }> {
  return outcome.status === "done" && outcome.result.length > GIVEN_BY_ALL_MAX;
}

/** The replica that gives a long result of the operation with this number, where there are n. */
export function replierOf(number: number, n: number): Signer {
  return number % n;
}

export function sameOutcome(a: Outcome, b: Outcome): boolean {
  switch (a.status) {
    case "done":
      return b.status === "done" && equal(a.result, b.result);
    case "opened":
      return b.status === "opened" && a.session === b.session;
    case "forgotten":
    case "number used":
    case "no session":
      return a.status === b.status;
  }
}

const DONE = 0;
const OPENED = 1;
const NO_SESSION = 2;
const FORGOTTEN = 3;
const NUMBER_USED = 4;
const DIGEST = 5;

export function encodeTold(told: Told, out: Writer): void {
  if (told.status !== "digest") return encodeOutcome(told, out);
  out.u8(DIGEST);
  out.bytes(told.digest);
}

/** Poisons the reader if it is malformed. */
export function decodeTold(input: Reader): Told {
  const start = input.position;
  if (input.u8() === DIGEST) return { status: "digest", digest: input.bytes(DIGEST_LENGTH) };
  return decodeOutcome(input.reset(start, input.position + input.remaining));
}

export function encodeOutcome(outcome: Outcome, out: Writer): void {
  switch (outcome.status) {
    case "done":
      out.u8(DONE);
      out.blob(outcome.result);
      return;
    case "opened":
      out.u8(OPENED);
      out.u53(outcome.session);
      return;
    case "forgotten":
      out.u8(FORGOTTEN);
      return;
    case "number used":
      out.u8(NUMBER_USED);
      return;
    case "no session":
      out.u8(NO_SESSION);
  }
}

/** Poisons the reader if the outcome is malformed. */
export function decodeOutcome(input: Reader): Outcome {
  switch (input.u8()) {
    case DONE: {
      const result = input.blob(RESULT_MAX);
      return result.length === 0 ? DONE_WITHOUT_RESULT : { status: "done", result };
    }
    case OPENED: {
      const session = input.u53();
      // The first position is 1, and 0 in a request means that there is no session.
      if (session === 0) input.poison();
      return { status: "opened", session };
    }
    case FORGOTTEN:
      return FORGOTTEN_OUTCOME;
    case NUMBER_USED:
      return NUMBER_USED_OUTCOME;
    case NO_SESSION:
      return NO_SESSION_OUTCOME;
    default:
      input.poison();
      return NO_SESSION_OUTCOME;
  }
}

const DONE_WITHOUT_RESULT: Outcome = { status: "done", result: EMPTY };
export const FORGOTTEN_OUTCOME: Outcome = { status: "forgotten" };
export const NUMBER_USED_OUTCOME: Outcome = { status: "number used" };
export const NO_SESSION_OUTCOME: Outcome = { status: "no session" };
