// How often a client may ask again: what all clients of a service that is behind send it again
// leaves it less time yet. In the manner of the retry budgets of gRPC (proposal A6) and of "Site
// Reliability Engineering" (Beyer et al., 2016, chapter 21).

/** Retries for each request that was answered. */
const RATIO = 1 / 10;
/**
 * Retries that may be saved up, and that a client has at first: so many in succession that replicas
 * hear of requests over two windows in which they judge a leader (service-level.ts), and more.
 */
export const RETRIES_SAVED_MAX = 16;

export class RetryBudget {
  #saved = RETRIES_SAVED_MAX;

  /** A request was answered. */
  onAnswer(): void {
    this.#saved = Math.min(RETRIES_SAVED_MAX, this.#saved + RATIO);
  }

  /** Whether a retry may be made now; then that is charged. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
