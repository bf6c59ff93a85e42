// The client of every protocol with Byzantine replicas: a result counts when a weak quorum agrees.

import type { Address, Bytes, Client, Host, Quorums, Refusal, Target } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal, type Reader } from "../../wire.ts";
import { Backoff } from "./backoff.ts";
import { ClientSession } from "./client-session.ts";
import { beginsReplyTo, type CommonMessage, type ReplyMessage } from "./messages.ts";
import { isOpen, operationDigest, sameOutcome, type Request } from "./request.ts";

type Timer = "retry";

/**
 * Sends an `open` to all, any other request to where `first` says the leader of the view is, then,
 * with exponential backoff, to all. A result counts when a weak quorum of verified signers agrees
 * on it, whatever their views: where they may lie f + 1 (Castro and Liskov, OSDI '99, section 4.1),
 * one of them correct.
 */
export class QuorumClient implements Client<CommonMessage, Timer> {
  retransmissions = 0;
  readonly #weak: number;
  readonly #host: Host<CommonMessage, Timer>;
  readonly #first: (view: number) => Target;
  readonly #backoff: Backoff;
  /** The latest view that a weak quorum with one result vouches for. */
  #view = 0;
  readonly #session: ClientSession;
  /** The digest of the pending operation, and what each replica answered. */
  #digest: Bytes | null = null;
  readonly #replies: (ReplyMessage | undefined)[];

  constructor(
    config: ProtocolConfig,
    host: Host<CommonMessage, Timer>,
    { weak }: Pick<Quorums, "weak">,
    first: (view: number) => Target,
  ) {
    this.#weak = weak;
    this.#host = host;
    this.#first = first;
    this.#backoff = new Backoff(config.viewTimeoutMs / 4, config.viewTimeoutMs * 4);
    this.#replies = new Array<ReplyMessage | undefined>(config.n).fill(undefined);
    this.#session = new ClientSession(host, (request) => this.#begin(request));
  }

  /** How many replicas must agree. */
  protected get agreement(): number {
    return this.#weak;
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#session.invoke(op, done);
  }

  receive(from: Address, message: CommonMessage): void {
    const refusal = this.refuse(from, message);
    if (refusal !== null) this.#host.drop(refusal);
    else if (message.kind === "reply") this.#onReply(message);
  }

  /** Most replies are late, because more replicas answer than have to agree. */
  refuseBytes(_from: Address, input: Reader): Refusal | null {
    const request = this.#session.pending;
    if (request !== null && beginsReplyTo(request, input)) return null;
    return "not admitted: no reply to the pending request";
  }

  refuse(_from: Address, message: CommonMessage): Refusal | null {
    if (message.kind !== "reply") return "not admitted: not a reply";
    if (!this.#answers(message)) return "not admitted: no reply to the pending request";
    if (!this.#isNews(message)) return "not admitted: a replica's reply again";
    return null;
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    this.retransmissions++;
    this.#host.send("all", { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }

  #onReply(reply: ReplyMessage): void {
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
    this.#host.clearTimer("retry");
    this.#session.conclude(reply.outcome);
  }

  /** Whether the reply is to the request on its way. */
  #answers({ session, tag, number, outcome, digest }: ReplyMessage): boolean {
    if (!this.#session.awaits(session, tag, number, outcome)) return false;
    return this.#digest !== null && equal(digest, this.#digest);
  }

  /**
   * Whether this replica has not answered yet. A later answer can be another: one that was lost in
   * time.
   */
  #isNews(reply: ReplyMessage): boolean {
    if (reply.replica >= this.#replies.length) return false;
    const before = this.#replies[reply.replica];
    return before === undefined || !sameOutcome(before.outcome, reply.outcome);
  }

  #begin(request: Request): void {
    this.#digest = operationDigest(request.op);
    this.#replies.fill(undefined);
    this.#backoff.reset();
    // Each replica remembers where it heard the `open`, and replies there.
    const to = isOpen(request) ? "all" : this.#first(this.#view);
    this.#host.send(to, { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }
}
