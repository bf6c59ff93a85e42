// Requests that are not executed yet, and the batches that they leave in.

import type { Address, Sizes } from "../../actor.ts";
import { ownOf } from "../../base/copies.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { makeBatch, requestsOf, type Batch } from "./batch.ts";
import { Batcher } from "./batcher.ts";
import type { Executor } from "./executor.ts";
import {
  Pending,
  PENDING_BYTES_MAX,
  PENDING_MAX,
  type PendingRequest,
  type Source,
} from "./pending.ts";
import { isOpen, sameRequest, type Request } from "./request.ts";
import { NOWHERE } from "./sessions.ts";
import { sourceOf } from "./shares.ts";

/**
 * How long a request may wait before it is passed on to whoever orders, in view timeouts: before it
 * is reason to suspect that one, and long enough for most to be in a batch.
 */
const RELAY_AFTER = 1 / 4;

/**
 * Requests, and bytes of their operations, that a replica passes on at a time, the oldest first and
 * at least one: a service that is behind has the others wait at all replicas.
 */
const RELAYED_AT_ONCE_MAX = 256;
const RELAYED_AT_ONCE_BYTES_MAX = 256 * 1024;

/** How many may be in the queue that do not wait, beside as many as do. */
const QUEUE_SLACK = 256;

const NONE = { size: 0, operations: 0 };

/**
 * Pending requests, with the queue of those that wait for a batch. A request that is in a batch
 * stays pending, because a client's retry has to be known for what it is, and view timers run for
 * it; it is queued anew when its batch is abandoned.
 */
export class RequestPool {
  readonly #executor: Executor;
  readonly #pending: Pending;
  readonly #batcher: Batcher;
  readonly #viewTimeoutMs: number;

  /** `sourceOf` says which host an address is at; tests hand in another Pending. */
  constructor(
    config: ProtocolConfig,
    executor: Executor,
    sourceOf: (address: Address) => number,
    PendingOf = Pending,
  ) {
    this.#executor = executor;
    this.#pending = new PendingOf((request) => executor.alive(request), sourceOf);
    this.#batcher = new Batcher(config);
    this.#viewTimeoutMs = config.viewTimeoutMs;
  }

