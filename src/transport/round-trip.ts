// How long a host takes to send what it is asked for, and so when that is late.

import { SmoothedTime } from "../base/smoothed-time.ts";

/** What a round trip takes, in milliseconds, before one was measured. */
const INITIAL_MS = 20;
/** Nothing is late sooner, nor later the first time. */
const LEAST_MS = 2;
const FIRST_MAX_MS = 500;

export class RoundTrip {
  readonly #time = new SmoothedTime(INITIAL_MS);

  /** Whether one was measured. */
  get known(): boolean {
    return this.#time.known;
  }
  get meanMs(): number {
    return this.#time.meanMs;
  }

  /**
   * What is asked for came so long after it was asked for first, and so long after it was last. If
   * that is sooner than answers come, it is the answer to what was asked first (RFC 3522).
   */
  measured(firstMs: number, lastMs: number): void {
    this.#time.measured(lastMs < this.meanMs / 2 ? firstMs : lastMs);
  }

  /**
   * How long what was late `tries` times may take. Delays that are short grow fourfold, up to those
   * of a host of which nothing was measured, because one that is silent is given up after so many
   * tries, and not sooner than that.
   */
  lateMs(tries: number): number {
    const slowMs = INITIAL_MS * 2 ** tries;
    if (!this.known) return slowMs;
    const firstMs = Math.min(FIRST_MAX_MS, Math.max(LEAST_MS, this.#time.slowMs));
    if (firstMs >= INITIAL_MS) return firstMs * 2 ** tries;
    return Math.min(firstMs * 4 ** tries, slowMs);
  }
}
