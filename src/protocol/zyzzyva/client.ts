// The client (Kotla et al., SOSP '07, section 3.2, steps 4a and 4b): done when all replicas say the
// same of its request, or when a quorum has a certificate that a quorum does. What f + 1 say to be
// committed counts as in other protocols.

import type { Address, Bytes, Client, Host, Refusal } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal, type Reader } from "../../wire.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { QuorumClient } from "../kit/client.ts";
import { isCommon } from "../kit/messages.ts";
import { certificateOf, quorumsOf, type Quorums } from "../kit/quorum.ts";
import { isLong, replierOf, type Outcome } from "../kit/request.ts";
import { LOCAL_COMMIT, samePoint, type CommitCertificate } from "./certificate.ts";
import type { Timer as ReplicaTimer } from "./context.ts";
import type { LocalCommitMessage, Message, SpecReplyMessage } from "./message.ts";
import { beginsSpecReplyTo } from "./message-codec.ts";
import { outcomeDigestOf } from "./outcome-digest.ts";

type Timer = ReplicaTimer | "retry";

/** Gaps between the reply of a quorum and the last one that tell something, and are remembered. */
const GAPS_MIN = 8;
const GAPS_MAX = 32;
/**
 * The least time that the last reply is waited for, in milliseconds, and the most, in timeouts and
 * in the time that those of a quorum took.
 */
const PATIENCE_MIN_MS = 0.05;
const PATIENCE_MAX = 1 / 8;
const PATIENCE_RATIO = 4;
/** So many operations without the fast path in a row, and it is not waited for any more... */
const SLOW_MAX = 8;
/** ...but for every so manieth. */
const HOPEFUL_EVERY = 64;

const NOT_AWAITED: Refusal = "not admitted: no reply to the pending request";

export class ZyzzyvaClient extends QuorumClient implements Client<Message, Timer> {
  /** Operations that all replicas completed, that a certificate did, and all of them. */
  readonly completed = { fast: 0, certified: 0, operations: 0 };
  protected readonly config: ProtocolConfig;
  protected readonly quorums: Quorums;
  readonly #host: Host<Message, Timer>;
  /** What each replica said last of the pending request, and the outcome that one gave. */
  readonly #replies: (SpecReplyMessage | undefined)[];
  #outcomes: { readonly digest: Bytes; readonly outcome: Outcome }[] = [];
  /** Replies of q replicas that agree, since when, and until when the others are waited for. */
  #agreeing: readonly SpecReplyMessage[] = [];
  #agreeingMs = 0;
  #patientMs = 0;
  /** When the timer "commit" goes off; it is not touched when the operation is done before. */
  #timerMs = Infinity;
  /** The certificate that they are, once it was sent. */
  #certificate: CommitCertificate | null = null;
  readonly #commits: (LocalCommitMessage | undefined)[];
  readonly #gapsMs: number[] = [];
  #longestGapMs = 0;
  #beganMs = 0;
  #slowInRow = 0;
  #operations = 0;

  constructor(config: ProtocolConfig, host: Host<Message, Timer>) {
    const quorums = quorumsOf(config);
    super(config, host, quorums, (view) => config.leader(view));
    this.config = config;
    this.quorums = quorums;
    this.#host = host;
    this.#replies = new Array<SpecReplyMessage | undefined>(config.n).fill(undefined);
    this.#commits = new Array<LocalCommitMessage | undefined>(config.n).fill(undefined);
  }

  get fastPath(): { readonly operations: number; readonly fast: number } {
    return this.completed;
  }

  protected override onBegin(): void {
    this.#replies.fill(undefined);
    this.#commits.fill(undefined);
    this.#outcomes = [];
    this.#agreeing = [];
    this.#certificate = null;
    this.#operations++;
    this.#beganMs = this.#host.now;
  }