  get size(): number {
    return this.#pending.size;
  }
  /** How many were not relayed: only these are reason to suspect a leader. */
  get ownSize(): number {
    return this.#pending.ownSize;
  }
  /** Since when the oldest of them waits; Infinity when there is none. */
  get oldestMs(): number {
    return this.#pending.oldestMs;
  }
  get sizes(): Sizes {
    const { size, bytes } = this.#pending;
    return [
      { name: "requests.pending", size, max: PENDING_MAX },
      { name: "requests.pending bytes", size: bytes, max: PENDING_BYTES_MAX },
      { name: "requests.queued", size: this.#batcher.length, max: 2 * PENDING_MAX + QUEUE_SLACK },
    ];
  }

  /**
   * Adds a request that its client sent, or another replica relayed; null if it, or a later one of
   * its session, is pending already, or too many are.
   */
  add(request: Request, client: Address, nowMs: number, source: Source): PendingRequest | null {
    return this.#pending.add(request, client, nowMs, source);
  }

  /** Has a pending request wait for a batch. */
  enqueue(entry: PendingRequest, nowMs: number): void {
    // Those that were executed or displaced meanwhile are taken out of the queue by and by.
    if (this.#batcher.length > 2 * this.#pending.size + QUEUE_SLACK - 2) this.#batcher.compact();
    this.#batcher.push(entry, nowMs);
  }

  /**
   * Empties the queue; has all that is pending wait for a batch, whatever earlier ones hold: if
   * this replica makes batches, in its queue.
   */
  requeue(nowMs: number, leads: boolean): void {
    this.#batcher.clear();
    for (const entry of this.#pending.values()) {
      entry.done = false;
      if (leads) this.#batcher.push(entry, nowMs);
    }
  }

  /** Memory of the batches under way with which a leader makes no more. */
  get underWayMax(): number {
    return this.#batcher.underWayMax;
  }

  /** When a batch should leave; Infinity if nothing waits for one (Batcher.dueMs). */
  dueMs(nowMs: number, busy = false): number {
    return this.#batcher.dueMs(nowMs, this.#pending, busy);
  }

  /** The next batch; empty if nothing waits. */
  take(nowMs: number): Batch {
    const requests: Request[] = [];
    const clients: Address[] = [];
    for (const { request, client, holder } of this.#batcher.take(nowMs)) {
      // One of an abandoned block has its source.
      const bare = isOpen(request) && request.source === undefined;
      requests.push(bare ? { ...request, source: sourceOf(holder) } : request);
      clients.push(client);
    }
    return makeBatch(requests, clients);
  }

  /** Takes out of the queue what another leader's batch holds. */
  placed(batch: Batch): void {
    this.#place(batch, true);
  }

  /** Undoes `placed` for a batch that came to nothing, but queues none of its requests. */
  unplaced(batch: Batch): void {
    this.#place(batch, false);
  }

  #place(batch: Batch, done: boolean): void {
    if (this.#pending.size === 0) return;
    for (const request of batch.requests) {
      const entry = this.#pending.find(request);
      if (entry !== undefined && sameRequest(entry.request, request)) entry.done = done;
    }
  }

  /** Queues the requests of an abandoned batch anew, but for those that were executed elsewhere. */
  requeueOrphans(batch: Batch, nowMs: number): void {
    for (const [i, request] of requestsOf(batch).entries()) {
      if (this.#executor.lookup(request) !== undefined) continue;
      const known = this.#pending.find(request);
      if (known !== undefined && sameRequest(known.request, request)) {
        this.#pending.executed(request);
      }
      // Its batch need not stay in memory for it.
      const op = ownOf(request.op);
      const own = op === request.op ? request : { ...request, op };
      const entry = this.add(own, batch.clients.at(i) ?? 0, nowMs, "block");
      if (entry !== null) this.enqueue(entry, nowMs);
    }
  }

  /**
   * Forgets a request that was executed, and earlier ones of its session; where its client was
   * heard asking for it, or NOWHERE.
   */
  executed(request: Request): Address {
    return this.#pending.executed(request);
  }

  /** Where the client of a request that waits was heard asking for it, or NOWHERE. */
  clientOf(request: Request): Address {
    const entry = this.#pending.size === 0 ? undefined : this.#pending.find(request);
    if (entry?.source !== "client" || !sameRequest(entry.request, request)) return NOWHERE;
    return entry.client;
  }

  /** Drops executed requests from the head of the queue, because a backup takes no batches. */
  trim(nowMs: number): void {
    this.#batcher.dueMs(nowMs, NONE);
  }

  /** Forgets what an installed state has executed, and returns it. */
  dropExecuted(): readonly PendingRequest[] {
    const executed: PendingRequest[] = [];
    for (const entry of this.#pending.values()) {
      if (this.#executor.lookup(entry.request) !== undefined) executed.push(entry);
    }
    for (const { request } of executed) this.#pending.executed(request);
    return executed;
  }

  /** At most `max` pending requests, oldest first. */
  oldest(max: number): PendingRequest[] {
    return this.#some(max, () => true);
  }

  /**
   * At most `max` requests, oldest first, that came from their clients and are in no batch: those
   * that were relayed are left out, because replicas that relay each other's multiply them.
   */
  oldestUnplaced(max: number): PendingRequest[] {
    return this.#some(max, ({ done, source }) => !done && source === "client");
  }

  /**
   * Requests that came from their clients, wait since a quarter of the view timeout, are in no
   * batch, and were not passed on within a view timeout: whoever orders seems not to have heard
   * them. From here on they were passed on. Of many some, the oldest.
   */
  overdue(nowMs: number): PendingRequest[] {
    const found: PendingRequest[] = [];
    let bytes = 0;
    for (const entry of this.#pending.values()) {
      if (found.length === RELAYED_AT_ONCE_MAX || bytes >= RELAYED_AT_ONCE_BYTES_MAX) break;
      if (typeof entry.source === "number") break;
      if (nowMs - entry.sinceMs < RELAY_AFTER * this.#viewTimeoutMs) break;
      if (entry.done || entry.source !== "client") continue;
      if (nowMs - entry.relayedMs < this.#viewTimeoutMs) continue;
      entry.relayedMs = nowMs;
      bytes += entry.request.op.length;
      found.push(entry);
    }
    return found;
  }

  #some(max: number, wanted: (entry: PendingRequest) => boolean): PendingRequest[] {
    const found: PendingRequest[] = [];
    let bytes = 0;
    for (const entry of this.#pending.values()) {
      if (found.length === max || bytes >= RELAYED_AT_ONCE_BYTES_MAX) break;
      if (!wanted(entry)) continue;
      bytes += entry.request.op.length;
      found.push(entry);
    }
    return found;
  }
}
