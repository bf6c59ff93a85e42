// The client of every protocol with Byzantine replicas: a result counts when a weak quorum agrees.

import type { Address, Bytes, Client, Host, Quorums, Refusal, Target } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal, type Reader } from "../../wire.ts";
import { Backoff, TIMER_SLACK_MS } from "./backoff.ts";
import { ClientSession } from "./client-session.ts";
import { digestOf } from "./digest.ts";
import { NO_RUN, type AnswerToClient } from "./answer.ts";
import { beginsReplyTo, type CommonMessage } from "./messages.ts";
import {
  FORGOTTEN_OUTCOME,
  isBody,
  isLong,
  isOpen,
  NO_SESSION_OUTCOME,
  operationDigest,
  replierOf,
  sameOutcome,
  type Outcome,
  type Request,
  type Told,
} from "./request.ts";
import { Repliers } from "./repliers.ts";
import { ResponseTime } from "./response-time.ts";
import { RetryBudget } from "./retry-budget.ts";
import { RunProbe } from "./run-probe.ts";

type Timer = "retry";

/** What a replica says. */
interface Answer {
  readonly view: number;
  readonly outcome: Told;
  /** Of a long result, or its digest alone; null: neither. */
  readonly digest: Bytes | null;
  /** The run that it names; null if it is signed in that of the session. */
  readonly run: Bytes | null;
}

const NO_ANSWER: Refusal = "not admitted: not a reply";
const NOT_AWAITED: Refusal = "not admitted: no reply to the pending request";

/** The least time after which a request counts as lost, in view timeouts. */
const OVERDUE_MIN = 1 / 32;
/**
 * After how many view timeouts a request goes to all: at first where answers take less, at first
 * where they take more, because replicas learn from it that a leader is slow, and at last.
 */
const TO_ALL_SOONEST = 1 / 4;
const TO_ALL_FIRST = 1 / 2;
const TO_ALL_LAST = 4;
/**
 * Operations of more bytes go to all only when others do at the latest: n copies of them cost much,
 * and packets of a large message that are lost are asked for by its receiver.
 */
const LARGE_BYTES = 1024;
/** When it goes to all if that is more than its retry budget allows. */
const TO_ALL_UNBUDGETED = 1;
/** How often a request goes to all unanswered before its client asks which run it is in. */
const UNANSWERED_MAX = 2;

/**
 * Sends an `open` to all, any other request to where `first` says the leader of the view is; where
 * packets are lost there once more when its answer is overdue, because they are lost more often
 * than leaders; when it is late to all, with exponential backoff; both within a budget, beyond
 * which it goes to all after a whole view timeout. A result counts when a weak quorum of verified
 * signers agrees on it, whatever their views: where they may lie f + 1 (Castro and Liskov, OSDI
 * '99, section 4.1), one of them correct. Of a long result all but one may give the digest.
 */
export class QuorumClient implements Client<CommonMessage, Timer> {
  retransmissions = 0;
  readonly #weak: number;
  readonly #host: Host<CommonMessage, Timer>;
  readonly #first: (view: number) => Target;
  readonly #backoff: Backoff;
  readonly #responses: ResponseTime;
  readonly #budget = new RetryBudget();
  readonly #viewTimeoutMs: number;
  readonly #broadcasts: boolean;
  /** When the pending request was sent first, and when it was sent again last, if it was. */
  #sentMs = 0;
  #repeatedMs: number | null = null;
  /** From when on it goes to all, and whether that was put off for want of budget. */
  #toAllMs = 0;
  #putOff = false;
  /** The latest view that a weak quorum with one result vouches for. */
  #view = 0;
  readonly #session: ClientSession;
  readonly #repliers: Repliers;
  /** The digest of the pending operation, and what each replica answered. */
  #digest: Bytes | null = null;
  readonly #answers: (Answer | undefined)[];
  /** The run of the session; null if it has none. */
  #run: Bytes | null = null;
  /** How often the request went to all, and what is asked when it did too often. */
  #toAllCount = 0;
  readonly #probe: RunProbe;

