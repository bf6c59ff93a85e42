/** A timer that is due within this time counts as due, because sums of times are rounded. */
export const TIMER_SLACK_MS = 0.001;

/** Delays that double from `firstMs` to `lastMs`. */
export class Backoff {
  readonly #firstMs: number;
  readonly #lastMs: number;
  #nextMs: number;

  constructor(firstMs: number, lastMs: number) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
    this.#nextMs = firstMs;
  }

  /** The next delay is the first one, or another one between both. */
  reset(firstMs = this.#firstMs): void {
    this.#nextMs = firstMs;
  }

  /** The delay to wait now, in milliseconds; the next one is twice as long. */
  next(): number {
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(this.#lastMs, 2 * delayMs);
    return delayMs;
  }
}
