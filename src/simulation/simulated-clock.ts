// A process's clock: it runs at a speed of its own from a time of its own.

import type { Clock } from "../driver.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #owner: Owner;
  /** Local microseconds in a microsecond of virtual time. */
  readonly #speed: number;
  readonly #startUs: number;
  readonly #skewMs: number;

  constructor(scheduler: Scheduler, owner: Owner, speed: number, skewMs: number) {
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.#speed = speed;
    this.#startUs = scheduler.nowUs;
    this.#skewMs = skewMs;
  }

  get now(): number {
    return this.#skewMs + ((this.#scheduler.nowUs - this.#startUs) * this.#speed) / 1000;
  }

  after(delayMs: number, fire: () => void): { cancel(): void } {
    const delayUs = Math.max(0, delayMs * 1000) / this.#speed;
    const event = this.#scheduler.after(this.#owner, delayUs, fire);
    return { cancel: () => (event.run = null) };
  }

  update(): void {
    // Virtual time moves by itself.
  }

  poll(): number {
    return 0;
  }
}
