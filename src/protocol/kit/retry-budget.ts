// How often a client may ask again: what all clients of a service that is behind send it again
// leaves it less time yet. In the manner of the retry budgets of gRPC (proposal A6) and of "Site
// Reliability Engineering" (Beyer et al., 2016, chapter 21).

/** Retries for each request that was answered. */
const RATIO = 1 / 10;
/** The same of a service that is slow, as long as what is asked again was late and not lost. */
const RATIO_LATE = 1 / 128;
/**
 * Retries that may be saved up, and that a client has at first: so many in succession that replicas
 * hear of requests over two windows in which they judge a leader (service-level.ts), and more.
 */
export const RETRIES_SAVED_MAX = 16;

export class RetryBudget {
  #saved = RETRIES_SAVED_MAX;
  #ratio = RATIO;

  /** A request was answered, be it that retries are of use or not; null: as before. */
  onAnswer(useful: boolean | null): void {
    if (useful !== null) this.#ratio = useful ? RATIO : RATIO_LATE;
    this.#saved = Math.min(RETRIES_SAVED_MAX, this.#saved + this.#ratio);
  }

  /** Whether a retry may be made now; then that is charged. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
