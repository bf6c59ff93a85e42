// How long something takes that takes a different time each time: a smoothed mean and deviation, as
// TCP's retransmission timer has them (Jacobson and Karels; RFC 6298).

const MEAN_SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
const DEVIATIONS = 4;

export class SmoothedTime {
  #meanMs: number;
  #deviationMs = 0;
  #known = false;

  /** The mean, in milliseconds, as long as none was measured. */
  constructor(initialMs = 0) {
    this.#meanMs = initialMs;
  }

  /** Whether one was measured. */
  get known(): boolean {
    return this.#known;
  }

  get meanMs(): number {
    return this.#meanMs;
  }

  /** It takes longer seldom. */
  get slowMs(): number {
    return this.#meanMs + DEVIATIONS * this.#deviationMs;
  }

  measured(ms: number): void {
    if (!this.#known) {
      this.#known = true;
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += DEVIATION_SHARE * (Math.abs(ms - this.#meanMs) - this.#deviationMs);
    this.#meanMs += MEAN_SHARE * (ms - this.#meanMs);
  }
}
