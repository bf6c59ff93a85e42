// Clients that each have one operation in flight and issue the next when it completes.

import type { Client, Sealed } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { Load, type LoadOptions } from "./load.ts";

export interface ClosedLoopOptions extends LoadOptions {
  /** Between a completion and the next operation of that client, in milliseconds. */
  readonly thinkMs: number;
}

/** Measures what completes in the measured time. */
export class ClosedLoop extends Load {
  readonly #clock: Clock;
  readonly #thinkMs: number;

  constructor(options: ClosedLoopOptions) {
    super(options);
    this.#clock = options.clock;
    this.#thinkMs = options.thinkMs;
    for (const [index, client] of options.clients.entries()) this.#drive(index, client);
  }

  override get finished(): boolean {
    return this.deserted || (this.#clock.now >= this.endMs && !this.waitsForLife);
  }

  protected override counts(_startedMs: number, completedMs: number): boolean {
    return this.measures(completedMs);
  }

  #drive(index: number, client: Client<Sealed, string>): void {
    const clock = this.#clock;
    const next = (): void => {
      if (clock.now < this.endMs) issue(clock.now);
    };
    const think = (): void => void clock.after(this.#thinkMs, next);
    const issue = this.issuer(index, client, this.#thinkMs === 0 ? next : think);
    next();
  }
}
