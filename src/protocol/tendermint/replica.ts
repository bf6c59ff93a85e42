import type {
  Address,
  App,
  Bytes,
  Census,
  HeldCertificate,
  Host,
  Refusal,
  Replica,
  Signer,
} from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal, type Reader } from "../../wire.ts";
import { Checkpoints, WATERMARK_INTERVALS } from "../kit/checkpoint.ts";
import { CONTEXT_PARTS, contextOf } from "../kit/context.ts";
import { LARGE_MESSAGE } from "../kit/messages.ts";
import { isNaming } from "../kit/naming-messages.ts";
import { Recovery } from "../kit/recovery.ts";
import type { Own } from "../kit/state-assembly.ts";
import { StateSync } from "../kit/state-sync.ts";
import { CatchUp } from "./catch-up.ts";
import { decisionProofs, polcProofs } from "./certificate.ts";
import type { TendermintContext, Timer } from "./context.ts";
import { Log } from "./log.ts";
import { proposedIn, type Message, type Position } from "./message.ts";
import type { Lock } from "./lock.ts";
import { NormalCase } from "./normal.ts";
import { Proposers } from "./proposers.ts";
import { Proposing } from "./proposing.ts";
import { Start } from "./start.ts";
import { Rounds } from "./view-change.ts";
import { RoundVotes } from "./votes.ts";

/** What a replica is made of; tests hand in others. */
const PARTS = {
  ...CONTEXT_PARTS,
  RoundVotes,
  Recovery,
  NormalCase,
  Proposers,
  Proposing,
  Rounds,
  CatchUp,
  Start,
};
export type Parts = typeof PARTS;

/** Checkpoint intervals for which decided heights are kept while no checkpoint becomes stable. */
const KEPT_INTERVALS = WATERMARK_INTERVALS;
/** Own snapshots at a time: more above the stable checkpoint than votes are kept are of no use. */
const SNAPSHOTS_MAX = 8;

/**
 * A replica of Tendermint: Buchman, Kwon and Milosevic, "The latest gossip on BFT consensus", arXiv
 * 1807.04938, without gossip. Parts: votes, locks and decisions in normal.ts, proposals in
 * proposing.ts and proposers.ts, rounds in view-change.ts, what takes the place of gossip in
 * catch-up.ts, the start in start.ts.
 */
export class TendermintReplica implements Replica<Message, Timer> {
  readonly normal: NormalCase;
  readonly proposing: Proposing;
  readonly rounds: Rounds;
  readonly catchUp: CatchUp;
  readonly start: Start;
  readonly sync: StateSync;
  readonly context: TendermintContext;
  /** What assertInvariants saw last. */
  #before = { entered: 0, height: 0, round: 0, stable: 0, locked: null as Lock | null };

  constructor(
    self: Signer,
    config: ProtocolConfig,
    host: Host<Message, Timer>,
    app: App,
    others: Partial<Parts> = {},
  ) {
    const parts: Parts = { ...PARTS, ...others };
    const { n, checkpointInterval } = config;
    const shared = contextOf<Message, Timer>(self, config, host, app, parts, this);
    const log = new Log(KEPT_INTERVALS * checkpointInterval);
    const context = { ...shared, log, proposers: new parts.Proposers(shared) };
    const { quorums } = context;
    this.context = context;
    this.normal = new parts.NormalCase(context, this, parts.RoundVotes);
    this.proposing = new parts.Proposing(context, this);
    this.rounds = new parts.Rounds(context, this);
    this.catchUp = new parts.CatchUp(context, this);
    const random = (bound: number) => host.random(bound);
    const { viewTimeoutMs } = config;
    const recovery = new parts.Recovery<Position>({ quorums, self, random, viewTimeoutMs });
    this.start = new parts.Start(context, this, { recovery, Naming: parts.Naming });
    const checkpoints = new Checkpoints(quorums, checkpointInterval, SNAPSHOTS_MAX);
    const { catchUp: owner } = this;
    const { answers, versions } = context;
    const assembly = (own: Own) => new parts.StateAssembly(own);
    const common = { self, n, host, answers, versions, checkpoints, checkpointInterval };
    this.sync = new StateSync({ ...common, owner, assembly });
    host.setTimer("tick", 0);
    this.start.starter.start();
  }

  /** What replies name: the leader of this view of the configuration proposes next. */
  get view(): number {
    return this.context.proposers.view;
  }
  get run(): Bytes | null {
    return this.start.starter.run;
  }

  receive(from: Address, message: Message): void {
    if (isNaming(message)) return this.start.starter.onNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return this.context.host.drop(outside);
    this.#take(from, message);
    this.start.advance();
    this.rounds.watch();
  }

