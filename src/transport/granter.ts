// The receiver's say in what comes: it grants the fragments that are not sent unasked, the oldest
// message of each host first, because protocols need messages in the order in which they were sent;
// hosts take turns. It asks once more for what is missing after a round trip, as part of the same
// bound, so that no repair is a burst. After silence it does both again, ever more slowly.

import type { Sizes } from "../actor.ts";
import { Queue } from "../base/queue.ts";
import type { Call, Clock } from "../driver.ts";
import { EMPTY, type Bytes } from "../wire.ts";
import type { Assembly, Budget, Holder } from "./assembly.ts";
import { DueList } from "./due-list.ts";
import {
  FRAGMENT_HEADER,
  GRANT,
  GRANT_HEADER,
  type FlowLimits,
  type FragmentPort,
} from "./fragment-format.ts";

/** How often messages are looked at that are due. */
const CHECK_MS = 2;
/** Messages of one host that are granted more at a time, and that are looked at for it. */
const SERVED_MAX = 4;
const LOOKED_AT_MAX = 16;
/** Hosts that have a turn when there is room. */
const TURNS_MAX = 16;
/** Fragments for which those that found no room are looked at again. */
const STEP = 16;
/** Fragments that are asked for once more at a time, and bytes of their bitmap. */
const REPAIR_MAX = 64;
const BITMAP_MAX = 64;
/** A message that was silent for too long so often in a row is given up. */
const TRIES_MAX = 12;
/** The longest time that a message may take. */
const LIFETIME_MS = 30_000;
/** Messages of one host with a single fragment that are asked for at a time; the others later. */
const CLAIMS_ASKED_MAX = 64;
const CLAIM_DELAY_MS = 100;

export interface GranterOptions {
  readonly port: FragmentPort;
  readonly clock: Clock;
  readonly limits: FlowLimits;
  /** Gives a message up. */
  readonly abandon: (assembly: Assembly) => void;
  /** No message is incomplete. */
  readonly idle: () => void;
}

export class Granter {
  readonly #port: FragmentPort;
  readonly #clock: Clock;
  readonly #limits: FlowLimits;
  readonly #abandon: (assembly: Assembly) => void;
  readonly #idle: () => void;
  readonly #configured = newBudget();
  readonly #strangers = newBudget();
  readonly #due = new DueList<Assembly>(CHECK_MS, ({ closed }) => closed);
  /** FlowLimits in fragments, whose size is known late. */
  #windowMax = 0;
  #unasked = 0;
  #grantedMax = 0;
  #call: Call | null = null;
  #checking = false;

  constructor({ port, clock, limits, abandon, idle }: GranterOptions) {
    this.#port = port;
    this.#clock = clock;
    this.#limits = limits;
    this.#abandon = abandon;
    this.#idle = idle;
  }

