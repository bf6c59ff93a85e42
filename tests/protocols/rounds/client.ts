import type { Address, Bytes, Client, Host } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { Backoff } from "../../../src/protocol/kit/backoff.ts";
import {
  encodeOutcome,
  openRequest,
  requestDigest,
  type Outcome,
  type Request,
} from "../../../src/protocol/kit/request.ts";
import { bytesOf, equal } from "../../../src/wire.ts";
import type { Message, ReplyMessage } from "./message.ts";
import type { Timer } from "./replica.ts";

/** Sends to every replica and believes f + 1 of them that agree. */
export class RoundsClient implements Client<Message, Timer> {
  retransmissions = 0;
  readonly #host: Host<Message, Timer>;
  readonly #weak: number;
  readonly #backoff: Backoff;
  #session = 0;
  #tag = 0;
  #number = 0;
  #request: Request | null = null;
  #digest: Bytes | null = null;
  #op: Bytes | null = null;
  #done: ((result: Bytes | null) => void) | null = null;
  readonly #answers = new Map<number, { readonly bytes: Bytes; readonly outcome: Outcome }>();

  constructor({ f, viewTimeoutMs }: ProtocolConfig, host: Host<Message, Timer>) {
    this.#host = host;
    this.#weak = f + 1;
    this.#backoff = new Backoff(viewTimeoutMs / 4, viewTimeoutMs * 4);
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#op = op;
    this.#done = done;
    if (this.#session === 0) this.#ask(openRequest(this.#host));
    else this.#askNext(op);
  }

  receive(_from: Address, message: Message): void {
    if (message.kind === "reply") this.#onReply(message);
  }

  timeout(): void {
    if (this.#request === null) return;
    this.retransmissions++;
    this.#send(this.#request);
  }

  #onReply({ replica, digest, outcome }: ReplyMessage): void {
    const request = this.#request;
    if (request === null || this.#digest === null || !equal(digest, this.#digest)) return;
    const bytes = bytesOf((out) => encodeOutcome(outcome, out));
    this.#answers.set(replica, { bytes, outcome });
    let same = 0;
    for (const answer of this.#answers.values()) if (equal(answer.bytes, bytes)) same++;
    if (same < this.#weak) return;
    this.#request = null;
    this.#host.clearTimer("tick");
    if (outcome.status === "opened") {
      this.#session = outcome.session;
      this.#tag = request.tag;
      this.#number = 0;
      if (this.#op !== null) this.#askNext(this.#op);
      return;
    }
    if (outcome.status === "no session") this.#session = 0;
    const done = this.#done;
    this.#done = null;
    done?.(outcome.status === "done" ? outcome.result : null);
  }

  #askNext(op: Bytes): void {
    this.#ask({ session: this.#session, tag: this.#tag, number: ++this.#number, op });
  }

  #ask(request: Request): void {
    this.#request = request;
    this.#digest = requestDigest(request);
    this.#answers.clear();
    this.#backoff.reset();
    this.#send(request);
  }

  #send(request: Request): void {
    // A client has no address of its own to give: replicas answer whom they hear it from.
    this.#host.send("all", { kind: "request", client: 0, request });
    this.#host.setTimer("tick", this.#backoff.next());
  }
}
