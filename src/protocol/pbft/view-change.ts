// PBFT's view change: Castro and Liskov, OSDI '99, sections 4.4 and 4.5.

import type { Address, Bytes, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { EMPTY_BATCH } from "../kit/batch.ts";
import { GENESIS } from "../kit/checkpoint.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import { hasSigners } from "../kit/quorum.ts";
import { relayPending } from "../kit/relays.ts";
import type { PreparedCertificate, ViewChangeHeader } from "./certificate.ts";
import type { PbftContext } from "./context.ts";
import { FutureProposals } from "./future-proposals.ts";
import { completes, lacks, type Incoming } from "./incoming-view.ts";
import {
  makeViewChange,
  type FetchViewChangeMessage,
  type NewViewMessage,
  type PrePrepareMessage,
  type Proposed,
  type ViewChangeMessage,
} from "./message.ts";

/** O: what a new view begins with, which follows from its VIEW-CHANGEs. */
export interface NewViewLog {
  readonly stable: StableCheckpoint;
  /** Of the slots after it. */
  readonly digests: readonly Bytes[];
}

const GENESIS_LOG: NewViewLog = { stable: GENESIS, digests: [] };

/**
 * The latest checkpoint, and for each slot after it what was prepared in the highest view, or
 * nothing. A batch that was committed anywhere was prepared at f + 1 correct replicas, one of which
 * is among any quorum of VIEW-CHANGEs.
 */
export function newViewLog(viewChanges: readonly ViewChangeMessage[]): NewViewLog {
  let stable = GENESIS;
  for (const change of viewChanges) {
    if (change.stable.slot > stable.slot) ({ stable } = change);
  }
  const highest = new Map<number, PreparedCertificate>();
  let last = stable.slot;
  for (const certificate of viewChanges.flatMap(({ prepared }) => prepared)) {
    if (certificate.slot <= stable.slot) continue;
    last = Math.max(last, certificate.slot);
    const known = highest.get(certificate.slot);
    if (known === undefined || certificate.view > known.view) {
      highest.set(certificate.slot, certificate);
    }
  }
  const digests: Bytes[] = [];
  for (let slot = stable.slot + 1; slot <= last; slot++) {
    const certificate = highest.get(slot);
    if (certificate === undefined) coverageMark("pbft: null batch fills a gap");
    digests.push(certificate?.digest ?? EMPTY_BATCH.digest);
  }
  return { stable, digests };
}

/** What the view change asks of its replica. */
export interface ViewChangerOwner {
  readonly normal: {
    readonly executed: number;
    onPrePrepare(message: PrePrepareMessage): void;
    proposeAgain(stable: number, digests: readonly Bytes[]): void;
  };
  readonly start: {
    /** Whether it may send VIEW-CHANGEs: not while it starts or recovers. */
    readonly mayAttest: boolean;
    mayVote(view: number): boolean;
  };
  readonly timer: {
    readonly lengthMs: number;
    set(delayMs: number): void;
    stop(): void;
    onEntered(): void;
    onViewLeft(): void;
  };
  readonly sync: {
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
    };
    adopt(checkpoint: StableCheckpoint): void;
    fetchState(): void;
  };
  readonly catchUp: { wake(): void };
}

/**
 * Leaves views whose primary fails, and enters those that a quorum wants. It alone writes `view`
 * and `active`.
 */
export class ViewChanger {
  readonly #context: PbftContext;
  readonly #owner: ViewChangerOwner;
  #view = 0;
  #active = false;
  #enteredMs = 0;
  /** Of each replica the VIEW-CHANGE of the highest view. */
  readonly #changes: (ViewChangeMessage | undefined)[];
  /**
   * The NEW-VIEW of the active view, its own without a seal until it looped back, what it names and
   * what follows from that.
   */
  #newView: NewViewMessage | null = null;
  #named: readonly ViewChangeMessage[] = [];
  #newLog = GENESIS_LOG;
  /** This replica's VIEW-CHANGE for the view that it is on the way to. */
  #own: ViewChangeMessage | null = null;
  /** Whether the timer runs for the view that it is on the way to. */
  #timed = false;
  /** By sender, the one of the highest view. */
  readonly #incoming = new Map<Signer, Incoming>();
  readonly #future: FutureProposals;
  /** What proved the view in which this replica began again. */
  #resumedProof: readonly ViewChangeHeader[] = [];

