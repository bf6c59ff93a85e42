// The view change: Kotla et al., SOSP '07, section 3.3, with the selection rule of selection.ts and
// with VIEW-CONFIRMs before a view begins, so that what it begins with is the same for all.

import type { Address, Bytes, HeldCertificate, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import type { Batch } from "../kit/batch.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import { certificateOf, hasSigners } from "../kit/quorum.ts";
import {
  FIRST_VIEW,
  viewProofs,
  type CommitCertificate,
  type CommittedCertificate,
  type ViewCertificate,
  type ViewChangeHeader,
} from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import { completes, lacks, type Incoming } from "./incoming-view.ts";
import {
  makeViewChange,
  type BatchMessage,
  type EnteredMessage,
  type FetchBatchMessage,
  type FetchViewChangeMessage,
  type Message,
  type NewViewMessage,
  type Report,
  type ShownCheckpoint,
  type ViewChangeMessage,
  type ViewConfirmMessage,
} from "./message.ts";
import {
  Chain,
  chainOf,
  GENESIS_SHOWN,
  select,
  shownHistory,
  type Beginning,
} from "./selection.ts";
import { PointVotes } from "./votes.ts";

/**
 * Requests passed on to a new primary, once a view and to it alone; the others come when their
 * clients try again.
 */
const RELAY_MAX = 1024;
/** Batches of the beginning of a view that are asked for at a time. */
const FETCHED_MAX = 16;
/** VIEW-CONFIRMs of one signer that are kept. */
const CONFIRMS_MAX = 2;

/** What the view change asks of its replica. */
export interface ViewChangerOwner {
  readonly normal: {
    readonly committed: number;
    commit(slot: number): void;
    rollback(slot: number): void;
    adopt(batch: Batch, history: Bytes): void;
    onEntered(): void;
  };
  readonly commits: {
    readonly certificate: CommitCertificate | null;
    readonly committed: CommittedCertificate | null;
    follow(): void;
    onEntered(): void;
  };
  readonly hates: { consider(): void };
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
    readonly behind: boolean;
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
      own(slot: number): { readonly record: Bytes } | undefined;
    };
    adopt(checkpoint: StableCheckpoint): void;
    fetchState(): void;
  };
  readonly catchUp: { wake(): void };
}

/** A history that is committed, as slots after one that this replica has committed. */
export interface Followed {
  readonly chain: Chain;
  readonly slot: number;
}

/** What a view is to begin with, on the way there. */
interface Joining {
  readonly view: number;
  readonly beginning: Beginning;
}

/** What a replica knew when it left the last view that it was active in. */
interface Frozen {
  readonly checkpoint: ShownCheckpoint;
  readonly report: Report | null;
  readonly batches: readonly Batch[];
}

/** It alone writes `view` and `active`. */
export class ViewChanger {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: ViewChangerOwner;
  #view = 0;
  #active = false;
  #enteredMs = 0;
  /** Of the last view that was active here; null: none was. */
  #entered: ViewCertificate | null = null;
  #frozen: Frozen | null = null;
  /** Of each replica the VIEW-CHANGE of the highest view. */
  readonly #changes: (ViewChangeMessage | undefined)[];
  /** The NEW-VIEW of the view that this replica is in or on the way to, and what it names. */
  #newView: NewViewMessage | null = null;
  #named: readonly ViewChangeMessage[] = [];
  #joining: Joining | null = null;
  /** What others have committed, for a replica that is in no view. */
  #followed: Followed | null = null;
  /** The last view of which this replica confirmed the beginning. */
  #confirmed = 0;
  readonly #confirms: PointVotes<ViewConfirmMessage>;
  /** The proof that a view has begun that this replica is not in yet. */
  #awaited: ViewCertificate | null = null;
  /** This replica's VIEW-CHANGE for the view that it is on the way to. */
  #own: ViewChangeMessage | null = null;
  /** Whether the timer runs for the view that it is on the way to. */
  #timed = false;
  /** By sender, the one of the highest view. */
  readonly #incoming = new Map<Signer, Incoming>();
  /** What proved the view in which this replica began again. */
  #resumedProof: readonly ViewChangeHeader[] = [];
  /** Batches that came for the beginning of a view, by slot. */
  readonly #fetched = new Map<number, Batch>();
  /** Slots whose batches were asked for since the last tick. */
  readonly #asked = new Set<number>();

