// How long an answer takes, as TCP estimates it (Jacobson and Karels, RFC 6298): what takes much
// longer was lost on its way.

const SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
const DEVIATIONS = 4;

export class ResponseTime {
  readonly #leastMs: number;
  readonly #mostMs: number;
  #meanMs = 0;
  /** Mean deviation; Infinity as long as nothing was measured. */
  #deviationMs = Infinity;

  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
  }

  /** When an answer is overdue, in milliseconds: the most that it may be until one was measured. */
  get overdueMs(): number {
    const ms = this.#meanMs + DEVIATIONS * this.#deviationMs;
    return Math.min(this.#mostMs, Math.max(this.#leastMs, ms));
  }

  /** An answer to what was sent once took so long; to what was sent again it tells nothing. */
  measured(ms: number): void {
    if (this.#deviationMs === Infinity) {
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    const off = Math.abs(ms - this.#meanMs);
    this.#deviationMs += DEVIATION_SHARE * (off - this.#deviationMs);
    this.#meanMs += SHARE * (ms - this.#meanMs);
  }
}