  override refuseBytes(from: Address, input: Reader): Refusal | null {
    const request = this.pending;
    const start = input.position;
    const end = start + input.remaining;
    if (request !== null && beginsSpecReplyTo(request, input)) return null;
    if (this.#certificate !== null && isLocalCommit(input.reset(start, end))) return null;
    return super.refuseBytes(from, input.reset(start, end));
  }

  override refuse(from: Address, message: Message): Refusal | null {
    if (message.kind === "specReply") return this.#refuseSpecReply(message);
    if (message.kind === "localCommit") return this.#refuseLocalCommit(message);
    return isCommon(message) ? super.refuse(from, message) : NOT_AWAITED;
  }

  override receive(from: Address, message: Message): void {
    if (isCommon(message)) return super.receive(from, message);
    const refusal = this.refuse(from, message);
    if (refusal !== null) return this.#host.drop(refusal);
    if (message.kind === "specReply") this.#onSpecReply(message);
    else if (message.kind === "localCommit") this.#onLocalCommit(message);
  }

  override timeout(timer: Timer = "retry"): void {
    if (timer === "commit") return this.#onPatience();
    super.timeout();
    if (this.pending !== null) this.#sendCommit();
  }

  // SPEC-REPLYs.

  #refuseSpecReply(message: SpecReplyMessage): Refusal | null {
    if (message.replica >= this.config.n || !this.awaits(message, message.digest)) {
      return NOT_AWAITED;
    }
    const known = this.#replies[message.replica];
    if (known === undefined || known.view < message.view) return null;
    if (known.view > message.view) return "not admitted: reply of an earlier view";
    const again = saysSame(known, message) && (known.outcome !== null || message.outcome === null);
    return again ? "not admitted: a replica's reply again" : null;
  }

