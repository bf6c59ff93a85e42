// Real time: performance.now, read once a turn, and a heap of calls.

import { Heap } from "../base/heap.ts";
import type { Clock } from "../driver.ts";

interface Call {
  readonly atMs: number;
  /** Calls due at the same time fire in the order in which they were asked for. */
  readonly order: number;
  fire: (() => void) | null;
}

export class RealClock implements Clock {
  now = performance.now();
  readonly #calls = new Heap<Call>(
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

  after(delayMs: number, fire: () => void): { cancel(): void } {
    const call: Call = { atMs: this.now + delayMs, order: this.#order++, fire };
    this.#calls.push(call);
    return { cancel: () => (call.fire = null) };
  }

  poll(): number {
    let fired = 0;
    for (;;) {
      const head = this.#calls.peek();
      if (head === undefined || head.atMs > this.now) return fired;
      this.#calls.pop();
      const { fire } = head;
      if (fire === null) continue;
      head.fire = null;
      fire();
      fired++;
    }
  }
}
