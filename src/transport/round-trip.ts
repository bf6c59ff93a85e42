// How long answers of one host take: a smoothed mean and deviation, as TCP's retransmission timer
// has them (RFC 6298), for messages larger than a packet.

/** Before anything was measured. */
const INITIAL_MS = 20;
const TIMEOUT_MAX_MS = 200;
/** The longest delay that doubling gives. */
const BACKOFF_MAX_MS = 400;

export class RoundTrip {
  readonly #minMs: number;
  readonly #fall: number;
  #meanMs = -1;
  #deviationMs = 0;

  /**
   * Never calls an answer late before `minMs`. Where many are measured in one round trip, all
   * alike, the mean is to fall more slowly than TCP's, by one part of `fall`.
   */
  constructor(minMs: number, fall: number) {
    this.#minMs = minMs;
    this.#fall = fall;
  }

  measured(ms: number): void {
    if (this.#meanMs < 0) {
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += (Math.abs(ms - this.#meanMs) - this.#deviationMs) / 4;
    this.#meanMs += (ms - this.#meanMs) / (ms > this.#meanMs ? 8 : this.#fall);
  }

  /** After so long an answer is late that was `tries` times late before. */
  lateMs(tries: number): number {
    const ms = this.#meanMs < 0 ? INITIAL_MS : this.#meanMs + 4 * this.#deviationMs;
    const firstMs = Math.min(TIMEOUT_MAX_MS, Math.max(this.#minMs, ms));
    return Math.min(BACKOFF_MAX_MS, firstMs * 2 ** tries);
  }
}