  constructor(context: PbftContext, owner: ViewChangerOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#future = new FutureProposals(context.log.size);
    this.#changes = new Array<ViewChangeMessage | undefined>(context.config.n).fill(undefined);
  }

  get view(): number {
    return this.#view;
  }
  /** In `view`, not on the way to it. */
  get active(): boolean {
    return this.#active;
  }
  get enteredMs(): number {
    return this.#enteredMs;
  }
  get primary(): Signer {
    return this.#context.config.leader(this.#view);
  }
  /** Whether this replica proposes in this view. */
  get leads(): boolean {
    if (!this.#active || this.primary !== this.#context.self) return false;
    return this.#owner.start.mayVote(this.#view);
  }
  get sizes(): Sizes {
    return [
      ...this.#future.sizes,
      { name: "view-change.incoming", size: this.#incoming.size, max: this.#context.config.n },
    ];
  }

  #moveTo(view: number, active: boolean): void {
    assert(view >= this.#view, "views never fall");
    this.#view = view;
    this.#active = active;
    if (active) this.#enteredMs = this.#context.host.now;
  }

  /** The first view begins without a NEW-VIEW. */
  enterFirst(): void {
    this.#moveTo(0, true);
    this.#owner.timer.onEntered();
  }

  /** Begins again in a view that others are in, or on the way to it, with what proves that. */
  resumeIn(view: number, proof: readonly ViewChangeHeader[]): void {
    if (view >= this.#view) this.#resumedProof = proof;
    if (view > this.#view) this.#moveTo(view, false);
    if (this.#view === 0) this.enterFirst();
  }

  /** The primary fails, or serves too little. */
  suspect(): void {
    this.#leaveFor(this.#view + 1);
  }

  /** Leaves its view: from here on it votes in none before `view`. */
  #leaveFor(view: number): void {
    this.#moveTo(view, false);
    this.#owner.timer.onViewLeft();
    this.#requeue();
    this.#owner.catchUp.wake();
    this.#sendViewChange();
  }

  /** What is pending is proposed in this view from now on; `leads` says whether by this replica. */
  #requeue(): void {
    this.#context.pool.requeue(this.#context.host.now, this.leads);
  }

  /** Says where it is on the way to, or joins those that are further, once it may. */
  resumeAttesting(): void {
    const { view } = this;
    this.#join();
    if (view === this.#view) this.#sendViewChange();
  }

  #sendViewChange(): void {
    const { log, self, host } = this.#context;
    this.#timed = false;
    const prepared: PreparedCertificate[] = [];
    for (const slot of log.known()) if (slot.prepared !== null) prepared.push(slot.prepared);
    const { reached: stable } = this.#owner.sync.checkpoints;
    this.#own = makeViewChange(self, this.#view, { stable, prepared });
    host.send("all", this.#own);
    this.#consider();
  }

  /**
   * Why a VIEW-CHANGE changes nothing, or is none: what signatures cannot say, that its
   * certificates are of the right replicas, views and slots.
   */
  refuseViewChange(message: ViewChangeMessage): Refusal | null {
    const { replica, view, stable, prepared } = message;
    const { config, log } = this.#context;
    if (!this.#isNews(message)) {
      const named = [...this.#incoming.values()].some((incoming) => lacks(incoming, message));
      if (!named) return "not admitted: view change that is known";
    }
    const malformed = "not admitted: view change that proves nothing";
    if (replica >= config.n || view === 0) return malformed;
    if (!this.#owner.sync.checkpoints.proven(stable)) return malformed;
    let last = stable.slot;
    for (const certificate of prepared) {
      if (certificate.slot <= last || certificate.view >= view) return malformed;
      if (!this.#isPrepared(certificate)) return malformed;
      last = certificate.slot;
    }
    return last <= stable.slot + log.size ? null : malformed;
  }

  #isPrepared({ view, primary, prepares }: PreparedCertificate): boolean {
    const { config, quorums } = this.#context;
    if (primary !== config.leader(view) || prepares.signers.includes(primary)) return false;
    return hasSigners(prepares, quorums.quorum - 1);
  }

  onViewChange(message: ViewChangeMessage): void {
    const refusal = this.refuseViewChange(message);
    if (refusal !== null) return this.#context.host.drop(refusal);
    const news = this.#isNews(message);
    if (news) this.#changes[message.replica] = message;
    for (const incoming of [...this.#incoming.values()]) {
      if (completes(incoming, message)) this.#tryEnter(incoming);
    }
    if (!news || !this.#owner.start.mayAttest) return;
    this.#join();
    this.#consider();
  }

  /**
   * Not one that this replica sent before it lost its memory: only others may rely on that. One of
   * no replica is left to the rest of the check.
   */
  #isNews({ replica, view, digest }: ViewChangeMessage): boolean {
    const latest = this.#changes[replica];
    if (latest !== undefined && view <= latest.view) return false;
    const own = this.#own;
    return replica !== this.#context.self || (own?.view === view && equal(own.digest, digest));
  }

  /** f + 1 replicas in later views cannot all be wrong: joins the first of these views. */
  #join(): void {
    let target = this.#view;
    for (;;) {
      const later: number[] = [];
      for (const change of this.#changes) {
        if (change === undefined || change.replica === this.#context.self) continue;
        if (change.view > target) later.push(change.view);
      }
      if (later.length < this.#context.quorums.weak) break;
      target = Math.min(...later);
    }
    if (target === this.#view) return;
    coverageMark("pbft: view change is joined");
    this.#leaveFor(target);
  }

  /** Starts the timer, and the view if it is its primary, when enough others are on the way. */
  #consider(): void {
    const { quorum } = this.#context.quorums;
    const { start, timer } = this.#owner;
    if (this.#active || !start.mayAttest) return;
    let there = 0;
    const here: ViewChangeMessage[] = [];
    for (const change of this.#changes) {
      if (change === undefined || change.view < this.#view) continue;
      there++;
      if (change.view === this.#view) here.push(change);
    }
    if (there >= quorum && !this.#timed) {
      this.#timed = true;
      timer.set(timer.lengthMs);
    }
    if (this.primary !== this.#context.self || !start.mayVote(this.#view)) return;
    if (here.length >= quorum) this.#startView(here.slice(0, quorum));
  }

  #startView(viewChanges: readonly ViewChangeMessage[]): void {
    const newLog = this.newLog(viewChanges);
    const message: NewViewMessage = {
      kind: "newView",
      replica: this.#context.self,
      view: this.#view,
      viewChanges: viewChanges.map(({ replica, digest }) => ({ replica, digest })),
      stable: newLog.stable.slot,
      digests: newLog.digests,
    };
    this.#context.host.send("all", message);
    this.#enter(message, viewChanges, newLog);
  }

  protected newLog(viewChanges: readonly ViewChangeMessage[]): NewViewLog {
    return newViewLog(viewChanges);
  }

  /** Why a NEW-VIEW of another replica changes nothing. */
  refuseNewView({ replica, view, viewChanges }: NewViewMessage): Refusal | null {
    const { config, self, quorums } = this.#context;
    if (view === 0 || replica !== config.leader(view)) {
      return "not admitted: new view of a replica that is not its primary";
    }
    if (replica === self) return null;
    if (this.#isPast(view)) return "not admitted: new view that was entered or passed";
    const signers = viewChanges.map((name) => name.replica);
    const isQuorum = hasSigners({ signers, blocks: [] }, quorums.quorum);
    if (!isQuorum || signers.some((signer) => signer >= quorums.n)) {
      return "not admitted: new view without a quorum";
    }
    const known = this.#incoming.get(replica)?.message.view ?? 0;
    return known >= view ? "not admitted: new view that is known" : null;
  }

  onNewView(message: NewViewMessage): void {
    const { replica, view } = message;
    const { self, host } = this.#context;
    const refusal = this.refuseNewView(message);
    if (refusal !== null) return host.drop(refusal);
    if (replica === self) {
      const known = this.#newView;
      if (known?.view === view && known.seal === undefined) this.#newView = message;
      return;
    }
    const incoming: Incoming = { message, found: new Map() };
    this.#incoming.set(replica, incoming);
    for (const change of this.#changes) if (change !== undefined) completes(incoming, change);
    this.#tryEnter(incoming);
    this.#fetchMissing(incoming);
  }

  #isPast(view: number): boolean {
    return view < this.#view || (view === this.#view && this.#active);
  }

  #tryEnter({ message, found }: Incoming): void {
    if (found.size < message.viewChanges.length) return;
    this.#incoming.delete(message.replica);
    if (this.#isPast(message.view)) return;
    const viewChanges = [...found.values()];
    const newLog = this.newLog(viewChanges);
    const same =
      newLog.stable.slot === message.stable &&
      newLog.digests.length === message.digests.length &&
      newLog.digests.every((digest, i) => equal(digest, message.digests[i] ?? digest));
    if (same) this.#enter(message, viewChanges, newLog);
    else {
      coverageMark("pbft: new-view is refused");
      this.#context.host.drop("not admitted: new view that does not follow from its view changes");
    }
  }

  /** Asks for VIEW-CHANGEs that a NEW-VIEW names and that are not here. */
  fetchViewChanges(): void {
    for (const incoming of this.#incoming.values()) this.#fetchMissing(incoming);
  }

  #fetchMissing({ message, found }: Incoming): void {
    if (!this.#incoming.has(message.replica)) return;
    const { view } = message;
    for (const { replica, digest } of message.viewChanges) {
      if (found.has(replica)) continue;
      coverageMark("pbft: missing view-change is fetched");
      this.#context.host.send("others", { kind: "fetchViewChange", view, replica, digest });
    }
  }

  onFetchViewChange(from: Address, message: FetchViewChangeMessage): void {
    const { host, answers } = this.#context;
    for (const change of [...this.#changes, ...this.#named]) {
      if (change?.replica !== message.replica || change.view !== message.view) continue;
      if (!equal(change.digest, message.digest)) continue;
      const question = `view change ${change.view} ${change.replica}`;
      if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
      answers.begin(from, question, host.now);
      answers.charge(from, change.body.length);
      host.send(from, change);
      return;
    }
    host.drop("not admitted: fetch of a view change that is not here");
  }

  /**
   * Enters a view with its NEW-VIEW, the VIEW-CHANGEs that it names, and what follows from them.
   */
  #enter(
    message: NewViewMessage,
    viewChanges: readonly ViewChangeMessage[],
    newLog: NewViewLog,
  ): void {
    const { normal, sync, timer } = this.#owner;
    this.#moveTo(message.view, true);
    this.#newView = message;
    this.#named = viewChanges;
    this.#newLog = newLog;
    timer.stop();
    for (const [sender, incoming] of this.#incoming) {
      if (incoming.message.view <= this.#view) this.#incoming.delete(sender);
    }
    const { stable, digests } = newLog;
    sync.adopt(stable);
    if (stable.slot > normal.executed) sync.fetchState();
    this.#requeue();
    if (this.leads) normal.proposeAgain(stable.slot, digests);
    else relayPending(this.#context, this.primary);
    for (const proposal of this.#future.take(this.#view)) normal.onPrePrepare(proposal);
    timer.onEntered();
  }

  /** Whether O lets the primary propose this digest in this slot. */
  permits(slot: number, digest: Bytes): boolean {
    const planned = this.#newLog.digests[slot - this.#newLog.stable.slot - 1];
    return planned === undefined || equal(planned, digest);
  }

  /** Why a proposal of a view that this replica is not in yet is not kept. */
  refuseFuture({ replica, view, slot }: Proposed): Refusal | null {
    const next = this.#active ? this.#view + 1 : this.#view;
    const awaited = this.#incoming.get(replica)?.message.view === view;
    if ((view !== next && !awaited) || !this.#context.log.contains(slot)) {
      return "not admitted: proposal of a view that is not the next";
    }
    return this.#future.holds(slot, view) ? "not admitted: proposal that waits already" : null;
  }

  /** Keeps a proposal of a view that this replica is not in yet, which was not refused. */
  bufferFuture(message: PrePrepareMessage): void {
    this.#future.keep(message);
  }

  /** The window has moved: forgets what is behind it. */
  onStable(): void {
    const { low } = this.#context.log;
    this.#future.onStable(low);
  }

  /** What shows a replica that is behind the way to this view, once it is signed. */
  get entry(): NewViewMessage | ViewChangeMessage | null {
    const own = this.#changes[this.#context.self];
    const message = this.#active ? this.#newView : own?.view === this.#view ? own : null;
    return message?.seal === undefined ? null : message;
  }

  /** VIEW-CHANGEs of different replicas for the view before this one or later. */
  viewProof(): ViewChangeHeader[] {
    const latest = new Map<Signer, ViewChangeHeader>();
    const add = (header: ViewChangeHeader) => {
      const known = latest.get(header.replica);
      if (header.view < this.#view - 1) return;
      if (known === undefined || header.view > known.view) latest.set(header.replica, header);
    };
    for (const header of this.#resumedProof) add(header);
    for (const change of [...this.#named, ...this.#changes]) {
      if (change?.seal === undefined) continue;
      const { replica, view, digest, seal } = change;
      add({ replica, view, digest, block: seal.signature });
    }
    return [...latest.values()].slice(0, this.#context.quorums.weak);
  }
}
