// PBFT's view change: Castro and Liskov, OSDI '99, sections 4.4 and 4.5.

import type { Address, Bytes, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { EMPTY_BATCH } from "../kit/batch.ts";
import { GENESIS, type Checkpoints } from "../kit/checkpoint.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import { hasSigners } from "../kit/quorum.ts";
import type { PreparedCertificate, ViewChangeHeader } from "./certificate.ts";
import {
  makeViewChange,
  type FetchViewChangeMessage,
  type NewViewMessage,
  type PrePrepareMessage,
  type ViewChangeMessage,
} from "./message.ts";
import { Ordering } from "./normal.ts";

/** Requests passed on to a new primary; the others come when their clients try again. */
const RELAY_MAX = 1024;

/** What a new view begins with: O, which follows from its VIEW-CHANGEs. */
export interface Plan {
  readonly stable: StableCheckpoint;
  /** Of the slots after it. */
  readonly digests: readonly Bytes[];
}

const GENESIS_PLAN: Plan = { stable: GENESIS, digests: [] };

/**
 * The latest checkpoint, and for each slot after it what was prepared in the highest view, or
 * nothing. A batch that was committed anywhere was prepared at f + 1 correct replicas, one of which
 * is among any quorum of VIEW-CHANGEs.
 */
export function planNewView(viewChanges: readonly ViewChangeMessage[]): Plan {
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

/** A NEW-VIEW some of whose VIEW-CHANGEs are not here yet. */
interface Incoming {
  readonly message: NewViewMessage;
  readonly found: Map<Signer, ViewChangeMessage>;
}

/** Leaves views whose primary fails, and enters those that a quorum wants. */
export abstract class ViewChange extends Ordering {
  protected abstract readonly checkpoints: Checkpoints;
  /** Of each replica the VIEW-CHANGE of the highest view. */
  protected readonly changes: (ViewChangeMessage | undefined)[];
  /**
   * The NEW-VIEW of the active view, its own without a seal until it looped back, and what it
   * names.
   */
  protected newView: NewViewMessage | null = null;
  #named: readonly ViewChangeMessage[] = [];
  #plan = GENESIS_PLAN;
  /** This replica's VIEW-CHANGE for the view that it is on the way to. */
  #own: ViewChangeMessage | null = null;
  /** Whether the timer runs for the view that it is on the way to. */
  #timed = false;
  /** By sender, the one of the highest view. */
  readonly #incoming = new Map<Signer, Incoming>();
  /** By slot, proposals of views to come. */
  readonly #early = new Map<number, PrePrepareMessage>();
  /** What proved the view in which this replica began again. */
  protected resumedProof: readonly ViewChangeHeader[] = [];

  constructor(...parameters: ConstructorParameters<typeof Ordering>) {
    super(...parameters);
    this.changes = new Array<ViewChangeMessage | undefined>(this.quorums.n).fill(undefined);
  }

  /** Fetches the state of the latest stable checkpoint, which is beyond what was executed. */
  protected abstract jump(): void;
  protected abstract learn(checkpoint: StableCheckpoint): void;

  protected get early(): number {
    return this.#early.size;
  }
  protected get incoming(): number {
    return this.#incoming.size;
  }

  protected override suspect(): void {
    coverageMark("pbft: view timer runs out");
    this.leaveFor(this.view + 1);
  }

  /** Leaves its view: from here on it votes in none before `view`. */
  protected leaveFor(view: number): void {
    assert(view > this.view, "views never fall");
    this.view = view;
    this.active = false;
    this.failures++;
    this.stopViewTimer();
    this.requeue();
    this.awake();
    this.sendViewChange();
  }

  protected sendViewChange(): void {
    this.#timed = false;
    const prepared: PreparedCertificate[] = [];
    for (const slot of this.log.known()) if (slot.prepared !== null) prepared.push(slot.prepared);
    const { stable } = this.checkpoints;
    this.#own = makeViewChange(this.self, this.view, { stable, prepared });
    this.host.send("all", this.#own);
    this.#consider();
  }

  protected onViewChange(message: ViewChangeMessage): void {
    if (!this.isViewChange(message)) return;
    const latest = this.changes[message.replica];
    const news = (latest === undefined || message.view > latest.view) && this.#isCurrent(message);
    if (news) this.changes[message.replica] = message;
    for (const incoming of [...this.#incoming.values()]) {
      if (this.#completes(incoming, message)) this.#tryEnter(incoming);
    }
    if (!news || !this.speaks) return;
    this.#join();
    this.#consider();
  }

  /** Not one that this replica sent before it lost its memory: only others may rely on that. */
  #isCurrent({ replica, view, digest }: ViewChangeMessage): boolean {
    const own = this.#own;
    return replica !== this.self || (own?.view === view && equal(own.digest, digest));
  }

  /**
   * What signatures cannot say: that its certificates are of the right replicas, views and slots.
   */
  protected isViewChange({ replica, view, stable, prepared }: ViewChangeMessage): boolean {
    if (replica >= this.quorums.n || view === 0 || !this.checkpoints.proven(stable)) return false;
    let last = stable.slot;
    for (const certificate of prepared) {
      if (certificate.slot <= last || certificate.view >= view) return false;
      if (!this.isPrepared(certificate)) return false;
      last = certificate.slot;
    }
    return last <= stable.slot + this.log.size;
  }

  protected isPrepared({ view, primary, prepares }: PreparedCertificate): boolean {
    if (primary !== this.config.leader(view) || prepares.signers.includes(primary)) return false;
    return hasSigners(prepares, this.quorums.quorum - 1);
  }

  /** f + 1 replicas in later views cannot all be wrong: joins the first of these views. */
  #join(): void {
    let target = this.view;
    for (;;) {
      const later: number[] = [];
      for (const change of this.changes) {
        if (change === undefined || change.replica === this.self) continue;
        if (change.view > target) later.push(change.view);
      }
      if (later.length < this.quorums.weak) break;
      target = Math.min(...later);
    }
    if (target === this.view) return;
    coverageMark("pbft: view change is joined");
    this.leaveFor(target);
  }

  /** Starts the timer, and the view if it is its primary, when enough others are on the way. */
  #consider(): void {
    if (this.active || !this.speaks) return;
    const { view } = this;
    let there = 0;
    const here: ViewChangeMessage[] = [];
    for (const change of this.changes) {
      if (change === undefined || change.view < view) continue;
      there++;
      if (change.view === view) here.push(change);
    }
    if (there >= this.quorums.quorum && !this.#timed) {
      this.#timed = true;
      this.setViewTimer(this.timeoutMs);
    }
    if (this.primary !== this.self || !this.mayVote()) return;
    if (here.length >= this.quorums.quorum) this.#startView(here.slice(0, this.quorums.quorum));
  }

  #startView(viewChanges: readonly ViewChangeMessage[]): void {
    const { self: replica, view } = this;
    const plan = this.plan(viewChanges);
    const message: NewViewMessage = {
      kind: "newView",
      replica,
      view,
      viewChanges: viewChanges.map((change) => ({
        replica: change.replica,
        digest: change.digest,
      })),
      stable: plan.stable.slot,
      digests: plan.digests,
    };
    this.host.send("all", message);
    this.enter(message, viewChanges, plan);
  }

  protected plan(viewChanges: readonly ViewChangeMessage[]): Plan {
    return planNewView(viewChanges);
  }

  protected onNewView(message: NewViewMessage): void {
    const { replica, view, viewChanges } = message;
    if (view === 0 || replica !== this.config.leader(view)) return;
    if (replica === this.self) {
      const known = this.newView;
      if (known?.view === view && known.seal === undefined) this.newView = message;
      return;
    }
    if (view < this.view || (view === this.view && this.active)) return;
    const signers = viewChanges.map((name) => name.replica);
    if (!hasSigners({ signers, blocks: [] }, this.quorums.quorum)) return;
    if (signers.some((signer) => signer >= this.quorums.n)) return;
    const known = this.#incoming.get(replica);
    if (known !== undefined && known.message.view >= view) return;
    const incoming: Incoming = { message, found: new Map() };
    this.#incoming.set(replica, incoming);
    for (const change of this.changes) if (change !== undefined) this.#completes(incoming, change);
    this.#tryEnter(incoming);
    this.#fetchMissing(incoming);
  }

  /** Whether the VIEW-CHANGE is one that the NEW-VIEW names. */
  #completes({ message, found }: Incoming, change: ViewChangeMessage): boolean {
    if (change.view !== message.view) return false;
    const name = message.viewChanges.find(({ replica }) => replica === change.replica);
    if (name === undefined || !equal(name.digest, change.digest)) return false;
    found.set(change.replica, change);
    return true;
  }

  #tryEnter({ message, found }: Incoming): void {
    if (found.size < message.viewChanges.length) return;
    this.#incoming.delete(message.replica);
    if (message.view < this.view || (message.view === this.view && this.active)) return;
    const viewChanges = [...found.values()];
    const plan = this.plan(viewChanges);
    const same =
      plan.stable.slot === message.stable &&
      plan.digests.length === message.digests.length &&
      plan.digests.every((digest, i) => equal(digest, message.digests[i] ?? digest));
    if (same) this.enter(message, viewChanges, plan);
    else coverageMark("pbft: new-view is refused");
  }

  /** Asks for VIEW-CHANGEs that a NEW-VIEW names and that are not here. */
  protected fetchViewChanges(): void {
    for (const incoming of this.#incoming.values()) this.#fetchMissing(incoming);
  }

  #fetchMissing({ message, found }: Incoming): void {
    if (!this.#incoming.has(message.replica)) return;
    const { view } = message;
    for (const { replica, digest } of message.viewChanges) {
      if (found.has(replica)) continue;
      coverageMark("pbft: missing view-change is fetched");
      this.host.send("others", { kind: "fetchViewChange", view, replica, digest });
    }
  }

  protected onFetchViewChange(from: Address, message: FetchViewChangeMessage): void {
    for (const change of [...this.changes, ...this.#named]) {
      if (change?.replica !== message.replica || change.view !== message.view) continue;
      if (!equal(change.digest, message.digest)) continue;
      this.host.send(from, change);
      return;
    }
  }

  /**
   * Enters a view with its NEW-VIEW, the VIEW-CHANGEs that it names, and what follows from them.
   */
  protected enter(
    message: NewViewMessage,
    viewChanges: readonly ViewChangeMessage[],
    plan: Plan,
  ): void {
    this.view = message.view;
    this.active = true;
    this.viewEnteredMs = this.host.now;
    this.newView = message;
    this.#named = viewChanges;
    this.#plan = plan;
    this.stopViewTimer();
    for (const [sender, incoming] of this.#incoming) {
      if (incoming.message.view <= this.view) this.#incoming.delete(sender);
    }
    this.learn(plan.stable);
    if (plan.stable.slot > this.executed) this.jump();
    this.requeue();
    if (this.leads) this.#proposeAgain(plan);
    else this.#relayPending();
    for (const [slot, early] of this.#early) {
      if (early.view <= this.view) this.#early.delete(slot);
      if (early.view === this.view) this.onPrePrepare(early);
    }
    this.armTimer();
  }

  /**
   * O as PRE-PREPAREs of this view, without the batches: whoever lacks one fetches it by its
   * digest.
   */
  #proposeAgain({ stable, digests }: Plan): void {
    for (const [i, digest] of digests.entries()) {
      this.proposeBatch(stable.slot + 1 + i, digest, null);
    }
    this.nextSlot = Math.max(stable.slot + digests.length, this.log.low, this.executed) + 1;
    this.propose();
  }

  #relayPending(): void {
    if (this.primary === this.self) return;
    let relayed = 0;
    for (const { client, request } of this.pending.values()) {
      if (relayed++ === RELAY_MAX) return;
      this.host.send(this.primary, { kind: "relay", client, request });
    }
  }

  protected override permits(slot: number, digest: Bytes): boolean {
    const planned = this.#plan.digests[slot - this.#plan.stable.slot - 1];
    return planned === undefined || equal(planned, digest);
  }

  /** One of each slot of the window, of a view that may be the next. */
  protected override keepEarly(message: PrePrepareMessage): void {
    const { slot, view } = message;
    const next = this.active ? this.view + 1 : this.view;
    const awaited = this.#incoming.get(message.replica)?.message.view === view;
    if ((view !== next && !awaited) || !this.log.contains(slot)) return;
    const known = this.#early.get(slot);
    if (known === undefined || known.view < view) this.#early.set(slot, message);
  }

  /** Forgets what is behind the window. */
  protected forgetEarly(): void {
    for (const slot of this.#early.keys()) if (slot <= this.log.low) this.#early.delete(slot);
  }

  /** This replica's VIEW-CHANGE for its view, once it is signed. */
  protected ownViewChange(): ViewChangeMessage | null {
    const own = this.changes[this.self];
    return own?.view === this.view ? own : null;
  }

  /** VIEW-CHANGEs of different replicas for the view before this one or later. */
  protected viewProof(): ViewChangeHeader[] {
    const latest = new Map<Signer, ViewChangeHeader>();
    const add = (header: ViewChangeHeader) => {
      const known = latest.get(header.replica);
      if (header.view < this.view - 1) return;
      if (known === undefined || header.view > known.view) latest.set(header.replica, header);
    };
    for (const header of this.resumedProof) add(header);
    for (const change of [...this.#named, ...this.changes]) {
      if (change?.seal === undefined) continue;
      const { replica, view, digest, seal } = change;
      add({ replica, view, digest, block: seal.signature });
    }
    return [...latest.values()].slice(0, this.quorums.weak);
  }
}
