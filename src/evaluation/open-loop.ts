// Operations that arrive by a Poisson process, whether or not earlier ones have completed, as those
// of many independent users do.

import { Queue } from "../base/queue.ts";
import type { Clock } from "../driver.ts";
import { Load, type Issue, type LoadOptions } from "./load.ts";

export interface OpenLoopOptions extends LoadOptions {
  /** Mean arrivals a second. */
  readonly rate: number;
  /** A uniform integer in [0, bound). */
  readonly random: (bound: number) => number;
  /** Most arrivals that wait for a client; later ones are refused. */
  readonly waitingMax: number;
}

/** How long to wait at the end for arrivals of the measured time, in milliseconds. */
const DRAIN_MS = 1000;
const DRAW_BOUND = 2 ** 32;
/** Arrivals dealt in one turn: where they come faster than they are dealt, replies are read too. */
const DEALT_MAX = 2 ** 14;

/**
 * An arrival takes a client that has nothing in flight or waits for one. Its latency counts from
 * when it came, not from when a client was free: a service that stalls is charged for all who would
 * have come meanwhile (what a closed loop leaves out is known as coordinated omission). Measures
 * the arrivals of the measured time, those included that complete shortly after it.
 */
export class OpenLoop extends Load {
  readonly #clock: Clock;
  readonly #options: OpenLoopOptions;
  /** When each arrival came that waits. */
  readonly #waiting = new Queue<number>();
  readonly #free = new Queue<Issue>();
  /** Arrivals of the measured time. */
  #arrived = 0;
  #nextMs: number;

  constructor(options: OpenLoopOptions) {
    super(options);
    this.#clock = options.clock;
    this.#options = options;
    for (const [index, client] of options.clients.entries()) {
      const issue: Issue = this.issuer(index, client, () => this.#release(issue));
      // The first operation opens the client's session, and is nobody's arrival.
      issue(-Infinity);
    }
    this.#nextMs = this.startMs + this.#draw();
    this.#deal();
  }

  override get finished(): boolean {
    const { now } = this.#clock;
    if (this.deserted) return true;
    if (now < this.endMs || this.waitsForLife) return false;
    return now >= this.endMs + DRAIN_MS || this.unserved === 0 || this.#idle;
  }

  /**
   * Arrivals of the measured time that were refused because too many waited, or have not completed:
   * when all is over and it is not 0, the offered rate was not reached. Those that this process was
   * too slow to deal are as many as the rate says.
   */
  get unserved(): number {
    const leftMs = this.#clock.now < this.endMs ? 0 : this.endMs - this.#nextMs;
    const fromMs = Math.min(leftMs, this.endMs - this.measureFromMs);
    const undealt = Math.max(0, Math.ceil((fromMs * this.#options.rate) / 1000));
    return this.#arrived + undealt - this.measured;
  }

  protected override counts(startedMs: number): boolean {
    return this.measures(startedMs);
  }

  get #idle(): boolean {
    const { clients } = this.#options;
    return this.#waiting.length === 0 && this.#free.length + this.lost === clients.length;
  }

  /** Deals the arrivals that are due, and asks to be called for the next. */
  readonly #deal = (): void => {
    const { now } = this.#clock;
    for (let dealt = 0; dealt < DEALT_MAX; dealt++) {
      if (this.#nextMs > now || this.#nextMs >= this.endMs) break;
      this.#arrive(this.#nextMs);
      this.#nextMs += this.#draw();
    }
    const delayMs = Math.max(0, this.#nextMs - now);
    if (this.#nextMs < this.endMs) this.#clock.after(delayMs, this.#deal);
  };

  #arrive(ms: number): void {
    if (this.measures(ms)) this.#arrived++;
    const issue = this.#free.shift();
    if (issue !== undefined) issue(ms);
    else if (this.#waiting.length < this.#options.waitingMax) this.#waiting.push(ms);
  }

  #release(issue: Issue): void {
    const ms = this.#waiting.shift();
    if (ms === undefined) this.#free.push(issue);
    else issue(ms);
  }

  /** Milliseconds between two arrivals: exponentially distributed. */
  #draw(): number {
    const uniform = (this.#options.random(DRAW_BOUND) + 1) / DRAW_BOUND;
    return (-Math.log(uniform) * 1000) / this.#options.rate;
  }
}
