// Rounds: how they end when no value is decided. Buchman, Kwon and Milosevic, "The latest gossip on
// BFT consensus", arXiv 1807.04938, algorithm 1, lines 34, 47, 55 and 57 to 67.

import type { Bytes, Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { Turns } from "../kit/turns.ts";
import { VIEW_TIMEOUTS_MAX } from "../kit/view-timeout.ts";
import type { TendermintContext } from "./context.ts";
import type { Step, VoteMessage } from "./message.ts";
import { NIL } from "./value.ts";
import type { HeightVotes } from "./votes.ts";

/** The parts of a round's time that each step has. */
const PROPOSE = 1 / 2;
const PREVOTE = 1 / 4;
const PRECOMMIT = 1 / 4;

/** What rounds ask of their replica. */
export interface RoundsOwner {
  readonly normal: {
    readonly step: Step;
    readonly votes: HeightVotes;
    /** Whether this replica has voted at the present height. */
    readonly voted: boolean;
    /** Whether q PREVOTEs of the present round are for one value. */
    readonly hasPolc: boolean;
    onRound(): void;
    onHeight(): void;
    prevote(digest: Bytes): void;
    precommit(digest: Bytes): void;
  };
  readonly proposing: { helpOthers(): void };
  readonly start: { readonly running: boolean; readonly recoveryTarget: number };
  readonly catchUp: {
    /** Whether nothing is proposed or voted for yet, because too much is not stable. */
    readonly waitsForStable: boolean;
    wake(): void;
  };
}

/** It alone writes the round. */
export class Rounds {
  protected readonly context: TendermintContext;
  protected readonly owner: RoundsOwner;
  #round = 0;
  /** Rounds entered so far, at all heights. */
  #entered = 1;
  /** Which timers of this round have been started. */
  readonly #started = { propose: false, prevote: false, precommit: false };
  readonly #turns: Turns;
  /** Since when the proposer of this round could have proposed; Infinity: it has no reason to. */
  #turnMs = Infinity;
  /** Whether it did not wait for the proposer of this round, and whether that proposed. */
  #skipped = false;
  #proposed = false;

  constructor(context: TendermintContext, owner: RoundsOwner) {
    this.context = context;
    this.owner = owner;
    this.#turns = new Turns(context.config);
  }

  get round(): number {
    return this.#round;
  }
  get entered(): number {
    return this.#entered;
  }
  /** How long a round lasts in which nothing is heard, in milliseconds. */
  get lengthMs(): number {
    return Math.min(2 ** this.#round, VIEW_TIMEOUTS_MAX) * this.context.config.viewTimeoutMs;
  }

  /** Whether anything but a request waits for the present height to be decided. */
  get mustEnd(): boolean {
    const { log, quorums } = this.context;
    const { normal, start } = this.owner;
    if (normal.voted || log.height <= start.recoveryTarget) return true;
    return normal.votes.signers >= quorums.weak;
  }
  get pending(): boolean {
    return this.context.pool.ownSize > 0 || this.mustEnd;
  }

  /** Waits for a proposal if there is a reason for one. */
  watch(): void {
    const { proposers, host } = this.context;
    const { normal, start, catchUp } = this.owner;
    proposers.countWaiting();
    if (!start.running || !this.pending) return;
    catchUp.wake();
    if (catchUp.waitsForStable) return;
    if (normal.step !== "propose" || this.#started.propose) return;
    this.#turnMs = host.now;
    if (this.#skips()) {
      coverageMark("tendermint: a proposer is skipped");
      this.#skipped = true;
      normal.prevote(NIL);
      return;
    }
    this.#started.propose = true;
    host.setTimer("propose", PROPOSE * this.lengthMs);
  }

  /**
   * Whether nobody waits for the first proposer of a height, where each has another one, because it
   * failed before: later rounds have all of their time.
   */
  #skips(): boolean {
    const { proposers, self } = this.context;
    const proposer = proposers.of(0);
    return this.#round === 0 && proposer !== self && this.#turns.skips(proposer);
  }

  /** The proposer of this round has proposed: it lives, if not in time. */
  onProposal(proposer: Signer): void {
    const { host, self } = this.context;
    if (this.#proposed || this.#round > 0 || proposer === self) return;
    this.#proposed = true;
    if (this.#skipped) this.#turns.onSkipped(proposer);
    else this.#turns.onTurn(proposer, Math.max(0, host.now - this.#turnMs));
  }

  /** A vote was counted: f + 1 that are ahead take this replica with them. */
  onVote({ round }: VoteMessage): void {
    if (round > this.#round) this.join();
  }

  protected join(): void {
    const round = this.owner.normal.votes.reachedBy(this.context.quorums.weak);
    if (round <= this.#round) return;
    coverageMark("tendermint: joins f + 1 that are in a later round");
    this.enter(round);
  }

  /** Starts the timers that votes of a quorum start, in this round or a later one. */
  onVotes(): void {
    const { quorums, host } = this.context;
    const { normal, start } = this.owner;
    if (!start.running) return;
    const { quorum } = quorums;
    const { precommits } = normal.votes;
    if (normal.step === "prevote" && !this.#started.prevote) {
      if (normal.hasPolc || this.prevoted() >= quorum) {
        this.#started.prevote = true;
        host.setTimer("prevote", PREVOTE * this.lengthMs);
      }
    }
    if (this.#skipped && precommits.matching(this.#round, NIL).length >= quorum) {
      return this.enter(this.#round + 1);
    }
    if (!this.#started.precommit && this.precommitted() >= quorum) {
      this.#started.precommit = true;
      host.setTimer("precommit", PRECOMMIT * this.lengthMs);
    }
  }

  /** Signers that PREVOTEd in this round or later: later votes displace those of this round. */
  protected prevoted(): number {
    return this.owner.normal.votes.prevotes.countFrom(this.#round);
  }

  /** Signers that PRECOMMITted in this round or later, or PREVOTEd in a later one. */
  protected precommitted(): number {
    return this.owner.normal.votes.passed(this.#round);
  }

  /** OnTimeoutPropose. */
  onProposeTimer(): void {
    const { normal, start } = this.owner;
    this.#started.propose = false;
    if (normal.step !== "propose" || !start.running || !this.pending) return;
    coverageMark("tendermint: no proposal comes in time");
    this.owner.proposing.helpOthers();
    normal.prevote(NIL);
  }

  /** OnTimeoutPrevote. */
  onPrevoteTimer(): void {
    if (this.owner.normal.step !== "prevote" || !this.owner.start.running) return;
    coverageMark("tendermint: prevotes do not agree");
    this.owner.normal.precommit(NIL);
  }

  /** OnTimeoutPrecommit. */
  onPrecommitTimer(): void {
    if (!this.owner.start.running) return;
    coverageMark("tendermint: a round decides nothing");
    this.owner.proposing.helpOthers();
    this.enter(this.#round + 1);
  }

  /** StartRound. */
  enter(round: number): void {
    const waited = this.#round === 0 && this.#turnMs < Infinity && !this.#skipped;
    if (waited && !this.#proposed) this.#turns.onFailure(this.context.proposers.of(0));
    this.#begin(round);
    this.owner.normal.onRound();
    this.#goOn();
  }

  /** The height before was decided, here or in a state that was installed. */
  enterHeight(): void {
    this.#begin(0);
    this.owner.normal.onHeight();
    this.#goOn();
  }

  #begin(round: number): void {
    const { host } = this.context;
    this.#round = round;
    this.#entered++;
    this.#turnMs = Infinity;
    this.#skipped = false;
    this.#proposed = false;
    for (const timer of ["propose", "prevote", "precommit"] as const) {
      if (this.#started[timer]) host.clearTimer(timer);
      this.#started[timer] = false;
    }
  }

  #goOn(): void {
    this.watch();
    this.onVotes();
  }
}
