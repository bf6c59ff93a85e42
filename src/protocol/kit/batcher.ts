// When a batch closes (docs/guarantees.md, X11): the one policy of all protocols. A partial batch
// never waits for a full one.

import type { ProtocolConfig } from "../../protocol-config.ts";
import { Queue } from "../../base/queue.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { BATCH_CLOSE_BYTES, BATCH_REQUESTS_MAX, REQUEST_OVERHEAD } from "./batch.ts";
import { OpenRation } from "./open-ration.ts";
import type { PendingRequest } from "./pending.ts";
import { isOpen } from "./request.ts";

/** Operations of so many bytes wait apart, so that small ones do not wait for all of them. */
const LARGE_BYTES = 64 * 1024;

/**
 * Requests heard from their clients, and those that another replica relayed: a batch takes from
 * both in turn, because a Byzantine replica may relay any number that it invented.
 */
class Lane {
  #own = new Queue<PendingRequest>();
  #relayed = new Queue<PendingRequest>();

  get length(): number {
    return this.#own.length + this.#relayed.length;
  }

  /** Since when the oldest that still waits does; Infinity if none does. */
  get oldestMs(): number {
    const ownMs = first(this.#own)?.queuedMs ?? Infinity;
    return Math.min(ownMs, first(this.#relayed)?.queuedMs ?? Infinity);
  }

  push(entry: PendingRequest): void {
    const queue = typeof entry.source === "number" ? this.#relayed : this.#own;
    queue.push(entry);
  }

  compact(): void {
    this.#own = waiting(this.#own);
    this.#relayed = waiting(this.#relayed);
  }

  clear(): void {
    this.#own = new Queue();
    this.#relayed = new Queue();
  }

  /**
   * Adds to `taken` until it has `max` requests or BATCH_CLOSE_BYTES bytes, but one, however large,
   * if any waits.
   */
  take(max: number, taken: PendingRequest[]): void {
    let bytes = 0;
    for (const { request } of taken) bytes += REQUEST_OVERHEAD + request.op.length;
    let next = this.#own;
    let other = this.#relayed;
    for (;;) {
      if (first(next) === undefined) [next, other] = [other, next];
      const entry = first(next);
      if (entry === undefined || taken.length >= max) return;
      bytes += REQUEST_OVERHEAD + entry.request.op.length;
      if (taken.length > 0 && bytes > BATCH_CLOSE_BYTES) return;
      next.shift();
      taken.push(entry);
      if (other.length > 0) [next, other] = [other, next];
    }
  }
}

type Config = Pick<ProtocolConfig, "batchMax" | "adaptive" | "flushDelayMs" | "viewTimeoutMs">;

export class Batcher {
  readonly #batchMax: number;
  readonly #adaptive: boolean;
  readonly #flushDelayMs: number;
  readonly #opens = new Lane();
  readonly #small = new Lane();
  readonly #large = new Lane();
  readonly #lanes = [this.#opens, this.#small, this.#large];
  readonly #ration: OpenRation;
  /** Whether the last batch was of small ones. */
  #largeNext = false;

  constructor(config: Config) {
    this.#ration = new OpenRation(config.viewTimeoutMs);
    this.#batchMax = Math.min(config.batchMax, BATCH_REQUESTS_MAX);
    this.#adaptive = config.adaptive;
    this.#flushDelayMs = config.flushDelayMs;
  }

  /** Requests that wait, those included that were executed in the meantime. */
  get length(): number {
    return this.#opens.length + this.#small.length + this.#large.length;
  }

  push(entry: PendingRequest, nowMs: number): void {
    entry.queuedMs = nowMs;
    const small = isOpen(entry.request) ? this.#opens : this.#small;
    (entry.request.op.length < LARGE_BYTES ? small : this.#large).push(entry);
  }

  /** Takes out those that do not wait any more. */
  compact(): void {
    for (const lane of this.#lanes) lane.compact();
  }

  clear(): void {
    for (const lane of this.#lanes) lane.clear();
  }

  /**
   * From when on a batch should leave if the pipeline has room; Infinity if nothing waits. Opens
   * leave with operations, while these come, and do not hasten them.
   */
  dueMs(nowMs: number): number {
    const operationsMs = Math.min(this.#small.oldestMs, this.#large.oldestMs);
    const opensMs = this.#opens.oldestMs;
    const rationed = this.#ration.isOn(nowMs);
    if (operationsMs === Infinity && opensMs === Infinity) return Infinity;
    if (operationsMs === Infinity && rationed) return this.#ration.endMs;
    if (this.#adaptive || this.#fill(nowMs) >= this.#batchMax) return nowMs;
    const oldestMs = rationed ? operationsMs : Math.min(operationsMs, opensMs);
    const dueMs = oldestMs + this.#flushDelayMs;
    return dueMs - nowMs < TIMER_SLACK_MS ? nowMs : dueMs;
  }

  /** How many requests wait that one batch could have. */
  #fill(nowMs: number): number {
    const operations = this.#small.length + this.#large.length;
    const opens = this.#opens.length;
    return operations + this.#ration.of(opens, operations > 0, nowMs);
  }

  /**
   * Takes a batch: at most batchMax requests of BATCH_CLOSE_BYTES bytes, but one, however large, if
   * any waits; of small operations and of large ones in turn, so that who asks for little waits for
   * one batch of large ones at most.
   */
  take(nowMs: number): PendingRequest[] {
    const taken: PendingRequest[] = [];
    const largeWaits = this.#large.oldestMs < Infinity;
    const smallWaits = this.#small.oldestMs < Infinity;
    const waiting = this.#opens.oldestMs < Infinity ? this.#opens.length : 0;
    const opensMax = this.#ration.of(waiting, smallWaits || largeWaits, nowMs);
    const large = largeWaits && (this.#largeNext || !(smallWaits || opensMax > 0));
    this.#largeNext = !large;
    const room = smallWaits ? Math.ceil(this.#batchMax / 2) : this.#batchMax;
    if (!large) this.#opens.take(Math.min(opensMax, room), taken);
    const opens = taken.length;
    (large ? this.#large : this.#small).take(this.#batchMax, taken);
    this.#ration.onBatch(taken.length - opens, opens, waiting, nowMs);
    return taken;
  }
}

function waiting(queue: Queue<PendingRequest>): Queue<PendingRequest> {
  const kept = new Queue<PendingRequest>();
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
    if (!entry.done) kept.push(entry);
  }
  return kept;
}

/** The first that still waits. */
function first(queue: Queue<PendingRequest>): PendingRequest | undefined {
  while (queue.peek()?.done === true) queue.shift();
  return queue.peek();
}
