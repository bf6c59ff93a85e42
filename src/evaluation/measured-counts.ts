// What clients count themselves, of the measured time: they count from the start on.

import type { Client, Sealed } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { ResultRecord } from "./record.ts";

type Counts = Pick<ResultRecord, "retransmissions" | "fastPath">;

/** Operations are those of protocols with a fast path. */
interface Tally {
  readonly retransmissions: number;
  readonly operations: number;
  readonly fast: number;
}

export interface MeasuredCountsOptions {
  readonly clients: readonly Pick<Client<Sealed, string>, "retransmissions" | "fastPath">[];
  readonly clock: Pick<Clock, "after">;
  /** Before measuring, and how long to measure, in milliseconds from now. */
  readonly warmMs: number;
  readonly measureMs: number;
}

export class MeasuredCounts {
  readonly #clients: MeasuredCountsOptions["clients"];
  #before: Tally;
  /** Null until measuring is over: it may be interrupted. */
  #after: Tally | null = null;

  constructor({ clients, clock, warmMs, measureMs }: MeasuredCountsOptions) {
    this.#clients = clients;
    this.#before = this.#tally();
    clock.after(warmMs, () => (this.#before = this.#tally()));
    clock.after(warmMs + measureMs, () => (this.#after = this.#tally()));
  }

  /** What was sent again, and the share of a fast path where the protocol has one. */
  get counts(): Counts {
    const after = this.#after ?? this.#tally();
    const retransmissions = after.retransmissions - this.#before.retransmissions;
    if (this.#clients.every(({ fastPath }) => fastPath === undefined)) return { retransmissions };
    const operations = after.operations - this.#before.operations;
    const fast = after.fast - this.#before.fast;
    return { retransmissions, fastPath: fast / Math.max(1, operations) };
  }

  #tally(): Tally {
    let [retransmissions, operations, fast] = [0, 0, 0];
    for (const client of this.#clients) {
      retransmissions += client.retransmissions;
      operations += client.fastPath?.operations ?? 0;
      fast += client.fastPath?.fast ?? 0;
    }
    return { retransmissions, operations, fast };
  }
}
