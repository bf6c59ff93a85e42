// Slots that did not come: found at others, or declared empty by the leader (Li et al., OSDI '16,
// section 5.3; docs/guarantees.md, N10 to N13).

import type { Address, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY_BATCH, type Batch } from "../kit/batch.ts";
import type { NoPaxosContext } from "./context.ts";
import type { FindMessage, GapMessage, GapOkMessage, SlotMessage } from "./message.ts";
import { numberOf, type Stream } from "./stream.ts";

/** How long what did not come may only be late, in milliseconds, and in view timeouts. */
const LATE_MS = 1;
const LATE_TIMEOUTS = 1 / 64;
/** Pauses between questions, and until the leader gives up, in view timeouts. */
const ASK_PAUSE = 1 / 16;
/** Most slots asked for at a time. */
const FIND_MAX = 64;

/** Slots in a row. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** What gaps ask of their replica. */
export interface GapsOwner {
  readonly views: {
    readonly view: number;
    readonly normal: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    readonly stream: Stream | null;
  };
  readonly normal: {
    readonly executed: number;
    readonly appends: boolean;
    append(batch: Batch): void;
    fill(to: number): void;
    empty(slot: number): void;
    isEmpty(slot: number): boolean;
    advance(): void;
  };
  readonly multicast: {
    readonly waits: boolean;
    lowest(): number;
    at(number: number): Batch | undefined;
    take(number: number): Batch | undefined;
    keep(stamp: { session: number; incarnation: number; number: number }, batch: Batch): void;
  };
  readonly states: { offer(to: Address): void };
  readonly timer: { arm(): void };
}

export class Gaps {
  protected readonly context: NoPaxosContext;
  protected readonly owner: GapsOwner;
  /** What the leader has declared empty, and who agreed; null: it goes on. */
  #decided: (Range & { readonly agreed: Set<Signer> }) | null = null;
  /** What the leader says is empty, beyond slots that are still to come. */
  #announced: Range | null = null;
  /** The slot for which the timer runs, and since when it is missing. */
  #watched = 0;
  #watchedMs = 0;
  /** What was asked for, and who lacks it as well. */
  #asked: (Range & { readonly lacking: Set<Signer> }) | null = null;
  /** The last slot that another replica has. */
  #known = 0;

  constructor(context: NoPaxosContext, owner: GapsOwner) {
    this.context = context;
    this.owner = owner;
  }