  constructor(
    config: ProtocolConfig,
    host: Host<CommonMessage, Timer>,
    { weak }: Pick<Quorums, "weak">,
    first: (view: number) => Target,
  ) {
    this.#weak = weak;
    this.#host = host;
    this.#first = first;
    const { viewTimeoutMs } = config;
    this.#viewTimeoutMs = viewTimeoutMs;
    this.#broadcasts = config.broadcastsRequests === true;
    const lateMs = TO_ALL_SOONEST * viewTimeoutMs;
    this.#backoff = new Backoff(lateMs, TO_ALL_LAST * viewTimeoutMs);
    this.#responses = new ResponseTime({
      leastMs: OVERDUE_MIN * viewTimeoutMs,
      ...{ lateMs, latestMs: TO_ALL_FIRST * viewTimeoutMs },
    });
    this.#answers = new Array<Answer | undefined>(config.n).fill(undefined);
    this.#probe = new RunProbe(host, config.n, weak);
    this.#repliers = new Repliers(config.n);
    this.#session = new ClientSession(
      host,
      (request) => this.#begin(request),
      (least) => this.#repliers.numberFrom(least),
    );
  }

  /** Another request is pending from now on. */
  protected onBegin(): void {}

  /** How many replicas must agree. */
  protected get agreement(): number {
    return this.#weak;
  }

  get session(): number {
    return this.#session.id;
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#session.invoke(op, done);
  }

  receive(_from: Address, message: CommonMessage): void {
    if (!isAnswer(message)) return this.#host.drop(NO_ANSWER);
    if (this.#probe.awaits(message)) return this.#onProbed(message);
    const refusal = this.#refusalOf(message);
    if (refusal === null) this.#onAnswer(message);
    else this.#host.drop(refusal);
  }

  /** Most replies are late, because more replicas answer than have to agree. */
  refuseBytes(_from: Address, input: Reader): Refusal | null {
    const request = this.#session.pending;
    const start = input.position;
    const end = start + input.remaining;
    if (request !== null && beginsReplyTo(request, input)) return null;
    const { request: asked } = this.#probe;
    if (asked === null) return NOT_AWAITED;
    return beginsReplyTo(asked, input.reset(start, end)) ? null : NOT_AWAITED;
  }

  /** What it does not refuse is checked next, and comes to `receive` if it holds. */
  refuse(_from: Address, message: CommonMessage): Refusal | null {
    if (!isAnswer(message)) return NO_ANSWER;
    return this.#probe.awaits(message) ? null : this.#refusalOf(message);
  }

  /** Why what a replica says of the pending request does not count; null: it does. */
  #refusalOf(message: AnswerToClient): Refusal | null {
    if (message.kind === "reply" && namesRun(message.outcome)) {
      return "not admitted: a reply that names no run";
    }
    if (!this.#isAwaited(message)) return NOT_AWAITED;
    return this.#isNews(message) ? null : "not admitted: a replica's reply again";
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    const leftMs = this.#toAllMs - this.#host.now;
    if (leftMs > TIMER_SLACK_MS) return this.#askLeader(request, leftMs);
    if (this.#waitsForBudget(request)) return;
    if (this.#toAllCount > UNANSWERED_MAX && this.#isLost()) return this.#onLost();
    this.#repeat();
    this.#responses.late();
    this.#host.send("all", { kind: "request", request });
    if (++this.#toAllCount > UNANSWERED_MAX && !isOpen(request)) {
      coverageMark("client: a client asks which run it is in");
      this.#host.send("all", { kind: "request", request: this.#probe.ask() });
    }
    this.#host.setTimer("retry", this.#backoff.next());
  }

  /** Asks the leader once more, if that is within budget; all after so many milliseconds. */
  #askLeader(request: Request, leftMs: number): void {
    if (this.#budget.spend()) {
      this.#repeat();
      this.#responses.expired();
      this.#host.send(this.#first(this.#view), { kind: "request", request });
    }
    this.#host.setTimer("retry", leftMs);
  }

  /**
   * Whether a request that would go to all for the first time is to wait, because so many went
   * before that it helps nobody. An `open` is one of few, and goes on.
   */
  #waitsForBudget(request: Request): boolean {
    const { now } = this.#host;
    const leftMs = this.#sentMs + TO_ALL_UNBUDGETED * this.#viewTimeoutMs - now;
    if (this.#putOff || isOpen(request) || leftMs <= TIMER_SLACK_MS) return false;
    if (this.#budget.spend()) return false;
    coverageMark("client: a retry waits for want of budget");
    this.#putOff = true;
    this.#toAllMs = now + leftMs;
    this.#host.setTimer("retry", leftMs);
    return true;
  }

  #repeat(): void {
    this.retransmissions++;
    this.#repeatedMs = this.#host.now;
  }

  /** A replica named the run that it is in: if it is another, the session's has ended (R12). */
  #onProbed(message: AnswerToClient): void {
    const run = this.#probe.answered(message);
    if (run === null || this.#run === null || equal(run, this.#run)) return;
    coverageMark("client: a run that has ended is left");
    this.#host.clearTimer("retry");
    this.#probe.end();
    this.#enterRun(null);
    this.#session.conclude(NO_SESSION_OUTCOME);
  }

  /** Whether enough replicas say that there is a result, and none of them has it. */
  #isLost(): boolean {
    return this.#answers.some(
      (answer) => answer?.outcome.status === "digest" && this.#count(answer) >= this.agreement,
    );
  }

  #onLost(): void {
    coverageMark("client: a result that no replica has any more is given up");
    this.#probe.end();
    this.#session.conclude(FORGOTTEN_OUTCOME);
  }

  /** How many replicas say the same. */
  #count(answer: Answer): number {
    let count = 0;
    for (const other of this.#answers) if (other !== undefined && agree(other, answer)) count++;
    return count;
  }

  #enterRun(run: Bytes | null): void {
    this.#run = run;
    this.#host.enterRun(run);
  }

  #onAnswer(message: AnswerToClient): void {
    const told = toldBy(message);
    const run = runOf(message);
    const answer = { view: message.view, outcome: told, digest: digestIn(told), run };
    this.#answers[message.replica] = answer;
    let agreeing = 0;
    let view = Infinity;
    let outcome: Outcome | null = null;
    for (const other of this.#answers) {
      if (other === undefined || !agree(other, answer)) continue;
      agreeing++;
      view = Math.min(view, other.view);
      if (isWhole(other.outcome)) outcome ??= other.outcome;
    }
    if (agreeing < this.agreement || outcome === null) return;
    // Where one suffices it gives the result itself.
    if (this.agreement > 1 && isLong(outcome)) this.#onLongResult(answer);
    // Replies are of the run that its session was opened in, as long as there is one.
    const named = run !== null && !equal(run, NO_RUN);
    if (outcome.status === "opened") this.#enterRun(named ? run : null);
    if (outcome.status === "no session") this.#enterRun(null);
    this.conclude(outcome, view);
  }

  /** The pending request has this outcome, as replicas that are in this view say. */
  protected conclude(outcome: Outcome, view: number): void {
    this.#view = Math.max(this.#view, view);
    this.#host.clearTimer("retry");
    this.#probe.end();
    const { now } = this.#host;
    const repeatedMs = this.#repeatedMs === null ? null : now - this.#repeatedMs;
    this.#budget.onAnswer(this.#responses.answered(now - this.#sentMs, repeatedMs));
    this.#session.conclude(outcome);
  }

  /** Notes whether whoever had to give the result, when the others gave its digest, did so. */
  #onLongResult(answer: Answer): void {
    const { number = 0 } = this.#session.pending ?? {};
    const replier = this.#answers[replierOf(number, this.#answers.length)];
    const given = replier?.outcome.status === "done" && agree(replier, answer);
    this.#repliers.gave(number, given);
  }

  /** Whether it answers the request on its way. */
  #isAwaited(message: AnswerToClient): boolean {
    const opened = message.kind === "opened";
    const session = opened ? 0 : message.session;
    const number = opened ? 0 : message.number;
    if (!this.#session.awaits(session, message.tag, number, opened)) return false;
    return this.#digest !== null && equal(message.digest, this.#digest);
  }

  /**
   * Whether this replica has not answered so yet. A later answer can be another: one that was lost
   * in time, or the result where it gave the digest before.
   */
  #isNews(message: AnswerToClient): boolean {
    if (message.replica >= this.#answers.length) return false;
    const before = this.#answers[message.replica];
    if (before === undefined) return true;
    const told = toldBy(message);
    if (before.outcome.status === "digest" && told.status === "done") return true;
    const digest = told.status === "digest" ? told.digest : null;
    return !agree(before, { view: 0, outcome: told, digest, run: runOf(message) });
  }

  protected get pending(): Request | null {
    return this.#session.pending;
  }

  /** Whether that is what is told of, of an operation with this digest. */
  protected awaits(
    { session, tag, number }: Pick<Request, "session" | "tag" | "number">,
    digest: Bytes,
  ): boolean {
    if (!this.#session.awaits(session, tag, number, false)) return false;
    return this.#digest !== null && equal(digest, this.#digest);
  }

  /** Notes whether whoever had to give a long result did so. */
  protected noteReplier(number: number, given: boolean): void {
    this.#repliers.gave(number, given);
  }

  #begin(request: Request): void {
    this.onBegin();
    this.#digest = operationDigest(request.op);
    this.#answers.fill(undefined);
    this.#toAllCount = 0;
    // An `open` goes to all already, and waits for its ration where operations are ordered.
    const patient = isOpen(request) || request.op.length > LARGE_BYTES;
    const { lateMs, overdueMs } = this.#responses;
    this.#backoff.reset(patient ? TO_ALL_FIRST * this.#viewTimeoutMs : lateMs);
    // Each replica remembers where it heard the `open`, and replies there.
    const apart = this.#broadcasts && isBody(request.op);
    const to = isOpen(request) || apart ? "all" : this.#first(this.#view);
    this.#host.send(to, { kind: "request", request });
    this.#repeatedMs = null;
    this.#putOff = false;
    this.#sentMs = this.#host.now;
    const toAllMs = this.#backoff.next();
    this.#toAllMs = this.#sentMs + toAllMs;
    // Nobody is asked sooner for an `open`.
    const leaderFirst = !isOpen(request) && overdueMs < lateMs;
    this.#host.setTimer("retry", leaderFirst ? overdueMs : toAllMs);
  }
}

