// The client of every protocol whose replicas may lie: f + 1 of them must say the same.

import type { Address, Bytes, Client, Host, Target } from "../actor.ts";
import { assert } from "../assert.ts";
import type { ProtocolConfig } from "../config.ts";
import { equal } from "../wire.ts";
import { Backoff } from "./backoff.ts";
import type { CommonMessage, ReplyMessage } from "./common.ts";
import { openRequest, operationDigest, sameOutcome, type Request } from "./request.ts";

type Timer = "retry";

/**
 * Sends a request to where `first` says the leader of the view is, then, with exponential backoff, to all.
 * A result counts when f + 1 verified signers agree on it, whatever their views (Castro and Liskov, OSDI
 * '99, section 4.1): one of them is correct.
 */
export class QuorumClient implements Client<CommonMessage, Timer> {
  retransmissions = 0;
  readonly #config: ProtocolConfig;
  readonly #host: Host<CommonMessage, Timer>;
  readonly #first: (view: number) => Target;
  readonly #backoff: Backoff;
  /** The latest view that f + 1 replicas' agreement vouches for. */
  #view = 0;
  #session = 0;
  #tag = 0;
  #number = 0;
  /** The request on its way with its operation's digest, and what each replica answered. */
  #pending: Request | null = null;
  #digest: Bytes | null = null;
  readonly #replies: (ReplyMessage | undefined)[];
  #op: Bytes | null = null;
  #done: ((result: Bytes | null) => void) | null = null;

  constructor(
    config: ProtocolConfig,
    host: Host<CommonMessage, Timer>,
    first: (view: number) => Target,
  ) {
    this.#config = config;
    this.#host = host;
    this.#first = first;
    this.#backoff = new Backoff(config.viewTimeoutMs / 4, config.viewTimeoutMs * 4);
    this.#replies = new Array<ReplyMessage | undefined>(config.n).fill(undefined);
  }

  /** How many replicas must agree. */
  protected get agreement(): number {
    return this.#config.f + 1;
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    assert(this.#done === null, "a session has one operation in flight");
    this.#op = op;
    this.#done = done;
    if (this.#session === 0) this.#begin(openRequest(this.#host));
    else this.#next(op);
  }

  receive(_from: Address, message: CommonMessage): void {
    if (message.kind === "reply") this.#onReply(message);
  }

  admit(_from: Address, message: CommonMessage): boolean {
    return message.kind === "reply" && this.#answers(message) && this.#news(message);
  }

  timeout(): void {
    if (this.#pending === null) return;
    this.retransmissions++;
    this.#host.send("all", { kind: "request", request: this.#pending });
    this.#host.setTimer("retry", this.#backoff.next());
  }

  #onReply(reply: ReplyMessage): void {
    if (!this.#answers(reply) || !this.#news(reply)) return;
    this.#replies[reply.replica] = reply;
    let agreeing = 0;
    let view = Infinity;
    for (const other of this.#replies) {
      if (other === undefined || !sameOutcome(other.outcome, reply.outcome)) continue;
      agreeing++;
      view = Math.min(view, other.view);
    }
    if (agreeing < this.agreement) return;
    this.#view = Math.max(this.#view, view);
    this.#conclude(reply);
  }

  #conclude({ outcome }: ReplyMessage): void {
    const tag = this.#pending?.tag ?? 0;
    this.#pending = null;
    this.#host.clearTimer("retry");
    switch (outcome.status) {
      case "opened":
        this.#session = outcome.session;
        this.#tag = tag;
        this.#number = 0;
        if (this.#op !== null) this.#next(this.#op);
        return;
      case "done":
        this.#finish(outcome.result);
        return;
      case "no session":
        this.#session = 0;
        this.#finish(null);
    }
  }

  /** Whether the reply is to the request on its way, and of the kind that such a request gets. */
  #answers(reply: ReplyMessage): boolean {
    const request = this.#pending;
    if (request === null || this.#digest === null) return false;
    if (reply.session !== request.session || reply.tag !== request.tag) return false;
    if (reply.number !== request.number || !equal(reply.digest, this.#digest)) return false;
    return (reply.outcome.status === "opened") === (request.session === 0);
  }

  /** Whether this replica has not answered yet. A later answer can be another: one that was lost in time. */
  #news(reply: ReplyMessage): boolean {
    if (reply.replica >= this.#replies.length) return false;
    const before = this.#replies[reply.replica];
    return before === undefined || !sameOutcome(before.outcome, reply.outcome);
  }

  #next(op: Bytes): void {
    this.#begin({ session: this.#session, tag: this.#tag, number: ++this.#number, op });
  }

  #begin(request: Request): void {
    this.#pending = request;
    this.#digest = operationDigest(request.op);
    this.#replies.fill(undefined);
    this.#backoff.reset();
    this.#host.send(this.#first(this.#view), { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }

  #finish(result: Bytes | null): void {
    const done = this.#done;
    this.#op = null;
    this.#done = null;
    done?.(result);
  }
}
