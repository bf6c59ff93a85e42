// When a batch closes (docs/guarantees.md, X11): the one policy of all protocols. A partial batch
// never waits for a full one.

import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { Queue } from "../../base/queue.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { BATCH_BYTES_MAX, BATCH_REQUESTS_MAX, footprintOfFull, REQUEST_OVERHEAD } from "./batch.ts";
import { OpenRation } from "./open-ration.ts";
import { batchBytesOf, type PendingRequest } from "./pending.ts";
import { BATCH_ROOTS_MAX, rootName } from "./request-auth.ts";
import { isOpen, NONCE_LENGTH, type Request } from "./request.ts";

/** Operations of so many bytes wait apart, so that small ones do not wait for all of them. */
const LARGE_BYTES = 64 * 1024;
/** Bytes that an open takes of a batch. */
const OPEN_BYTES = REQUEST_OVERHEAD + NONCE_LENGTH;
/** Full batches that may be under way; of smaller ones more. */
const FULL_UNDER_WAY_MAX = 8;
/** Memory of batches under way, whatever their size. */
const UNDER_WAY_MAX = 12 * 1024 * 1024;

/** Requests that are not executed, and how many of them are no opens. */
interface Known {
  readonly size: number;
  readonly operations: number;
}

interface Limits {
  readonly requests: number;
  readonly bytes: number;
}

/** Batches in which the most requests that were known at a time are remembered, twice at most. */
const REMEMBERED_BATCHES = 16;

/**
 * Requests heard from their clients, and those that another replica relayed: a batch takes from
 * both in turn, because a Byzantine replica may relay any number that it invented.
 */
class Lane {
  #own = new Queue<PendingRequest>();
  #relayed = new Queue<PendingRequest>();
  #bytes = 0;

  get length(): number {
    return this.#own.length + this.#relayed.length;
  }
  /** What those in it take of batches, those included that do not wait any more. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Since when the oldest that still waits does; Infinity if none does. */
  get oldestMs(): number {
    const ownMs = this.#first(this.#own)?.queuedMs ?? Infinity;
    return Math.min(ownMs, this.#first(this.#relayed)?.queuedMs ?? Infinity);
  }

  push(entry: PendingRequest): void {
    const queue = typeof entry.source === "number" ? this.#relayed : this.#own;
    queue.push(entry);
    this.#bytes += batchBytesOf(entry);
  }

  compact(): void {
    const queues = [this.#own, this.#relayed];
    this.clear();
    for (const queue of queues) {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
        if (!entry.done) this.push(entry);
      }
    }
  }

  clear(): void {
    this.#own = new Queue();
    this.#relayed = new Queue();
    this.#bytes = 0;
  }

  /** Adds to `taken` what is within the limits, but one, however large, if it had none. */
  take(limits: Limits, taken: PendingRequest[]): void {
    let bytes = 0;
    for (const entry of taken) bytes += batchBytesOf(entry);
    let roots: Set<string | null> | null = null;
    let next = this.#own;
    let other = this.#relayed;
    for (;;) {
      if (this.#first(next) === undefined) [next, other] = [other, next];
      const entry = this.#first(next);
      if (entry === undefined || taken.length >= limits.requests) return;
      bytes += batchBytesOf(entry);
      if (taken.length > 0 && bytes > limits.bytes) {
        coverageMark("batcher: a batch is full of bytes");
        return;
      }
      // Few requests have few roots.
      if (taken.length >= BATCH_ROOTS_MAX) {
        roots ??= new Set(taken.map(({ request }) => rootOf(request)));
        const root = rootOf(entry.request);
        if (root !== null && !roots.has(root) && roots.size >= BATCH_ROOTS_MAX) {
          coverageMark("batcher: a batch is full of root signatures");
          return;
        }
        roots.add(root);
      }
      this.#shift(next);
      taken.push(entry);
      if (other.length > 0) [next, other] = [other, next];
    }
  }

  /** The first that still waits. */
  #first(queue: Queue<PendingRequest>): PendingRequest | undefined {
    while (queue.peek()?.done === true) this.#shift(queue);
    return queue.peek();
  }

  #shift(queue: Queue<PendingRequest>): void {
    const entry = queue.shift();
    if (entry !== undefined) this.#bytes -= batchBytesOf(entry);
  }
}

type Config = Pick<
  ProtocolConfig,
  "batchMax" | "batchBytesMax" | "adaptive" | "flushDelayMs" | "viewTimeoutMs"
>;

export class Batcher {
  readonly #limits: Limits;
  readonly #largeBytes: number;
  readonly #adaptive: boolean;
  readonly #flushDelayMs: number;
  readonly #opens = new Lane();
  readonly #small = new Lane();
  readonly #large = new Lane();
  readonly #lanes = [this.#opens, this.#small, this.#large];
  readonly #ration: OpenRation;
  /** The most requests known at a time, of these batches and of those before them. */
  #most = 0;
  #mostBefore = 0;
  #batches = 0;
  /** Whether the last batch was of small ones. */
  #largeNext = false;