  constructor(context: ZyzzyvaContext, owner: ViewChangerOwner) {
    const { n } = context.config;
    this.context = context;
    this.owner = owner;
    this.#changes = new Array<ViewChangeMessage | undefined>(n).fill(undefined);
    this.#confirms = new PointVotes(n, CONFIRMS_MAX);
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
  /** What the last view that was active here began with. */
  get entered(): ViewCertificate {
    return this.#entered ?? FIRST_VIEW;
  }
  get primary(): Signer {
    return this.context.config.leader(this.#view);
  }
  /** Whether this replica orders in this view. */
  get leads(): boolean {
    return this.#active && this.primary === this.context.self;
  }
  get sizes(): Sizes {
    const { n } = this.context.config;
    const { size } = this.context.log;
    return [
      { name: "view-change.incoming", size: this.#incoming.size, max: n },
      { name: "view-change.confirms", size: this.#confirms.size, max: CONFIRMS_MAX },
      { name: "view-change.frozen", size: this.#frozen?.batches.length ?? 0, max: size },
      { name: "view-change.fetched", size: this.#fetched.size, max: size },
    ];
  }
  get certificates(): readonly HeldCertificate[] {
    const held: HeldCertificate[] = [];
    for (const certificate of [this.#entered, this.#awaited]) {
      if (certificate === null || certificate.view === 0) continue;
      held.push({ certificate, proofs: () => viewProofs(certificate) });
    }
    return held;
  }

  #moveTo(view: number, active: boolean): void {
    assert(view >= this.#view, "views never fall");
    if (view > this.#view) this.#joining = null;
    this.#view = view;
    this.#active = active;
    if (active) this.#enteredMs = this.context.host.now;
  }

  /** The first view begins without a NEW-VIEW. */
  enterFirst(): void {
    this.#moveTo(0, true);
    this.#entered = FIRST_VIEW;
    this.owner.timer.onEntered();
  }

  /** Begins again on the way to a view that others are in, with what proves that. */
  resumeIn(view: number, proof: readonly ViewChangeHeader[]): void {
    if (view >= this.#view) this.#resumedProof = proof;
    if (view > this.#view) this.#moveTo(view, false);
  }

  /** A view that never became active takes too long. */
  suspect(): void {
    this.#leaveFor(this.#view + 1);
  }

  /** Enough replicas hate the primary of the active view, or it is proven to misbehave. */
  leave(): void {
    this.#leaveFor(this.#view + 1);
  }

  /** Leaves its view: from here on it says nothing in one before `view`. */
  #leaveFor(view: number): void {
    this.#freeze();
    this.#moveTo(view, false);
    this.owner.timer.onViewLeft();
    this.context.pool.requeue(this.context.host.now, false);
    this.owner.catchUp.wake();
    this.#sendViewChange();
    this.#tryEnter();
  }

  /** Says where it is on the way to, or joins those that are further, once it may. */
  resumeAttesting(): void {
    const { view } = this;
    this.#join();
    if (view === this.#view && view > 0) this.#sendViewChange();
  }

  // VIEW-CHANGEs.

  /**
   * What is known of the active view when it is left is told until another one is active, whatever
   * is adopted in between; its batches are kept as long, because few may have them.
   */
  #freeze(): void {
    if (!this.#active) return;
    const { log } = this.context;
    const entries = log.after(log.low);
    const digests = entries.map(({ digest }) => digest);
    const { certificate } = this.owner.commits;
    this.#frozen = {
      checkpoint: this.#shown(),
      report: { entered: this.entered, certificate, digests },
      batches: entries.map(({ batch }) => batch),
    };
  }

  /** The stable checkpoint that this replica has reached, with what shows its history. */
  #shown(): ShownCheckpoint {
    const { checkpoints } = this.owner.sync;
    const stable = checkpoints.reached;
    if (stable.slot === 0) return GENESIS_SHOWN;
    const own = checkpoints.own(stable.slot);
    assert(own !== undefined, "the state of the stable checkpoint is kept");
    return { stable, record: own.record };
  }

  /** What this replica reports: what it froze, behind the stable checkpoint that it has now. */
  protected body(): Pick<ViewChangeMessage, "stable" | "record" | "report"> {
    const checkpoint = this.#shown();
    const frozen = this.#frozen;
    if (frozen?.report == null) return { ...checkpoint, report: null };
    const { slot } = checkpoint.stable;
    const first = frozen.checkpoint.stable.slot;
    if (slot === first) return { ...checkpoint, report: frozen.report };
    const history = shownHistory(checkpoint);
    const before = shownHistory(frozen.checkpoint);
    assert(history !== null && before !== null, "own checkpoints show their histories");
    const chain = new Chain(first, before, frozen.report.digests);
    if (slot <= chain.last && !chain.passes(slot, history)) {
      coverageMark("zyzzyva: a report is emptied");
      return { ...checkpoint, report: null };
    }
    coverageMark("zyzzyva: a report is trimmed");
    const digests = frozen.report.digests.slice(slot - first);
    return { ...checkpoint, report: { ...frozen.report, digests } };
  }

  #sendViewChange(): void {
    const { self, host } = this.context;
    this.#timed = false;
    if (!this.owner.start.mayAttest) return;
    this.#own = makeViewChange(self, this.#view, this.body());
    host.send("all", this.#own);
    this.#consider();
  }

  /**
   * Why a VIEW-CHANGE changes nothing, or is none: what signatures cannot say, that its
   * certificates are of one view and on one chain.
   */
  refuseViewChange(message: ViewChangeMessage): Refusal | null {
    if (!this.#isNews(message)) {
      const named = [...this.#incoming.values()].some((incoming) => lacks(incoming, message));
      if (!named) return "not admitted: view change that is known";
    }
    const { replica, view } = message;
    if (replica >= this.context.config.n || view === 0) return PROVES_NOTHING;
    return this.isValid(message) ? null : PROVES_NOTHING;
  }

  /** Whether what it reports is one chain with its certificates. */
  protected isValid(message: ViewChangeMessage): boolean {
    const { view, stable, report } = message;
    const { log, quorums } = this.context;
    if (!this.owner.sync.checkpoints.proven(stable)) return false;
    const chain = chainOf(message);
    if (chain === null) return false;
    if (report === null) return true;
    const { entered, certificate, digests } = report;
    if (entered.view >= view || digests.length > log.size) return false;
    if (!this.proves(entered)) return false;
    if (entered.slot > stable.slot && !chain.passes(entered.slot, entered.history)) return false;
    if (certificate === null) return true;
    const isCertified = hasSigners(certificate.votes, quorums.quorum);
    if (!isCertified || certificate.view !== entered.view) return false;
    return certificate.slot <= stable.slot || chain.passes(certificate.slot, certificate.history);
  }

  /** Whether a quorum confirmed what the view began with. */
  protected proves({ view, slot, history, confirms }: ViewCertificate): boolean {
    if (view > 0) return hasSigners(confirms, this.context.quorums.quorum);
    return slot === 0 && confirms.signers.length === 0 && equal(history, FIRST_VIEW.history);
  }

  onViewChange(message: ViewChangeMessage): void {
    const refusal = this.refuseViewChange(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    const news = this.#isNews(message);
    if (news) this.#changes[message.replica] = message;
    for (const incoming of [...this.#incoming.values()]) {
      if (completes(incoming, message)) this.#tryJoin(incoming);
    }
    if (!news || !this.owner.start.mayAttest) return;
    this.#join();
    this.#consider();
  }

  /** Not one that this replica sent before it lost its memory: only others may rely on that. */
  #isNews({ replica, view, digest }: ViewChangeMessage): boolean {
    const latest = this.#changes[replica];
    if (latest !== undefined && view <= latest.view) return false;
    const own = this.#own;
    return replica !== this.context.self || (own?.view === view && equal(own.digest, digest));
  }

  /** f + 1 replicas in later views cannot all be wrong: joins the first of these views. */
  #join(): void {
    let target = this.#view;
    for (;;) {
      const later: number[] = [];
      for (const change of this.#changes) {
        if (change === undefined || change.replica === this.context.self) continue;
        if (change.view > target) later.push(change.view);
      }
      if (later.length < this.context.quorums.weak) break;
      target = Math.min(...later);
    }
    if (target === this.#view) return;
    coverageMark("zyzzyva: view change is joined");
    this.#leaveFor(target);
  }

  /** Starts the timer, and the view if it is its primary, when enough others are on the way. */
  #consider(): void {
    const { quorum } = this.context.quorums;
    const { start, timer } = this.owner;
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
    const begun = this.#newView?.view === this.#view;
    if (begun || this.primary !== this.context.self || !start.mayVote(this.#view)) return;
    if (here.length >= quorum) this.#startView(here.slice(0, quorum));
  }

  #startView(viewChanges: readonly ViewChangeMessage[]): void {
    const beginning = this.select(viewChanges);
    if (beginning === null) return;
    const { slot, history } = beginning;
    const { self: replica, host } = this.context;
    const names = viewChanges.map((change) => ({ replica: change.replica, digest: change.digest }));
    const point = { view: this.#view, slot, history };
    const message: NewViewMessage = { kind: "newView", replica, ...point, viewChanges: names };
    host.send("all", message);
    this.#beginJoining(message, viewChanges, beginning);
  }

  protected select(viewChanges: readonly ViewChangeMessage[]): Beginning | null {
    return select(viewChanges, this.context.quorums);
  }

  // NEW-VIEWs.

  /** Why a NEW-VIEW of another replica changes nothing. */
  refuseNewView({ replica, view, viewChanges }: NewViewMessage): Refusal | null {
    const { config, self, quorums } = this.context;
    if (view === 0 || replica !== config.leader(view)) {
      return "not admitted: new view of a replica that is not its primary";
    }
    if (replica === self) return null;
    if (this.#isPast(view) || this.#newView?.view === view) {
      return "not admitted: new view that was entered or passed";
    }
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
    const { self, host } = this.context;
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
    this.#tryJoin(incoming);
    this.#fetchMissing(incoming);
  }

  #isPast(view: number): boolean {
    return view < this.#view || (view === this.#view && this.#active);
  }

  #tryJoin({ message, found }: Incoming): void {
    if (found.size < message.viewChanges.length) return;
    this.#incoming.delete(message.replica);
    if (this.#isPast(message.view)) return;
    const viewChanges = [...found.values()];
    const beginning = this.select(viewChanges);
    const same = beginning?.slot === message.slot && equal(beginning.history, message.history);
    if (beginning !== null && same) return this.#beginJoining(message, viewChanges, beginning);
    coverageMark("zyzzyva: new-view is refused");
    this.context.host.drop("not admitted: new view that does not follow from its view changes");
  }

  /** Goes to a view with its NEW-VIEW, the VIEW-CHANGEs that it names, and what follows from them. */
  #beginJoining(
    message: NewViewMessage,
    viewChanges: readonly ViewChangeMessage[],
    beginning: Beginning,
  ): void {
    this.#freeze();
    this.#moveTo(message.view, false);
    this.#newView = message;
    this.#named = viewChanges;
    this.#joining = { view: message.view, beginning };
    this.#fetched.clear();
    this.#asked.clear();
    for (const [sender, incoming] of this.#incoming) {
      if (incoming.message.view <= this.#view) this.#incoming.delete(sender);
    }
    this.#consider();
    this.owner.catchUp.wake();
    this.advance();
  }

  /** Asks for VIEW-CHANGEs and batches that are missing on the way to a view. */
  fetchMissing(): void {
    this.#asked.clear();
    for (const incoming of this.#incoming.values()) this.#fetchMissing(incoming);
    this.advance();
  }

  #fetchMissing({ message, found }: Incoming): void {
    if (!this.#incoming.has(message.replica)) return;
    const { view } = message;
    for (const { replica, digest } of message.viewChanges) {
      if (found.has(replica)) continue;
      coverageMark("zyzzyva: missing view-change is fetched");
      this.context.host.send("others", { kind: "fetchViewChange", view, replica, digest });
    }
  }

  onFetchViewChange(from: Address, message: FetchViewChangeMessage): void {
    const { host, answers } = this.context;
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

  // The beginning of a view.

  /** Goes on towards the view that this replica is on the way to. */
  advance(): void {
    this.#follow();
    const joining = this.#joining;
    if (joining !== null && this.#adopts(joining.beginning)) this.#confirm(joining);
    this.#tryEnter();
  }

  /** Makes the history one that is committed, while this replica is in no view. */
  follow(followed: Followed): void {
    if (this.#active || followed.slot <= (this.#followed?.slot ?? 0)) return;
    coverageMark("zyzzyva: a replica that is in no view follows the others");
    this.#followed = followed;
    this.advance();
  }

  #follow(): void {
    const followed = this.#followed;
    if (followed === null) return;
    const { chain, slot } = followed;
    const { log } = this.context;
    const { committed } = this.owner.normal;
    if (this.#active || slot <= committed || committed < chain.first) {
      this.#followed = null;
      return;
    }
    const own = log.passes(slot, chain.historyAt(slot) ?? NOTHING);
    if (!own && !this.#brings(chain, slot)) return;
    this.#followed = null;
    this.owner.commits.follow();
  }

  /** Makes the history that which a view begins with; false if that is not so yet, or cannot be. */
  #adopts({ checkpoint, chain, slot, history }: Beginning): boolean {
    const { log } = this.context;
    const { normal, sync } = this.owner;
    const { committed } = normal;
    if (slot < committed || slot <= log.low) {
      // A later view may have decided more; what it holds up to the slot is to be the same.
      const same = log.passes(slot, history);
      if (!same) coverageMark("zyzzyva: a view begins below what is committed");
      return same;
    }
    if (chain.first > committed) {
      sync.adopt(checkpoint.stable);
      if (chain.first > normal.committed) {
        if (sync.behind) sync.fetchState();
        return false;
      }
    } else if (!log.passes(committed, chain.historyAt(committed) ?? history)) {
      coverageMark("zyzzyva: a view begins below what is committed");
      return false;
    }
    sync.adopt(checkpoint.stable);
    return this.#brings(chain, slot);
  }

  /** Makes the history that of the chain up to the slot; false if that is not so yet. */
  #brings(chain: Chain, slot: number): boolean {
    const { log } = this.context;
    const { normal } = this.owner;
    if (normal.committed < chain.first) return false;
    this.#rollbackTo(chain, slot);
    while (log.last < slot && log.last < log.high) {
      const at = log.last + 1;
      const batch = this.#batchOf(chain.digestAt(at) ?? NOTHING);
      const next = chain.historyAt(at);
      if (batch === undefined || next === undefined) break;
      normal.adopt(batch, next);
    }
    if (log.last < slot) this.#fetchBatches(chain, slot);
    return log.last === slot;
  }

  /** Asks for some batches of the beginning, each once between two ticks. */
  #fetchBatches(chain: Chain, slot: number): void {
    const { log, host } = this.context;
    const last = Math.min(slot, log.last + FETCHED_MAX);
    for (let at = log.last + 1; at <= last; at++) {
      const digest = chain.digestAt(at);
      if (digest === undefined || this.#asked.has(at) || this.#batchOf(digest)) continue;
      coverageMark("zyzzyva: missing batch is fetched");
      this.#asked.add(at);
      host.send("others", { kind: "fetchBatch", digest });
    }
  }

  /** Undoes what is not on the chain. */
  #rollbackTo(chain: Chain, slot: number): void {
    const { log } = this.context;
    const { normal } = this.owner;
    let common = Math.min(log.last, slot);
    while (common > normal.committed && !log.passes(common, chain.historyAt(common) ?? NOTHING)) {
      common--;
    }
    if (common === log.last) return;
    coverageMark("zyzzyva: a new view undoes what was executed");
    normal.rollback(common);
  }

  #batchOf(digest: Bytes): Batch | undefined {
    const known = this.#frozen?.batches.find((batch) => equal(batch.digest, digest));
    if (known !== undefined) return known;
    for (const batch of this.#fetched.values()) if (equal(batch.digest, digest)) return batch;
    return this.context.log.after(0).find((entry) => equal(entry.digest, digest))?.batch;
  }

  onFetchBatch(from: Address, { digest }: FetchBatchMessage): void {
    const { host, answers } = this.context;
    const batch = this.#batchOf(digest);
    if (batch === undefined) return host.drop("not admitted: fetch of a batch that is not here");
    const question = `batch ${digest.join()}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, batch.bytes.length);
    host.send(from, { kind: "batch", batch });
  }

  onBatch({ batch }: BatchMessage): void {
    const { log, host } = this.context;
    const chain = this.#followed?.chain ?? this.#joining?.beginning.chain;
    const slot = [...this.#asked].find((at) => equal(chain?.digestAt(at) ?? NOTHING, batch.digest));
    if (this.#active || slot === undefined || slot <= log.last || this.#fetched.has(slot)) {
      return host.drop("not admitted: batch that is not missing");
    }
    for (const at of this.#fetched.keys()) if (at <= log.last) this.#fetched.delete(at);
    this.#fetched.set(slot, batch);
    this.advance();
  }

  /** Confirms once a view what it begins with, which this replica has executed. */
  #confirm({ view, beginning }: Joining): void {
    if (this.#active || this.#confirmed >= view || !this.owner.start.mayVote(view)) return;
    this.#confirmed = view;
    const { self: replica, host } = this.context;
    const { slot, history } = beginning;
    host.send("all", { kind: "viewConfirm", replica, view, slot, history });
    if (this.entersAlone()) this.#enter({ view, slot, history, confirms: FIRST_VIEW.confirms });
  }

  /** Whether a view begins without VIEW-CONFIRMs of a quorum. */
  protected entersAlone(): boolean {
    return false;
  }

  /** Why a VIEW-CONFIRM changes nothing. */
  refuseViewConfirm(message: ViewConfirmMessage): Refusal | null {
    if (message.replica === this.context.self) return null;
    if (this.#isPast(message.view)) return "not admitted: confirmation of a view that is past";
    return this.#confirms.isNew(message) ? null : "not admitted: confirmation that was counted";
  }

  onViewConfirm(message: ViewConfirmMessage): void {
    const refusal = this.refuseViewConfirm(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    if (!this.#confirms.add(message)) return;
    const { quorum } = this.context.quorums;
    const { view, slot, history } = message;
    const votes = this.#confirms.matching(view, slot, history);
    if (votes.length < quorum) return;
    this.#onBegun({ view, slot, history, confirms: certificateOf(votes, quorum) });
  }

  /** Why the proof that a view has begun changes nothing, or is none. */
  refuseEntered({ certificate }: EnteredMessage): Refusal | null {
    if (certificate.view === 0 || !this.proves(certificate)) return PROVES_NOTHING;
    const known = this.#awaited !== null && this.#awaited.view >= certificate.view;
    if (known || this.#isPast(certificate.view)) {
      return "not admitted: beginning of a view that is known or past";
    }
    return null;
  }

  onEntered(message: EnteredMessage): void {
    const refusal = this.refuseEntered(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    this.#onBegun(message.certificate);
  }

  #onBegun(certificate: ViewCertificate): void {
    if (this.#isPast(certificate.view)) return;
    if (this.#awaited !== null && this.#awaited.view >= certificate.view) return;
    this.#awaited = certificate;
    this.owner.catchUp.wake();
    this.#tryEnter();
  }

  /** Enters the view that is known to have begun, once its beginning is here. */
  #tryEnter(): void {
    const certificate = this.#awaited;
    if (certificate === null) return;
    if (this.#isPast(certificate.view)) {
      this.#awaited = null;
      return;
    }
    const { view, slot, history } = certificate;
    const { log } = this.context;
    const { start, commits } = this.owner;
    if (!start.mayAttest || !start.mayVote(view)) return;
    if (slot > log.low ? !log.passes(slot, history) : !this.isStable(slot)) return;
    // What later views have committed may be another history than that of this one.
    if ((commits.committed?.view ?? 0) > view) return;
    this.#awaited = null;
    this.#enter(certificate);
  }

  /** Whether the slot is behind the stable checkpoint of this replica. */
  protected isStable(slot: number): boolean {
    return slot <= this.context.log.low;
  }

  #enter(certificate: ViewCertificate): void {
    const { log, pool, host } = this.context;
    const { normal, commits, timer, hates } = this.owner;
    const { view, slot } = certificate;
    if (this.#newView?.view !== view) coverageMark("zyzzyva: a view is entered by its proof alone");
    const end = Math.max(slot, normal.committed);
    if (log.last > end) normal.rollback(end);
    this.#moveTo(view, true);
    this.#entered = certificate;
    this.#frozen = null;
    this.#joining = null;
    this.#followed = null;
    this.#fetched.clear();
    this.#asked.clear();
    log.forgetView();
    pool.requeue(host.now, this.leads);
    if (!this.leads) this.#relayPending();
    timer.onEntered();
    commits.onEntered();
    normal.onEntered();
    hates.consider();
  }

  #relayPending(): void {
    const { primary } = this;
    const { pool, host } = this.context;
    for (const entry of pool.oldest(RELAY_MAX)) {
      const { client, request } = entry;
      entry.relayedMs = host.now;
      host.send(primary, { kind: "relay", client, request });
    }
  }

  // For others.

  /** What shows a replica that is behind the way to this view, once it is signed. */
  entry(): readonly Message[] {
    const own = this.#changes[this.context.self];
    const messages: Message[] = [];
    const newView = this.#newView?.view === this.#view ? this.#newView : null;
    if (newView?.seal !== undefined) messages.push(newView);
    const certificate = this.#active ? this.#entered : null;
    if (certificate !== null && certificate.view > 0) {
      messages.push({ kind: "entered", certificate });
    }
    if (this.#active) return messages;
    if (own?.view === this.#view && own.seal !== undefined) messages.push(own);
    const confirm = this.#confirms.of(this.context.self).find(({ view }) => view === this.#view);
    if (confirm !== undefined) messages.push(confirm);
    return messages;
  }

  /** Proof that the view before this one, or a later one, has begun; null if there is none. */
  get enteredProof(): ViewCertificate | null {
    const entered = this.#entered;
    return entered !== null && entered.view > 0 && entered.view >= this.#view - 1 ? entered : null;
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
    return [...latest.values()].slice(0, this.context.quorums.weak);
  }
}

const NOTHING: Bytes = new Uint8Array(0);
const PROVES_NOTHING: Refusal = "not admitted: view change that proves nothing";
