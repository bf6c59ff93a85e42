// Views: entered by a quorum or timeout certificate only, given up by TIMEOUT. After DiemBFT v4 and
// Jolteon (Gelashvili et al., arXiv 2106.10362, sections 3 and 4).

import type { Address, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { EMPTY } from "../../wire.ts";
import { Votes } from "../kit/quorum.ts";
import { ServiceLevel } from "../kit/service-level.ts";
import { ViewTimeout } from "../kit/view-timeout.ts";
import { tcOf, type Qc, type Tc } from "./certificate.ts";
import type { ChainContext } from "./context.ts";
import { Listening } from "./listening.ts";
import type { EntryMessage, Position, TimeoutMessage } from "./message.ts";
import { Turns } from "../kit/turns.ts";

/** In a tenure of many views: how long a request may wait for its leader, in view timeouts. */
const LEADER_TIMEOUTS = 4;

/** In view timeouts: when a leader has been told of a request that it seems not to have heard. */
const TOLD_AFTER = 3 / 8;

/** What the pacemaker asks of the replica whose views it keeps. */
export interface PacemakerOwner {
  readonly normal: {
    readonly highQc: Qc;
    /** Whether something is known that should be committed and is not. */
    readonly pending: boolean;
    adoptPosition(from: Address, position: Position): boolean;
    provenPosition(position: Position): boolean;
    refusePosition(position: Position): Refusal | null;
    propose(): void;
    /** The view is being given up: nothing may be voted for in it any more. */
    onGivenUp(view: number): void;
    /** It is given up because something went wrong: passes on what others may lack. */
    helpOthers(): void;
  };
  readonly catchUp: { onEntered(): void };
  /** Whether it may sign a TIMEOUT: not while it recovers. */
  readonly start: { readonly running: boolean };
}

/** It alone writes the view, and the TC that let this replica into it. */
export class Pacemaker {
  readonly #context: ChainContext;
  readonly #owner: PacemakerOwner;
  readonly #timeouts: Votes<TimeoutMessage>;
  readonly #timeout: ViewTimeout;
  readonly #level: ServiceLevel;
  readonly #turns: Turns;
  #view = 1;
  /** What let this replica into its view; null: the QC of the view before. */
  #tc: Tc | null = null;
  #armed = false;
  /** Whether the TIMEOUT of this view has been sent. */
  #givenUp = false;
  /** Whether this view's leader failed to make the QC that let this replica in. */
  #suspect = false;
  /** When the leader's tenure began, as far as this replica knows. */
  #tenureMs = 0;
  /** Since when the leader who is to propose next could have; Infinity if it has no reason to. */
  #turnMs = Infinity;
  /** Whether this view's leader has proposed, and the view of a proposal that is being taken in. */
  #proposed = false;
  #arriving = 0;
  /** The last view that was given up at once, because its leader is not waited for. */
  #skippedView = 0;
  readonly #listening: Listening;

  constructor(context: ChainContext, owner: PacemakerOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#timeouts = new Votes(context.config.n);
    this.#timeout = new ViewTimeout(context.config.viewTimeoutMs);
    this.#level = new ServiceLevel(context.config, TOLD_AFTER);
    this.#turns = new Turns(context.config);
    this.#listening = new Listening(context, this);
  }

  get view(): number {
    return this.#view;
  }
  get tc(): Tc | null {
    return this.#tc;
  }
  /** Whether the leader of this view has heard what it listens for. */
  get mayPropose(): boolean {
    return !this.#listening.lasts;
  }
  get timerMs(): number {
    return this.#timeout.ms;
  }
  /** What proves to others that this view was entered. */
  get position(): Position {
    return { highQc: this.#owner.normal.highQc, tc: this.#tc };
  }
  get sizes(): Sizes {
    return [
      { name: "view-change.timeouts", size: this.#timeouts.size, max: this.#context.config.n },
    ];
  }

  /** The view that a TC of `view` lets in. */
  after(view: number): number {
    return viewAfter(this.#context.config, view);
  }

  /** How many TIMEOUTs of one view make a certificate. */
  protected get tcQuorum(): number {
    return this.#context.quorums.quorum;
  }

  /** A proposal of the view has come, whose certificates may let this replica into it. */
  onArriving(view: number): void {
    this.#arriving = view;
  }

  /** The leader of a view proposes: it lives, and gets the time that leaders get. */
  onLeader(view: number): void {
    const { leaders } = this.#context;
    if (view === this.#skippedView && view < this.#view) {
      this.#skippedView = 0;
      this.#turns.onSkipped(leaders.scheduled(view));
    }
    if (view !== this.#view || this.#proposed) return;
    this.#proposed = true;
    this.#endTurn(leaders.scheduled(view));
    if (this.#suspect) {
      this.#suspect = false;
      if (this.#armed && !this.#givenUp) this.#context.host.setTimer("view", this.timerMs);
    }
    this.#hurry();
  }

  /** Whether nobody waits for this replica, which failed as a leader. */
  skipsReplica(replica: Signer): boolean {
    return this.#turns.skips(replica);
  }

  /** Whether votes go to all because nobody waits for the leader of this view. */
  skips(view: number): boolean {
    const { leaders, self, quorums } = this.#context;
    const leader = leaders.scheduled(view);
    if (leader === self || !this.#turns.skips(leader)) return false;
    // Where nothing commits, every leader gets the time that leaders get.
    return this.#timeout.doublings <= quorums.f;
  }

  #endTurn(leader: Signer): void {
    const { self, host } = this.#context;
    const { now } = host;
    if (leader !== self && now >= this.#turnMs) this.#turns.onTurn(leader, now - this.#turnMs);
    this.#turnMs = this.#owner.normal.pending ? now : Infinity;
  }

  /** Learns a QC that is proven. */
  onQc(qc: Qc): void {
    if (qc.view >= this.#view) this.#enter(qc.view + 1, null);
  }

  /** Learns a TC that is proven. */
  onTc(tc: Tc | null): void {
    if (tc === null) return;
    const view = this.after(tc.view);
    if (view <= this.#view) return;
    this.#timeout.double();
    this.#enter(view, tc);
  }

  /**
   * Why a TIMEOUT changes nothing: its certificates are none, or its view is passed, they are no
   * news, and its sender was shown the way just now.
   */
  refuseTimeout(message: TimeoutMessage, from: Address): Refusal | null {
    const { host, answers } = this.#context;
    const { normal } = this.#owner;
    if (!normal.provenPosition(message)) return "not admitted: certificate without a quorum";
    if (message.view >= this.#view || answers.allows(from, "entry", host.now)) return null;
    if (this.#listening.awaits(message.replica)) return null;
    return normal.refusePosition(message) && "not admitted: timeout of an earlier view";
  }

  /** Learns a TIMEOUT's certificates, and counts it. */
  onTimeout(from: Address, message: TimeoutMessage): void {
    if (!this.#owner.normal.adoptPosition(from, message)) return;
    const { position } = this;
    this.#hear(message.replica, message.view);
    const behind = message.view < this.#view || message.highQc.view < position.highQc.view;
    if (behind && from !== this.#context.self) this.#showTheWay(from, position);
    if (message.view < this.#view) {
      return this.#context.host.drop("not admitted: timeout of an earlier view");
    }
    // One that was counted may still be the one that a replica which runs by now joins.
    this.#timeouts.add(message);
    if (this.#timeouts.countFrom(this.#view) >= this.#context.quorums.weak && !this.#givenUp) {
      coverageMark("chained: joins f + 1 that time out");
      this.giveUp();
    }
    const matching = this.#timeouts.matching(message.view, EMPTY);
    if (matching.length >= this.tcQuorum) this.onTc(tcOf(matching, this.tcQuorum));
  }

  /** Why a position that another replica shows changes nothing. */
  refuseEntry(message: EntryMessage, from: Address): Refusal | null {
    const { normal } = this.#owner;
    if (!this.#listening.awaits(from)) return normal.refusePosition(message);
    return normal.provenPosition(message) ? null : "not admitted: certificate without a quorum";
  }

  /** Another replica shows where it is: it is not signed, and counts for where it came from. */
  onEntry(from: Address, message: EntryMessage): void {
    if (this.#owner.normal.adoptPosition(from, message)) this.#hear(from, this.#view);
  }

  /** This replica, which leads, has heard from another one that was in `view`. */
  #hear(signer: Signer, view: number): void {
    if (this.#tc === null || view < this.#tc.view) return;
    if (this.#listening.hear(signer)) this.#owner.normal.propose();
  }

  /** It has listened for long enough. */
  onListened(): void {
    this.#listening.end();
    this.#owner.normal.propose();
  }

  /** The lock forbids to vote for the block of this view: its leader did not know of the QC. */
  onRefused(): void {
    if (this.#listens > 0) this.#listening.tell(this.#view, this.#view);
  }

  /** How long the leader of this view listens, or would if a TC had let it in. */
  get #listens(): number {
    return this.#context.rules.listens(this.#view, this.#tc?.view ?? this.#view - 1);
  }

  /** Listens, or tells the leader what it may lack; `gaveUpLast`: it gave up the view before. */
  #listen(gaveUpLast: boolean): void {
    const { leaders, self, quorums } = this.#context;
    const tc = this.#tc;
    this.#listening.end();
    if (this.#listens === 0 || (tc === null && !gaveUpLast)) return;
    if (leaders.of(this.#view, this.#owner.normal.highQc) !== self) {
      return this.#listening.tell(this.#view, tc?.view ?? this.#view - 1);
    }
    if (tc === null) return;
    const heard: Signer[] = [];
    for (let signer = 0; signer < quorums.n; signer++) {
      if ((this.#timeouts.of(signer)?.view ?? -1) >= tc.view) heard.push(signer);
    }
    this.#listening.begin(heard, this.#listens * this.timerMs);
  }

  /** Sends what let this replica into its view, once in a pause. */
  #showTheWay(to: Address, position: Position): void {
    const { host, answers } = this.#context;
    if (!answers.allows(to, "entry", host.now)) return;
    answers.begin(to, "entry", host.now);
    answers.charge(to, 0);
    coverageMark("chained: a replica that is behind is shown the way");
    host.send(to, { kind: "entry", ...position });
  }

  /** Starts or stops the timer, as there is something pending or not. */
  watch(): void {
    this.#countWaiting();
    const { pending } = this.#owner.normal;
    if (pending === this.#armed || this.#givenUp) return;
    this.#armed = pending;
    this.#turnMs = pending ? this.#context.host.now : Infinity;
    if (!pending) return this.#context.host.clearTimer("view");
    this.#context.host.setTimer("view", this.timerMs);
    this.#hurry();
  }

  /** Something was executed: timers are short again, the one that runs included. */
  onCommitted(): void {
    this.#countWaiting();
    if (!this.#timeout.reset()) return;
    if (this.#armed && !this.#givenUp && !this.#suspect) {
      this.#context.host.setTimer("view", this.timerMs);
    }
  }

  /** The view's timer went off: gives the view up, or repeats its TIMEOUT. */
  onTimer(): void {
    this.#armed = false;
    if (this.#owner.normal.pending || this.#givenUp) this.giveUp();
  }

  /** Sends TIMEOUT, again until the view is left. */
  giveUp(): void {
    this.#armed = true;
    this.#context.host.setTimer("view", this.#context.config.viewTimeoutMs / 2);
    if (!this.#owner.start.running) return;
    if (this.#view !== this.#skippedView || this.#givenUp) this.#owner.normal.helpOthers();
    this.#givenUp = true;
    this.#owner.normal.onGivenUp(this.#view);
    this.#listening.onTold(this.#view);
    this.#context.host.send("all", {
      kind: "timeout",
      replica: this.#context.self,
      view: this.#view,
      digest: EMPTY,
      ...this.position,
    });
  }

  #enter(view: number, tc: Tc | null): void {
    const { config, host, service, rules, leaders } = this.#context;
    assert(view > this.#view, "views never fall");
    const leader = leaders.scheduled(view);
    if (leader !== leaders.scheduled(this.#view)) {
      this.#tenureMs = host.now;
      this.#level.begin(leader, host.now, service.ordered);
    }
    if (tc !== null && tc.view === this.#view && this.#view !== this.#skippedView) {
      this.#turns.onFailure(leaders.scheduled(tc.view));
    }
    const gaveUpLast = this.#givenUp && view === this.#view + 1;
    if (tc !== null) this.#turnMs = this.#turnAfter(rules.listens(view, tc.view));
    this.#proposed = false;
    // Late votes made this QC: the leader did not make one of the votes that it got.
    this.#suspect = this.#givenUp && tc === null;
    this.#view = view;
    this.#tc = tc;
    this.#givenUp = false;
    const { pending } = this.#owner.normal;
    const shortMs = config.viewTimeoutMs / 2;
    if (pending) host.setTimer("view", this.#suspect ? shortMs : this.timerMs);
    else if (this.#armed) host.clearTimer("view");
    this.#armed = pending;
    this.#owner.catchUp.onEntered();
    this.#listen(gaveUpLast);
    this.#owner.normal.propose();
    if (this.#view !== view) return;
    if (this.#overdue() || this.#slow()) this.giveUp();
    else this.#hurry();
  }

  /** When a leader that a TC lets in could propose, after it has listened for this share. */
  #turnAfter(listens: number): number {
    if (!this.#owner.normal.pending) return Infinity;
    return this.#context.host.now + listens * this.timerMs;
  }

  /**
   * Gives the view up at once if nobody waits for its leader; where it is the next one that is to
   * make a QC of votes for this view, it gets the time that turns take.
   */
  #hurry(): void {
    if (!this.#armed || this.#givenUp) return;
    const view = this.#view;
    if (this.#proposed && this.skips(view + 1)) {
      this.#context.host.setTimer("view", Math.min(this.#turns.timelyMs, this.timerMs));
    } else if (!this.#proposed && this.#arriving !== view && this.skips(view)) {
      coverageMark("chained: leader is skipped");
      this.#skippedView = view;
      this.giveUp();
    }
  }

  #countWaiting(): void {
    const { pool, host } = this.#context;
    if (pool.ownSize !== this.#level.waiting) this.#level.wait(pool.ownSize, host.now);
  }

  /** Whether the leader of a long tenure serves less than others did. */
  #slow(): boolean {
    const { config, self, host, service, leaders } = this.#context;
    if ((config.tenure ?? 1) === 1 || leaders.scheduled(this.#view) === self) return false;
    if (!this.#owner.start.running) return false;
    this.#level.judge(host.now, service.ordered);
    if (this.#level.slow) coverageMark("chained: slow leader is left");
    return this.#level.slow;
  }

  /**
   * Whether a request waits that this leader could have served long ago, although its views go on.
   */
  #overdue(): boolean {
    const { tenure = 1, viewTimeoutMs } = this.#context.config;
    if (tenure === 1) return false;
    const sinceMs = Math.max(this.#context.pool.oldestMs, this.#tenureMs);
    return this.#context.host.now - sinceMs > LEADER_TIMEOUTS * viewTimeoutMs;
  }
}

/** The view that a TC of `view` lets in: the first one of the next tenure. */
export function viewAfter({ tenure = 1 }: ProtocolConfig, view: number): number {
  return (Math.floor(view / tenure) + 1) * tenure;
}