function isAnswer(message: CommonMessage): message is AnswerToClient {
  return message.kind === "reply" || message.kind === "opened" || message.kind === "gone";
}

/** Whether a correct replica says it with the name of its run, in OPENED or GONE. */
function namesRun({ status }: Told): boolean {
  return status === "opened" || status === "no session";
}

function toldBy(message: AnswerToClient): Told {
  switch (message.kind) {
    case "reply":
      return message.outcome;
    case "opened":
      return { status: "opened", session: message.session };
    case "gone":
      return NO_SESSION_OUTCOME;
  }
}

/** The run that it names; null if it is signed in that of the session. */
function runOf(message: AnswerToClient): Bytes | null {
  return message.kind === "reply" ? null : message.run;
}

function digestIn(told: Told): Bytes | null {
  if (told.status === "digest") return told.digest;
  return isLong(told) ? digestOf(told.result) : null;
}

function isWhole(told: Told): told is Outcome {
  return told.status !== "digest";
}

/** Whether both say the same, one perhaps by a digest. */
function agree(a: Answer, b: Answer): boolean {
  const same =
    isWhole(a.outcome) && isWhole(b.outcome)
      ? sameOutcome(a.outcome, b.outcome)
      : a.digest !== null && b.digest !== null && equal(a.digest, b.digest);
  if (!same) return false;
  return a.run === null ? b.run === null : b.run !== null && equal(a.run, b.run);
}
