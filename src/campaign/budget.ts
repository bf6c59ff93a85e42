// Divides the time of a campaign among its rows.

/**
 * Time in proportion to weights, one share after another: a share that ends early leaves the rest
 * of its time to those that follow, one that takes longer takes it from them.
 */
export class Budget {
  readonly #endMs: number;
  readonly #nowMs: () => number;
  #weightLeft: number;

  /** `minutes` from now on, by a clock in milliseconds, for shares of so much weight in all. */
  constructor(minutes: number, weight: number, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#endMs = nowMs() + minutes * 60_000;
    this.#weightLeft = weight;
  }

  /** Begins the next share; the function tells whether there is any time left in it. */
  share(weight: number): () => boolean {
    const nowMs = this.#nowMs();
    const part = this.#weightLeft > 0 ? weight / this.#weightLeft : 1;
    const shareEndMs = nowMs + Math.max(0, this.#endMs - nowMs) * part;
    this.#weightLeft -= weight;
    return () => this.#nowMs() < shareEndMs;
  }
}
