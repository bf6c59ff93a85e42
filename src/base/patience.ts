// How long a process has waited for others, in time that it had itself: where all of a machine
// stands still for a while (it is virtual and paused, or its processes are stopped), nobody could
// have answered.

/** What one step counts at most: a process that waits is woken every second. */
const STEP_MAX_MS = 1500;

export class Patience {
  #lastMs: number;
  #spentMs = 0;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** How long it has waited until now; is asked in every turn. */
  spent(nowMs: number): number {
    this.#spentMs += Math.min(STEP_MAX_MS, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    return this.#spentMs;
  }
}