  get sizes(): Sizes {
    const max = this.#fragments(this.#limits.granted);
    return [
      { name: "transport.fragments granted", size: this.#configured.granted, max },
      { name: "transport.fragments granted to strangers", size: this.#strangers.granted, max },
    ];
  }

  /** What hosts of the configuration share, or all others. */
  budget(configured: boolean): Budget {
    return configured ? this.#configured : this.#strangers;
  }

  /** Fragments of a message that come unasked. */
  get unasked(): number {
    return (this.#unasked ||= this.#fragments(this.#limits.unasked));
  }

  /** The first fragment of a message is here, and noted. */
  opened(assembly: Assembly): void {
    const { holder, limit, count } = assembly;
    if (limit < count) {
      assembly.turn = { assembly, before: null, after: null };
      holder.waiting.push(assembly.turn);
      this.#enlist(holder);
      if (!holder.budget.blocked) this.#grantMore(holder.budget);
    }
    this.#due.add(assembly, this.#clock.now);
    this.#schedule();
  }

  /** A fragment is here, and noted; `round` is that of the grant which its sender had. */
  arrived(assembly: Assembly, index: number, round: number): void {
    const { holder, parts, granted } = assembly;
    const { now } = this.#clock;
    const { timedMs, timedRound } = assembly;
    if (timedMs >= 0 && round !== 0 && ((round - timedRound) & 0xff) < 0x80) {
      holder.roundTrip.measured(now - timedMs);
      assembly.timedMs = -1;
    }
    if (granted > 0 && (round !== 0 || index >= assembly.unasked)) this.#release(assembly, 1);
    assembly.heardMs = now;
    assembly.tries = 0;
    if (index === assembly.base) while (parts.has(assembly.base)) assembly.base++;
    if (index >= assembly.edge) assembly.edge = index + 1;
    if (assembly.repairAt < assembly.repairEnd) {
      if (assembly.granted <= REPAIR_MAX / 4) this.#repair(assembly);
    } else if (assembly.edge > parts.size) this.#mend(assembly);
    this.#grantAfter(assembly);
  }

  /** A fragment came that is here: its sender may have missed what was granted. */
  repeated(assembly: Assembly): void {
    const { now } = this.#clock;
    if (now - assembly.triedMs < assembly.holder.roundTrip.lateMs(0)) return;
    assembly.triedMs = now;
    this.#send(assembly, 0, EMPTY);
  }

  /** A message is complete, or given up. */
  closed(assembly: Assembly): void {
    const { holder, granted } = assembly;
    assembly.closed = true;
    this.#release(assembly, granted);
    this.#unlist(assembly);
    if (holder.budget.hosts.length > 0) this.#grantMore(holder.budget);
  }

  #fragments(bytes: number): number {
    return Math.max(2, Math.floor(bytes / (this.#port.payloadMax() - FRAGMENT_HEADER)));
  }

  /**
   * Fragments that a host may be granted: half of what is left when it has as many as are left for
   * others, so that there is always some for a host that has none (Choudhury and Hahne's dynamic
   * thresholds for the memory of switches).
   */
  #room({ budget, granted }: Holder): number {
    const max = (this.#grantedMax ||= this.#fragments(this.#limits.granted));
    return Math.floor((max - budget.granted - granted) / 2);
  }

  #charge(assembly: Assembly, fragments: number): void {
    const { holder } = assembly;
    assembly.granted += fragments;
    holder.granted += fragments;
    holder.budget.granted += fragments;
  }

  #release(assembly: Assembly, fragments: number): void {
    this.#charge(assembly, -fragments);
    assembly.holder.budget.freed += fragments;
  }

  #enlist(holder: Holder): void {
    if (holder.queued) return;
    holder.queued = true;
    holder.budget.hosts.push(holder);
  }

  #unlist(assembly: Assembly): void {
    if (assembly.turn === null) return;
    assembly.holder.waiting.remove(assembly.turn);
    assembly.turn = null;
  }

  /** Grants more if this message has little on its way, or those without room may find some. */
  #grantAfter({ holder, turn, limit, parts }: Assembly): void {
    const { budget } = holder;
    if (budget.hosts.length === 0) return;
    const low = turn !== null && 2 * (limit - parts.size) <= this.#window;
    if (budget.blocked ? budget.freed < STEP : !low) return;
    this.#grantMore(budget);
  }

  /** Fragments of a message that may be on their way. */
  get #window(): number {
    return (this.#windowMax ||= this.#fragments(this.#limits.ofMessage));
  }