  #take(from: Address, message: Exclude<Message, { kind: "start" }>): void {
    switch (message.kind) {
      case "request":
        return this.proposing.onRequest(from, message.request, "client");
      case "relay":
        if (from >= this.context.config.n) return this.context.host.drop(RELAYED_BY_A_STRANGER);
        return this.proposing.onRequest(message.client, message.request, from);
      case "proposal":
        return this.normal.onProposal(message);
      case "prevote":
      case "precommit":
        return this.normal.onVote(message);
      case "polc":
        return this.normal.onPolc(message);
      case "committed":
        return this.catchUp.onCommitted(from, message);
      case "fetchBatch":
        return this.catchUp.onFetchBatch(from, message);
      case "batch":
        return this.normal.onBatch(message);
      case "status":
        return this.catchUp.onStatus(from, message);
      case "checkpoint":
        return this.sync.onCheckpoint(message);
      case "stable":
        return this.sync.onStable(from, message);
      case "fetchState":
        return this.sync.onFetchState(from, message);
      case "state":
        return this.catchUp.onState(from, message);
      case "recover":
        return this.start.starter.onRecover(message);
      case "answer":
        return this.start.onAnswer(message);
      default:
        return;
    }
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "propose":
        return this.rounds.onProposeTimer();
      case "prevote":
        return this.rounds.onPrevoteTimer();
      case "precommit":
        return this.rounds.onPrecommitTimer();
      case "flush":
        this.normal.resume();
        return this.rounds.watch();
      case "tick":
        return this.catchUp.onTick();
      case "start":
        return this.start.starter.onTimer();
      case "checkpoint":
        return this.sync.onTimer();
    }
  }

  /** A large proposal that is not needed costs no copy of its batch, and no hash. */
  refuseBytes(_from: Address, input: Reader, bytes: number): Refusal | null {
    if (bytes < LARGE_MESSAGE) return null;
    const proposed = proposedIn(input);
    return proposed === null ? null : this.normal.refuseProposed(proposed);
  }

  refuse(_from: Address, message: Message): Refusal | null {
    if (isNaming(message)) return this.start.starter.refuseNaming(message);
    const outside = this.start.starter.refuse();
    if (outside !== null) return outside;
    switch (message.kind) {
      case "request":
      case "relay":
        return this.context.service.refuse(message.request);
      case "proposal":
        return this.normal.refuseProposal(message);
      case "prevote":
      case "precommit":
        return this.normal.refuseVote(message);
      case "polc":
        return this.normal.refusePolc(message);
      case "committed":
        return this.normal.refuseCommitted(message);
      case "checkpoint":
        return this.sync.refuseCheckpoint(message);
      case "stable":
        return this.sync.refuseStable(message);
      case "answer":
        return this.start.refuseAnswer(message);
      case "recover":
        return this.start.starter.refuseRecover(message);
      case "reply":
      case "opened":
      case "gone":
        return "not admitted: reply to a replica";
      default:
        return null;
    }
  }

  census(): Census {
    const { sessionsMax } = this.context.config;
    const { log, executor, pool, service } = this.context;
    return {
      view: this.rounds.entered,
      committed: log.height - 1,
      executed: executor.position,
      ...this.start.starter.progress,
      fetchedBytes: this.sync.fetchedBytes,
      viewTimerMs: this.rounds.lengthMs,
      sizes: [
        { name: "service.sessions", size: executor.sessions, max: sessionsMax },
        ...log.sizes,
        ...pool.sizes,
        ...service.sizes,
        ...this.context.answers.sizes,
        ...this.normal.sizes,
        ...this.sync.sizes,
      ],
    };
  }

  certificates(): readonly HeldCertificate[] {
    const held: HeldCertificate[] = [...this.sync.certificates];
    const { valid } = this.normal;
    if (valid !== null) held.push({ certificate: valid, proofs: () => polcProofs(valid) });
    for (const { decision } of this.context.log.known()) {
      held.push({ certificate: decision, proofs: () => decisionProofs(decision) });
    }
    return held;
  }

  assertInvariants(): void {
    const before = this.#before;
    const { entered, round } = this.rounds;
    const { locked, step, proposal } = this.normal;
    const { height } = this.context.log;
    const stable = this.sync.checkpoints.reached.slot;
    assert(entered >= before.entered, "rounds are entered, never left");
    assert(height >= before.height, "heights never fall");
    assert(stable >= before.stable, "a stable checkpoint stays one");
    assert(step === "propose" || this.normal.voted, "a step after the first is a vote");
    assert(proposal === null || proposal.round === round, "a proposal is of its round");
    if (height === before.height) {
      assert(round >= before.round, "rounds of a height never fall");
      assert(locked !== null || before.locked === null, "a lock lasts as long as its height");
      if (locked !== null && before.locked?.round === locked.round) {
        assert(equal(locked.digest, before.locked.digest), "one value is locked in a round");
      }
      assert((locked?.round ?? 0) >= (before.locked?.round ?? 0), "a lock never falls");
    }
    this.#before = { entered, height, round, stable, locked };
  }
}

const RELAYED_BY_A_STRANGER = "not admitted: request relayed by a stranger";