  #onSpecReply(message: SpecReplyMessage): void {
    this.#replies[message.replica] = message;
    const { outcome, outcomeDigest } = message;
    const isNew = outcome !== null && this.#outcomeOf(message) === undefined;
    if (isNew && this.isOf(outcome, message)) this.#keep(outcomeDigest, outcome);
    const heard = this.#replies.filter((reply) => reply !== undefined);
    // To compare histories costs as much as all else here, and the first replies complete nothing.
    if (heard.length < Math.min(this.needed, this.quorums.quorum)) return;
    const same = heard.filter((other) => other === message || this.agree(other, message));
    if (same.length >= this.needed) return this.#onAll(message);
    if (same.length >= this.quorums.quorum) this.#onQuorum(message, same);
  }

  /** One of each digest that is told still. */
  #keep(digest: Bytes, outcome: Outcome): void {
    this.#outcomes = this.#outcomes.filter((known) => {
      if (equal(known.digest, digest)) return false;
      return this.#replies.some((reply) => reply && equal(reply.outcomeDigest, known.digest));
    });
    this.#outcomes.push({ digest, outcome });
  }

  /** Whether a reply's outcome is the one that its signer signed. */
  protected isOf(outcome: Outcome, { outcomeDigest }: SpecReplyMessage): boolean {
    return equal(outcomeDigestOf(outcome), outcomeDigest);
  }

  /** Whether two replicas executed the request alike, after the same history. */
  protected agree(a: SpecReplyMessage, b: SpecReplyMessage): boolean {
    return saysSame(a, b);
  }

  /** How many have to say the same for the fast path. */
  protected get needed(): number {
    return this.config.n;
  }

  #outcomeOf({ outcomeDigest }: Pick<SpecReplyMessage, "outcomeDigest">): Outcome | undefined {
    for (const { digest, outcome } of this.#outcomes) {
      if (equal(digest, outcomeDigest)) return outcome;
    }
    return undefined;
  }

  #onAll(message: SpecReplyMessage): void {
    const outcome = this.#outcomeOf(message);
    if (outcome === undefined) return;
    this.completed.fast++;
    this.#slowInRow = 0;
    if (this.#agreeing.length > 0) this.#noteGap(this.#host.now - this.#agreeingMs);
    coverageMark("zyzzyva: completed by all");
    this.#finish(outcome, message.view);
  }

  #noteGap(gapMs: number): void {
    this.#gapsMs.push(gapMs);
    const gone = this.#gapsMs.length > GAPS_MAX ? this.#gapsMs.shift() : undefined;
    if (gapMs >= this.#longestGapMs) this.#longestGapMs = gapMs;
    else if (gone === this.#longestGapMs) this.#longestGapMs = Math.max(...this.#gapsMs);
  }

  #onQuorum(message: SpecReplyMessage, same: readonly SpecReplyMessage[]): void {
    const [known] = this.#agreeing;
    if (known !== undefined && (samePoint(known, message) || known.view > message.view)) return;
    this.#agreeing = same;
    this.#agreeingMs = this.#host.now;
    this.#certificate = null;
    this.#commits.fill(undefined);
    this.#patientMs = this.#host.now + this.#patienceMs();
    if (this.#patientMs < this.#timerMs) this.#setTimer();
  }

  /**
   * How long the last reply is waited for: a certificate that was not needed costs replicas more
   * than most waits cost the client, who soon gives up waiting where a replica is silent.
   */
  #patienceMs(): number {
    const hopeful = this.#operations % HOPEFUL_EVERY === 0;
    if (this.#slowInRow >= SLOW_MAX && !hopeful) return 0;
    const longestMs = this.#gapsMs.length < GAPS_MIN ? Infinity : this.#longestGapMs;
    // A reply that was lost comes after a retry, which no other operation need wait for.
    const othersMs = this.#host.now - this.#beganMs;
    const mostMs = Math.min(PATIENCE_MAX * this.config.viewTimeoutMs, PATIENCE_RATIO * othersMs);
    const patienceMs = Math.max(PATIENCE_MIN_MS, Math.min(mostMs, 2 * longestMs));
    if (this.#slowInRow < SLOW_MAX) return patienceMs;
    // As long again as the others took: whoever was silent is hardly back.
    return Math.min(patienceMs, othersMs);
  }

  #setTimer(): void {
    this.#timerMs = this.#patientMs;
    this.#host.setTimer("commit", this.#patientMs - this.#host.now);
  }

  #onPatience(): void {
    this.#timerMs = Infinity;
    if (this.#agreeing.length === 0 || this.#certificate !== null) return;
    if (this.#patientMs - this.#host.now > TIMER_SLACK_MS) return this.#setTimer();
    this.#sendCommit();
  }

  // The certificate.

  #sendCommit(): void {
    const [first] = this.#agreeing;
    if (first === undefined) return;
    const { view, slot, history, session, tag, number, digest, outcomeDigest } = first;
    const named = { session, tag, number, digest, outcomeDigest };
    const votes = certificateOf(this.#agreeing, this.quorums.quorum);
    this.#certificate ??= { view, slot, history, named, votes };
    this.#host.send("all", { kind: "commit", ...this.#certificate });
  }

  #refuseLocalCommit(message: LocalCommitMessage): Refusal | null {
    const certificate = this.#certificate;
    const { replica } = message;
    if (certificate === null || !samePoint(message, certificate)) return NOT_AWAITED;
    if (replica >= this.config.n || this.#commits[replica] !== undefined) {
      return "not admitted: local commit that was counted";
    }
    return null;
  }

  #onLocalCommit(message: LocalCommitMessage): void {
    this.#commits[message.replica] = message;
    const count = this.#commits.filter((commit) => commit !== undefined).length;
    const named = this.#certificate?.named;
    if (count < this.quorums.quorum || named == null) return;
    const outcome = this.#outcomeOf(named);
    if (outcome === undefined) return;
    this.completed.certified++;
    this.#slowInRow++;
    coverageMark("zyzzyva: completed by a certificate");
    this.#finish(outcome, message.view);
  }

  #finish(outcome: Outcome, view: number): void {
    const number = this.pending?.number ?? 0;
    if (isLong(outcome)) {
      const given = this.#replies[replierOf(number, this.config.n)]?.outcome ?? null;
      this.noteReplier(number, given !== null);
    }
    this.conclude(outcome, view);
  }

  protected override conclude(outcome: Outcome, view: number): void {
    this.#agreeing = [];
    this.#certificate = null;
    if (outcome.status !== "opened") this.completed.operations++;
    super.conclude(outcome, view);
  }
}

function isLocalCommit(input: Reader): boolean {
  return input.u8() === LOCAL_COMMIT;
}

function saysSame(a: SpecReplyMessage, b: SpecReplyMessage): boolean {
  return samePoint(a, b) && equal(a.outcomeDigest, b.outcomeDigest);
}
