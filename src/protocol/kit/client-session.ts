// A client's side of a session: opens it before the first operation, numbers operations, has one in
// flight. How requests travel and which replies count is the protocol's.

import type { Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import {
  isOpen,
  OPERATION_MAX,
  openRequest,
  type Asking,
  type Outcome,
  type Request,
} from "./request.ts";

export class ClientSession {
  /** The request on its way. */
  pending: Request | null = null;
  readonly #host: Asking;
  readonly #begin: (request: Request) => void;
  readonly #numberFrom: (least: number) => number;
  /** The session's id and its nonce's tag, or 0 while there is none. */
  #session = 0;
  #tag = 0;
  #number = 0;
  #op: Bytes | null = null;
  #done: ((result: Bytes | null) => void) | null = null;

  /**
   * Calls `begin` with each new request, which is then `pending`. Numbers rise, by one unless
   * `numberFrom` chooses a higher one.
   */
  constructor(
    host: Asking,
    begin: (request: Request) => void,
    numberFrom = (least: number): number => least,
  ) {
    this.#host = host;
    this.#begin = begin;
    this.#numberFrom = numberFrom;
  }

  /** Its id; 0 while there is none. */
  get id(): number {
    return this.#session;
  }

  /** As Client.invoke; throws RangeError for an operation that no replica would take. */
  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    if (op.length > OPERATION_MAX) {
      throw new RangeError(`an operation of ${op.length} bytes: at most ${OPERATION_MAX}`);
    }
    assert(this.#done === null, "a session has one operation in flight");
    this.#op = op;
    this.#done = done;
    if (this.#session === 0) this.#start(openRequest(this.#host));
    else this.#next(op);
  }

  /**
   * Whether an outcome of the request named so is waited for, and of the kind that such a request
   * gets: an `open` that it was opened.
   */
  awaits(session: number, tag: number, number: number, opened: boolean): boolean {
    const request = this.pending;
    if (request === null || session !== request.session) return false;
    if (tag !== request.tag || number !== request.number) return false;
    return opened === isOpen(request);
  }

  /** The pending request has this outcome: goes on with what waits for it. */
  conclude(outcome: Outcome): void {
    const request = this.pending;
    assert(request !== null, "nothing is pending");
    this.pending = null;
    switch (outcome.status) {
      case "opened":
        this.#session = outcome.session;
        this.#tag = request.tag;
        this.#number = 0;
        if (this.#op !== null) this.#next(this.#op);
        return;
      case "done":
        this.#finish(outcome.result);
        return;
      case "forgotten":
        this.#finish(null);
        return;
      case "number used":
      case "no session":
        this.#session = 0;
        this.#finish(null);
    }
  }

  #next(op: Bytes): void {
    this.#number = this.#numberFrom(this.#number + 1);
    const request = { session: this.#session, tag: this.#tag, number: this.#number, op };
    const key = this.#host.clientKey ?? null;
    this.#start(key === null ? request : { ...request, key });
  }

  #start(request: Request): void {
    this.pending = request;
    this.#begin(request);
  }

  #finish(result: Bytes | null): void {
    const done = this.#done;
    this.#op = null;
    this.#done = null;
    done?.(result);
  }
}
