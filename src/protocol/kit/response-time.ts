// How long an answer takes, as TCP estimates it (Jacobson and Karels, RFC 6298): what takes much
// longer was lost on its way, where packets are lost.

const SHARE = 1 / 8;
const DEVIATION_SHARE = 1 / 4;
const DEVIATIONS = 4;
/** After so many answers to what was sent once, packets are not lost any more. */
const FORGIVEN = 1024;

export class ResponseTime {
  readonly #leastMs: number;
  readonly #mostMs: number;
  #meanMs = 0;
  /** Mean deviation; Infinity as long as nothing was measured. */
  #deviationMs = Infinity;
  /** Answers since one was lost. */
  #answers = FORGIVEN;
  /** Doubles with each that is overdue, until the time of one is known again. */
  #factor = 1;

  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
  }

  /**
   * When an answer is overdue, in milliseconds: the most that it may be where none was lost lately,
   * because a queue that grows is no loss, and what is sent again makes it longer.
   */
  get overdueMs(): number {
    if (this.#answers >= FORGIVEN) return this.#mostMs;
    const ms = this.#factor * this.#slowMs;
    return Math.min(this.#mostMs, Math.max(this.#leastMs, ms));
  }

  /** Answers take longer seldom. */
  get #slowMs(): number {
    return this.#meanMs + DEVIATIONS * this.#deviationMs;
  }

  /** An answer was overdue. */
  expired(): void {
    this.#factor *= 2;
  }

  /** One took the most that it may; that is a loss if even slow answers take less. */
  lost(): void {
    if (this.#slowMs < this.#mostMs) this.#answers = 0;
  }

  /** An answer to what was sent once took so long; to what was sent again it tells nothing. */
  measured(ms: number): void {
    this.#answers++;
    this.#factor = 1;
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
