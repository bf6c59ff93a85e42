// The view change: Li et al., OSDI '16, section 5.5, with one number for views, whose START-VIEW
// names the session that is heard, wishes, and logs that are replaced at once (docs/guarantees.md,
// N5 and N15 to N19).

import type { Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY_BATCH, type Batch } from "../kit/batch.ts";
import type { LogHolder, Wanted } from "../kit/log-fetch.ts";
import { Wishes } from "../kit/wishes.ts";
import type { NoPaxosContext } from "./context.ts";
import { mergedOf, type Change, type Merged } from "./merged-log.ts";
import { NO_VIEW } from "./message.ts";
import type { Position, StartViewMessage, ViewChangeMessage, WishMessage } from "./message.ts";
import type { Opened } from "./sequencers.ts";
import { numberOf, type Stream } from "./stream.ts";

/** Pauses between messages that move replicas to a view, in view timeouts. */
const MOVES_PAUSE = 1 / 8;

const PASSED = "not admitted: message of a view that has passed";

/**
 * In a view; on the way to it, having left those before; or about to enter it, with its log on the
 * way in.
 */
export type Status = "outside" | "normal" | "viewChange" | "catchingUp";

/** What the view change asks of its replica. */
export interface ViewChangerOwner {
  readonly normal: { readonly executed: number; reset(): void; onEntered(sync: number): void };
  readonly timer: { arm(): void; onEntered(): void; onViewLeft(): void };
  readonly catchUp: { wake(): void };
  readonly incoming: { begin(wanted: Wanted): void; stop(): void };
  readonly start: { onExceeded(): void; tellNumber(to: Signer): void };
  readonly multicast: { enter(stream: Stream, next: number): void };
  readonly sequencers: {
    readonly heard: boolean;
    enter(stream: Stream, opened: boolean): void;
    open(session: number, done: (opened: Opened) => void): void;
    probe(): void;
    stop(): void;
  };
}

/** It alone writes view, lastNormal, stream and status. */
export class ViewChanger {
  protected readonly context: NoPaxosContext;
  protected readonly owner: ViewChangerOwner;
  #view = 0;
  #status: Status = "outside";
  #lastNormal = NO_VIEW;
  /** Of the view `lastNormal`. */
  #stream: Stream | null = null;
  #enteredMs = 0;
  /** What the view that this replica leads began with. */
  #began: StartViewMessage | null = null;
  /** Whether what this view is to begin with is chosen. */
  #chosen = false;
  readonly #wishes: Wishes;
  /** By replica, what it sent to the leader of the view that both are on the way to. */
  readonly #changes: (Change | undefined)[];

  constructor(context: NoPaxosContext, owner: ViewChangerOwner) {
    const { n } = context.config;
    this.context = context;
    this.owner = owner;
    this.#wishes = new Wishes(context.self, n);
    this.#changes = new Array<Change | undefined>(n).fill(undefined);
  }

