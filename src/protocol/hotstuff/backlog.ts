// Requests that wait to be in a block, or for their block to be executed.

import type { Address } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { makeBatch, type Batch } from "../kit/batch.ts";
import { Batcher } from "../kit/batcher.ts";
import type { Executor } from "../kit/executor.ts";
import { Pending, PENDING_MAX, type PendingRequest } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";

/**
 * A request that is in a block stays among the pending ones, so that a client's retry is known for
 * what it is, but is done with for the batcher. If the block is abandoned the request is queued
 * anew.
 */
export class Backlog {
  readonly #executor: Executor;
  readonly #pending: Pending;
  readonly #batcher: Batcher;
  /** Those that did not come from their clients: who passes on others' makes them multiply. */
  readonly #relayed = new WeakSet<PendingRequest>();

  constructor(config: ProtocolConfig, executor: Executor) {
    this.#executor = executor;
    this.#pending = new Pending((request) => executor.alive(request));
    this.#batcher = new Batcher(config);
  }

  get size(): number {
    return this.#pending.size;
  }
  /** Since when the oldest waits; Infinity when there is none. */
  get oldestMs(): number {
    return this.#pending.oldestMs;
  }
  get sizes(): readonly { readonly name: string; readonly size: number; readonly max: number }[] {
    return [{ name: "requests.pending", size: this.#pending.size, max: PENDING_MAX }];
  }

  /**
   * `direct`: it came from its client. False if it, or a later one of its session, waits already,
   * or too many do.
   */
  add(request: Request, client: Address, nowMs: number, direct: boolean): boolean {
    const entry = this.#pending.add(request, client, nowMs);
    if (entry === null) return false;
    if (!direct) this.#relayed.add(entry);
    this.#batcher.push(entry, nowMs);
    return true;
  }

  /** When a batch should leave; Infinity if nothing waits for one. */
  dueMs(nowMs: number): number {
    return this.#batcher.dueMs(nowMs);
  }

  /** The next batch. */
  take(): Batch {
    const requests: Request[] = [];
    const clients: Address[] = [];
    for (const { request, client } of this.#batcher.take()) {
      requests.push(request);
      clients.push(client);
    }
    return makeBatch(requests, clients);
  }

  /** Another leader's block holds these. */
  placed(batch: Batch): void {
    if (this.#pending.size === 0) return;
    for (const request of batch.requests) {
      const entry = this.#pending.find(request);
      if (entry !== undefined && same(entry.request, request)) entry.done = true;
    }
  }

  /**
   * The block that held these was abandoned: they wait again, unless they were executed elsewhere.
   */
  returned(batch: Batch, nowMs: number): void {
    for (const [i, request] of batch.requests.entries()) {
      if (this.#executor.lookup(request) !== undefined) continue;
      const entry = this.#pending.find(request);
      const client = batch.clients[i] ?? 0;
      if (entry !== undefined && same(entry.request, request)) this.#pending.executed(request);
      this.add(request, client, nowMs, false);
    }
  }

  executed(request: Request): void {
    this.#pending.executed(request);
  }

  /** Lets go of what was executed, by others' leave, at the head of the queue. */
  trim(nowMs: number): void {
    this.#batcher.dueMs(nowMs);
  }

  /** Forgets what a snapshot says was executed. */
  forgetExecuted(): void {
    const executed: Request[] = [];
    for (const { request } of this.#pending.values()) {
      if (this.#executor.lookup(request) !== undefined) executed.push(request);
    }
    for (const request of executed) this.#pending.executed(request);
  }

  /** The oldest that came from their clients and are in no block, at most `max`. */
  waiting(max: number): PendingRequest[] {
    const found: PendingRequest[] = [];
    for (const entry of this.#pending.values()) {
      if (found.length === max) break;
      if (!entry.done && !this.#relayed.has(entry)) found.push(entry);
    }
    return found;
  }
}

function same(a: Request, b: Request): boolean {
  return a.session === b.session && a.tag === b.tag && a.number === b.number;
}
