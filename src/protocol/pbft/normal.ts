// PBFT's normal case: Castro and Liskov, OSDI '99, sections 4.1 and 4.2.

import type { Address, Bytes, Refusal, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal, latin1 } from "../../wire.ts";
import { lengthOf, type Batch } from "../kit/batch.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import { certificateOf, hasSigners } from "../kit/quorum.ts";
import type { Source } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";
import { relayOverdue } from "../kit/relays.ts";
import { UnderWay } from "../kit/under-way.ts";
import type { CommitCertificate } from "./certificate.ts";
import type { PbftContext } from "./context.ts";
import type { Slot } from "./log.ts";
import type { BatchMessage, CommitMessage, CommittedMessage } from "./message.ts";
import type { FetchBatchMessage, PrepareMessage, PrePrepareMessage, Proposed } from "./message.ts";

/** Batches under way; with `--adaptive` fewer, so that they grow while they wait. */
export const IN_FLIGHT_MAX = 32;
const ADAPTIVE_IN_FLIGHT_MAX = 8;

const NOT_LEADING = "not admitted: request relayed to a replica that does not lead";

/** What the normal case asks of its replica. */
export interface NormalOwner {
  readonly views: {
    readonly view: number;
    /** In `view`, not on the way to it. */
    readonly active: boolean;
    readonly primary: Signer;
    /** Whether this replica proposes in this view. */
    readonly leads: boolean;
    /** Whether the view's NEW-VIEW lets the primary propose this digest in this slot. */
    permits(slot: number, digest: Bytes): boolean;
    /** Why a proposal of a view that this replica is not in yet is not kept. */
    refuseFuture(proposed: Proposed): Refusal | null;
    bufferFuture(message: PrePrepareMessage): void;
  };
  readonly start: {
    /** Whether it may vote and propose in this view. */
    mayVote(view: number): boolean;
    /** Slots up to this one are filled, with null batches if need be. */
    readonly recoveryTargetSlot: number;
  };
  readonly timer: { arm(): void; onExecuted(): void };
  readonly sync: { onExecuted(slot: number): void };
  readonly catchUp: { onGap(): void };
}

/**
 * Orders batches while the view lasts, and executes what is committed, whatever view it was
 * committed in. It alone writes `executed` and `nextSlot`.
 */
export class NormalCase {
  protected readonly context: PbftContext;
  protected readonly owner: NormalOwner;
  readonly #inFlightMax: number;
  readonly #underWay: UnderWay;
  #executed = 0;
  #nextSlot = 1;
  /** The view whose O this replica has proposed as its primary: nothing else goes before it. */
  #openedView = 0;
  /** The last PREPARE in each slot of the window that assertInvariants saw. */
  readonly #promised: { slot: number; view: number; digest: Bytes }[] = [];

  constructor(context: PbftContext, owner: NormalOwner) {
    this.context = context;
    this.owner = owner;
    this.#inFlightMax = context.config.adaptive ? ADAPTIVE_IN_FLIGHT_MAX : IN_FLIGHT_MAX;
    this.#underWay = new UnderWay(context.pool.underWayMax);
  }

  /** The last slot whose batch was executed, here or in a state that was installed. */
  get executed(): number {
    return this.#executed;
  }
  /** The next slot that this replica proposes as the primary. */
  get nextSlot(): number {
    return this.#nextSlot;
  }

  // Requests and proposals.

