// Proposals, votes, locks and decisions: Buchman, Kwon and Milosevic, "The latest gossip on BFT
// consensus", arXiv 1807.04938, algorithm 1. Heights are decided one after another.

import type { Bytes, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { certificateOf, hasSigners } from "../kit/quorum.ts";
import type { Decision, Polc } from "./certificate.ts";
import type { TendermintContext } from "./context.ts";
import { EarlyProposals } from "./early-proposals.ts";
import type { BatchMessage, CommittedMessage, PolcMessage, Proposed } from "./message.ts";
import type { ProposalMessage, Step, VoteMessage } from "./message.ts";
import { NIL, type Value } from "./value.ts";
import type { Lock } from "./lock.ts";
import { Values } from "./values.ts";
import { HeightVotes, type RoundVotes } from "./votes.ts";

/** What the normal case asks of its replica. */
export interface NormalOwner {
  readonly rounds: {
    readonly round: number;
    onVote(message: VoteMessage): void;
    onVotes(): void;
    onProposal(proposer: Signer): void;
    enter(round: number): void;
    enterHeight(): void;
  };
  /** Whether it votes and proposes: it is neither starting nor recovering. */
  readonly start: { readonly running: boolean };
  readonly proposing: { propose(): void };
  readonly catchUp: {
    readonly waitsForStable: boolean;
    /** Asks others for a value of the present height. */
    fetchValue(digest: Bytes): void;
    /** Something of a height after the present one was heard. */
    onHeard(height: number): void;
    /** Whether a replica that votes at a height which was decided may be sent the decision. */
    mayHelp(replica: Signer, height: number): boolean;
    help(replica: Signer, height: number): void;
    onDecided(): void;
  };
  readonly sync: { onExecuted(height: number, head: (own: Bytes) => Bytes): void };
}

/** It alone writes the step, the lock and the valid value. */
export class NormalCase {
  protected readonly context: TendermintContext;
  protected readonly owner: NormalOwner;
  readonly #Votes: typeof RoundVotes;
  #step: Step = "propose";
  #voted = false;
  /** The first proposal of the round that came; without its seal until it looped back. */
  #proposal: ProposalMessage | null = null;
  #locked: Lock | null = null;
  /** The POLC of the highest round: what this replica proposes when it is its turn. */
  #valid: Polc | null = null;
  /** Of the present height, whose value is not here. */
  #decision: Decision | null = null;
  #votes: HeightVotes;
  #next: HeightVotes;
  readonly #values = new Values();
  readonly #early: EarlyProposals;
  /** By replica, the round of the POLC that it was sent last. */
  readonly #shown: number[];

  constructor(context: TendermintContext, owner: NormalOwner, Votes: typeof RoundVotes) {
    const { n } = context.config;
    this.context = context;
    this.owner = owner;
    this.#Votes = Votes;
    this.#votes = new HeightVotes(n, Votes);
    this.#next = new HeightVotes(n, Votes);
    this.#early = new EarlyProposals(n);
    this.#shown = new Array<number>(n).fill(-1);
  }

  get step(): Step {
    return this.#step;
  }
  get voted(): boolean {
    return this.#voted;
  }
  get votes(): HeightVotes {
    return this.#votes;
  }
  get locked(): Lock | null {
    return this.#locked;
  }
  get valid(): Polc | null {
    return this.#valid;
  }
  /** Whether the height is decided, and its value is not here yet. */
  get decided(): boolean {
    return this.#decision !== null;
  }
  get proposal(): ProposalMessage | null {
    return this.#proposal;
  }
  get hasPolc(): boolean {
    return this.#valid?.round === this.owner.rounds.round;
  }
  get sizes(): Sizes {
    const { prevotes, precommits } = this.#votes;
    const { n } = this.context.config;
    const next = this.#next.prevotes.size + this.#next.precommits.size;
    return [
      { name: "normal.votes", size: prevotes.size + precommits.size, max: 2 * n },
      { name: "normal.next votes", size: next, max: 2 * n },
      ...this.#values.sizes,
      ...this.#early.sizes,
    ];
  }

  // Rounds and proposals.

  /** A round begins. */
  onRound(): void {
    const { pool, host } = this.context;
    this.#step = "propose";
    this.#proposal = null;
    // What was proposed so far may never be decided.
    pool.requeue(host.now, true);
    this.resume();
  }

  /** A height begins; what was heard of it early counts from now on. */
  onHeight(): void {
    this.#forget();
    const { log, config } = this.context;
    const { height } = log;
    this.resume();
    for (let signer = 0; signer < config.n; signer++) {
      for (const vote of [this.#votes.prevotes.of(signer), this.#votes.precommits.of(signer)]) {
        if (vote !== undefined && log.height === height) this.#count(vote);
      }
    }
  }

  /** Nothing outlives a height but the votes of the next one. */
  #forget(): void {
    this.#step = "propose";
    this.#voted = false;
    this.#proposal = null;
    this.#locked = null;
    this.#valid = null;
    this.#decision = null;
    this.#votes = this.#next;
    this.#next = new HeightVotes(this.context.config.n, this.#Votes);
    this.#values.clear();
    this.#shown.fill(-1);
  }

  /** Votes for a proposal that is here, or proposes. */
  resume(): void {
    const { proposers, log } = this.context;
    const { round } = this.owner.rounds;
    const early = this.#early.take(proposers.of(round), log.height, round);
    if (this.#proposal !== null) this.#vote(this.#proposal);
    else if (early !== null && this.refuseProposal(early) === null) this.accept(early);
    else this.owner.proposing.propose();
  }

  /** Why a proposal of another replica changes nothing, or is none. */
  refuseProposal(message: ProposalMessage): Refusal | null {
    const { round, polc, value } = message;
    if (polc === null) {
      if (value.origin !== round) return "not admitted: new value of another round";
    } else {
      if (polc.round >= round || value.origin > polc.round) {
        return "not admitted: proposal whose rounds contradict each other";
      }
      if (!this.proven(polc)) return "not admitted: proposal with a POLC without a quorum";
    }
    return this.refuseProposed(message);
  }

  /** Why it does, whatever it proposes. */
  refuseProposed(proposed: Proposed): Refusal | null {
    const { log, proposers } = this.context;
    const { replica, height, round } = proposed;
    const now = this.owner.rounds.round;
    if (height < log.height) return "not admitted: proposal of an earlier height";
    if (height === log.height) {
      if (round < now) return "not admitted: proposal of an earlier round";
      if (replica !== proposers.of(round)) {
        return "not admitted: proposal of a replica that is not the proposer";
      }
      if (round === now) {
        return this.#proposal === null ? null : "not admitted: second proposal of a round";
      }
    }
    return this.#early.holds(proposed) ? "not admitted: proposal that is known" : null;
  }

  onProposal(message: ProposalMessage): void {
    const { log, host, self } = this.context;
    const { replica, height, round } = message;
    if (replica === self) return this.#onOwnProposal(message);
    const refusal = this.refuseProposal(message);
    if (refusal !== null) return host.drop(refusal);
    if (height > log.height) this.owner.catchUp.onHeard(height);
    if (height === log.height && round === this.owner.rounds.round) return this.accept(message);
    const near = height <= log.height + 1 && this.#early.keep(message);
    if (near) coverageMark("tendermint: a proposal waits for its round");
    else host.drop("not admitted: proposal that there is no room for");
  }

  /**
   * The loopback brings the seal. One that this replica does not know of it made before it lost its
   * memory.
   */
  #onOwnProposal(message: ProposalMessage): void {
    const known = this.#proposal;
    if (known === null || known.height !== message.height || known.round !== message.round) return;
    if (equal(known.digest, message.digest)) this.#proposal = message;
  }

  /** The first proposal of this round is here; its proposer need not be told of its requests. */
  accept(message: ProposalMessage): void {
    const { polc, value } = message;
    this.#proposal = message;
    this.#keep(value);
    this.context.pool.placed(value.batch);
    this.owner.rounds.onProposal(message.replica);
    if (polc !== null) this.#learn(polc);
    this.#vote(message);
    this.#onValue(value);
  }

  #keep(value: Value): void {
    const kept = [this.#locked, this.#valid, this.#decision, this.#proposal];
    this.#values.add(
      value,
      kept.map((one) => one?.digest),
    );
  }

  // Votes.

  /** PREVOTEs what was proposed, or nil: lines 22 and 28. */
  #vote(proposal: ProposalMessage): void {
    const { start, catchUp } = this.owner;
    if (this.#step !== "propose" || !start.running || catchUp.waitsForStable) return;
    const { round, digest } = proposal;
    const suspected = round === 0 && this.context.proposers.suspects;
    this.prevote(!suspected && this.mayPrevote(this.#locked, proposal) ? digest : NIL);
  }

  /** Whether the lock, if there is one, lets this replica PREVOTE the proposal. */
  protected mayPrevote(locked: Lock | null, { digest, polc }: ProposalMessage): boolean {
    if (locked === null || equal(locked.digest, digest)) return true;
    return polc !== null && locked.round <= polc.round;
  }

  prevote(digest: Bytes): void {
    this.#step = "prevote";
    this.#send("prevote", digest);
    this.#advance();
  }

  precommit(digest: Bytes): void {
    this.#step = "precommit";
    this.#send("precommit", digest);
  }

  #send(kind: VoteMessage["kind"], digest: Bytes): void {
    const { self: replica, host, log } = this.context;
    assert(this.owner.start.running, "only a replica that runs votes");
    this.#voted = true;
    const { round } = this.owner.rounds;
    host.send("all", { kind, replica, height: log.height, round, digest });
    this.owner.rounds.onVotes();
  }

  /** Why a vote changes nothing. */
  refuseVote(message: VoteMessage): Refusal | null {
    const { log, self } = this.context;
    const { rounds, catchUp } = this.owner;
    const { kind, replica, height, round } = message;
    if (height < log.height) {
      return catchUp.mayHelp(replica, height) ? null : "not admitted: vote of an earlier height";
    }
    // What waits in front of a vote of a later height may bring this replica there.
    if (height > log.height + 1) return null;
    const votes = height === log.height ? this.#votes : this.#next;
    if (!votes.storeOf(message).isNew(replica, round)) return "not admitted: vote that was counted";
    // The own one counts even where it is not needed, because others may ask for it.
    if (height > log.height || kind === "precommit" || replica === self) return null;
    if (round < rounds.round) return "not admitted: prevote of an earlier round";
    const known = this.#valid !== null && this.#valid.round >= round;
    return known ? "not admitted: prevote of a round whose POLC is here" : null;
  }

  onVote(message: VoteMessage): void {
    const { log, host } = this.context;
    const { catchUp } = this.owner;
    const refusal = this.refuseVote(message);
    if (refusal !== null) return host.drop(refusal);
    const { replica, height } = message;
    if (height < log.height) return catchUp.help(replica, height);
    if (height > log.height) {
      catchUp.onHeard(height);
      if (height > log.height + 1) return host.drop("not admitted: vote of a later height");
      this.#next.storeOf(message).add(message);
      return;
    }
    if (this.#votes.storeOf(message).add(message)) this.#count(message);
  }

  /** Does what a vote of the present height, which is kept, may make possible. */
  #count(message: VoteMessage): void {
    const { log } = this.context;
    const { rounds } = this.owner;
    const { kind, height, round, digest } = message;
    rounds.onVote(message);
    if (equal(digest, NIL)) {
      if (kind === "precommit") this.show(message);
    } else if (kind === "precommit") this.#countPrecommits(message);
    else if (round === rounds.round) this.#countPrevotes(message);
    if (log.height !== height) return;
    this.#advance();
    rounds.onVotes();
  }

  /** Votes for what this one is for, of its round. */
  protected matching(message: VoteMessage): VoteMessage[] {
    const { round, digest } = message;
    return this.#votes.storeOf(message).matching(round, digest);
  }

  #countPrevotes(message: VoteMessage): void {
    const { height, round, digest } = message;
    const quorum = this.lockQuorum;
    const matching = this.matching(message);
    if (matching.length < quorum) return;
    this.#learn({ height, round, digest, prevotes: certificateOf(matching, quorum) });
  }

  #countPrecommits(message: VoteMessage): void {
    const { height, round, digest } = message;
    const quorum = this.decisionQuorum;
    const matching = this.matching(message);
    if (matching.length < quorum) return;
    this.#decide({ height, round, digest, precommits: certificateOf(matching, quorum) });
  }

  protected get lockQuorum(): number {
    return this.context.quorums.quorum;
  }
  protected get decisionQuorum(): number {
    return this.context.quorums.quorum;
  }

  /** A quorum PREVOTEd this value: what a proposer of a later round proposes. */
  #learn(polc: Polc): void {
    if (this.#valid !== null && polc.round <= this.#valid.round) return;
    this.#valid = polc;
    const { config } = this.context;
    for (let signer = 0; signer < config.n; signer++) {
      const vote = this.#votes.precommits.of(signer);
      if (vote !== undefined) this.show(vote);
    }
    // f + 1 correct replicas of its signers are in that round.
    if (polc.round > this.owner.rounds.round) this.owner.rounds.enter(polc.round);
    if (this.#values.get(polc.digest) === undefined) this.owner.catchUp.fetchValue(polc.digest);
    this.#advance();
  }

  /** Line 36, and the PRECOMMIT of line 44. */
  #advance(): void {
    const { rounds, start } = this.owner;
    if (this.#step !== "prevote" || !start.running) return;
    const { round } = rounds;
    const valid = this.#valid;
    if (valid?.round === round) {
      if (this.#values.get(valid.digest) === undefined) return;
      this.#locked = this.lockOn(this.#locked, { round, digest: valid.digest });
      this.precommit(valid.digest);
    } else if (this.#votes.prevotes.matching(round, NIL).length >= this.context.quorums.quorum) {
      this.#locked = this.onNil(this.#locked);
      this.precommit(NIL);
    }
  }

  /** The lock from now on. */
  protected lockOn(_before: Lock | null, next: Lock): Lock | null {
    return next;
  }

  /** The lock after a quorum PREVOTEd nil, which never unlocks. */
  protected onNil(locked: Lock | null): Lock | null {
    return locked;
  }

  /** Who PRECOMMITs nil may not have the POLC of that round, which this replica has. */
  protected show({ replica, round, digest }: VoteMessage): void {
    const polc = this.#valid;
    if (polc?.round !== round || !equal(digest, NIL)) return;
    if (replica === this.context.self || this.#shown[replica] === round) return;
    this.#shown[replica] = round;
    coverageMark("tendermint: a POLC is shown");
    this.context.host.send(replica, { kind: "polc", polc });
  }

  /** Whether it is a quorum's; the signatures themselves were checked before. */
  protected proven({ digest, prevotes }: Polc): boolean {
    return hasSigners(prevotes, this.context.quorums.quorum) && !equal(digest, NIL);
  }

  /** Why a POLC changes nothing, or is none. */
  refusePolc({ polc }: PolcMessage): Refusal | null {
    if (polc.height !== this.context.log.height) return "not admitted: POLC of another height";
    if (!this.proven(polc)) return "not admitted: POLC without a quorum";
    const known = this.#valid !== null && polc.round <= this.#valid.round;
    return known ? "not admitted: POLC of a round that is passed" : null;
  }

  onPolc(message: PolcMessage): void {
    const refusal = this.refusePolc(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    this.#learn(message.polc);
    this.owner.proposing.propose();
  }

  // Values and decisions.

  /** Why the proof that a height was decided changes nothing, or is none. */
  refuseCommitted({ decision }: CommittedMessage): Refusal | null {
    if (decision.height < this.context.log.height) return "not admitted: decision that is known";
    if (hasSigners(decision.precommits, this.context.quorums.quorum)) return null;
    return "not admitted: decision without a quorum";
  }

  /** What another replica has the proof of, because this one missed the votes. */
  onCommitted(message: CommittedMessage): void {
    const { log, host } = this.context;
    const { decision, value } = message;
    const refusal = this.refuseCommitted(message);
    if (refusal !== null) return host.drop(refusal);
    if (decision.height === log.height) return this.#finish(decision, value);
    this.owner.catchUp.onHeard(decision.height);
    host.drop("not admitted: decision of a later height");
  }

  /** A value of the present height, by its digest. */
  valueOf(digest: Bytes): Value | undefined {
    return this.#values.get(digest);
  }

  onBatch({ height, value }: BatchMessage): void {
    const { log, host } = this.context;
    const wanted = [this.#valid, this.#decision].some(
      (one) => one !== null && equal(one.digest, value.digest),
    );
    const missing = wanted && this.#values.get(value.digest) === undefined;
    if (height !== log.height || !missing) {
      return host.drop("not admitted: batch that is not missing");
    }
    coverageMark("tendermint: a missing batch is fetched");
    this.#keep(value);
    this.#onValue(value);
    this.owner.proposing.propose();
  }

  #onValue(value: Value): void {
    const decision = this.#decision;
    if (decision !== null && equal(decision.digest, value.digest)) this.#finish(decision, value);
    else this.#advance();
  }

  /** What is wanted and is not here, is asked for again. */
  retry(): void {
    for (const one of [this.#decision, this.#valid]) {
      if (one === null || this.#values.get(one.digest) !== undefined) continue;
      this.owner.catchUp.fetchValue(one.digest);
    }
  }

  /** PRECOMMITs of a quorum settle the height, in whatever round this replica is: line 49. */
  #decide(decision: Decision): void {
    const value = this.#values.get(decision.digest);
    if (value !== undefined) return this.#finish(decision, value);
    this.#decision = decision;
    this.owner.catchUp.fetchValue(decision.digest);
  }

  #finish(decision: Decision, value: Value): void {
    const { log, proposers, pool, host, service } = this.context;
    const { height } = log;
    const abandoned = this.#values.hasOther(value.digest);
    log.append({ decision, value, atMs: host.now });
    proposers.onDecided(value.origin);
    service.execute(value.batch);
    if (abandoned) pool.requeue(host.now, true);
    this.owner.sync.onExecuted(height, (own) => proposers.stateWith(own));
    this.owner.catchUp.onDecided();
    this.owner.rounds.enterHeight();
  }
}
