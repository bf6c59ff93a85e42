// How long a host takes to send what it is asked for: a smoothed mean and deviation, as TCP's
// retransmission timer has them (RFC 6298).

const MEAN_SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
const DEVIATIONS = 4;
/** What a round trip takes, in milliseconds, before one was measured. */
const INITIAL_MS = 20;
/** Nothing is late sooner, nor later the first time. */
const LEAST_MS = 2;
const FIRST_MAX_MS = 500;

export class RoundTrip {
  #meanMs = INITIAL_MS;
  #deviationMs = 0;
  #known = false;

  /** Whether one was measured. */
  get known(): boolean {
    return this.#known;
  }
  get meanMs(): number {
    return this.#meanMs;
  }

  /**
   * What is asked for came so long after it was asked for first, and so long after it was last. If
   * that is sooner than answers come, it is the answer to what was asked first (RFC 3522).
   */
  measured(firstMs: number, lastMs: number): void {
    const ms = lastMs < this.#meanMs / 2 ? firstMs : lastMs;
    if (!this.#known) {
      this.#known = true;
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += DEVIATION_SHARE * (Math.abs(ms - this.#meanMs) - this.#deviationMs);
    this.#meanMs += MEAN_SHARE * (ms - this.#meanMs);
  }

  /**
   * How long what was late `tries` times may take. Delays that are short grow fourfold, up to those
   * of a host of which nothing was measured, because one that is silent is given up after so many
   * tries, and not sooner than that.
   */
  lateMs(tries: number): number {
    const slowMs = INITIAL_MS * 2 ** tries;
    if (!this.#known) return slowMs;
    const ms = this.#meanMs + DEVIATIONS * this.#deviationMs;
    const firstMs = Math.min(FIRST_MAX_MS, Math.max(LEAST_MS, ms));
    if (firstMs >= INITIAL_MS) return firstMs * 2 ** tries;
    return Math.min(firstMs * 4 ** tries, slowMs);
  }
}
