// What clients ask and replicas answer, alike in every protocol. A session is opened by a request
// of its own (session 0, number 0, the operation a nonce) and has one operation in flight.

import type { Bytes, Signer } from "../../actor.ts";
import { bytesOf, EMPTY, equal, u32At, type Reader, type Writer } from "../../wire.ts";
import { crc32Of, DIGEST_LENGTH, digestOf, FNV_BASIS, FNV_PRIME } from "./digest.ts";
import { drawNonce } from "./nonce.ts";

/** Bytes of the random nonce of an `open`: 104 bits. */
export const NONCE_LENGTH = 13;
/** The largest operation and the largest result, in bytes; a batch of one must fit a message. */
export const OPERATION_MAX = 2 * 1024 * 1024;
export const RESULT_MAX = 2 * 1024 * 1024;

/**
 * Operations of so many bytes are bodies: a batch's digest covers their digests, so that they may
 * travel apart from it, and with `--requests broadcast` clients send them to all replicas. What is
 * shorter fits a packet with room to spare, and its digest would save little.
 */
export const BODY_MIN = 1024;

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
  /** Of a body, once it was asked for (digestIn): of this operation, if that is still its own. */
  digested?: { readonly op: Bytes; readonly digest: Bytes };
}

export function isOpen(request: Request): boolean {
  return request.session === 0;
}

/** Whether both are named alike: the same number of the same session. */
export function sameRequest(a: Request, b: Request): boolean {
  return a.session === b.session && a.tag === b.tag && a.number === b.number;
}

/** An `open` with a fresh nonce. */
export function openRequest(host: { random(bound: number): number }): Request {
  const op = drawNonce(NONCE_LENGTH, (bound) => host.random(bound));
  return { session: 0, tag: tagOf(op), number: 0, op };
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

/** The form in which a request is ordered. */
export function encodeOrdered(request: Request, out: Writer): void {
  encodeRequest(request, out);
  if (isOpen(request)) out.u32(request.source ?? 0);
}

/**
 * Reads from bytes that nobody writes to, of which a large operation is a view. Poisons the reader
 * if the request is malformed.
 */
export function decodeOrdered(input: Reader): Request {
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const request = checked(session, tag, number, input.sharedBlob(OPERATION_MAX), input);
  return isOpen(request) ? { ...request, source: input.u32() } : request;
}

/** That with its digest in the place of a body, which a batch's digest covers. */
export function encodeNamed(request: Request, out: Writer): void {
  const { session, tag, number, op } = request;
  if (!isBody(op)) return encodeOrdered(request, out);
  out.u53(session);
  out.u32(tag);
  out.u53(number);
  out.u32(op.length);
  out.bytes(digestIn(request));
}

/** A body that is named and not there. */
export interface NamedBody {
  readonly digest: Bytes;
  readonly length: number;
}

/**
 * A request as encodeNamed writes it, without the operation if `body` names that. Poisons the
 * reader if it is malformed.
 */
export function decodeNamed(input: Reader): { request: Request; body: NamedBody | null } {
  const start = input.position;
  const end = start + input.remaining;
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const length = input.u32();
  if (length < BODY_MIN) return { request: decodeOrdered(input.reset(start, end)), body: null };
  if (session === 0 || number === 0 || length > OPERATION_MAX) input.poison();
  const digest = input.bytes(DIGEST_LENGTH);
  return { request: { session, tag, number, op: EMPTY }, body: { digest, length } };
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

/** The digest of an operation, for replies that name the rest of the request in full. */
export function operationDigest(op: Bytes): Bytes {
  return op.length === 0 ? EMPTY_DIGEST : digestOf(op);
}

export function isBody(op: Bytes): boolean {
  return op.length >= BODY_MIN;
}

/** The digest of a request's operation; of a body it is kept, because several ask for it. */
export function digestIn(request: Request): Bytes {
  const { op, digested } = request;
  if (!isBody(op)) return operationDigest(op);
  if (digested?.op === op) return digested.digest;
  const digest = digestOf(op);
  request.digested = { op, digest };
  return digest;
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
