// Clients that each have one operation in flight and issue the next when it completes.

import type { Bytes, Client } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { Workload } from "../workload/index.ts";
import { Latencies } from "./latency.ts";

export interface ClosedLoopOptions {
  readonly clients: readonly Client<object, string>[];
  readonly workload: Workload;
  readonly clock: Clock;
  /** Before measuring, and how long to measure, in milliseconds. */
  readonly warmMs: number;
  readonly measureMs: number;
}

/** Runs from its making; what it counts after the warm-up is the result. */
export class ClosedLoop {
  readonly latencies = new Latencies();
  /** Operations that completed, from the start and in the measured time. */
  completed = 0;
  measured = 0;
  /** Bytes of results in the measured time. */
  resultBytes = 0;
  /** Clients that lost their session, and with it knowledge of an operation; they issue no more. */
  lost = 0;
  /** Operations that were in flight at the end. */
  inFlight = 0;
  readonly #options: ClosedLoopOptions;
  readonly #startMs: number;
  readonly #measureFromMs: number;
  readonly #endMs: number;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    this.#startMs = options.clock.now;
    this.#measureFromMs = this.#startMs + options.warmMs;
    this.#endMs = this.#measureFromMs + options.measureMs;
    for (const client of options.clients) this.#drive(client);
  }

  /** The measured time is over, or nobody is left to measure. */
  get finished(): boolean {
    return this.#options.clock.now >= this.#endMs || this.lost === this.#options.clients.length;
  }
  /** Seconds measured so far. */
  get seconds(): number {
    const until = Math.min(this.#options.clock.now, this.#endMs);
    return Math.max(0, until - this.#measureFromMs) / 1000;
  }
  get elapsedMs(): number {
    return this.#options.clock.now - this.#startMs;
  }

  #drive(client: Client<object, string>): void {
    const { clock, workload } = this.#options;
    let startedMs = 0;
    const issue = (): void => {
      startedMs = clock.now;
      this.inFlight++;
      client.invoke(workload.next(), done);
    };
    const done = (result: Bytes | null): void => {
      this.inFlight--;
      if (result === null) {
        this.lost++;
        return;
      }
      this.completed++;
      const { now } = clock;
      if (now >= this.#measureFromMs && now < this.#endMs) {
        this.measured++;
        this.resultBytes += result.length;
        this.latencies.record((now - startedMs) * 1e6);
      }
      if (now < this.#endMs) issue();
    };
    issue();
  }
}
