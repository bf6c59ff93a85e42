// What each source host may have in a time, of bytes or of turns.

/** Sources that are remembered; that which spent longest ago is forgotten. */
export const SOURCES_MAX = 4096;

interface Budget {
  left: number;
  sinceMs: number;
}

export class Budgets {
  readonly #aMs: number;
  readonly #most: number;
  /** By source, that which spent longest ago first. */
  readonly #bySource = new Map<number, Budget>();

  /** So much comes in a millisecond, and `most` may be left. */
  constructor(aMs: number, most: number) {
    this.#aMs = aMs;
    this.#most = most;
  }

  get size(): number {
    return this.#bySource.size;
  }

  /** Spends `amount` if anything is left, which the last one may go over. */
  spend(source: number, amount: number, nowMs: number): boolean {
    const budget = this.#budgetOf(source, nowMs);
    if (budget.left <= 0) return false;
    budget.left -= amount;
    return true;
  }

  #budgetOf(source: number, nowMs: number): Budget {
    let budget = this.#bySource.get(source);
    if (budget === undefined) {
      budget = { left: this.#most, sinceMs: nowMs };
      if (this.#bySource.size === SOURCES_MAX) {
        const [oldest = 0] = this.#bySource.keys();
        this.#bySource.delete(oldest);
      }
    } else {
      const gained = (nowMs - budget.sinceMs) * this.#aMs;
      budget.left = Math.min(this.#most, budget.left + gained);
      budget.sinceMs = nowMs;
      this.#bySource.delete(source);
    }
    this.#bySource.set(source, budget);
    return budget;
  }
}
