// The view change: Liskov and Cowling, "Viewstamped Replication Revisited", 2012, section 4.2, with
// wishes in the place of START-VIEW-CHANGE, and logs that are replaced at once (docs/guarantees.md,
// V8 to V12).

import type { Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { Batch } from "../kit/batch.ts";
import type { Dated } from "../kit/incarnation.ts";
import type { LogHolder, Wanted } from "../kit/log-fetch.ts";
import { Wishes } from "../kit/wishes.ts";
import type { VrContext } from "./context.ts";
import type { DoViewChangeMessage, StartViewMessage, WishMessage } from "./message.ts";

/** Pauses between messages that move replicas to a view, in view timeouts. */
const MOVES_PAUSE = 1 / 8;

const PASSED = "not admitted: message of a view that has passed";

/**
 * In a view; on the way to it, having left those before; or about to enter it, with its log on the
 * way in.
 */
export type Status = "outside" | "normal" | "viewChange" | "catchingUp";

/** A DO-VIEW-CHANGE with its sender. */
export type Change = DoViewChangeMessage & Dated;

/** What the view change asks of its replica. */
export interface ViewChangerOwner {
  readonly normal: { readonly executed: number; reset(): void; onEntered(committed: number): void };
  readonly timer: { arm(): void; stop(): void; onEntered(): void; onViewLeft(): void };
  readonly catchUp: { wake(): void };
  readonly incoming: { readonly active: boolean; begin(wanted: Wanted): void; stop(): void };
  readonly start: { onExceeded(): void; tellNumber(to: Signer): void };
}

/**
 * Leaves views whose primary fails, and enters those that a quorum moves to. It alone writes view,
 * lastNormal and status.
 */
export class ViewChanger {
  protected readonly context: VrContext;
  protected readonly owner: ViewChangerOwner;
  #view = 0;
  #status: Status = "outside";
  #lastNormal = 0;
  #enteredMs = 0;
  /** What the view that this replica leads began with. */
  #began = { lastNormal: 0, op: 0 };
  readonly #wishes: Wishes;
  /** By replica, what it sent to the leader of the view that both are on the way to. */
  readonly #changes: (Change | undefined)[];

  constructor(context: VrContext, owner: ViewChangerOwner) {
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

  /** The first view begins with nothing; or one in which this replica has recovered its log. */
  enterAs(view: number, committed: number): void {
    this.#lastNormal = view;
    this.#moveTo(view, "normal");
    this.owner.timer.onEntered();
    this.owner.normal.onEntered(committed);
    this.owner.timer.arm();
  }

  // Wishes.

  /** The primary fails: this replica would go on. It stays as it is until others want that too. */
  suspect(): void {
    const { host, self } = this.context;
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

  /** Something was executed: the primary does what it should. */
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
    this.#wishes.note(from, wanted, this.context.host.now);
    this.#considerWishes();
    if (view === this.#view && wanted === view && this.leads) this.showView(from);
  }

  /** Moves to the highest view that enough replicas, this one among them, want at least. */
  #considerWishes(): void {
    const { config, host } = this.context;
    const target = this.#wishes.target(this.wishesNeeded, host.now, config.viewTimeoutMs);
    if (target <= this.#view) return;
    coverageMark("vr: moved by wishes");
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
      coverageMark("vr: moved by a message");
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
    if (this.leads) host.send(to, this.startView());
    else host.send(to, { kind: "wish", wanted: this.#view, view: this.#view });
  }

  protected startView(): StartViewMessage {
    const { lastNormal, op } = this.#began;
    const committed = this.owner.normal.executed;
    return { kind: "startView", view: this.#view, lastNormal, op, committed };
  }

  /** The promise: from here on this replica takes part in no view before this one. */
  #leaveFor(view: number): void {
    const { pool, host } = this.context;
    const { incoming, normal, timer, catchUp } = this.owner;
    this.#moveTo(view, "viewChange");
    incoming.stop();
    this.#changes.fill(undefined);
    this.#wishes.withdraw();
    timer.onViewLeft();
    normal.reset();
    pool.requeue(host.now, false);
    timer.arm();
    catchUp.wake();
    this.#sendChange();
    this.#sendWish();
    this.#armMoves();
  }

  #ownChange(): Change {
    const { log, incarnations, self } = this.context;
    return {
      kind: "doViewChange",
      replica: self,
      view: this.#view,
      lastNormal: this.lastNormal,
      op: log.op,
      committed: this.owner.normal.executed,
      vector: [...incarnations.vector.with(self, incarnations.own)],
    };
  }

  #sendChange(): void {
    if (this.primary === this.context.self) return this.#consider();
    this.context.host.send(this.primary, this.#ownChange());
  }

  onDoViewChange(from: Signer, message: DoViewChangeMessage): void {
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
    if (known === undefined || own > 0 || (own === 0 && message.op >= known.op)) {
      this.#changes[from] = { ...message, replica: from };
    }
    this.#consider();
  }

  /** Begins the view with the latest log of a quorum, once it is here. */
  #consider(): void {
    const { quorums, log, self } = this.context;
    const { incoming, normal } = this.owner;
    if (this.#status !== "viewChange" || this.primary !== self || incoming.active) return;
    const own = this.#ownChange();
    const all = [own, ...this.#changes.filter((change) => change !== undefined)];
    const kept = this.consistent(all);
    if (!kept.includes(own) || kept.length < quorums.quorum) return;
    const chosen = this.latest(kept);
    const committed = Math.max(...kept.map((change) => change.committed));
    const { lastNormal, op } = chosen;
    const above = this.#lastNormal === lastNormal ? Math.min(log.op, op) : normal.executed;
    if (op > above) coverageMark("vr: a new leader fetches a log");
    incoming.begin({
      above: Math.max(above, normal.executed),
      target: op,
      sources: () => this.#holders(chosen),
      done: (kept, batches) => this.#begin(lastNormal, committed, kept, batches),
    });
  }

  protected consistent(all: readonly Change[]): Change[] {
    const kept = this.context.incarnations.consistent(all);
    for (const { replica } of all) {
      if (kept.some((change) => change.replica === replica)) continue;
      coverageMark("vr: a stale view change is refused");
      this.owner.start.tellNumber(replica);
    }
    return kept;
  }

  /** Of the largest lastNormal, the longest. */
  protected latest(kept: readonly Change[]): Change {
    return kept.reduce((a, b) =>
      b.lastNormal > a.lastNormal || (b.lastNormal === a.lastNormal && b.op > a.op) ? b : a,
    );
  }

  /** Who has that log as far as it is needed. */
  #holders({ lastNormal, op }: Change): LogHolder[] {
    const holders: LogHolder[] = [];
    for (const change of this.#changes) {
      if (change?.lastNormal === lastNormal && change.op >= op) {
        holders.push({ replica: change.replica, lastNormal });
      }
    }
    return holders;
  }

  #begin(lastNormal: number, committed: number, above: number, batches: readonly Batch[]): void {
    this.#replace(above, batches);
    const { log, host } = this.context;
    this.#began = { lastNormal, op: log.op };
    this.#lastNormal = this.#view;
    this.#moveTo(this.#view, "normal");
    host.send("others", { ...this.startView(), committed });
    this.owner.timer.onEntered();
    this.owner.normal.onEntered(committed);
  }

  /** The log becomes another, all of which is here, in one step. */
  #replace(above: number, batches: readonly Batch[]): void {
    const { log, host } = this.context;
    if (above < log.op) coverageMark("vr: a log is replaced");
    log.replace(Math.min(above, log.op), batches, host.now);
  }

  onStartView(from: Signer, message: StartViewMessage): void {
    const { config, host, log, self } = this.context;
    const { view, lastNormal, op, committed } = message;
    if (from !== config.leader(view) || from === self) {
      return host.drop("not admitted: view that another began");
    }
    if (!this.mayEnter(view)) return host.drop("not admitted: view that was entered or passed");
    if (view > this.#view) this.owner.timer.onViewLeft();
    this.#moveTo(view, "catchingUp");
    const { incoming, normal, timer, catchUp } = this.owner;
    normal.reset();
    timer.arm();
    catchUp.wake();
    const { executed } = normal;
    const above = this.#lastNormal === lastNormal ? Math.min(log.op, op) : executed;
    const others = [...Array(config.n).keys()].filter((i) => i !== self && i !== from);
    incoming.begin({
      above: Math.max(above, executed),
      target: op,
      sources: () => [from, ...others].map((replica) => ({ replica, lastNormal: view })),
      done: (kept, batches) => {
        this.#replace(kept, batches);
        this.enterAs(view, committed);
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
  }
}
