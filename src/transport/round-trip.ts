// How long answers of one host take: a smoothed mean and deviation, as TCP's retransmission timer
// has them (RFC 6298), for messages larger than a packet. Many messages are measured in one round
// trip, all alike; so the mean rises as TCP's does, and falls more slowly.

/** Before anything was measured. */
const INITIAL_MS = 20;
const TIMEOUT_MAX_MS = 500;
/** The longest delay that doubling gives. */
const BACKOFF_MAX_MS = 1000;

export class RoundTrip {
  readonly #minMs: number;
  #meanMs = -1;
  #deviationMs = 0;

  /** Never calls an answer late before `minMs`. */
  constructor(minMs: number) {
    this.#minMs = minMs;
  }

  measured(ms: number): void {
    if (this.#meanMs < 0) {
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += (Math.abs(ms - this.#meanMs) - this.#deviationMs) / 4;
    this.#meanMs += (ms - this.#meanMs) / (ms > this.#meanMs ? 8 : 64);
  }

  /** After so long an answer is late that was `tries` times late before. */
  lateMs(tries: number): number {
    const ms = this.#meanMs < 0 ? INITIAL_MS : this.#meanMs + 4 * this.#deviationMs;
    const firstMs = Math.min(TIMEOUT_MAX_MS, Math.max(this.#minMs, ms));
    return Math.min(BACKOFF_MAX_MS, firstMs * 2 ** tries);
  }
}
