// Zyzzyva's normal case: Kotla et al., SOSP '07, section 3.2. Batches are executed in the order
// that the primary gives them, before anybody knows whether others got the same, and can be undone
// until they are committed.

import type { Address, Bytes, Refusal, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { footprintOf, type Batch } from "../kit/batch.ts";
import { SPECULATED_MAX } from "../kit/executor.ts";
import type { Source } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";
import type { Session } from "../kit/sessions.ts";
import { extended, type ViewCertificate } from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { Entry } from "./log.ts";
import type { Holes } from "./holes.ts";
import type { OrderReqMessage, SpecReplyMessage } from "./message.ts";
import type { Ordered } from "./message-codec.ts";
import { relayOverdue, relayPending } from "../kit/relays.ts";
import { WaitingOrders } from "./waiting-orders.ts";
import type { Place, SpeculativeOwner, ZyzzyvaService } from "./service.ts";

/** Batches of the primary that wait for their signature; with `--adaptive` fewer. */
export const IN_FLIGHT_MAX = 32;
const ADAPTIVE_IN_FLIGHT_MAX = 8;
/** Requests that are executed before the primary has them committed, beside at checkpoints. */
export const COMMIT_AT = 16_384;

const NOT_LEADING = "not admitted: request relayed to a replica that does not lead";

/** What the normal case asks of its replica. */
export interface NormalOwner {
  readonly views: {
    readonly view: number;
    /** In `view`, not on the way to it. */
    readonly active: boolean;
    readonly primary: Signer;
    readonly leads: boolean;
    /** What the active view began with. */
    readonly entered: ViewCertificate;
  };
  readonly start: { readonly recoveryTargetSlot: number; readonly running: boolean };
  readonly commits: {
    onExecuted(entry: Entry): void;
    onRolledBack(): void;
    request(): void;
  };
  readonly holes: Pick<Holes, "onOrder" | "onExecuted" | "onEntered" | "watch">;
  readonly hates: {
    onConflict(message: OrderReqMessage, own: OrderReqMessage): void;
    onDivergence(other: Address, slot: number): void;
  };
  readonly timer: { arm(): void; onExecuted(): void };
  readonly sync: {
    onExecuted(slot: number, head: (own: Bytes) => Bytes): void;
    onCommitted(slot: number): void;
    onRolledBack(slot: number): void;
  };
}

/** It alone changes the history and writes `committed`. */
export class NormalCase implements SpeculativeOwner {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: NormalOwner;
  readonly #service: ZyzzyvaService;
  readonly #inFlightMax: number;
  #committed = 0;
  /** The last own order whose signature is known. */
  #sealed = 0;
  /** Memory of batches that are executed and not committed. */
  #uncommittedBytes = 0;
  readonly #waiting = new WaitingOrders();

  constructor(context: ZyzzyvaContext, owner: NormalOwner, service: ZyzzyvaService) {
    this.context = context;
    this.owner = owner;
    this.#service = service;
    this.#inFlightMax = context.config.adaptive ? ADAPTIVE_IN_FLIGHT_MAX : IN_FLIGHT_MAX;
    service.speculative = this;
  }

  /** Slots up to this one are never undone. */
  get committed(): number {
    return this.#committed;
  }
  /** The last slot that was executed, which may be undone. */
  get executed(): number {
    return this.context.log.last;
  }
  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }
  get waiting(): number {
    return this.#waiting.size;
  }
  /** Since when the oldest slot waits to be committed; Infinity: none does. */
  get uncommittedMs(): number {
    return this.context.log.at(this.#committed + 1)?.executedMs ?? Infinity;
  }

  // Requests.

  /** A request from its client, or from a backup that heard it. */
  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host } = this.context;
    const { views, timer, start } = this.owner;
    if (!start.running) return host.drop("not admitted: request while this replica recovers");
    if (!service.admits(client, request, source, views.leads)) return;
    if (source !== "client" && !views.leads) return host.drop(NOT_LEADING);
    const entry = pool.add(request, client, host.now, source);
    if (views.leads) {
      if (entry !== null) {
        pool.enqueue(entry, host.now);
        this.propose();
      } else host.drop("not admitted: request that is pending");
    }
    timer.arm();
  }

  /** Tells the primary of what it seems not to have heard, before this backup suspects it. */
  relayOverdue(): void {
    const { views } = this.owner;
    if (views.active) relayOverdue(this.context, views.primary);
  }

  // Orders.

  /** Orders what waits, as the batching policy says and the window allows. */
  propose(): void {
    const { views, start, commits } = this.owner;
    const { log, pool, host, executor } = this.context;
    if (!views.leads) return;
    const { now } = host;
    while (log.last < log.high) {
      const unsealed = log.last - Math.max(this.#sealed, views.entered.slot);
      if (unsealed >= this.#inFlightMax) return;
      if (this.#committed < log.last && this.#uncommittedBytes >= pool.underWayMax) {
        coverageMark("zyzzyva: as many bytes may be undone as may be");
        return commits.request();
      }
      const dueMs = pool.dueMs(now, unsealed > 0);
      if (dueMs > now && log.last >= start.recoveryTargetSlot) {
        if (dueMs < Infinity) host.setTimer("flush", dueMs - now);
        return;
      }
      if (executor.speculated + this.context.config.batchMax > SPECULATED_MAX) {
        return commits.request();
      }
      this.#order(pool.take(now));
    }
  }

  #order(batch: Batch): void {
    const { self: replica, log, host } = this.context;
    const { view } = this.owner.views;
    const { digest } = batch;
    const history = log.next(digest);
    const slot = log.last + 1;
    const message = { kind: "orderReq", replica, view, slot, digest, history, batch } as const;
    host.send("all", message);
    this.#execute(batch, history, message);
  }

  /**
   * Why an ORDER-REQ of another replica changes nothing; asked before it is decoded as well. The
   * primary's window may be ahead of this one, because it has more CHECKPOINTs: what this replica
   * may not execute yet waits.
   */
  refuseOrdered({ replica, view, slot }: Ordered): Refusal | null {
    const { config, log } = this.context;
    const { views } = this.owner;
    if (replica !== config.leader(view)) {
      return "not admitted: order of a replica that is not the primary";
    }
    if (view < views.view) return "not admitted: order of an earlier view";
    if (view > views.view + 1) return "not admitted: order of a view that is not the next";
    return slot > log.low && slot <= log.high + log.size
      ? null
      : "not admitted: order outside the window";
  }

  refuseOrderReq(message: OrderReqMessage): Refusal | null {
    const refusal = this.refuseOrdered(message);
    if (refusal !== null) return refusal;
    const { view, slot } = message;
    const { views } = this.owner;
    const { log } = this.context;
    if (!views.active || view > views.view) return this.#waiting.refuse(message);
    const known = log.at(slot);
    if (known === undefined) return this.isNext(slot) ? null : this.#waiting.refuse(message);
    const { order } = known;
    if (order === null) return "not admitted: order of a slot that its view began with";
    const same = equal(order.digest, message.digest) && equal(order.history, message.history);
    return same && order.seal !== undefined ? "not admitted: order that is known" : null;
  }

  onOrderReq(from: Address, message: OrderReqMessage): void {
    const { log, host, self } = this.context;
    const { views, hates, start, holes } = this.owner;
    const { view, slot } = message;
    if (message.replica === self) return this.#onOwnOrder(message);
    if (!start.running) return host.drop("not admitted: order while this replica recovers");
    const refusal = this.refuseOrderReq(message);
    if (refusal !== null) return host.drop(refusal);
    if (!views.active || view > views.view) return this.#wait(message);
    const known = log.at(slot);
    if (known !== undefined) {
      if (known.order !== null) hates.onConflict(message, known.order);
      return;
    }
    holes.onOrder(from);
    if (!this.isNext(slot)) {
      this.#wait(message);
      return holes.watch();
    }
    if (!this.follows(message)) {
      // Its sender has another order of the last slot, if the primary told two stories.
      hates.onDivergence(from, log.last);
      return host.drop("not admitted: order whose history is another");
    }
    if (!this.#fits(message.batch)) return this.#wait(message);
    this.#execute(message.batch, message.history, message);
    this.executeWaiting();
  }

  /** The loopback of an own order brings its seal. */
  #onOwnOrder(message: OrderReqMessage): void {
    const { views } = this.owner;
    if (!views.active || message.view !== views.view) return;
    const entry = this.context.log.at(message.slot);
    if (entry?.order == null || !equal(entry.history, message.history)) return;
    entry.order = message;
    this.#sealed = Math.max(this.#sealed, message.slot);
    this.propose();
  }

  /** Whether the slot is the one to execute now. */
  protected isNext(slot: number): boolean {
    const { log } = this.context;
    return slot === log.last + 1 && slot <= log.high;
  }

  /** Whether the order goes on from this replica's own history. */
  protected follows({ digest, history }: OrderReqMessage): boolean {
    return equal(this.context.log.next(digest), history);
  }

  #fits({ requests }: Batch): boolean {
    return this.context.executor.speculated + requests.length <= SPECULATED_MAX;
  }

  #wait(message: OrderReqMessage): void {
    this.#waiting.keep(message);
    this.owner.timer.arm();
  }

  /** Executes what waited for its turn. */
  executeWaiting(): void {
    const { log } = this.context;
    const { views } = this.owner;
    while (views.active && !views.leads && log.last < log.high) {
      const message = this.#waiting.at(views.view, log.last + 1);
      if (message === undefined) break;
      if (!this.#fits(message.batch)) return;
      this.#waiting.take(message.view, message.slot);
      if (!this.follows(message)) {
        this.context.host.drop("not admitted: order whose history is another");
        break;
      }
      this.#execute(message.batch, message.history, message);
    }
    this.owner.holes.watch();
  }

  // What waits for its turn.

  /** The first slot from this one on whose order of the active view waits here; or Infinity. */
  waitingFrom(slot: number): number {
    return this.#waiting.firstFrom(this.owner.views.view, slot);
  }

  // Execution.

  #execute(batch: Batch, history: Bytes, order: OrderReqMessage): void {
    const { views, commits } = this.owner;
    const { view } = views;
    const { slot, outcomes, entry } = this.#speculate(batch, history, order);
    this.#service.replyAll(batch, outcomes, { view, slot, history });
    commits.onExecuted(entry);
    this.owner.holes.onExecuted(order);
    this.owner.timer.arm();
  }

  /** Executes a batch that a view begins with, of which clients are told when they ask. */
  adopt(batch: Batch, history: Bytes): void {
    this.#speculate(batch, history, null);
  }

  #speculate(batch: Batch, history: Bytes, order: OrderReqMessage | null) {
    const { log, pool, host, executor } = this.context;
    const slot = log.last + 1;
    const outcomes = this.#service.speculate(batch);
    const { position } = executor;
    const entry = log.append({ batch, history, order, position, executedMs: host.now });
    pool.placed(batch);
    this.#uncommittedBytes += footprintOf(batch);
    this.owner.sync.onExecuted(slot, (own) => headOf(history, own));
    return { slot, outcomes, entry };
  }

  /** Undoes what was executed after a slot; its requests wait again. */
  rollback(slot: number): void {
    const { log, executor, pool, host } = this.context;
    assert(slot >= this.#committed, "what is committed is not undone");
    const undone = log.truncate(slot);
    if (undone.length === 0) return;
    const requests = undone.reduce((sum, { batch }) => sum + batch.requests.length, 0);
    executor.rollback(requests);
    this.owner.sync.onRolledBack(slot);
    for (const { batch } of undone) {
      this.#uncommittedBytes -= footprintOf(batch);
      pool.requeueOrphans(batch, host.now);
    }
    this.#sealed = Math.min(this.#sealed, slot);
    this.owner.commits.onRolledBack();
  }

  /** Slots up to this one, which were executed here, are committed. */
  commit(to: number): void {
    const { log } = this.context;
    if (to <= this.#committed) return;
    assert(to <= log.last, "what is committed was executed");
    while (this.#committed < to) {
      const entry = log.at(++this.#committed);
      assert(entry !== undefined, "what is not committed is in the history");
      this.#service.settle(entry.batch);
      this.#uncommittedBytes -= footprintOf(entry.batch);
    }
    this.owner.sync.onCommitted(to);
    this.owner.timer.onExecuted();
    if (this.#waiting.size > 0) this.executeWaiting();
    this.propose();
  }

  /** The executor has become the state after a slot, where this history begins anew. */
  onInstalled(slot: number, history: Bytes): void {
    assert(slot > this.#committed, "what is committed stays");
    this.context.log.restart(slot, history);
    this.#committed = slot;
    this.#sealed = slot;
    this.#uncommittedBytes = 0;
    this.owner.commits.onRolledBack();
    this.#waiting.forget(this.owner.views.view, slot);
    this.owner.timer.onExecuted();
  }

  /** The window has moved. */
  onStable(slot: number): void {
    const { log } = this.context;
    if (slot > log.low) log.advance(slot);
    this.#waiting.forget(this.owner.views.view, slot);
    this.executeWaiting();
    this.propose();
  }

  /** A view has begun here: orders of earlier ones are forgotten. */
  onEntered(): void {
    this.#waiting.forget(this.owner.views.view, this.context.log.low);
    this.#sealed = this.context.log.last;
    this.owner.holes.onEntered();
    relayPending(this.context, this.owner.views.primary);
    this.executeWaiting();
    this.propose();
  }

  // What clients are told again.

  placeOf(session: Session): Place | null {
    const { view, active } = this.owner.views;
    const entry = active ? this.context.log.executedAt(session.stamp) : undefined;
    return entry === undefined ? null : { view, slot: entry.slot, history: entry.history };
  }

  sendSpecReply(to: Address, message: SpecReplyMessage): void {
    this.context.host.send(to, message);
  }

  /** Throws AssertionError when history, journal and window contradict each other. */
  assertInvariants(): void {
    const { log, executor } = this.context;
    assert(this.#committed >= log.low && this.#committed <= log.last, "committed is executed");
    let requests = 0;
    let history = log.digestAt(log.low);
    for (const entry of log.after(log.low)) {
      if (entry.slot > this.#committed) requests += entry.batch.requests.length;
      assert(history !== undefined, "a history begins");
      history = extended(history, entry.digest);
      assert(equal(history, entry.history), "a history is the digest of its batches");
    }
    assert(requests === executor.speculated, "the journal is of what is not committed");
  }
}

/** What a checkpoint is the digest of begins with the history. */
function headOf(history: Bytes, own: Bytes): Bytes {
  const head = new Uint8Array(history.length + own.length);
  head.set(history);
  head.set(own, history.length);
  return head;
}
