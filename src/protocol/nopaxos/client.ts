// The client (Li et al., OSDI '16, section 5.2): done when a quorum has its request in the same
// slot of the same view, the leader among them, or when a replica says that it is committed.

import type { Address, Bytes, Client, Host, Refusal } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal, type Reader } from "../../wire.ts";
import type { AnswerToClient } from "../kit/answer.ts";
import { Backoff } from "../kit/backoff.ts";
import { ClientSession } from "../kit/client-session.ts";
import { beginsReplyTo } from "../kit/messages.ts";
import { majorityOf } from "../kit/quorum.ts";
import {
  FORGOTTEN_OUTCOME,
  isOpen,
  NO_SESSION_OUTCOME,
  operationDigest,
  type Outcome,
  type Request,
} from "../kit/request.ts";
import { ResponseTime } from "../kit/response-time.ts";
import { RetryBudget } from "../kit/retry-budget.ts";
import { sequencersOf } from "../kit/sequencer.ts";
import { unsequenced } from "../kit/sequencing-messages.ts";
import { beginsSlotReplyTo, type Message, type SlotReplyMessage } from "./message.ts";

type Timer = "retry";

/** After how many view timeouts a request goes everywhere, first and last. */
const RETRY_FIRST = 1 / 4;
const RETRY_LAST = 4;
/** The first one is at most so late, where answers take as long. */
const RETRY_LATEST = 1 / 2;
/** When it does first if that is more than the retry budget allows: what waits is only late. */
const RETRY_UNBUDGETED = 1;
/** How often a request goes everywhere before its result counts as lost, if it was executed. */
const UNANSWERED_MAX = 2;
/** Replies of one replica to one request that are kept: one that is retried has more slots. */
const REPLIES_MAX = 4;

const NO_ANSWER: Refusal = "not admitted: not a reply";
const NOT_AWAITED: Refusal = "not admitted: no reply to the pending request";

export class NoPaxosClient implements Client<Message, Timer> {
  retransmissions = 0;
  protected readonly config: ProtocolConfig;
  readonly #host: Host<Message, Timer>;
  readonly #quorum: number;
  readonly #sequencers: readonly Address[];
  readonly #backoff: Backoff;
  readonly #budget = new RetryBudget();
  readonly #viewTimeoutMs: number;
  /** Whether the first retry of the pending request was put off for want of budget, or is over. */
  #putOff = false;
  /** How often the pending request went everywhere, and whether a replica told its digest alone. */
  #everywhere = 0;
  #toldDigest = false;
  readonly #responses: ResponseTime;
  /** When the pending request was sent first, and when it was sent again last, if it was. */
  #sentMs = 0;
  #repeatedMs: number | null = null;
  readonly #session: ClientSession;
  /** The sequencer that is believed open. */
  #index = 0;
  #digest: Bytes | null = null;
  /** What each replica said of the pending request, the latest last. */
  readonly #replies: SlotReplyMessage[][];