  #grantMore(budget: Budget): void {
    budget.blocked = false;
    budget.freed = 0;
    for (let turns = Math.min(TURNS_MAX, budget.hosts.length); turns > 0; turns--) {
      const holder = budget.hosts.shift();
      if (holder === undefined) return;
      this.#grant(holder);
      if (holder.waiting.first !== null) budget.hosts.push(holder);
      else holder.queued = false;
    }
  }

  /** Grants a host's oldest messages more, but for those of which nothing comes. */
  #grant(holder: Holder): void {
    let served = 0;
    let looked = 0;
    let turn = holder.waiting.first;
    while (turn !== null && served < SERVED_MAX && looked++ < LOOKED_AT_MAX) {
      const { assembly } = turn;
      turn = turn.after;
      if (assembly.tries > 0 || this.#bytesLeft(assembly) < 0) continue;
      served++;
      const { count, limit, parts } = assembly;
      const coming = limit - parts.size;
      if (2 * coming > this.#window) continue;
      const room = this.#room(holder);
      const more = Math.min(this.#window - coming, count - limit, room);
      if (more < Math.min(STEP, count - limit) && (coming > 0 || more < 1)) {
        holder.budget.blocked = true;
        return;
      }
      assembly.limit += more;
      this.#charge(assembly, more);
      if (assembly.limit === count) this.#unlist(assembly);
      this.#send(assembly, 0, EMPTY);
    }
  }

  /** Asks once more for what was missing a round trip ago and is missing still. */
  #mend(assembly: Assembly): void {
    const { holder, repairMs, seen, edge } = assembly;
    const { now } = this.#clock;
    if (now - repairMs < holder.roundTrip.lateMs(0)) return;
    assembly.repairMs = now;
    assembly.seen = edge;
    this.#beginRepair(assembly, seen);
  }

  #beginRepair(assembly: Assembly, end: number): void {
    assembly.repairAt = assembly.base;
    assembly.repairEnd = end;
    if (assembly.repairAt < end) this.#repair(assembly);
  }

  /** Asks for the next missing fragments that are to be asked for. */
  #repair(assembly: Assembly): void {
    const { parts, repairEnd } = assembly;
    let index = assembly.repairAt;
    while (index < repairEnd && parts.has(index)) index++;
    assembly.repairAt = index;
    const most = Math.min(REPAIR_MAX, this.#room(assembly.holder));
    const bytes = Math.min(BITMAP_MAX, this.#bytesLeft(assembly));
    if (index === repairEnd || most < 1 || bytes < 1) return;
    const first = index;
    const end = Math.min(repairEnd, first + 8 * bytes);
    const bitmap = new Uint8Array((end - first + 7) >> 3);
    let asked = 0;
    let used = 0;
    for (; index < end && asked < most; index++) {
      if (parts.has(index)) continue;
      const at = (index - first) >> 3;
      bitmap[at] = (bitmap[at] ?? 0) | (1 << ((index - first) & 7));
      used = at + 1;
      asked++;
    }
    assembly.repairAt = index;
    this.#charge(assembly, asked);
    this.#send(assembly, first, bitmap.subarray(0, used));
  }

  /**
   * Bytes of a bitmap that its sender may be asked with: of a stranger as many as came, because
   * whoever forges a source would have them sent to it. Negative: not even a grant without one.
   */
  #bytesLeft({ holder, came, asked }: Assembly): number {
    return holder.share < 0 ? Infinity : came - asked - GRANT_HEADER;
  }

  #send(assembly: Assembly, first: number, bitmap: Bytes): void {
    if (this.#bytesLeft(assembly) < bitmap.length) return;
    assembly.round = (assembly.round % 0xff) + 1;
    if (assembly.timedMs < 0) {
      assembly.timedMs = this.#clock.now;
      assembly.timedRound = assembly.round;
    }
    assembly.asked += GRANT_HEADER + bitmap.length;
    const out = this.#port.beginPacket();
    out.u8(GRANT);
    out.u53(assembly.number);
    out.u8(assembly.round);
    out.u16(assembly.limit);
    out.u16(first);
    out.bytes(bitmap);
    this.#port.sendPart(assembly.destination, assembly.from);
  }

  #schedule(): void {
    if (this.#checking) return;
    this.#checking = true;
    if (this.#call === null) this.#call = this.#clock.after(CHECK_MS, () => this.#check());
    else this.#call.again(CHECK_MS);
  }

  #check(): void {
    const { now } = this.#clock;
    this.#checking = false;
    for (let due = this.#due.take(now); due !== undefined; due = this.#due.take(now)) {
      const dueMs = this.#look(due);
      if (!due.closed) this.#due.again(due, dueMs);
    }
    for (const budget of [this.#configured, this.#strangers]) {
      if (budget.hosts.length > 0) this.#grantMore(budget);
    }
    if (this.#due.length > 0) this.#schedule();
    else this.#idle();
  }

  /** Does what is due for a message; returns when to look again, later than now. */
  #look(assembly: Assembly): number {
    const { now } = this.#clock;
    const { holder, openedMs, parts, limit, tries } = assembly;
    if (now - openedMs > LIFETIME_MS) {
      this.#abandon(assembly);
      return now;
    }
    const lateMs = holder.roundTrip.lateMs(tries);
    const silentMs = now - Math.max(assembly.heardMs, tries > 0 ? assembly.triedMs : 0);
    if (silentMs < lateMs) return now + Math.max(CHECK_MS, lateMs - silentMs);
    // All that it was granted came; it waits for its turn.
    if (parts.size >= limit) return now + lateMs;
    if (tries >= TRIES_MAX) {
      this.#abandon(assembly);
      return now;
    }
    if (parts.size === 1 && this.#claims(holder) > CLAIMS_ASKED_MAX) return now + CLAIM_DELAY_MS;
    this.#release(assembly, assembly.granted);
    if (this.#room(holder) < 1) return now + CHECK_MS;
    assembly.tries++;
    assembly.triedMs = now;
    assembly.timedMs = -1;
    assembly.repairMs = now;
    assembly.seen = assembly.edge;
    this.#beginRepair(assembly, limit);
    return now + holder.roundTrip.lateMs(assembly.tries);
  }

  /** Counts one more message of a host that is one fragment so far. */
  #claims(holder: Holder): number {
    const { now } = this.#clock;
    if (holder.claimsMs !== now) {
      holder.claimsMs = now;
      holder.claims = 0;
    }
    return ++holder.claims;
  }
}

function newBudget(): Budget {
  return { granted: 0, hosts: new Queue<Holder>(), blocked: false, freed: 0 };
}
