// Clients that each have one operation in flight and issue the next when it completes.

import type { Client, Sealed } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { Load, type LoadOptions } from "./load.ts";

export interface ClosedLoopOptions extends LoadOptions {
  /** Between a completion and the next operation of that client, in milliseconds. */
  readonly thinkMs: number;
}

/**
 * Clients that start at once; each whose first operation completes starts one more. A first
 * operation opens a session at all replicas, and what is more than a receiver's ring holds, or than
 * replicas take of one host while they serve others, would be asked again after a while.
 */
const STARTING_MAX = 256;

/** Measures what completes in the measured time. */
export class ClosedLoop extends Load {
  readonly #clock: Clock;
  readonly #thinkMs: number;
  readonly #clients: readonly Client<Sealed, string>[];
  #started = 0;

  constructor(options: ClosedLoopOptions) {
    super(options);
    this.#clock = options.clock;
    this.#thinkMs = options.thinkMs;
    this.#clients = options.clients;
    while (this.#started < STARTING_MAX && this.#startNext());
  }

  override get finished(): boolean {
    return this.deserted || (this.#clock.now >= this.endMs && !this.waitsForLife);
  }

  protected override counts(_startedMs: number, completedMs: number): boolean {
    return this.measures(completedMs);
  }

  /** Starts one more client; false if there is none. */
  #startNext(): boolean {
    const index = this.#started;
    const client = this.#clients[index];
    if (client === undefined) return false;
    this.#started++;
    const clock = this.#clock;
    const begin = (): void => {
      if (clock.now < this.endMs) issue(clock.now);
    };
    let first = true;
    const next = (): void => {
      if (first) this.#startNext();
      first = false;
      if (this.#thinkMs === 0) begin();
      else clock.after(this.#thinkMs, begin);
    };
    const issue = this.issuer(index, client, next);
    begin();
    return true;
  }
}
