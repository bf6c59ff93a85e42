// Which replica a client has give it a long result, while the others give its digest: each in turn,
// by the number of the operation, but for those that did not give one the last time.

import { replierOf } from "./request.ts";

/** A replica that fails again and again is passed over in so many operations times n, at most. */
const PASSED_OVER_MAX = 1024;

export class Repliers {
  /** By replica: how many operations times n it is passed over once it fails, and until when. */
  readonly #cost: number[];
  readonly #until: number[];
  #operations = 0;

  constructor(n: number) {
    this.#cost = new Array<number>(n).fill(1);
    this.#until = new Array<number>(n).fill(0);
  }

  /** The number of the next operation, `least` or a little higher, as replicas are passed over. */
  numberFrom(least: number): number {
    const { length: n } = this.#until;
    this.#operations++;
    for (let number = least; number < least + n; number++) {
      if ((this.#until[replierOf(number, n)] ?? 0) < this.#operations) return number;
    }
    return least;
  }

  /** Whether the replica whose turn it was gave the long result of this operation. */
  gave(number: number, given: boolean): void {
    const { length: n } = this.#until;
    const replica = replierOf(number, n);
    const cost = this.#cost[replica] ?? 1;
    if (!given) this.#until[replica] = this.#operations + cost * n;
    this.#cost[replica] = given ? 1 : Math.min(2 * cost, PASSED_OVER_MAX);
  }
}
