// Real time: performance.now, read once a turn, and a heap of calls.

import { Heap } from "../base/heap.ts";
import type { Call, Clock } from "../driver.ts";

class RealCall implements Call {
  atMs: number;
  /** Calls due at the same time fire in the order in which they were asked for. */
  order: number;
  fire: (() => void) | null;
  readonly #clock: RealClock;

  constructor(clock: RealClock, atMs: number, order: number, fire: () => void) {
    this.#clock = clock;
    this.atMs = atMs;
    this.order = order;
    this.fire = fire;
  }

  cancel(): void {
    this.fire = null;
  }

  again(delayMs: number): void {
    this.#clock.repeat(this, delayMs);
  }
}

export class RealClock implements Clock {
  now = performance.now();
  readonly #calls = new Heap<RealCall>(
    (a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order),
  );
  #order = 0;

  update(): void {
    this.now = performance.now();
  }

  /** When the next call is due; Infinity without one. A call that was cancelled counts as well. */
  get nextMs(): number {
    return this.#calls.peek()?.atMs ?? Infinity;
  }

  after(delayMs: number, fire: () => void): Call {
    const call = new RealCall(this, this.now + delayMs, this.#order++, fire);
    this.#calls.push(call);
    return call;
  }

  /** Queues a call that is not queued. */
  repeat(call: RealCall, delayMs: number): void {
    call.atMs = this.now + delayMs;
    call.order = this.#order++;
    this.#calls.push(call);
  }

  /** Calls that others ask for while they fire wait for the next turn, even those due at once. */
  poll(): number {
    let fired = 0;
    const until = this.#order;
    for (;;) {
      const head = this.#calls.peek();
      // None that is older is behind one that was asked for meanwhile, which is due now or later.
      if (head === undefined || head.atMs > this.now || head.order >= until) return fired;
      this.#calls.pop();
      if (head.fire === null) continue;
      head.fire();
      fired++;
    }
  }
}
