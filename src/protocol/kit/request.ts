// What clients ask and replicas answer, alike in every protocol. A session is opened by a request
// of its own (session 0, number 0, the operation a nonce) and has one operation in flight.

import type { Bytes } from "../../actor.ts";
import { bytesOf, EMPTY, equal, u32At, type Reader, type Writer } from "../../wire.ts";
import { digestOf } from "./digest.ts";

/** Bytes of the random nonce of an `open`: 104 bits. */
export const NONCE_LENGTH = 13;
/** The largest operation and the largest result, in bytes; a batch of one must fit a message. */
export const OPERATION_MAX = 2 * 1024 * 1024;
export const RESULT_MAX = 2 * 1024 * 1024;

export interface Request {
  /** The log position of the `open` that made the session, or 0: this is an `open`. */
  readonly session: number;
  /** The first 32 bits of that nonce: a cluster that was restarted empty uses positions again. */
  readonly tag: number;
  /** Rises by one with each operation of the session, from 1; 0 for an `open`. */
  readonly number: number;
  readonly op: Bytes;
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
  const op = new Uint8Array(NONCE_LENGTH);
  for (let i = 0; i < op.length; i++) op[i] = host.random(256);
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
  const op = input.blob(OPERATION_MAX);
  const wellFormed =
    session === 0 ? number === 0 && op.length === NONCE_LENGTH && tagOf(op) === tag : number > 0;
  if (!wellFormed) input.poison();
  return { session, tag, number, op };
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

/**
 * The answer to a request: its result, the new session of an `open`, that the result was dropped
 * after the operation had been executed, or that there is no such session.
 */
export type Outcome =
  | { readonly status: "done"; readonly result: Bytes }
  | { readonly status: "opened"; readonly session: number }
  | { readonly status: "forgotten" }
  | { readonly status: "no session" };

export function sameOutcome(a: Outcome, b: Outcome): boolean {
  switch (a.status) {
    case "done":
      return b.status === "done" && equal(a.result, b.result);
    case "opened":
      return b.status === "opened" && a.session === b.session;
    case "forgotten":
    case "no session":
      return a.status === b.status;
  }
}

const DONE = 0;
const OPENED = 1;
const NO_SESSION = 2;
const FORGOTTEN = 3;

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
    case NO_SESSION:
      return NO_SESSION_OUTCOME;
    default:
      input.poison();
      return NO_SESSION_OUTCOME;
  }
}

const DONE_WITHOUT_RESULT: Outcome = { status: "done", result: EMPTY };
export const FORGOTTEN_OUTCOME: Outcome = { status: "forgotten" };
export const NO_SESSION_OUTCOME: Outcome = { status: "no session" };
