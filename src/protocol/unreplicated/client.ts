import type { Address, Bytes, Client, Host } from "../../actor.ts";
import { assert } from "../../assert.ts";
import type { ProtocolConfig } from "../../config.ts";
import { equal } from "../../wire.ts";
import { Backoff } from "../backoff.ts";
import { openRequest, requestDigest, type Request } from "../request.ts";
import type { Message, ReplyMessage } from "./message.ts";

type Timer = "retry";

/** Sends to the one replica, and again, with exponential backoff, until the reply comes. */
export class UnreplicatedClient implements Client<Message, Timer> {
  retransmissions = 0;
  readonly #host: Host<Message, Timer>;
  readonly #signed: boolean;
  readonly #backoff: Backoff;
  /** The session and its nonce's tag, once it is open. */
  #session = 0;
  #tag = 0;
  #number = 0;
  /** The request on its way, and what waits for its outcome. */
  #pending: Request | null = null;
  #op: Bytes | null = null;
  #done: ((result: Bytes | null) => void) | null = null;

  constructor(config: ProtocolConfig, host: Host<Message, Timer>, signed: boolean) {
    this.#host = host;
    this.#signed = signed;
    this.#backoff = new Backoff(config.viewTimeoutMs / 4, config.viewTimeoutMs * 4);
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    assert(this.#done === null, "a session has one operation in flight");
    this.#op = op;
    this.#done = done;
    if (this.#session === 0) this.#begin(openRequest(this.#host));
    else this.#next(op);
  }

  receive(_from: Address, message: Message): void {
    if (message.kind === "reply") this.#onReply(message);
  }

  admit(_from: Address, message: Message): boolean {
    return message.kind === "reply" && this.#answers(message);
  }

  timeout(): void {
    if (this.#pending === null) return;
    this.retransmissions++;
    this.#send(this.#pending);
  }

  #onReply(reply: ReplyMessage): void {
    const request = this.#pending;
    if (request === null || !this.#answers(reply)) return;
    if (this.#signed && !equal(reply.digest, requestDigest(request))) return;
    const { outcome } = reply;
    this.#pending = null;
    this.#host.clearTimer("retry");
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
      case "no session":
        this.#session = 0;
        this.#finish(null);
    }
  }

  #answers(reply: ReplyMessage): boolean {
    const request = this.#pending;
    if (request === null) return false;
    if (reply.session !== request.session || reply.tag !== request.tag) return false;
    return reply.number === request.number;
  }

  #next(op: Bytes): void {
    this.#begin({ session: this.#session, tag: this.#tag, number: ++this.#number, op });
  }

  #begin(request: Request): void {
    this.#pending = request;
    this.#backoff.reset();
    this.#send(request);
  }

  #send(request: Request): void {
    this.#host.send(0, { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }

  #finish(result: Bytes | null): void {
    const done = this.#done;
    this.#op = null;
    this.#done = null;
    done?.(result);
  }
}