  constructor(config: Config) {
    this.#ration = new OpenRation(config.viewTimeoutMs);
    const requests = Math.min(config.batchMax, BATCH_REQUESTS_MAX);
    const bytes = Math.min(config.batchBytesMax, BATCH_BYTES_MAX);
    this.#limits = { requests, bytes };
    this.#largeBytes = Math.min(LARGE_BYTES, bytes);
    this.#adaptive = config.adaptive;
    this.#flushDelayMs = config.flushDelayMs;
  }

  /** Requests that wait, those included that were executed in the meantime. */
  get length(): number {
    return this.#opens.length + this.#small.length + this.#large.length;
  }

  /**
   * Memory of the batches under way (footprintOf) with which a leader makes no more, because what
   * is under way is what receivers must take at once, and what small requests wait behind.
   */
  get underWayMax(): number {
    return Math.min(UNDER_WAY_MAX, FULL_UNDER_WAY_MAX * footprintOfFull(this.#limits.bytes));
  }

  push(entry: PendingRequest, nowMs: number): void {
    entry.queuedMs = nowMs;
    const small = isOpen(entry.request) ? this.#opens : this.#small;
    (entry.request.op.length < this.#largeBytes ? small : this.#large).push(entry);
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
   * leave with operations, while these come, and do not hasten them. `known` requests are not
   * executed, whether or not they are in a batch: where all that clients ask at a time wait for a
   * batch that holds more, nothing else would come. `busy`: a batch of this leader is under way
   * that costs hardly less than a larger one, because it is signed; with `adaptive` a partial batch
   * waits behind it as it does without.
   */
  dueMs(nowMs: number, known: Known, busy = false): number {
    const rationed = this.#ration.isOn(nowMs);
    const expected = rationed ? known.operations : known.size;
    if (expected > this.#most) this.#most = expected;
    const operationsMs = Math.min(this.#small.oldestMs, this.#large.oldestMs);
    const opensMs = this.#opens.oldestMs;
    if (operationsMs === Infinity && opensMs === Infinity) return Infinity;
    if (rationed && operationsMs === Infinity) return orNow(this.#ration.dueMs, nowMs);
    if ((this.#adaptive && !busy) || this.#isFull(nowMs)) return nowMs;
    const oldestMs = rationed ? operationsMs : Math.min(operationsMs, opensMs);
    return orNow(oldestMs + this.#flushDelayMs, nowMs);
  }

  /** Whether as much waits as one batch could have, or as is to be expected. */
  #isFull(nowMs: number): boolean {
    const { requests, bytes } = this.#limits;
    const operations = this.#small.length + this.#large.length;
    const opens = this.#ration.of(this.#opens.length, operations > 0, nowMs);
    if (operations + opens >= requests) return true;
    const expected = this.#ration.isOn(nowMs) ? operations : operations + opens;
    if (expected >= Math.max(this.#most, this.#mostBefore)) return true;
    return this.#small.bytes + opens * OPEN_BYTES >= bytes || this.#large.bytes >= bytes;
  }

  /**
   * Takes a batch: at most batchMax requests of batchBytesMax bytes, but one, however large, if any
   * waits; of small operations and of large ones in turn, so that who asks for little waits for one
   * batch of large ones at most.
   */
  take(nowMs: number): PendingRequest[] {
    if (++this.#batches % REMEMBERED_BATCHES === 0) {
      this.#mostBefore = this.#most;
      this.#most = 0;
    }
    const taken: PendingRequest[] = [];
    const largeWaits = this.#large.oldestMs < Infinity;
    const smallWaits = this.#small.oldestMs < Infinity;
    const waiting = this.#opens.oldestMs < Infinity ? this.#opens.length : 0;
    const opensMax = this.#ration.of(waiting, smallWaits || largeWaits, nowMs);
    const large = largeWaits && (this.#largeNext || !(smallWaits || opensMax > 0));
    this.#largeNext = !large;
    if (!large) this.#opens.take(this.#ofOpens(opensMax, smallWaits), taken);
    const opens = taken.length;
    (large ? this.#large : this.#small).take(this.#limits, taken);
    this.#ration.onBatch(taken.length - opens, opens, waiting, nowMs);
    return taken;
  }

  /** What as many opens have of a batch: half of one at most beside small operations. */
  #ofOpens(max: number, smallWaits: boolean): Limits {
    const { requests, bytes } = this.#limits;
    if (!smallWaits) return { requests: Math.min(max, requests), bytes };
    return { requests: Math.min(max, Math.ceil(requests / 2)), bytes: bytes / 2 };
  }
}

/** Names its root signature; null: it has none. */
function rootOf(request: Request): string | null {
  return request.seal === undefined ? null : rootName(request);
}

/** Early by a rounding error is in time. */
function orNow(dueMs: number, nowMs: number): number {
  return dueMs - nowMs < TIMER_SLACK_MS ? nowMs : dueMs;
}
