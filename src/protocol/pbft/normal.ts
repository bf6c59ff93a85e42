// PBFT's normal case: Castro and Liskov, OSDI '99, sections 4.1 and 4.2.

import type { Address, App, Bytes, Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { Batcher } from "../kit/batcher.ts";
import { makeBatch, type Batch } from "../kit/batch.ts";
import { Executor } from "../kit/executor.ts";
import { Pending } from "../kit/pending.ts";
import { certificateOf, hasSigners, quorumsOf, type Quorums } from "../kit/quorum.ts";
import { operationDigest, type Outcome, type Request } from "../kit/request.ts";
import type { CommitCertificate } from "./certificate.ts";
import { Log, newSlot, type Slot } from "./log.ts";
import type { BatchMessage, CommitMessage, Message, PrepareMessage } from "./message.ts";
import type { CommittedMessage, FetchBatchMessage, PrePrepareMessage } from "./message.ts";

export type Timer = "view" | "flush" | "tick";

/** Batches under way; with `--adaptive` fewer, so that they grow while they wait. */
export const IN_FLIGHT_MAX = 32;
const ADAPTIVE_IN_FLIGHT_MAX = 8;
/** A view timer is never longer than so many view timeouts. */
export const TIMEOUTS_MAX = 16;

/**
 * Orders batches while the view lasts, and executes what is committed, whatever view it was
 * committed in.
 */
export abstract class Ordering {
  protected readonly self: Signer;
  protected readonly config: ProtocolConfig;
  protected readonly host: Host<Message, Timer>;
  protected readonly quorums: Quorums;
  protected readonly executor: Executor;
  protected readonly pending: Pending;
  protected readonly log: Log;
  protected view = 0;
  /** In `view`, or on the way to it. */
  protected active = false;
  protected viewEnteredMs = 0;
  /** The last slot whose batch was executed, here or in a snapshot that was installed. */
  protected executed = 0;
  /** The next slot that this replica proposes as the primary. */
  protected nextSlot = 1;
  /** Whether it may send CHECKPOINTs and VIEW-CHANGEs: not while it starts or recovers. */
  protected speaks = false;
  /** It votes and proposes in later views only. */
  protected votesAbove = Infinity;
  /**
   * Slots that are to be filled, with null batches if need be, for a replica that recovers; since
   * when.
   */
  protected wantedSlot = 0;
  protected wantedMs = 0;
  /** Views left by timeout since the last execution. */
  protected failures = 0;
  readonly #batcher: Batcher;
  readonly #inFlightMax: number;
  #timerSet = false;

  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    this.self = self;
    this.config = config;
    this.host = host;
    this.quorums = this.quorumsFor(config);
    this.executor = new Executor(app, config);
    this.pending = new Pending((request) => this.executor.alive(request));
    this.log = new Log(2 * config.checkpointInterval, (number) => this.newSlot(number));
    this.#batcher = new Batcher(config);
    this.#inFlightMax = config.adaptive ? ADAPTIVE_IN_FLIGHT_MAX : IN_FLIGHT_MAX;
  }

  /** Keeps a proposal of a view that this replica is not in yet. */
  protected abstract keepEarly(message: PrePrepareMessage): void;
  /** Whether the view's NEW-VIEW lets the primary propose this digest in this slot. */
  protected abstract permits(slot: number, digest: Bytes): boolean;
  protected abstract takeCheckpoint(): void;
  /** The view timer has run out. */
  protected abstract suspect(): void;
  /** There is something to do from now on. */
  protected abstract awake(): void;

  protected quorumsFor(config: ProtocolConfig): Quorums {
    return quorumsOf(config);
  }

  protected newSlot(number: number): Slot {
    return newSlot(this.quorums.n, number);
  }

  protected get primary(): Signer {
    return this.config.leader(this.view);
  }

  protected mayVote(): boolean {
    return this.speaks && this.view > this.votesAbove;
  }

  protected get leads(): boolean {
    return this.active && this.primary === this.self && this.mayVote();
  }

  /** A request from its client, or from a backup that heard it. */
  protected onRequest(client: Address, request: Request, relayed: boolean): void {
    const outcome = this.executor.lookup(request);
    if (outcome !== undefined) {
      if (outcome !== null) this.reply(client, request, outcome);
      return;
    }
    const entry = this.pending.add(request, client, this.host.now);
    if (this.leads) {
      if (entry !== null) {
        this.#batcher.push(entry, this.host.now);
        this.propose();
      }
    } else if (!relayed && this.active && this.primary !== this.self) {
      // Again for each retry of the client: the last one may have been lost.
      this.host.send(this.primary, { kind: "relay", client, request });
    }
    this.armTimer();
  }

  /** Proposes what waits, as the batching policy says and the window allows. */
  protected propose(): void {
    if (!this.leads) return;
    const { now } = this.host;
    while (this.nextSlot <= this.log.high) {
      if (this.nextSlot - 1 - this.executed >= this.#inFlightMax) return;
      const dueMs = this.#batcher.dueMs(now);
      if (dueMs > now && this.nextSlot > this.wantedSlot) {
        if (dueMs < Infinity) this.host.setTimer("flush", dueMs - now);
        return;
      }
      const entries = this.#batcher.take();
      const batch = makeBatch(
        entries.map((entry) => entry.request),
        entries.map((entry) => entry.client),
      );
      this.proposeBatch(this.nextSlot++, batch.digest, batch);
    }
  }

  /** Assigns the slot; the promise to propose nothing else there in this view is made here. */
  protected proposeBatch(number: number, digest: Bytes, batch: Batch | null): void {
    const slot = this.log.at(number);
    if (slot === undefined) return;
    const { self: replica, view } = this;
    const message = { kind: "prePrepare", replica, view, slot: number, digest, batch } as const;
    this.host.send("all", message);
    this.accept(slot, message);
  }

  /** What waits is proposed in this view from now on; `leads` says whether by this replica. */
  protected requeue(): void {
    this.#batcher.clear();
    if (!this.leads) return;
    for (const entry of this.pending.values()) this.#batcher.push(entry, this.host.now);
  }

  protected onPrePrepare(message: PrePrepareMessage): void {
    const { view, slot: number, digest, batch } = message;
    if (message.replica !== this.config.leader(view)) return;
    if (batch !== null && !equal(batch.digest, digest)) return;
    if (view < this.view) return;
    if (view > this.view || !this.active) {
      this.keepEarly(message);
      return;
    }
    const slot = this.log.at(number);
    if (slot === undefined) return;
    const known = slot.proposal(view);
    if (known === null) {
      // Its own that it does not know were made before it lost its memory.
      if (message.replica === this.self || !this.permits(number, digest)) return;
      this.accept(slot, message);
      return;
    }
    if (!equal(known.digest, digest)) {
      coverageMark("pbft: primary equivocates");
      return;
    }
    // The loopback brings the seal, and one that was sent again perhaps the batch.
    if (known.seal === undefined) slot.prePrepare = message;
    if (batch !== null) slot.addBatch(batch);
    this.vote(slot);
  }

  /** From here on no other digest is accepted in this slot and view. */
  protected accept(slot: Slot, message: PrePrepareMessage): void {
    slot.prePrepare = message;
    slot.acceptedMs = this.host.now;
    if (message.batch !== null) slot.addBatch(message.batch);
    this.armTimer();
    this.vote(slot);
  }

  /** Sends a PREPARE for what the primary proposed, once its batch is here. */
  protected vote(slot: Slot): void {
    const { view, self: replica } = this;
    const proposal = slot.proposal(view);
    if (proposal === null || !this.active) return;
    const { digest } = proposal;
    if (slot.batch(digest) === undefined) {
      this.fetchBatch(slot, digest);
      return;
    }
    if (replica !== this.primary && slot.votedView < view && this.mayVote()) {
      slot.votedView = view;
      this.host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
    }
    this.checkPrepared(slot);
  }

  protected onPrepare(message: PrepareMessage): void {
    if (message.view < this.view) return;
    const slot = this.log.at(message.slot);
    if (slot?.prepares.add(message) === true && message.view === this.view)
      this.checkPrepared(slot);
  }

  /** The PREPAREs that count for a proposal: those of backups. */
  protected prepares(slot: Slot, { view, digest }: PrePrepareMessage): PrepareMessage[] {
    return slot.prepares.matching(view, digest, this.config.leader(view));
  }

  /** Prepared: the PRE-PREPARE with its signature, its batch, and q - 1 PREPAREs of backups. */
  protected checkPrepared(slot: Slot): void {
    const { view, self: replica } = this;
    const proposal = slot.proposal(view);
    if (proposal?.seal === undefined || !this.active || slot.prepared?.view === view) return;
    const { digest, seal } = proposal;
    if (slot.batch(digest) === undefined) return;
    const prepares = this.prepares(slot, proposal);
    const needed = this.quorums.quorum - 1;
    if (prepares.length < needed) return;
    slot.prepared = {
      slot: slot.number,
      view,
      digest,
      primary: proposal.replica,
      block: seal.signature,
      prepares: certificateOf(prepares, needed),
    };
    if (!this.mayVote()) return;
    this.host.send("all", { kind: "commit", replica, view, slot: slot.number, digest });
  }

  protected onCommit(message: CommitMessage): void {
    const slot = this.log.at(message.slot);
    if (slot === undefined || slot.committed !== null || !slot.commits.add(message)) return;
    const { view, digest } = message;
    const commits = slot.commits.matching(view, digest);
    if (commits.length < this.quorums.quorum) return;
    const certificate = certificateOf(commits, this.quorums.quorum);
    this.commit(slot, { slot: slot.number, view, digest, commits: certificate });
  }

  /** What another replica has the proof of, because this one missed the votes. */
  protected onCommitted({ certificate, batch }: CommittedMessage): void {
    const slot = this.log.at(certificate.slot);
    if (slot === undefined || slot.committed !== null || !this.isCommitted(certificate)) return;
    slot.addBatch(batch);
    this.commit(slot, certificate);
  }

  protected isCommitted({ commits }: CommitCertificate): boolean {
    return hasSigners(commits, this.quorums.quorum);
  }

  /**
   * The COMMITs of a quorum settle the slot, in whatever view this replica is and whether it
   * prepared the batch itself or not: f + 1 correct replicas have, so every later view proposes it
   * again.
   */
  protected commit(slot: Slot, certificate: CommitCertificate): void {
    slot.committed = certificate;
    slot.acceptedMs = Math.min(slot.acceptedMs, this.host.now);
    this.execute();
    this.armTimer();
  }

  /** Executes in the order of slots what is committed. */
  protected execute(): void {
    const before = this.executed;
    for (;;) {
      const slot = this.log.get(this.executed + 1);
      if (slot === undefined || slot.committed === null) break;
      const batch = slot.batch(slot.committed.digest);
      if (batch === undefined) {
        this.fetchBatch(slot, slot.committed.digest);
        break;
      }
      this.executed++;
      this.executeBatch(batch);
      if (this.executed % this.config.checkpointInterval === 0) this.takeCheckpoint();
    }
    if (this.executed === before) return;
    if (this.failures > 0) {
      this.failures = 0;
      if (this.active) this.restartTimer();
    }
    this.propose();
  }

  protected executeBatch({ requests, clients }: Batch): void {
    for (const [i, request] of requests.entries()) {
      const outcome = this.executor.execute(request);
      this.pending.executed(request);
      if (outcome !== null) this.reply(clients[i] ?? 0, request, outcome);
    }
  }

  protected reply(client: Address, request: Request, outcome: Outcome): void {
    const { session, tag, number, op } = request;
    const { self: replica, view } = this;
    const digest = operationDigest(op);
    this.host.send(client, { kind: "reply", replica, view, session, tag, number, digest, outcome });
  }

  /** Asks all others for a batch, once between two ticks. */
  protected fetchBatch(slot: Slot, digest: Bytes): void {
    if (slot.fetching) return;
    slot.fetching = true;
    coverageMark("pbft: missing batch is fetched");
    this.host.send("others", { kind: "fetchBatch", slot: slot.number, digest });
  }

  protected onFetchBatch(from: Address, { slot, digest }: FetchBatchMessage): void {
    const batch = this.log.get(slot)?.batch(digest);
    if (batch !== undefined) this.host.send(from, { kind: "batch", slot, batch });
  }

  protected onBatch({ slot: number, batch }: BatchMessage): void {
    const slot = this.log.get(number);
    if (slot === undefined) return;
    const proposed = slot.proposal(this.view)?.digest;
    const committed = slot.committed?.digest;
    const wanted =
      (proposed !== undefined && equal(proposed, batch.digest)) ||
      (committed !== undefined && equal(committed, batch.digest));
    if (!wanted) return;
    slot.addBatch(batch);
    this.vote(slot);
    this.execute();
  }

  /** The view timer's length now. */
  protected get timeoutMs(): number {
    return this.config.viewTimeoutMs * Math.min(2 ** this.failures, TIMEOUTS_MAX);
  }

  /**
   * Starts the view timer for the oldest that waits in this view. It is not touched when that is
   * executed: when it runs out it looks what is the oldest then.
   */
  protected armTimer(): void {
    if (this.#timerSet || !this.active || !this.speaks) return;
    const sinceMs = this.oldestMs();
    if (sinceMs === Infinity) return;
    this.awake();
    this.setViewTimer(Math.max(0, sinceMs + this.timeoutMs - this.host.now));
  }

  protected restartTimer(): void {
    this.stopViewTimer();
    this.armTimer();
  }

  protected setViewTimer(delayMs: number): void {
    this.#timerSet = true;
    this.host.setTimer("view", delayMs);
  }

  protected stopViewTimer(): void {
    this.#timerSet = false;
    this.host.clearTimer("view");
  }

  protected onViewTimer(): void {
    this.#timerSet = false;
    if (!this.speaks) return;
    const leftMs = this.active ? this.oldestMs() + this.timeoutMs - this.host.now : 0;
    if (leftMs > TIMER_SLACK_MS) this.armTimer();
    else this.suspect();
  }

  /** Since when the oldest request, slot or recovery waits in this view; Infinity if none does. */
  protected oldestMs(): number {
    let oldestMs = this.pending.oldestMs;
    if (this.wantedSlot > this.executed) oldestMs = Math.min(oldestMs, this.wantedMs);
    for (const slot of this.log.known()) {
      if (slot.number <= this.executed) continue;
      const waits = slot.committed !== null || slot.proposal(this.view) !== null;
      if (waits) oldestMs = Math.min(oldestMs, slot.acceptedMs);
    }
    return Math.max(oldestMs, this.viewEnteredMs);
  }
}
