// How a replica gets orders that its primary did not send it, or that were lost: Kotla et al.,
// SOSP '07, section 3.2, step 3 ("fill hole"). Who asks for what is not ordered yet gets it once it
// is: so a backup that the primary tells nothing, which is no reason for others to leave it, keeps
// up by what another backup passes on, and clients keep the fast path.

import type { Address, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { lengthOf } from "../kit/batch.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { FillHoleMessage, OrderReqMessage } from "./message.ts";

/**
 * How long an order that was lost is waited for, and then the primary's answer, in view timeouts:
 * every operation after it loses the fast path as long.
 */
const PAUSE = 1 / 64;
const PAUSE_ASKED = 1 / 32;
/** Whoever gets nothing asks again after twice the time, up to this. */
const PAUSE_ASKED_MAX = 1 / 8;
/** ORDER-REQs in answer to one FILL-HOLE, and bytes of their batches. */
const FILLED_MAX = 16;
const FILLED_BYTES_MAX = 1024 * 1024;
/** Orders to come that are passed on, of which half are left when more are asked for. */
const FED_MAX = 64;

/** What getting orders asks of its replica. */
export interface HolesOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly leads: boolean;
    readonly primary: Signer;
  };
  /** The first slot from this one on whose order of the active view waits here; or Infinity. */
  readonly normal: { waitingFrom(slot: number): number };
  readonly start: { readonly running: boolean };
  readonly sync: { readonly fetching: boolean };
  /** A slot of the active view that a quorum is known to have executed. */
  readonly commits: { readonly executedByOthers: number };
}

export class Holes {
  readonly #context: ZyzzyvaContext;
  readonly #owner: HolesOwner;
  #set = false;
  /** Who was asked for what is missing, if anybody was, and the last slot that was asked for. */
  #asked: "nobody" | "primary" | "all" = "nobody";
  #askedTo = 0;
  /** What was executed when it was asked for, and how often nothing came since. */
  #askedAt = 0;
  #inVain = 0;
  /** Who sent the last order that was new, if that was not the primary. */
  #feeder: Address | null = null;
  /** By replica, the last slot of the active view whose order it gets when it is executed here. */
  readonly #fed = new Map<Signer, number>();

  constructor(context: ZyzzyvaContext, owner: HolesOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  get sizes(): Sizes {
    return [{ name: "holes.fed", size: this.#fed.size, max: this.#context.config.n }];
  }

  /** Whether an order is not here that could be executed, and is known to be. */
  get waits(): boolean {
    const { views, normal, commits, start, sync } = this.#owner;
    const { last, high } = this.#context.log;
    if (!views.active || views.leads || !start.running || sync.fetching || last === high) {
      return false;
    }
    const waiting = normal.waitingFrom(last + 1);
    if (waiting === last + 1) return false;
    return commits.executedByOthers > last || waiting < Infinity;
  }

  /** Something came or was executed: asks for what is missing, now or after a while. */
  watch(): void {
    const { host, config, log } = this.#context;
    if (!this.waits) {
      this.#asked = "nobody";
      if (this.#set) host.clearTimer("hole");
      this.#set = false;
      return;
    }
    // The asked-for orders came, and more are missing.
    if (this.#asked !== "nobody" && log.last >= this.#askedTo) return this.#ask();
    if (this.#set) return;
    this.#set = true;
    const again = Math.min(PAUSE_ASKED * 2 ** this.#inVain, PAUSE_ASKED_MAX);
    host.setTimer("hole", config.viewTimeoutMs * (this.#asked === "nobody" ? PAUSE : again));
  }

  /** The timer "hole": an order is missing still. */
  onTimer(): void {
    this.#set = false;
    if (!this.waits) return;
    coverageMark("zyzzyva: a missing order is asked for");
    this.#asked = this.#asked === "nobody" ? "primary" : "all";
    this.#ask();
  }

  #ask(): void {
    const { log } = this.#context;
    const { views, normal } = this.#owner;
    this.#inVain = this.#asked === "all" && log.last === this.#askedAt ? this.#inVain + 1 : 0;
    this.#askedAt = log.last;
    const first = log.last + 1;
    // Orders that wait already need not come again.
    const last = Math.min(log.last + FILLED_MAX, log.high, normal.waitingFrom(first) - 1);
    this.#askFor(this.#asked === "all" ? "others" : views.primary, first, last);
    this.watch();
  }

  #askFor(to: Address | "others", first: number, last: number): void {
    this.#askedTo = last;
    const { view } = this.#owner.views;
    this.#context.host.send(to, { kind: "fillHole", view, first, last });
  }

  /** An order of the active view that is new came from there. */
  onOrder(from: Address): void {
    const feeds = from !== this.#owner.views.primary && from < this.#context.config.n;
    this.#feeder = feeds ? from : null;
  }

  /** An order was executed in the active view: passes it on, and asks for those to come. */
  onExecuted(order: OrderReqMessage): void {
    for (const [replica, last] of this.#fed) this.#feed(replica, last, order);
    const feeder = this.#feeder;
    const { last, high } = this.#context.log;
    // A missing order is asked for elsewhere, which no feeder may hold up.
    if (feeder === null || this.#asked !== "nobody") return;
    const first = Math.max(last, this.#askedTo) + 1;
    if (first > last + FED_MAX / 2 + 1 || first > high) return;
    coverageMark("zyzzyva: a backup passes orders on");
    this.#askFor(feeder, first, Math.min(last + FED_MAX, high));
  }

  #feed(replica: Signer, last: number, order: OrderReqMessage): void {
    const { host, answers } = this.#context;
    const ends = order.slot >= last || !answers.hasRoom(replica, host.now);
    if (ends) this.#fed.delete(replica);
    if (order.slot <= last) this.#send(replica, order);
  }

  #send(to: Address, order: OrderReqMessage): void {
    const { host, answers } = this.#context;
    answers.charge(to, lengthOf(order.batch));
    host.send(to, order);
  }

  onFillHole(from: Address, { view, first, last }: FillHoleMessage): void {
    const { host, answers, config, log } = this.#context;
    const { views } = this.#owner;
    if (from >= config.n || !views.active || view !== views.view) {
      return host.drop("not admitted: fill-hole of another view");
    }
    const question = `orders ${view} ${first}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    const executed = log.last;
    const sent = this.sendOrders(from, first, Math.min(last, executed));
    const promised = Math.max(executed, this.#fed.get(from) ?? 0);
    // The primary sends its orders to all in any case.
    if (views.leads || first > promised + 1 || last <= promised) return;
    const all = sent === Math.max(0, executed - first + 1);
    if (all) this.#fed.set(from, Math.min(last, executed + FED_MAX));
  }

  /** Sends the orders of some slots of the active view; how many. */
  sendOrders(to: Address, first: number, last: number): number {
    const { log } = this.#context;
    let bytes = 0;
    let sent = 0;
    for (let slot = Math.max(first, log.low + 1); slot <= last && sent < FILLED_MAX; slot++) {
      const order = log.at(slot)?.order ?? null;
      if (order?.seal === undefined) continue;
      if (sent > 0 && bytes + lengthOf(order.batch) > FILLED_BYTES_MAX) break;
      bytes += lengthOf(order.batch);
      sent++;
      this.#send(to, order);
    }
    return sent;
  }

  /** A view has begun here. */
  onEntered(): void {
    this.#asked = "nobody";
    this.#askedTo = 0;
    this.#feeder = null;
    this.#fed.clear();
  }
}
