// How a replica catches up, in place of the paper's gossip: who makes no progress says where it is,
// and others send what it lacks; where they keep that no more, it fetches a state.

import type { Address, Bytes, Phase, Refusal, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { SmoothedTime } from "../../base/smoothed-time.ts";
import { equal, latin1 } from "../../wire.ts";
import { Backoff } from "../kit/backoff.ts";
import { lengthOf } from "../kit/batch.ts";
import { GENESIS, WATERMARK_INTERVALS } from "../kit/checkpoint.ts";
import type { StateMessage } from "../kit/messages.ts";
import { AnswerLimit, ANSWER_PAUSE, ASKED_TOO_MUCH } from "../kit/peers.ts";
import type { StateSync, StateSyncOwner } from "../kit/state-sync.ts";
import type { StateVersion } from "../kit/state-tree.ts";
import type { Polc } from "./certificate.ts";
import type { TendermintContext } from "./context.ts";
import type { CommittedMessage, FetchBatchMessage, Message } from "./message.ts";
import type { ProposalMessage, StatusMessage, Step } from "./message.ts";
import type { Value } from "./value.ts";
import type { HeightVotes } from "./votes.ts";

/**
 * The first and the last interval of STATUS while something waits, in view timeouts; the last if
 * nothing does. Where heights take less, the first one is what a height seldom takes, since each
 * waits for the one before; but no less than that share.
 */
const LEAST_INTERVAL = 1 / 64;
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
const IDLE_INTERVAL = 1;
/**
 * Ticks in which what was heard of a later height is a reason to ask: what nobody has sent by then
 * nobody has, whatever a Byzantine replica says.
 */
const HEARD_TICKS = 8;
/** Positions of one replica that are answered in one pause, because a STATUS is not signed. */
const POSITIONS_MAX = 4;
/** Heights sent in answer to one STATUS, those that the sender needs first. */
const HEIGHTS_MAX = 16;

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly normal: {
    readonly step: Step;
    readonly votes: HeightVotes;
    readonly valid: Polc | null;
    readonly proposal: ProposalMessage | null;
    valueOf(digest: Bytes): Value | undefined;
    onCommitted(message: CommittedMessage): void;
    retry(): void;
  };
  readonly proposing: { relayOverdue(): void };
  readonly rounds: {
    readonly round: number;
    readonly pending: boolean;
    enterHeight(): void;
  };
  readonly start: { readonly phase: Phase; readonly running: boolean };
  readonly sync: Pick<
    StateSync,
    "checkpoints" | "fetching" | "behind" | "offer" | "retry" | "onState"
  >;
}

export class CatchUp implements StateSyncOwner {
  readonly #context: TendermintContext;
  readonly #owner: CatchUpOwner;
  readonly #backoff: Backoff;
  readonly #answers: AnswerLimit;
  /** Whether nothing waits, so that ticks are far apart. */
  #idle = true;
  #heightBefore = 1;
  /** How long heights take that nobody had to be asked for, and when the last one was decided. */
  readonly #heights = new SmoothedTime();
  #decidedMs = 0;
  #asked = true;
  /** Whether a height was decided between the last two ticks, and a piece of a state came since. */
  #decidedLately = false;
  #receivedSinceTick = false;
  /** Whether others had to send what was decided since the last tick: more may be missing. */
  #helpedSinceTick = false;
  /** The height after the last one that the replica which helps was asked for. */
  #askedUpTo = 0;
  /** The highest height of which anything was heard, and for how many ticks that counts. */
  #heard = 0;
  #heardTicks = 0;
  /** Whether the value that is missing was asked for since the last tick, or another one was. */
  #fetched: Bytes | null = null;
  /** The high watermark before the last checkpoint became stable. */
  #watermark: number;
  /** What the state that is being fetched is known by. */
  #fetching = GENESIS;