  /** Whether the leader waits until its gap is agreed on, and appends nothing. */
  get deciding(): boolean {
    return this.#decided !== null;
  }
  get sizes(): Sizes {
    const { n } = this.context.config;
    const size = (this.#decided?.agreed.size ?? 0) + (this.#asked?.lacking.size ?? 0);
    return [{ name: "gaps.answers", size, max: 2 * n }];
  }
  /** Whether something is known of that does not come. */
  get lacks(): boolean {
    return this.#lacking() !== null;
  }
  /**
   * Since when a slot is missing here that the leader is to tell; Infinity if none is. A replica
   * that missed the `open` of a session takes none of its requests for work, so that it would never
   * wish for another leader while f others are down with the one it asks.
   */
  get lackingSinceMs(): number {
    return this.owner.views.leads || this.#lacking() === null ? Infinity : this.#watchedMs;
  }

  /** A view is left: nothing of it is known. */
  reset(): void {
    this.#decided = null;
    this.#announced = null;
    this.#asked = null;
    this.#known = 0;
    this.#watched = 0;
  }

  /** Another replica of this view has slots up to this one. */
  hear(slot: number): void {
    this.#known = Math.max(this.#known, slot);
    this.watch();
  }

  /** The slots that are missing before the next one that is here; null if none is. */
  #lacking(): Range | null {
    const { normal, multicast, views } = this.owner;
    const { stream } = views;
    const from = this.context.log.op + 1;
    if (stream === null || !normal.appends) return null;
    if (multicast.waits) {
      const ahead = multicast.lowest() - numberOf(stream, from);
      return ahead <= 0 ? null : { from, to: from + ahead - 1 };
    }
    const to = Math.max(this.#known, (this.#announced?.from ?? 0) - 1);
    return to < from ? null : { from, to };
  }

  /** Waits for slots that are missing, because they may only be late. */
  watch(): void {
    const { log, host, config } = this.context;
    if (this.#watched === log.op + 1 || this.deciding) return;
    if (this.#lacking() === null) return;
    this.#watched = log.op + 1;
    this.#watchedMs = host.now;
    this.owner.timer.arm();
    host.setTimer("hole", Math.min(LATE_MS, LATE_TIMEOUTS * config.viewTimeoutMs));
  }

  /** Asks for what is missing; the leader declares it empty if it asked before. */
  onTimer(): void {
    if (!this.owner.views.normal) return;
    if (this.#decided !== null) return this.#announce();
    const lacking = this.#lacking();
    if (lacking === null || this.#watched !== lacking.from) {
      this.#watched = 0;
      return this.watch();
    }
    const { leads } = this.owner.views;
    if (leads && this.#asked?.from === lacking.from) return this.#giveUp(this.#asked, lacking);
    this.#ask(lacking);
  }

  #ask({ from, to }: Range): void {
    const { host, config, quorums } = this.context;
    const { views } = this.owner;
    const last = Math.min(to, from + FIND_MAX - 1);
    coverageMark("nopaxos: a message that was dropped is asked for");
    this.#asked = { from, to: last, lacking: new Set() };
    if (views.leads && quorums.n === 1) return this.decide({ from, to });
    const target = views.leads ? "others" : views.primary;
    host.send(target, { kind: "find", view: views.view, from, to: last });
    host.setTimer("hole", ASK_PAUSE * config.viewTimeoutMs);
  }

  onFind(sender: Signer, { view, from, to }: FindMessage): void {
    const { log, host, answers } = this.context;
    const { views, states } = this.owner;
    if (!this.#isIn(view)) return;
    if (from <= log.floor) return states.offer(sender);
    for (let slot = from; slot <= Math.min(to, from + FIND_MAX - 1); slot++) {
      const batch = this.#has(slot);
      // The leader lacks it as well, and asks all others.
      if (batch === null && views.leads) return this.hear(to);
      if (!answers.hasRoom(sender, host.now)) break;
      answers.charge(sender, batch?.bytes.length ?? 0);
      host.send(sender, { kind: "slot", view, slot, batch });
    }
  }

  /** What is here of a slot; of an empty one only the leader knows for certain. */
  #has(slot: number): Batch | null {
    const { log } = this.context;
    const { views, multicast, normal } = this.owner;
    const { stream } = views;
    if (slot > log.op) {
      return stream === null ? null : (multicast.at(numberOf(stream, slot)) ?? null);
    }
    const batch = log.at(slot) ?? null;
    const unsure = !views.leads && slot > normal.executed;
    return batch === EMPTY_BATCH && unsure ? null : batch;
  }

  onSlot(sender: Signer, { view, slot, batch }: SlotMessage): void {
    const { log, host } = this.context;
    const { views, normal, multicast } = this.owner;
    const { stream } = views;
    if (!this.#isIn(view) || stream === null) return;
    if (!views.leads && sender !== views.primary) {
      return host.drop("not admitted: slot of a replica that does not lead");
    }
    if (batch === null) return this.#onLacking(sender, slot);
    if (slot <= log.op) return host.drop("not admitted: slot that is filled");
    if (slot === log.op + 1 && normal.appends) {
      coverageMark("nopaxos: a slot is found at another replica");
      multicast.take(numberOf(stream, slot));
      normal.append(batch);
      return normal.advance();
    }
    const { session, incarnation } = stream;
    if (batch === EMPTY_BATCH) return;
    multicast.keep({ session, incarnation, number: numberOf(stream, slot) }, batch);
  }

  /** Nobody has it: it may still come, but the leader does not wait for it. */
  #onLacking(sender: Signer, slot: number): void {
    const asked = this.#asked;
    if (asked === null || slot !== asked.from || !this.owner.views.leads) return;
    asked.lacking.add(sender);
    const lacking = this.#lacking();
    if (asked.lacking.size < this.context.quorums.n - 1 || lacking?.from !== asked.from) return;
    this.#giveUp(asked, lacking);
  }

  // What is empty.

  /** What was asked for does not come. */
  #giveUp(asked: Range, lacking: Range): void {
    this.decide({ from: lacking.from, to: Math.min(asked.to, lacking.to) });
  }

  /** The leader decides, for all slots that are missing in a row. */
  protected decide({ from, to }: Range): void {
    const { log } = this.context;
    const { normal } = this.owner;
    coverageMark("nopaxos: slots are declared empty");
    this.#asked = null;
    normal.fill(to);
    this.#decided = { from, to: log.op, agreed: new Set() };
    this.#announce();
    this.#consider();
    normal.advance();
  }

  #announce(): void {
    const { host, config } = this.context;
    if (this.#decided === null) return;
    const { from, to } = this.#decided;
    host.send("others", { kind: "gap", view: this.owner.views.view, from, to });
    host.setTimer("hole", ASK_PAUSE * config.viewTimeoutMs);
  }

  onGap(sender: Signer, { view, from, to }: GapMessage): void {
    const { views } = this.owner;
    if (!this.#isIn(view) || sender !== views.primary) return;
    this.#announced = { from, to };
    this.owner.normal.advance();
  }

  /** Has the slots be empty which the leader says are, once those before them are here. */
  #take(): void {
    const announced = this.#announced;
    const { log, host } = this.context;
    const { normal, views } = this.owner;
    if (announced === null || announced.from > log.op + 1) return;
    const { from, to } = announced;
    for (let slot = from; slot <= Math.min(to, log.op); slot++) normal.empty(slot);
    normal.fill(to);
    if (log.op < to) return;
    this.#announced = null;
    for (let slot = from; slot <= to; slot++) {
      assert(normal.isEmpty(slot), "what is agreed to be empty is so here");
    }
    host.send(views.primary, { kind: "gapOk", view: views.view, from, to });
  }

  /** Something was appended, committed or announced. */
  onAppended(): void {
    this.#take();
  }

  onGapOk(sender: Signer, { view, from, to }: GapOkMessage): void {
    const decided = this.#decided;
    if (!this.#isIn(view) || decided?.from !== from || decided.to !== to) return;
    decided.agreed.add(sender);
    this.#consider();
  }

  /** A replica has the leader's log up to this slot. */
  onConfirmed(sender: Signer, slot: number): void {
    if (this.#decided === null || slot < this.#decided.to) return;
    this.#decided.agreed.add(sender);
    this.#consider();
  }

  #consider(): void {
    if (this.#decided === null || this.#decided.agreed.size < this.needed) return;
    this.#decided = null;
    this.#watched = 0;
    this.owner.normal.advance();
  }

  /** So many others must have agreed. */
  protected get needed(): number {
    return this.context.quorums.quorum - 1;
  }

  #isIn(view: number): boolean {
    const { views } = this.owner;
    if (views.normal && view === views.view) return true;
    this.context.host.drop("not admitted: message of a view that this replica is not in");
    return false;
  }
}