  get view(): number {
    return this.#view;
  }
  get lastNormal(): number {
    return this.#lastNormal;
  }
  get stream(): Stream | null {
    return this.#stream;
  }
  get status(): Status {
    return this.#status;
  }
  /** In `view`, not on the way to it. */
  get normal(): boolean {
    return this.#status === "normal";
  }
  get enteredMs(): number {
    return this.#enteredMs;
  }
  get primary(): Signer {
    return this.context.config.leader(this.#view);
  }
  get leads(): boolean {
    return this.#status === "normal" && this.primary === this.context.self;
  }
  get sizes(): Sizes {
    const { n } = this.context.config;
    const held = this.#changes.filter((change) => change !== undefined);
    return [{ name: "view-change.changes", size: held.length, max: n }, ...this.#wishes.sizes];
  }

  #moveTo(view: number, status: Status): void {
    assert(view >= this.#view, "views never fall");
    this.#view = view;
    this.#status = status;
    this.#enteredMs = this.context.host.now;
  }

  /** On the way to the first view, which its leader begins once it has opened a session. */
  begin(): void {
    this.#moveTo(0, "viewChange");
    this.owner.timer.arm();
    // By which another one's leader shows the view, if it has begun it.
    this.#sendChange();
    this.#armMoves();
  }

  /** In a view whose log this replica has recovered. */
  enterRecovered({ view, stream, sync }: Position): void {
    this.#enter(view, stream, sync, false);
  }

  #enter(view: number, stream: Stream, sync: number, opened: boolean): void {
    const { log } = this.context;
    this.#lastNormal = view;
    this.#stream = stream;
    this.#moveTo(view, "normal");
    this.owner.sequencers.enter(stream, opened);
    this.owner.multicast.enter(stream, this.nextOf(stream, log.op));
    this.owner.timer.onEntered();
    this.owner.normal.onEntered(sync);
    this.owner.timer.arm();
  }

  /** The number of the message whose slot comes after `op`. */
  protected nextOf(stream: Stream, op: number): number {
    return numberOf(stream, op + 1);
  }

  // Wishes.

  /**
   * The leader or the sequencer fails: this replica would go on. It stays as it is until others
   * want that too. A wish is repeated by its timer alone, because replicas ask the sequencer at
   * each other's wishes, and suspect it at its answer.
   */
  suspect(): void {
    const { host, self } = this.context;
    if (this.#wishes.own > this.#view) return;
    this.#wishes.note(self, this.#view + 1, host.now);
    this.owner.catchUp.wake();
    this.#sendWish();
    this.#armMoves();
    this.#considerWishes();
  }

  #sendWish(): void {
    const { host } = this.context;
    const wanted = Math.max(this.#view, this.#wishes.own);
    host.send("others", { kind: "wish", wanted, view: this.#view });
  }

  #armMoves(): void {
    const { host, config } = this.context;
    host.setTimer("moves", MOVES_PAUSE * config.viewTimeoutMs);
  }

  /** Something was executed: leader and sequencer do what they should. */
  onExecuted(): void {
    this.#wishes.withdraw();
  }

  /** Sends again what moves replicas on, for as long as it should. */
  onMoves(): void {
    const wishes = this.#wishes.own > this.#view;
    const changes = this.#status === "viewChange";
    if (!wishes && !changes) return;
    this.repeat(changes);
    this.#armMoves();
    this.#considerWishes();
  }

  protected repeat(changes: boolean): void {
    if (changes) this.#sendChange();
    this.#sendWish();
  }

  onWish(from: Signer, { wanted, view }: WishMessage): void {
    if (this.leadsOn(from, view)) return;
    if (wanted > this.#view && this.normal) this.owner.sequencers.probe();
    this.#wishes.note(from, wanted, this.context.host.now);
    this.#considerWishes();
    if (view === this.#view && wanted === view && this.leads) this.showView(from);
  }

  /** Moves to the highest view that enough replicas, this one among them, want at least. */
  #considerWishes(): void {
    const { config, host } = this.context;
    const target = this.#wishes.target(this.wishesNeeded, host.now, config.viewTimeoutMs);
    if (target <= this.#view) return;
    coverageMark("nopaxos: moved by wishes");
    this.#leaveFor(target);
  }

  /** One of so many is not faulty. */
  protected get wishesNeeded(): number {
    return this.context.quorums.f + 1;
  }

  // Moving on.

  /**
   * A message of a replica that is in `view`: this one moves there if it is a later one, and shows
   * the way to its own if it is an earlier one. True if the message is of no further use.
   */
  leadsOn(from: Signer, view: number): boolean {
    if (view > this.#view) {
      coverageMark("nopaxos: moved by a message");
      this.#leaveFor(view);
    }
    if (view >= this.#view) return false;
    this.showView(from);
    this.context.host.drop(PASSED);
    return true;
  }

  /** Shows another replica the way to this one's view. */
  protected showView(to: Signer): void {
    const { host } = this.context;
    if (this.leads && this.#began !== null) host.send(to, this.#began);
    else host.send(to, { kind: "wish", wanted: this.#view, view: this.#view });
  }

  /** The promise: from here on this replica takes part in no view before this one. */
  #leaveFor(view: number): void {
    const { pool, host } = this.context;
    const { timer, catchUp } = this.owner;
    this.#moveTo(view, "viewChange");
    this.#leave();
    this.#changes.fill(undefined);
    this.#wishes.withdraw();
    timer.onViewLeft();
    pool.requeue(host.now, false);
    timer.arm();
    catchUp.wake();
    this.#sendChange();
    this.#sendWish();
    this.#armMoves();
  }

  /** Nothing of an earlier view goes on. */
  #leave(): void {
    const { incoming, normal, sequencers } = this.owner;
    incoming.stop();
    sequencers.stop();
    normal.reset();
    this.#chosen = false;
    this.#began = null;
  }

  #ownChange(): Change {
    const { log, incarnations, self } = this.context;
    const sync = this.owner.normal.executed;
    const empty: number[] = [];
    for (let slot = sync + 1; slot <= log.op; slot++) {
      if (log.at(slot) === EMPTY_BATCH) empty.push(slot);
    }
    return {
      ...{ kind: "viewChange", replica: self, view: this.#view, lastNormal: this.lastNormal },
      ...{ stream: this.#stream, op: log.op, sync, empty },
      heard: this.owner.sequencers.heard,
      vector: [...incarnations.vector.with(self, incarnations.own)],
    };
  }

  #sendChange(): void {
    if (this.primary === this.context.self) return this.#consider();
    this.context.host.send(this.primary, this.#ownChange());
  }

  onViewChange(from: Signer, message: ViewChangeMessage): void {
    const { incarnations, self, host, config } = this.context;
    if (message.vector.length !== config.n)
      return host.drop("not admitted: vector of another size");
    incarnations.merge(message.vector);
    if (incarnations.exceeded) this.owner.start.onExceeded();
    if (this.leadsOn(from, message.view)) return;
    if (this.primary !== self) return host.drop("not admitted: view change of another's view");
    if (this.normal) return this.showView(from);
    const known = this.#changes[from];
    const own = (message.vector[from] ?? 0) - (known?.vector[from] ?? 0);
    if (known === undefined || own >= 0) this.#changes[from] = { ...message, replica: from };
    this.#consider();
  }

  /** Begins the view with what a quorum has, once it is here and a session goes on or is opened. */
  #consider(): void {
    const { self } = this.context;
    if (this.#status !== "viewChange" || this.primary !== self || this.#chosen) return;
    const own = this.#ownChange();
    const all = [own, ...this.#changes.filter((change) => change !== undefined)];
    const kept = this.consistent(all);
    if (!kept.includes(own) || kept.length < this.#needed) return;
    this.#chosen = true;
    const merged = this.merged(kept);
    const { executed } = this.owner.normal;
    const empty = new Set(merged.empty);
    this.owner.incoming.begin({
      above: executed,
      target: merged.op,
      committed: merged.sync,
      known: (slot) => this.known(slot, merged, empty),
      sources: (slot) => merged.holders(slot).filter(({ replica }) => replica !== self),
      done: (above, batches) => this.#open(merged, above, batches),
    });
  }

  /** Nothing can have been done before the first view. */
  get #needed(): number {
    return this.#view === 0 ? 1 : this.context.quorums.quorum;
  }

  protected merged(kept: readonly Change[]): Merged {
    return mergedOf(kept);
  }

  protected consistent(all: readonly Change[]): Change[] {
    const kept = this.context.incarnations.consistent(all);
    for (const { replica } of all) {
      if (kept.some((change) => change.replica === replica)) continue;
      coverageMark("nopaxos: a stale view change is refused");
      this.owner.start.tellNumber(replica);
    }
    return kept;
  }

  /**
   * What is known of a slot of the log to come: that it is empty, or what the own log has, if it is
   * of the same view and the slot is above all sync points.
   */
  protected known(
    slot: number,
    { lastNormal, sync }: Pick<Merged, "lastNormal" | "sync">,
    empty: ReadonlySet<number>,
  ): Batch | undefined {
    if (slot <= sync) return undefined;
    if (empty.has(slot)) return EMPTY_BATCH;
    const own = this.#lastNormal === lastNormal ? this.context.log.at(slot) : undefined;
    return own === EMPTY_BATCH ? undefined : own;
  }

  #open(merged: Merged, above: number, batches: readonly Batch[]): void {
    const { op, stream } = merged;
    if (stream !== null) return this.#begin(merged, stream, above, batches, false);
    const session = this.#view;
    this.owner.sequencers.open(session, (opened) => {
      const opens = { session, ...opened, base: op + 1 };
      this.#begin(merged, opens, above, batches, true);
    });
  }

  #begin(
    { lastNormal, sync, op, empty }: Merged,
    stream: Stream,
    above: number,
    batches: readonly Batch[],
    opened: boolean,
  ): void {
    this.#replace(above, batches);
    const view = this.#view;
    this.#began = { kind: "startView", view, lastNormal, stream, op, sync, empty };
    this.context.host.send("others", this.#began);
    this.#enter(view, stream, sync, opened);
  }

  /**
   * The log becomes another, all of which is here, in one step; of a state that was installed
   * meanwhile, slots are left out.
   */
  #replace(above: number, batches: readonly Batch[]): void {
    const { log, host } = this.context;
    const from = Math.max(above, this.owner.normal.executed);
    if (from < log.op) coverageMark("nopaxos: a log is replaced");
    log.replace(Math.min(from, log.op), batches.slice(from - above), host.now);
  }

  onStartView(from: Signer, message: StartViewMessage): void {
    const { config, host, self } = this.context;
    const { view, op, sync, stream } = message;
    if (from !== config.leader(view) || from === self) {
      return host.drop("not admitted: view that another began");
    }
    if (!this.mayEnter(view)) return host.drop("not admitted: view that was entered or passed");
    if (view > this.#view) this.owner.timer.onViewLeft();
    this.#moveTo(view, "catchingUp");
    this.#leave();
    const { incoming, timer, catchUp, normal } = this.owner;
    timer.arm();
    catchUp.wake();
    const others = [...Array(config.n).keys()].filter((i) => i !== self && i !== from);
    const holders: LogHolder[] = [from, ...others].map((replica) => ({
      replica,
      lastNormal: view,
    }));
    const empty = new Set(message.empty);
    incoming.begin({
      above: normal.executed,
      target: op,
      known: (slot) => this.known(slot, message, empty),
      sources: () => holders,
      done: (above, batches) => {
        this.#replace(above, batches);
        this.#enter(view, stream, sync, false);
      },
    });
  }

  /** Whether a START-VIEW of this view is taken: not in it, where it says what once was. */
  protected mayEnter(view: number): boolean {
    return view > this.#view || (view === this.#view && this.#status === "viewChange");
  }

  /**
   * Throws AssertionError when the log is not that of the view that this replica is in, or is of a
   * view to come.
   */
  assertInvariants(): void {
    assert(this.#lastNormal <= this.#view, "no log is of a view to come");
    assert(!this.normal || this.#lastNormal === this.#view, "a log is that of the view it is in");
    assert((this.#lastNormal === NO_VIEW) === (this.#stream === null), "a view hears a session");
  }
}
