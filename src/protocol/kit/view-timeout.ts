/** The longest view timer, in view timeouts. */
export const VIEW_TIMEOUTS_MAX = 16;

/**
 * The length of a view timer: doubles with each view left by timeout since the last execution, up
 * to VIEW_TIMEOUTS_MAX view timeouts, so that it outgrows any delay that messages have once the
 * network is stable. Castro and Liskov, OSDI '99, section 4.5.2.
 */
export class ViewTimeout {
  readonly #firstMs: number;
  #doublings = 0;

  constructor(viewTimeoutMs: number) {
    this.#firstMs = viewTimeoutMs;
  }

  get ms(): number {
    return this.#firstMs * Math.min(2 ** this.#doublings, VIEW_TIMEOUTS_MAX);
  }

  /** Views left by timeout since the last execution. */
  get doublings(): number {
    return this.#doublings;
  }

  double(): void {
    this.#doublings++;
  }

  /** Back to the first length; false if it was that long. */
  reset(): boolean {
    if (this.#doublings === 0) return false;
    this.#doublings = 0;
    return true;
  }
}
