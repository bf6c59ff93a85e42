// A client's question which run its replicas are in, for when nobody answers what it asks: its
// session may be of a run that has ended. Strangers can open it again in the next one, whose
// answers it could not believe; and backups start no view timer for requests of a session that they
// do not know (E6), so that it would wait for ever for a leader that is not there. A fresh `open`
// is ordered, and answered with the run's name in the cluster's own domain (run-name R11).

import type { Bytes } from "../../actor.ts";
import { equal } from "../../wire.ts";
import type { AnswerToClient } from "./answer.ts";
import { openRequest, operationDigest, type Asking, type Request } from "./request.ts";

export class RunProbe {
  readonly #host: Asking;
  readonly #weak: number;
  /** The `open` that is sent, as often as need be: one session, whatever is lost. */
  #request: Request | null = null;
  #digest: Bytes | null = null;
  readonly #runs: (Bytes | undefined)[];

  /** Of n replicas as many as `weak` are believed. */
  constructor(host: Asking, n: number, weak: number) {
    this.#host = host;
    this.#weak = weak;
    this.#runs = new Array<Bytes | undefined>(n).fill(undefined);
  }

  /** Null while nothing is asked. */
  get request(): Request | null {
    return this.#request;
  }

  /** What to send to all. */
  ask(): Request {
    if (this.#request === null) {
      this.#request = openRequest(this.#host);
      this.#digest = operationDigest(this.#request.op);
    }
    return this.#request;
  }

  end(): void {
    if (this.#request === null) return;
    this.#request = null;
    this.#digest = null;
    this.#runs.fill(undefined);
  }

  /** Whether it answers the question. */
  awaits(message: AnswerToClient): boolean {
    if (this.#digest === null || message.kind !== "opened") return false;
    if (message.replica >= this.#runs.length || message.tag !== this.#request?.tag) return false;
    return equal(message.digest, this.#digest);
  }

  /** Takes a verified answer; the run that enough replicas name, null if none is. */
  answered(message: AnswerToClient): Bytes | null {
    if (message.kind !== "opened") return null;
    const { run } = message;
    this.#runs[message.replica] = run;
    let agreeing = 0;
    for (const other of this.#runs) if (other !== undefined && equal(other, run)) agreeing++;
    return agreeing >= this.#weak ? run : null;
  }
}
