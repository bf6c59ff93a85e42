// Synchronisation: replicas have their logs be the leader's, and learn what is committed (Li et
// al., OSDI '16, section 5.4; docs/guarantees.md, N14).

import type { Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { EMPTY_BATCH } from "../kit/batch.ts";
import type { NoPaxosContext } from "./context.ts";
import type { SyncedMessage, SyncMessage, SyncOkMessage } from "./message.ts";

/** Slots after which logs are compared, at most, and the part of a checkpoint interval. */
const SLOTS_MAX = 64;
const SLOTS_OF_INTERVAL = 1 / 2;
/** Pauses in view timeouts, after which fewer are enough, and until it is said again. */
const PAUSE = 1 / 16;

/** What synchronisation asks of its replica. */
export interface SyncsOwner {
  readonly views: {
    readonly view: number;
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
  };
  readonly normal: {
    readonly executed: number;
    fill(to: number): void;
    empty(slot: number): void;
    isEmpty(slot: number): boolean;
    commit(to: number): void;
    advance(): void;
  };
  readonly gaps: { hear(slot: number): void; onConfirmed(from: Signer, slot: number): void };
  readonly start: { onLeaderSeen(): void };
}

/** It alone writes `confirmed`. */
export class Syncs {
  protected readonly context: NoPaxosContext;
  protected readonly owner: SyncsOwner;
  readonly #slots: number;
  /** The slot up to which the log is known to be the leader's, empty slots included. */
  #confirmed = 0;
  /** By replica, the most that it has confirmed in this view, and what it confirmed last. */
  readonly #most: number[];
  readonly #last: number[];
  /** The last slot that the leader has asked about, and whether it will ask again. */
  #asked = 0;
  #armed = false;
  /**
   * What is to be confirmed once all of it is here: the nearest and the farthest, because the
   * farthest may be beyond the window until the nearest is committed.
   */
  #pending: readonly SyncMessage[] = [];
  /** What the leader said is committed. */
  #told = 0;

  constructor(context: NoPaxosContext, owner: SyncsOwner) {
    this.context = context;
    this.owner = owner;
    const { checkpointInterval, n } = context.config;
    this.#slots = Math.max(1, Math.min(SLOTS_OF_INTERVAL * checkpointInterval, SLOTS_MAX));
    this.#most = new Array<number>(n).fill(0);
    this.#last = new Array<number>(n).fill(0);
  }

  get confirmed(): number {
    return this.#confirmed;
  }
  get sizes(): Sizes {
    const size = this.#pending.reduce((sum, { empty }) => sum + empty.length, 0);
    return [{ name: "syncs.empty", size, max: 4 * this.context.log.size }];
  }

  /** The view begins with a log up to `op`, the same at all. */
  enter(op: number): void {
    this.reset();
    this.#confirmed = op;
    this.#most.fill(0);
    this.#last.fill(op);
    this.#asked = 0;
  }

  /** A view is left: what its leader said is not of the next one's log. */
  reset(): void {
    this.#pending = [];
    this.#told = 0;
  }

  /** A state was installed: what is in it is committed. */
  onInstalled(slot: number): void {
    this.#confirmed = Math.max(this.#confirmed, slot);
    this.owner.normal.advance();
  }

  // The leader.

  /** Something was appended, committed or asked about, or a view began. */
  onAppended(): void {
    const { views, normal } = this.owner;
    if (!views.leads) return this.#apply();
    const { op } = this.context.log;
    if (op - this.#asked >= this.#slots || (this.#asked === 0 && op > 0)) return this.ask();
    if (op > normal.executed) this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const { host, config } = this.context;
    host.setTimer("sync", PAUSE * config.viewTimeoutMs);
  }

  onTimer(): void {
    this.#armed = false;
    const { views, normal } = this.owner;
    if (views.leads && this.context.log.op > normal.executed) this.ask();
  }

  /** Asks all others to compare their logs, up to where the leader's is. */
  ask(): void {
    const { log, config, self } = this.context;
    this.#asked = log.op;
    for (let replica = 0; replica < config.n; replica++) {
      if (replica !== self) this.#send(replica, log.op);
    }
    if (log.op > this.owner.normal.executed) this.#arm();
    this.#consider();
  }

  #send(to: Signer, slot: number): void {
    const from = this.from(to);
    const empty = this.#emptyIn(from, slot);
    this.context.host.send(to, { kind: "sync", view: this.owner.views.view, from, slot, empty });
  }

  /** What is empty is told from here on: from where that replica's log is known to be this one. */
  protected from(to: Signer): number {
    return Math.max(this.#last[to] ?? 0, this.context.log.floor);
  }

  #emptyIn(from: number, to: number): number[] {
    const { log } = this.context;
    const empty: number[] = [];
    for (let slot = from + 1; slot <= to; slot++) {
      if (log.at(slot) === EMPTY_BATCH) empty.push(slot);
    }
    return empty;
  }

  onSyncOk(sender: Signer, { view, confirmed }: SyncOkMessage): void {
    const { views, gaps } = this.owner;
    if (!this.#isIn(view) || !views.leads) return;
    const before = this.#last[sender] ?? 0;
    this.#last[sender] = confirmed;
    this.#most[sender] = Math.max(
      this.#most[sender] ?? 0,
      Math.min(confirmed, this.context.log.op),
    );
    if (confirmed < before) this.#send(sender, this.#asked);
    gaps.onConfirmed(sender, confirmed);
    this.#consider();
  }

  #consider(): void {
    const { host, self } = this.context;
    const { normal, views } = this.owner;
    const others = this.#most.filter((_, replica) => replica !== self).sort((a, b) => b - a);
    const { needed } = this;
    const slot = needed === 0 ? this.#asked : (others[needed - 1] ?? 0);
    if (slot <= normal.executed) return;
    normal.commit(slot);
    host.send("others", { kind: "synced", view: views.view, slot });
  }

  /** So many others must have confirmed a slot. */
  protected get needed(): number {
    return this.context.quorums.quorum - 1;
  }

  /** Sends a replica of this view what it needs to go on to what is committed. */
  help(to: Signer, confirmed: number): void {
    const { normal, views } = this.owner;
    if (confirmed < normal.executed) {
      this.#last[to] = confirmed;
      this.#send(to, normal.executed);
    }
    this.context.host.send(to, { kind: "synced", view: views.view, slot: normal.executed });
  }

  // The others.

  onSync(sender: Signer, message: SyncMessage): void {
    const { views, normal, gaps, start } = this.owner;
    if (!this.#follows(sender, message.view)) return;
    start.onLeaderSeen();
    const { from, slot } = message;
    if (this.mayConfirm(from) && slot > this.#confirmed) {
      this.#keep(message);
      gaps.hear(slot);
      return normal.advance();
    }
    this.context.host.send(views.primary, {
      ...{ kind: "syncOk", view: views.view, confirmed: this.#confirmed },
    });
  }

  /** Whether nothing can be empty that this replica was not told of. */
  protected mayConfirm(from: number): boolean {
    return this.#confirmed >= from;
  }

  #keep(message: SyncMessage): void {
    const others = this.#pending.filter(({ slot }) => slot !== message.slot);
    const sorted = [...others, message].sort((a, b) => a.slot - b.slot);
    this.#pending = sorted.filter((_, i) => i === 0 || i === sorted.length - 1);
  }

  /** Has the log be the leader's up to the slots that were asked about, as far as it is here. */
  #apply(): void {
    const { log, host } = this.context;
    const { views, normal } = this.owner;
    if (this.#pending.length === 0 || !views.normal) return;
    for (const message of this.#pending) this.#takeEmpty(message);
    const reached = this.#pending.filter(({ slot }) => slot <= log.op);
    if (reached.length === 0) return;
    this.#pending = this.#pending.filter(({ slot }) => slot > log.op);
    for (const { slot, empty } of reached) {
      assert(
        empty.every((one) => normal.isEmpty(one)),
        "what is confirmed to be empty is so here",
      );
      // A state may have been installed that is beyond it.
      this.#confirmed = Math.max(this.#confirmed, slot);
    }
    const confirmed = this.#confirmed;
    host.send(views.primary, { kind: "syncOk", view: views.view, confirmed });
    this.#learn();
  }

  /** Has slots be empty which the leader says are, if those before them are here. */
  #takeEmpty({ empty }: SyncMessage): void {
    const { log } = this.context;
    const { normal } = this.owner;
    for (const one of empty) normal.empty(one);
    const ahead = new Set(empty.filter((one) => one > log.op));
    let to = log.op;
    while (ahead.has(to + 1)) to++;
    normal.fill(to);
  }

  onSynced(sender: Signer, { view, slot }: SyncedMessage): void {
    if (!this.#follows(sender, view)) return;
    this.#told = Math.max(this.#told, slot);
    this.#learn();
  }

  #learn(): void {
    this.owner.normal.commit(this.committable(this.#told));
  }

  /** How far the own log may be executed, of what the leader says is committed. */
  protected committable(told: number): number {
    return Math.min(told, this.#confirmed);
  }

  #follows(sender: Signer, view: number): boolean {
    return this.#isIn(view) && sender === this.owner.views.primary;
  }

  #isIn(view: number): boolean {
    const { views } = this.owner;
    if (views.normal && view === views.view) return true;
    this.context.host.drop("not admitted: message of a view that this replica is not in");
    return false;
  }
}
