// Clients that each have one operation in flight and issue the next when it completes.

import type { Bytes, Client } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { Workload } from "../workload/index.ts";
import type { HistoryWriter } from "./history.ts";
import { Latencies } from "./latency.ts";

export interface ClosedLoopOptions {
  readonly clients: readonly Client<object, string>[];
  readonly workload: Workload;
  readonly clock: Clock;
  /** Before measuring, and how long to measure, in milliseconds. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Between a completion and the next operation of that client, in milliseconds. */
  readonly thinkMs: number;
  /** Told of every operation when it is issued, and given its result when that comes. */
  readonly history: HistoryWriter | null;
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
  /**
   * The longest time between two completions, in milliseconds: how long service was interrupted.
   */
  longestGapMs = 0;
  readonly #options: ClosedLoopOptions;
  readonly #startMs: number;
  readonly #measureFromMs: number;
  readonly #endMs: number;
  #lastMs: number;

  constructor(options: ClosedLoopOptions) {
    this.#options = options;
    this.#startMs = options.clock.now;
    this.#measureFromMs = this.#startMs + options.warmMs;
    this.#endMs = this.#measureFromMs + options.measureMs;
    this.#lastMs = this.#startMs;
    for (const [index, client] of options.clients.entries()) this.#drive(index, client);
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

  #drive(index: number, client: Client<object, string>): void {
    const { clock, workload, thinkMs, history } = this.#options;
    let startedMs = 0;
    const issue = (): void => {
      if (clock.now >= this.#endMs) return;
      startedMs = clock.now;
      const op = workload.next();
      history?.invoked(index, op, startedMs);
      client.invoke(op, done);
    };
    const done = (result: Bytes | null): void => {
      const { now } = clock;
      history?.returned(index, result, now);
      if (result === null) {
        this.lost++;
        return;
      }
      this.#complete(result, startedMs, now);
      if (thinkMs === 0) issue();
      else clock.after(thinkMs, issue);
    };
    issue();
  }

  #complete(result: Bytes, startedMs: number, now: number): void {
    this.completed++;
    if (now - this.#lastMs > this.longestGapMs) this.longestGapMs = now - this.#lastMs;
    this.#lastMs = now;
    if (now < this.#measureFromMs || now >= this.#endMs) return;
    this.measured++;
    this.resultBytes += result.length;
    this.latencies.record((now - startedMs) * 1e6);
  }
}