  constructor(context: TendermintContext, owner: CatchUpOwner) {
    const { viewTimeoutMs, n, checkpointInterval } = context.config;
    this.#watermark = WATERMARK_INTERVALS * checkpointInterval;
    this.#context = context;
    this.#owner = owner;
    this.#backoff = new Backoff(FIRST_INTERVAL * viewTimeoutMs, LAST_INTERVAL * viewTimeoutMs);
    this.#answers = new AnswerLimit({
      n,
      pauseMs: ANSWER_PAUSE * viewTimeoutMs,
      answersMax: POSITIONS_MAX,
    });
  }

  /** Has ticks follow each other soon, because there is something to do from now on. */
  wake(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#backoff.reset(this.#firstMs());
    this.#context.host.setTimer("tick", this.#backoff.next());
  }

  onTick(): void {
    const { host, config, log, proposers } = this.#context;
    const { normal, proposing, start, sync } = this.#owner;
    proposers.judge();
    this.#decidedLately = log.height > this.#heightBefore;
    this.#heightBefore = log.height;
    this.#fetched = null;
    proposing.relayOverdue();
    const helped = this.#helpedSinceTick;
    this.#helpedSinceTick = false;
    if (!this.#decidedLately) {
      if (!this.#receivedSinceTick) sync.retry();
      normal.retry();
    }
    const starting = start.phase === "starting" || start.phase === "over";
    if ((!this.#decidedLately || helped) && !starting) {
      this.#asked = true;
      this.#sendStatus("others");
    }
    this.#receivedSinceTick = false;
    if (this.#heardTicks > 0) this.#heardTicks--;
    this.#idle = !helped && !this.#waits();
    if (this.#decidedLately) this.#backoff.reset(this.#firstMs());
    const idleMs = IDLE_INTERVAL * config.viewTimeoutMs;
    host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  #waits(): boolean {
    const { rounds, sync, start } = this.#owner;
    if (rounds.pending || sync.fetching || sync.behind) return true;
    return !start.running || (this.#heardTicks > 0 && this.#heard > this.#context.log.height);
  }

  /** Something of a height after the present one was heard, which this replica may have missed. */
  onHeard(height: number): void {
    this.#heard = Math.max(this.#heard, height);
    this.#heardTicks = HEARD_TICKS;
    this.wake();
  }

  /** A height was decided: others need no more of it for a while. */
  onDecided(): void {
    this.#fetched = null;
    const { now } = this.#context.host;
    // One that was asked about was lost in part, and one that comes after a rest waited for work.
    if (!this.#asked && !this.#idle) this.#heights.measured(now - this.#decidedMs);
    this.#asked = false;
    this.#decidedMs = now;
  }

  #firstMs(): number {
    const { viewTimeoutMs } = this.#context.config;
    const mostMs = FIRST_INTERVAL * viewTimeoutMs;
    if (!this.#heights.known) return mostMs;
    return Math.min(mostMs, Math.max(LEAST_INTERVAL * viewTimeoutMs, this.#heights.slowMs));
  }

  // Values that are missing.

  /** Asks all others for a value of the present height, once between two ticks. */
  fetchValue(digest: Bytes): void {
    if (this.#fetched !== null && equal(this.#fetched, digest)) return;
    this.#fetched = digest;
    const { host, log } = this.#context;
    host.send("others", { kind: "fetchBatch", height: log.height, digest });
  }

  onFetchBatch(from: Address, { height, digest }: FetchBatchMessage): void {
    const { log, host, answers } = this.#context;
    const present = height === log.height ? this.#owner.normal.valueOf(digest) : undefined;
    const value = present ?? log.get(height)?.value;
    if (value === undefined || !equal(value.digest, digest)) {
      return host.drop("not admitted: fetch of a batch that is not here");
    }
    const question = `batch ${height} ${latin1(digest)}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, lengthOf(value.batch));
    host.send(from, { kind: "batch", height, value });
  }

  // STATUS and what answers it.

  #sendStatus(to: Address | "others"): void {
    const { log, host } = this.#context;
    const { rounds, normal, sync } = this.#owner;
    const stable = sync.checkpoints.reached.slot;
    const { height } = log;
    this.#askedUpTo = height + HEIGHTS_MAX;
    const { round } = rounds;
    host.send(to, { kind: "status", height, round, step: normal.step, stable });
  }

  onCommitted(from: Address, message: CommittedMessage): void {
    const { log } = this.#context;
    const before = log.height;
    this.#owner.normal.onCommitted(message);
    if (log.height === before) return;
    coverageMark("tendermint: a decision is sent by another replica");
    this.#helpedSinceTick = true;
    this.wake();
    // Who sent all that was asked for may have more.
    if (log.height >= this.#askedUpTo) this.#sendStatus(from);
  }

  /** Whether a replica that votes at a height which was decided may be sent the decision. */
  mayHelp(replica: Signer, height: number): boolean {
    const { log, host, self, answers, config } = this.#context;
    const decided = log.get(height);
    if (replica === self || decided === undefined) return false;
    // Each slowest PRECOMMIT comes when its height has just been decided.
    const sinceMs = host.now - decided.atMs;
    return (
      sinceMs > ANSWER_PAUSE * config.viewTimeoutMs && answers.allows(replica, BEHIND, host.now)
    );
  }

  help(replica: Signer, height: number): void {
    const { host, answers } = this.#context;
    if (!this.mayHelp(replica, height)) return host.drop(ANSWERED_JUST_NOW);
    answers.begin(replica, BEHIND, host.now);
    this.#sendDecided(replica, height);
  }

  /** False if it is not kept any more. */
  #sendDecided(to: Address, height: number): boolean {
    const { log, host, answers } = this.#context;
    const decided = log.get(height);
    if (decided === undefined) return false;
    const { decision, value } = decided;
    answers.charge(to, lengthOf(value.batch));
    host.send(to, { kind: "committed", decision, value });
    return true;
  }

  onStatus(from: Address, status: StatusMessage): void {
    const { host, self, answers, log } = this.#context;
    const { height, round, step, stable } = status;
    const position = `${height} ${round} ${step} ${stable}`;
    const mayAnswer = this.#answers.allows(from, position, host.now);
    if (from === self || !mayAnswer || !answers.hasRoom(from, host.now)) {
      return host.drop(ANSWERED_JUST_NOW);
    }
    let sent = this.#owner.sync.offer(from, stable);
    for (let at = height; at < Math.min(height + HEIGHTS_MAX, log.height); at++) {
      if (!answers.hasRoom(from, host.now) || !this.#sendDecided(from, at)) break;
      sent = true;
    }
    if (height === log.height && this.#sendRound(from, status)) sent = true;
    // One that lacks nothing does not use up the turn of one that does.
    if (sent) this.#answers.spend(from, position, host.now);
  }

  /** Sends what there is of the present height; false if there is nothing. */
  #sendRound(to: Address, { round }: StatusMessage): boolean {
    const { host, answers, self } = this.#context;
    const { votes, valid, proposal } = this.#owner.normal;
    let sent = false;
    const send = (message: Message, bytes: number): void => {
      sent = true;
      answers.charge(to, bytes);
      host.send(to, message);
    };
    if (proposal?.round === round && proposal.seal !== undefined) {
      send(proposal, lengthOf(proposal.value.batch));
    }
    if (valid !== null) send({ kind: "polc", polc: valid }, 0);
    for (const vote of [votes.prevotes.of(self), votes.precommits.of(self)]) {
      if (vote !== undefined) send(vote, 0);
    }
    return sent;
  }

  // Checkpoints and state transfer.

  get executed(): number {
    return this.#context.log.height - 1;
  }
  get mayAttest(): boolean {
    return this.#owner.start.running;
  }
  get progresses(): boolean {
    return this.#owner.sync.fetching ? this.#receivedSinceTick : this.#decidedLately;
  }

  /** Whether the present height waits for a later checkpoint to be stable. */
  get waitsForStable(): boolean {
    return this.#context.log.height > this.#owner.sync.checkpoints.highWatermark;
  }

  /** A later checkpoint is stable: a height that waited begins, once what made it so is done. */
  #endWait(): void {
    const { log, host } = this.#context;
    const waited = log.height > this.#watermark;
    this.#watermark = this.#owner.sync.checkpoints.highWatermark;
    if (!waited || this.waitsForStable) return;
    coverageMark("tendermint: a height waited for a stable checkpoint");
    host.setTimer("flush", 0);
  }

  onBehind(): void {
    this.wake();
    this.#endWait();
  }

  onStateFetch(): void {
    this.#fetching = this.#owner.sync.checkpoints.stable;
    this.wake();
  }

  onState(from: Address, message: StateMessage): void {
    const outcome = this.#owner.sync.onState(from, message);
    if (outcome !== "useless") this.#receivedSinceTick = true;
    if (outcome !== "installed") return;
    // Heights were decided since.
    this.#helpedSinceTick = true;
    this.wake();
    this.#sendStatus(from);
  }

  install(state: StateVersion, slot: number): boolean {
    assert(this.#fetching.slot === slot, "the state that is installed is the one that was fetched");
    const { versions, service, proposers, log } = this.#context;
    const own = proposers.install(state.head);
    if (own === null || !versions.restore(own, state)) return false;
    log.install(this.#fetching);
    service.answerExecuted();
    this.#owner.rounds.enterHeight();
    return true;
  }

  onStable(slot: number): void {
    const { log, config } = this.#context;
    log.dropBelow(slot - config.checkpointInterval + 1);
    this.#endWait();
  }
}

const BEHIND = "decision";
const ANSWERED_JUST_NOW: Refusal = "not admitted: position that was answered just now";