  constructor(config: ProtocolConfig, host: Host<Message, Timer>) {
    const { viewTimeoutMs } = config;
    this.config = config;
    this.#host = host;
    this.#quorum = majorityOf(config).quorum;
    this.#sequencers = sequencersOf(config);
    this.#viewTimeoutMs = viewTimeoutMs;
    const lateMs = RETRY_FIRST * viewTimeoutMs;
    this.#responses = new ResponseTime({
      ...{ leastMs: lateMs, lateMs, latestMs: RETRY_LATEST * viewTimeoutMs },
    });
    this.#backoff = new Backoff(RETRY_FIRST * viewTimeoutMs, RETRY_LAST * viewTimeoutMs);
    this.#session = new ClientSession(host, (request) => this.#begin(request));
    this.#replies = Array.from({ length: config.n }, () => []);
  }

  get session(): number {
    return this.#session.id;
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#session.invoke(op, done);
  }

  #begin(request: Request): void {
    this.#digest = operationDigest(request.op);
    for (const replies of this.#replies) replies.length = 0;
    const to = this.#sequencers[this.#index];
    if (to !== undefined) this.#host.send(to, unsequenced(request));
    this.#putOff = false;
    this.#everywhere = 0;
    this.#toldDigest = false;
    this.#repeatedMs = null;
    this.#sentMs = this.#host.now;
    this.#backoff.reset(this.#responses.lateMs);
    this.#host.setTimer("retry", this.#backoff.next());
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    // Each retry is a slot more, so that those of what is only late would make all of it later.
    if (!this.#putOff && !isOpen(request) && !this.#budget.spend()) {
      coverageMark("client: a retry waits for want of budget");
      this.#putOff = true;
      const leftMs = (RETRY_UNBUDGETED - RETRY_FIRST) * this.#viewTimeoutMs;
      return this.#host.setTimer("retry", leftMs);
    }
    this.#putOff = true;
    if (this.#toldDigest && this.#everywhere > UNANSWERED_MAX) {
      coverageMark("client: a result that no replica has any more is given up");
      return this.#session.conclude(FORGOTTEN_OUTCOME);
    }
    this.#everywhere++;
    this.retransmissions++;
    this.#repeatedMs = this.#host.now;
    this.#responses.late();
    const message = unsequenced(request);
    for (const sequencer of this.#sequencers) this.#host.send(sequencer, message);
    this.#host.send("all", { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }

  receive(from: Address, message: Message): void {
    const refusal = this.refuse(from, message);
    if (refusal !== null) return this.#host.drop(refusal);
    if (message.kind === "slotReply") return this.#onSlotReply(from, message);
    if (!isFinal(message)) return;
    const outcome = finalOutcome(message);
    // It is committed, and another replica may have the result.
    if (outcome === null) this.#toldDigest = true;
    else this.#conclude(outcome);
  }

  /** Most replies are late: more replicas reply than are needed. */
  refuseBytes(_from: Address, input: Reader): Refusal | null {
    const request = this.#session.pending;
    if (request === null) return NOT_AWAITED;
    const start = input.position;
    const end = start + input.remaining;
    if (beginsSlotReplyTo(request, input)) return null;
    return beginsReplyTo(request, input.reset(start, end)) ? null : NOT_AWAITED;
  }

  refuse(from: Address, message: Message): Refusal | null {
    if (from >= this.config.n) return NO_ANSWER;
    if (message.kind === "slotReply") {
      const { session, tag, number, leader } = message;
      const opened = this.#session.pending !== null && isOpen(this.#session.pending);
      if (!this.#session.awaits(session, tag, number, opened)) return NOT_AWAITED;
      return leader === null || this.#isOwn(leader.digest) ? null : NOT_AWAITED;
    }
    if (!isFinal(message)) return NO_ANSWER;
    const opened = message.kind === "opened";
    const [session, number] = opened ? [0, 0] : [message.session, message.number];
    if (!this.#session.awaits(session, message.tag, number, opened)) return NOT_AWAITED;
    return this.#isOwn(message.digest) ? null : NOT_AWAITED;
  }

  /** Whether it is the digest of the pending operation. */
  #isOwn(digest: Bytes): boolean {
    return this.#digest !== null && equal(digest, this.#digest);
  }

  #onSlotReply(from: Address, message: SlotReplyMessage): void {
    const replies = this.#replies[from];
    if (replies === undefined) return;
    if (replies.length === REPLIES_MAX) replies.shift();
    replies.push(message);
    for (let leader = 0; leader < this.#replies.length; leader++) {
      for (const reply of this.#replies[leader] ?? []) {
        if (!this.decides(leader, reply) || reply.leader === null) continue;
        if (this.#agreeing(leader, reply) < this.#quorum) continue;
        this.#index = reply.sequencer;
        return this.#conclude(reply.leader.outcome);
      }
    }
  }

  /** Only what the leader of its view has is what the slot has. */
  protected decides(replica: Address, { view, leader }: SlotReplyMessage): boolean {
    return leader !== null && this.config.leader(view) === replica;
  }

  /** How many have the request where the leader has it. */
  #agreeing(leader: Address, reply: SlotReplyMessage): number {
    // The leader's own, and those of others.
    let count = 1;
    for (let replica = 0; replica < this.#replies.length; replica++) {
      if (replica !== leader && this.#agrees(replica, reply)) count++;
    }
    return count;
  }

  /** Whether a replica has the request where the leader has it. */
  #agrees(replica: Address, reply: SlotReplyMessage): boolean {
    const known = reply.leader?.vector[replica] ?? 0;
    for (const other of this.#replies[replica] ?? []) {
      if (this.matches(other, reply) && this.isOfPresentLife(other.incarnation, known)) return true;
    }
    return false;
  }

  protected matches(a: SlotReplyMessage, b: SlotReplyMessage): boolean {
    return a.view === b.view && a.slot === b.slot;
  }

  /** What a replica said in a life that is over counts for nothing: it may have forgotten it. */
  protected isOfPresentLife(incarnation: number, known: number): boolean {
    if (incarnation >= known) return true;
    coverageMark("nopaxos: the reply of a life that is over is refused");
    return false;
  }

  #conclude(outcome: Outcome): void {
    this.#host.clearTimer("retry");
    const { now } = this.#host;
    const repeatedMs = this.#repeatedMs === null ? null : now - this.#repeatedMs;
    this.#budget.onAnswer(this.#responses.answered(now - this.#sentMs, repeatedMs));
    this.#session.conclude(outcome);
  }
}

function isFinal(message: Message): message is AnswerToClient {
  return message.kind === "reply" || message.kind === "opened" || message.kind === "gone";
}

/** Null if it tells the digest of a result alone. */
function finalOutcome(message: AnswerToClient): Outcome | null {
  switch (message.kind) {
    case "reply":
      return message.outcome.status === "digest" ? null : message.outcome;
    case "opened":
      return { status: "opened", session: message.session };
    case "gone":
      return NO_SESSION_OUTCOME;
  }
}