  /** A request from its client, or from a backup that heard it. */
  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host } = this.context;
    const { views, timer } = this.owner;
    if (!service.admits(client, request, source, views.leads)) return;
    if (source !== "client" && !views.leads) return host.drop(NOT_LEADING);
    const entry = pool.add(request, client, host.now, source);
    if (views.leads) {
      if (entry !== null) {
        pool.enqueue(entry, host.now);
        this.propose();
      } else host.drop("not admitted: request that is pending");
    }
    // What clients send to all the primary hears too: it is told of what waits (relayOverdue).
    timer.arm();
  }

  /** Tells the primary of what it seems not to have heard, before this backup suspects it. */
  relayOverdue(): void {
    const { views } = this.owner;
    if (views.active) relayOverdue(this.context, views.primary);
  }

  /** Proposes what waits, as the batching policy says and the window allows. */
  propose(): void {
    const { leads, view } = this.owner.views;
    if (!leads || view !== this.#openedView) return;
    const { log, pool, host } = this.context;
    const { now } = host;
    while (this.#nextSlot <= log.high) {
      const inFlight = this.#nextSlot - 1 - this.#executed;
      if (inFlight >= this.#inFlightMax) return;
      if (inFlight > 0 && log.unorderedBytes >= this.#underWay.bytes) {
        coverageMark("pbft: as many bytes are under way as may be");
        return;
      }
      const dueMs = pool.dueMs(now, inFlight > 0);
      if (dueMs > now && this.#nextSlot > this.owner.start.recoveryTargetSlot) {
        if (dueMs < Infinity) host.setTimer("flush", dueMs - now);
        return;
      }
      const batch = pool.take(now);
      this.#assign(this.#nextSlot++, batch.digest, batch);
    }
  }

  /**
   * Proposes O as PRE-PREPAREs of a view that begins, without the batches, because backups fetch
   * those that they lack by digest; then what waits.
   */
  proposeAgain(stable: number, digests: readonly Bytes[]): void {
    this.#openedView = this.owner.views.view;
    for (const [i, digest] of digests.entries()) this.#assign(stable + 1 + i, digest, null);
    this.#nextSlot = Math.max(stable + digests.length, this.context.log.low, this.#executed) + 1;
    this.propose();
  }

  /** Assigns the slot; the promise to propose nothing else there in this view is made here. */
  #assign(number: number, digest: Bytes, batch: Batch | null): void {
    const { log, self: replica, host } = this.context;
    const slot = log.at(number);
    if (slot === undefined) return;
    const { view } = this.owner.views;
    assert(slot.proposal(view) === null, "a primary proposes once in a slot and view");
    const message = { kind: "prePrepare", replica, view, slot: number, digest, batch } as const;
    host.send("all", message);
    this.accept(slot, message);
  }

  /** Why a PRE-PREPARE of another replica changes nothing. */
  refusePrePrepare(message: PrePrepareMessage): Refusal | null {
    const { digest, batch } = message;
    if (batch !== null && !equal(batch.digest, digest)) {
      return "not admitted: proposal whose batch has another digest";
    }
    return this.refuseProposed(message);
  }

  /** Why it does, whatever it proposes. */
  refuseProposed(proposed: Proposed): Refusal | null {
    const { config, log } = this.context;
    const { views } = this.owner;
    const { replica, view, slot } = proposed;
    if (replica !== config.leader(view)) {
      return "not admitted: proposal of a replica that is not the primary";
    }
    if (view < views.view) return "not admitted: proposal of an earlier view";
    if (view > views.view || !views.active) return views.refuseFuture(proposed);
    return log.contains(slot) ? null : "not admitted: proposal outside the window";
  }

  onPrePrepare(message: PrePrepareMessage): void {
    const { view, slot: number, digest } = message;
    const { log, host, self } = this.context;
    const { views } = this.owner;
    const refusal = this.refusePrePrepare(message);
    if (refusal !== null) return host.drop(refusal);
    if (view > views.view || !views.active) return views.bufferFuture(message);
    const slot = log.at(number);
    if (slot === undefined) return;
    const known = slot.proposal(view);
    if (known === null) {
      // This replica made proposals of its own that it does not know before it lost its memory.
      if (message.replica === self || !views.permits(number, digest)) {
        return host.drop("not admitted: proposal that its view does not allow");
      }
      this.accept(slot, message);
      return;
    }
    if (!equal(known.digest, digest)) {
      coverageMark("pbft: primary equivocates");
      return host.drop("not admitted: second proposal of a slot in one view");
    }
    // The loopback brings the seal, and one that was sent again perhaps the batch.
    const kept = this.#keepBatch(slot, message);
    if (known.seal === undefined) slot.prePrepare = kept;
    this.vote(slot);
  }

  /** From here on no other digest is accepted in this slot and view. */
  protected accept(slot: Slot, message: PrePrepareMessage): void {
    slot.prePrepare = this.#keepBatch(slot, message);
    slot.acceptedMs = this.context.host.now;
    this.owner.timer.arm();
    this.vote(slot);
  }

  /** The proposal, without its batch if there is no room for that yet. */
  #keepBatch(slot: Slot, message: PrePrepareMessage): PrePrepareMessage {
    if (message.batch === null) return message;
    // The primary has these requests, and need not be told of them.
    this.context.pool.placed(message.batch);
    if (this.context.log.keep(slot, message.batch)) return message;
    return { ...message, batch: null };
  }

  // Votes.

  /** Sends a PREPARE for what the primary proposed, once its batch is here. */
  vote(slot: Slot): void {
    const { self: replica, host } = this.context;
    const { views, start } = this.owner;
    const { view } = views;
    const proposal = slot.proposal(view);
    if (proposal === null || !views.active) return;
    const { digest } = proposal;
    if (slot.batch(digest) === undefined) {
      this.#fetchBatch(slot, digest);
      return;
    }
    if (replica !== views.primary && slot.votedView < view && start.mayVote(view)) {
      slot.votedView = view;
      host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
    }
    this.#checkPrepared(slot);
  }

  /** Why a PREPARE of another replica changes nothing. */
  refusePrepare({ replica, view, slot: number }: PrepareMessage): Refusal | null {
    const { log } = this.context;
    if (view < this.owner.views.view) return "not admitted: prepare of an earlier view";
    if (!log.contains(number)) return "not admitted: prepare outside the window";
    const slot = log.get(number);
    if (slot === undefined) return null;
    if (slot.prepared?.view === view) return "not admitted: prepare of a slot that is prepared";
    return slot.prepares.isNew(replica, view) ? null : "not admitted: prepare that was counted";
  }

  onPrepare(message: PrepareMessage): void {
    const { log, host, self } = this.context;
    // The own one counts even where it is not needed, because others may ask for it.
    const refusal = message.replica === self ? null : this.refusePrepare(message);
    if (refusal !== null) return host.drop(refusal);
    const { view } = this.owner.views;
    if (message.view < view) return;
    const slot = log.at(message.slot);
    if (slot?.prepares.add(message) === true && message.view === view) this.#checkPrepared(slot);
  }

  /** The PREPAREs that count for a proposal: those of backups. */
  protected preparesOf(slot: Slot, { view, digest }: PrePrepareMessage): PrepareMessage[] {
    return slot.prepares.matching(view, digest, this.context.config.leader(view));
  }

  /** Prepared: the PRE-PREPARE with its signature, its batch, and q - 1 PREPAREs of backups. */
  #checkPrepared(slot: Slot): void {
    const { quorums } = this.context;
    const { view, active } = this.owner.views;
    const proposal = slot.proposal(view);
    if (slot.prepared?.view === view) this.#sendCommit(slot, slot.prepared.digest);
    if (proposal?.seal === undefined || !active || slot.prepared?.view === view) return;
    const { digest, seal } = proposal;
    if (slot.batch(digest) === undefined) return;
    const prepares = this.preparesOf(slot, proposal);
    const needed = quorums.quorum - 1;
    if (prepares.length < needed) return;
    slot.prepared = {
      slot: slot.number,
      view,
      digest,
      primary: proposal.replica,
      block: seal.signature,
      prepares: certificateOf(prepares, needed),
    };
    this.#sendCommit(slot, digest);
  }

  /** Once a view; later for a replica that had no vote when it found the slot to be prepared. */
  #sendCommit(slot: Slot, digest: Bytes): void {
    const { self: replica, host } = this.context;
    const { view, active } = this.owner.views;
    if (!active || slot.committedView >= view || !this.owner.start.mayVote(view)) return;
    slot.committedView = view;
    host.send("all", { kind: "commit", replica, view, slot: slot.number, digest });
  }

  /** Why a COMMIT changes nothing. */
  refuseCommit({ replica, view, slot: number }: CommitMessage): Refusal | null {
    const { log } = this.context;
    if (!log.contains(number)) return "not admitted: commit outside the window";
    const slot = log.get(number);
    if (slot === undefined) return null;
    if (slot.committed !== null) return "not admitted: commit of a slot that is committed";
    return slot.commits.isNew(replica, view) ? null : "not admitted: commit that was counted";
  }

  onCommit(message: CommitMessage): void {
    const { log, host, quorums } = this.context;
    const refusal = this.refuseCommit(message);
    if (refusal !== null) return host.drop(refusal);
    const slot = log.at(message.slot);
    if (slot?.commits.add(message) !== true) return;
    const { view, digest } = message;
    const commits = slot.commits.matching(view, digest);
    if (commits.length < quorums.quorum) return;
    const certificate = certificateOf(commits, quorums.quorum);
    this.#commit(slot, { slot: slot.number, view, digest, commits: certificate });
  }

  /** Why the proof that a slot was committed changes nothing, or is none. */
  refuseCommitted({ certificate }: CommittedMessage): Refusal | null {
    const { log, quorums } = this.context;
    if (!log.contains(certificate.slot)) return "not admitted: committed slot outside the window";
    if (!hasSigners(certificate.commits, quorums.quorum)) {
      return "not admitted: commit certificate without a quorum";
    }
    const committed = log.get(certificate.slot)?.committed ?? null;
    return committed === null ? null : "not admitted: committed slot that is known";
  }

  /** What another replica has the proof of, because this one missed the votes. */
  onCommitted(message: CommittedMessage): void {
    const { log, host } = this.context;
    const refusal = this.refuseCommitted(message);
    if (refusal !== null) return host.drop(refusal);
    const { certificate, batch } = message;
    const slot = log.at(certificate.slot);
    if (slot === undefined) return;
    log.keep(slot, batch);
    this.#commit(slot, certificate);
  }

  /**
   * The COMMITs of a quorum settle the slot, in whatever view this replica is and whether it
   * prepared the batch itself or not, because f + 1 correct replicas have: every later view
   * proposes it again.
   */
  #commit(slot: Slot, certificate: CommitCertificate): void {
    slot.committed = certificate;
    slot.acceptedMs = Math.min(slot.acceptedMs, this.context.host.now);
    this.execute();
    if (this.#executed < slot.number) this.owner.catchUp.onGap();
    this.owner.timer.arm();
  }

  // Execution.

  /** Executes in the order of slots what is committed. */
  execute(): void {
    const { log, service, host } = this.context;
    const { leads } = this.owner.views;
    const before = this.#executed;
    for (;;) {
      const slot = log.get(this.#executed + 1);
      if (slot === undefined || slot.committed === null) break;
      const batch = slot.batch(slot.committed.digest);
      if (batch === undefined) {
        this.#fetchBatch(slot, slot.committed.digest);
        break;
      }
      this.#executed++;
      if (leads) this.#underWay.executed(host.now - slot.acceptedMs);
      log.onExecuted(this.#executed);
      service.execute(batch);
      this.owner.sync.onExecuted(this.#executed);
    }
    if (this.#executed === before) return;
    this.owner.timer.onExecuted();
    this.propose();
  }

  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void {
    assert(slot > this.#executed, "executions never fall");
    this.#executed = slot;
    this.context.log.onExecuted(slot);
    this.owner.timer.onExecuted();
  }

  /** The window has moved. */
  onStable(): void {
    this.#nextSlot = Math.max(this.#nextSlot, this.context.log.low + 1);
  }

  /** Votes, executes and asks for batches again wherever that is due. */
  retry(): void {
    for (const slot of this.context.log.known()) {
      slot.fetching = false;
      this.vote(slot);
    }
    this.execute();
  }

  // Batches that are missing.

  /** Asks all others for a batch, once between two ticks. */
  #fetchBatch(slot: Slot, digest: Bytes): void {
    if (slot.fetching || !this.context.log.hasRoom(slot)) return;
    slot.fetching = true;
    coverageMark("pbft: missing batch is fetched");
    this.context.host.send("others", { kind: "fetchBatch", slot: slot.number, digest });
  }

  onFetchBatch(from: Address, { slot, digest }: FetchBatchMessage): void {
    const { log, host, answers } = this.context;
    const batch = log.get(slot)?.batch(digest);
    if (batch === undefined) return host.drop("not admitted: fetch of a batch that is not here");
    const question = `batch ${slot} ${latin1(digest)}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, lengthOf(batch));
    host.send(from, { kind: "batch", slot, batch });
  }

  onBatch({ slot: number, batch }: BatchMessage): void {
    const { log, host } = this.context;
    const slot = log.get(number);
    const proposed = slot?.proposal(this.owner.views.view)?.digest;
    const committed = slot?.committed?.digest;
    const missing =
      (proposed !== undefined && equal(proposed, batch.digest)) ||
      (committed !== undefined && equal(committed, batch.digest));
    if (slot === undefined || !missing) return host.drop("not admitted: batch that is not missing");
    log.keep(slot, batch);
    this.vote(slot);
    this.execute();
  }

  /**
   * Throws AssertionError when execution and window contradict each other, or a promise of this
   * replica is broken: in a slot it prepares one digest a view.
   */
  assertInvariants(): void {
    const { log } = this.context;
    const { view } = this.owner.views;
    for (const { number, votedView, prePrepare, prepared } of log.known()) {
      assert(votedView <= view && (prepared?.view ?? 0) <= view, "no vote is of a view to come");
      if (prePrepare === null || prePrepare.view !== votedView) continue;
      const { digest } = prePrepare;
      const promise = this.#promised[number % log.size];
      const same = promise?.slot === number && promise.view === votedView;
      assert(!same || equal(promise.digest, digest), "one digest is prepared in a slot and view");
      this.#promised[number % log.size] = { slot: number, view: votedView, digest };
    }
    const last = log.get(this.#executed);
    assert(last === undefined || last.committed !== null, "only what is committed is executed");
    assert(this.#nextSlot > log.low, "what is stable is not proposed again");
  }
}
