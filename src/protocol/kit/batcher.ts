// When a batch closes (docs/guarantees.md, X11): the one policy of all protocols. A partial batch
// never waits for a full one.

import type { ProtocolConfig } from "../../protocol-config.ts";
import { Queue } from "../../base/queue.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { BATCH_REQUESTS_MAX, REQUEST_OVERHEAD } from "./batch.ts";
import type { PendingRequest } from "./pending.ts";

/** Bytes of requests at which a batch closes before it has batchMax of them. */
const CLOSE_BYTES = 1024 * 1024;

export class Batcher {
  readonly #batchMax: number;
  readonly #adaptive: boolean;
  readonly #flushDelayMs: number;
  #queue = new Queue<PendingRequest>();

  constructor(config: Pick<ProtocolConfig, "batchMax" | "adaptive" | "flushDelayMs">) {
    this.#batchMax = Math.min(config.batchMax, BATCH_REQUESTS_MAX);
    this.#adaptive = config.adaptive;
    this.#flushDelayMs = config.flushDelayMs;
  }

  /** Requests that wait, those included that were executed in the meantime. */
  get length(): number {
    return this.#queue.length;
  }

  push(entry: PendingRequest, nowMs: number): void {
    entry.queuedMs = nowMs;
    this.#queue.push(entry);
  }

  clear(): void {
    this.#queue = new Queue();
  }

  /** From when on a batch should leave if the pipeline has room; Infinity if nothing waits. */
  dueMs(nowMs: number): number {
    this.#skipDone();
    const oldest = this.#queue.peek();
    if (oldest === undefined) return Infinity;
    if (this.#adaptive || this.#queue.length >= this.#batchMax) return nowMs;
    const dueMs = oldest.queuedMs + this.#flushDelayMs;
    return dueMs - nowMs < TIMER_SLACK_MS ? nowMs : dueMs;
  }

  /**
   * Takes a batch: at most batchMax requests of about CLOSE_BYTES bytes, at least one if any waits.
   */
  take(): PendingRequest[] {
    const taken: PendingRequest[] = [];
    let bytes = 0;
    for (;;) {
      this.#skipDone();
      const entry = this.#queue.peek();
      if (entry === undefined || taken.length === this.#batchMax) return taken;
      bytes += REQUEST_OVERHEAD + entry.request.op.length;
      if (taken.length > 0 && bytes > CLOSE_BYTES) return taken;
      this.#queue.shift();
      taken.push(entry);
    }
  }

  #skipDone(): void {
    while (this.#queue.peek()?.done === true) this.#queue.shift();
  }
}
