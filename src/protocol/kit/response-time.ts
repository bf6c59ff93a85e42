// How long an answer takes: what takes much longer was lost on its way, where packets are lost.

import { SmoothedTime } from "../../base/smoothed-time.ts";

/** After so many answers to what was sent once, packets are not lost any more. */
const FORGIVEN = 1024;

/** Bounds of what is found, in milliseconds. */
export interface ResponseTimeBounds {
  /** Nothing is overdue sooner. */
  readonly leastMs: number;
  /** Nothing is late sooner, nor later than `latestMs`. */
  readonly lateMs: number;
  readonly latestMs: number;
}

export class ResponseTime {
  readonly #bounds: ResponseTimeBounds;
  readonly #time = new SmoothedTime();
  /** Answers since one was lost. */
  #answers = FORGIVEN;
  /** Doubles with each that is overdue, until the time of one is known again. */
  #factor = 1;
  /** Doubles likewise with each that is late. */
  #lateFactor = 1;

  constructor(bounds: ResponseTimeBounds) {
    this.#bounds = bounds;
  }

  /**
   * When an answer is late, in milliseconds: where a service that has much to do takes longer for
   * all of them, what all clients send again would leave it less time yet.
   */
  get lateMs(): number {
    const { lateMs, latestMs } = this.#bounds;
    return Math.min(latestMs, this.#lateFactor * Math.max(lateMs, this.#time.slowMs));
  }

  /**
   * When an answer is overdue: when it is late where none was lost lately, because a queue that
   * grows is no loss, and what is sent again makes it longer.
   */
  get overdueMs(): number {
    if (this.#answers >= FORGIVEN) return this.lateMs;
    const ms = Math.max(this.#bounds.leastMs, this.#factor * this.#time.slowMs);
    return Math.min(this.lateMs, ms);
  }

  /** An answer was overdue. */
  expired(): void {
    this.#factor *= 2;
  }

  /** An answer was late. */
  late(): void {
    this.#lateFactor *= 2;
  }

  /**
   * An answer came so long after a request was sent first, and so long after it was sent last, if
   * it was again. One that follows a repetition sooner than answers do is to what was sent first,
   * which was not lost but slow (the Eifel algorithm, RFC 3522, tells it so): then its time counts.
   * One that does not is to the repetition: a packet was lost, unless answers take so long anyway
   * that it may have been either. Returns whether to send requests again is of use: not where
   * answers are late anyway, and came to what was sent first; null: this one tells nothing of it.
   */
  answered(ms: number, repeatedMs: number | null): boolean | null {
    const { known, meanMs, slowMs } = this.#time;
    const slow = slowMs >= this.#bounds.lateMs;
    if (repeatedMs === null || repeatedMs < meanMs / 2) {
      this.#measured(ms);
      if (repeatedMs === null) return ms < this.#bounds.lateMs ? true : null;
      return !slow;
    }
    if (known && !slow) this.#answers = 0;
    return true;
  }

  #measured(ms: number): void {
    this.#answers++;
    this.#factor = 1;
    this.#lateFactor = 1;
    this.#time.measured(ms);
  }
}
