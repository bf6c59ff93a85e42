// The view change: Kotla et al., SOSP '07, section 3.3, with the selection rule of selection.ts and
// with VIEW-CONFIRMs before a view begins, so that what it begins with is the same for all.

import type { Address, HeldCertificate, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { certificateOf, hasSigners } from "../kit/quorum.ts";
import {
  FIRST_VIEW,
  viewProofs,
  type CommittedCertificate,
  type ViewCertificate,
  type ViewChangeHeader,
} from "./certificate.ts";
import type { Joining } from "./adoption.ts";
import { Changes, headersFrom } from "./changes.ts";
import type { ZyzzyvaContext } from "./context.ts";
import { IncomingViews, type Incoming } from "./incoming-view.ts";
import type {
  EnteredMessage,
  FetchViewChangeMessage,
  Message,
  NewViewMessage,
  ViewChangeBody,
  ViewChangeMessage,
  ViewConfirmMessage,
} from "./message.ts";
import { makeViewChange } from "./message-codec.ts";
import { select, type Beginning } from "./selection.ts";
import { PointVotes } from "./votes.ts";

/** VIEW-CONFIRMs of one signer that are kept. */
const CONFIRMS_MAX = 2;

/** What the view change asks of its replica. */
export interface ViewChangerOwner {
  readonly normal: {
    readonly committed: number;
    rollback(slot: number): void;
    onEntered(): void;
  };
  readonly commits: {
    readonly committed: CommittedCertificate | null;
    onEntered(): void;
  };
  readonly reports: {
    freeze(entered: ViewCertificate): void;
    forget(): void;
    body(): ViewChangeBody;
    isValid(message: ViewChangeMessage): boolean;
    proves(certificate: ViewCertificate): boolean;
  };
  readonly adoption: {
    join(joining: Joining): void;
    reset(): void;
    askAgain(): void;
    advance(): Joining | null;
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
  readonly catchUp: { wake(): void };
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
  readonly #changes: Changes;
  /** The NEW-VIEW of the view that this replica is in or on the way to, and what it names. */
  #newView: NewViewMessage | null = null;
  #named: readonly ViewChangeMessage[] = [];
  /** The last view of which this replica confirmed the beginning. */
  #confirmed = 0;
  readonly #confirms: PointVotes<ViewConfirmMessage>;
  /** The proof that a view has begun that this replica is not in yet. */
  #awaited: ViewCertificate | null = null;
  /** This replica's VIEW-CHANGE for the view that it is on the way to. */
  #own: ViewChangeMessage | null = null;
  /** Whether the timer runs for the view that it is on the way to. */
  #timed = false;
  readonly #incoming: IncomingViews;
  /** What proved the view in which this replica began again. */
  #resumedProof: readonly ViewChangeHeader[] = [];

  constructor(context: ZyzzyvaContext, owner: ViewChangerOwner) {
    const { n } = context.config;
    this.context = context;
    this.owner = owner;
    this.#changes = new Changes(context.self, n);
    this.#incoming = new IncomingViews(context);
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
    return [
      { name: "view-change.incoming", size: this.#incoming.size, max: n },
      { name: "view-change.confirms", size: this.#confirms.size, max: CONFIRMS_MAX },
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
    if (view > this.#view) this.owner.adoption.reset();
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

  /**
   * Enough replicas hate the primary of the active view, or it is proven to misbehave; or a view
   * that never became active takes too long.
   */
  leave(): void {
    this.#leaveFor(this.#view + 1);
  }

  leftBy(): readonly Signer[] {
    return this.#changes.laterThan(this.#view);
  }

  /** Leaves its view: from here on it says nothing in one before `view`. */
  #leaveFor(view: number): void {
    if (this.#active) this.owner.reports.freeze(this.entered);
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

  #sendViewChange(): void {
    const { self, host } = this.context;
    this.#timed = false;
    if (!this.owner.start.mayAttest) return;
    this.#own = makeViewChange(self, this.#view, this.owner.reports.body());
    host.send("all", this.#own);
    this.#consider();
  }

  /**
   * Why a VIEW-CHANGE changes nothing, or is none: what signatures cannot say, that its
   * certificates are of one view and on one chain.
   */
  refuseViewChange(message: ViewChangeMessage): Refusal | null {
    if (!this.#isNews(message) && !this.#incoming.lacks(message)) {
      return "not admitted: view change that is known";
    }
    const { replica, view } = message;
    if (replica >= this.context.config.n || view === 0) return PROVES_NOTHING;
    return this.owner.reports.isValid(message) ? null : PROVES_NOTHING;
  }

  onViewChange(message: ViewChangeMessage): void {
    const refusal = this.refuseViewChange(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    const news = this.#isNews(message);
    if (news) this.#changes.add(message);
    for (const incoming of this.#incoming.completedBy(message)) this.#tryJoin(incoming);
    if (!news || !this.owner.start.mayAttest) return;
    this.#join();
    this.#consider();
    this.owner.hates.consider();
  }

  /** Not one that this replica sent before it lost its memory: only others may rely on that. */
  #isNews(message: ViewChangeMessage): boolean {
    const { replica, view, digest } = message;
    if (!this.#changes.isNews(message)) return false;
    const own = this.#own;
    return replica !== this.context.self || (own?.view === view && equal(own.digest, digest));
  }

  /** f + 1 replicas in later views cannot all be wrong: joins the first of these views. */
  #join(): void {
    const target = this.#changes.firstAfter(this.#view, this.context.quorums.weak);
    if (target === this.#view) return;
    coverageMark("zyzzyva: view change is joined");
    this.#leaveFor(target);
  }

  /** Starts the timer, and the view if it is its primary, when enough others are on the way. */
  #consider(): void {
    const { quorum } = this.context.quorums;
    const { start, timer } = this.owner;
    if (this.#active || !start.mayAttest) return;
    const there = this.#changes.all.filter(({ view }) => view >= this.#view);
    const here = there.filter(({ view }) => view === this.#view);
    if (there.length >= quorum && !this.#timed) {
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
    return this.#incoming.viewOf(replica) >= view ? "not admitted: new view that is known" : null;
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
    const incoming = this.#incoming.add(message, this.#changes.all);
    this.#tryJoin(incoming);
    this.#incoming.ask(incoming);
  }

  #isPast(view: number): boolean {
    return view < this.#view || (view === this.#view && this.#active);
  }

  #tryJoin({ message, found }: Incoming): void {
    if (found.size < message.viewChanges.length) return;
    this.#incoming.end(message.replica);
    if (this.#isPast(message.view)) return;
    const viewChanges = [...found.values()];
    const beginning = this.select(viewChanges);
    const same = beginning?.slot === message.slot && equal(beginning.history, message.history);
    if (beginning !== null && same) return this.#beginJoining(message, viewChanges, beginning);
    coverageMark("zyzzyva: new-view is refused");
    this.context.host.drop("not admitted: new view that does not follow from its view changes");
  }

  /** Goes to a view with its NEW-VIEW, what that names, and what follows from it. */
  #beginJoining(
    message: NewViewMessage,
    viewChanges: readonly ViewChangeMessage[],
    beginning: Beginning,
  ): void {
    if (this.#active) this.owner.reports.freeze(this.entered);
    this.#moveTo(message.view, false);
    this.#newView = message;
    this.#named = viewChanges;
    this.owner.adoption.join({ view: message.view, beginning });
    this.#incoming.forget(this.#view);
    this.#consider();
    this.owner.catchUp.wake();
    this.advance();
  }

  /** Asks for VIEW-CHANGEs and batches that are missing on the way to a view. */
  fetchMissing(): void {
    this.owner.adoption.askAgain();
    this.#incoming.fetchMissing();
    this.advance();
  }

  onFetchViewChange(from: Address, message: FetchViewChangeMessage): void {
    this.#incoming.answer(from, message, [...this.#changes.all, ...this.#named]);
  }

  // The beginning of a view.

  /** Goes on towards the view that this replica is on the way to. */
  advance(): void {
    const joining = this.owner.adoption.advance();
    if (joining !== null) this.#confirm(joining);
    this.#tryEnter();
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
    if (certificate.view === 0 || !this.owner.reports.proves(certificate)) return PROVES_NOTHING;
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
    if (slot > log.low && !log.passes(slot, history)) return;
    // What later views have committed may be another history than that of this one.
    if ((commits.committed?.view ?? 0) > view) return;
    this.#awaited = null;
    this.#enter(certificate);
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
    this.owner.reports.forget();
    this.owner.adoption.reset();
    log.forgetView();
    pool.requeue(host.now, this.leads);
    timer.onEntered();
    commits.onEntered();
    normal.onEntered();
    hates.consider();
  }

  // For others.

  /** What shows a replica that is behind the way to this view, once it is signed. */
  entry(): readonly Message[] {
    const { own } = this.#changes;
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
    const changes = [...this.#named, ...this.#changes.all];
    const { weak } = this.context.quorums;
    return headersFrom(this.#view - 1, this.#resumedProof, changes, weak);
  }
}

const PROVES_NOTHING: Refusal = "not admitted: view change that proves nothing";
