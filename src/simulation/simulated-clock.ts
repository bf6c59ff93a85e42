// A process's clock: it runs at a speed of its own from a time of its own.

import type { Call, Clock } from "../driver.ts";
import type { Event, Owner, Scheduler } from "./scheduler.ts";

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

  after(delayMs: number, fire: () => void): Call {
    const begin = (ms: number): Event => {
      const delayUs = Math.max(0, ms * 1000) / this.#speed;
      return this.#scheduler.after(this.#owner, delayUs, fire);
    };
    let event = begin(delayMs);
    return {
      cancel: () => (event.run = null),
      again: (ms) => (event = begin(ms)),
    };
  }

  update(): void {
    // Virtual time moves by itself.
  }

  poll(): number {
    return 0;
  }
}
