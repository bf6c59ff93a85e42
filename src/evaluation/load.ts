// What closed and open loops of clients have in common: issuing operations and counting what comes
// back.

import type { Bytes, Client, Sealed } from "../actor.ts";
import { Patience } from "../base/patience.ts";
import type { Clock } from "../driver.ts";
import type { Workload } from "../workload/asker.ts";
import type { HistoryWriter } from "./history.ts";
import { KindTally } from "./kinds.ts";
import { Latencies } from "./latency.ts";
import type { RecentLoad } from "./recent-load.ts";

export interface LoadOptions {
  readonly clients: readonly Client<Sealed, string>[];
  readonly workload: Workload;
  readonly clock: Clock;
  /** Before measuring, and how long to measure, in milliseconds. */
  readonly warmMs: number;
  readonly measureMs: number;
  /** Told of every operation when it is issued, and given its result when that comes. */
  readonly history: HistoryWriter | null;
  /** Told of every operation when it completes, for who looks meanwhile. */
  readonly recent?: RecentLoad | null;
}

const SECOND_MS = 1000;

/**
 * How long to wait at the end for a service that is silent, in milliseconds: it may be about to
 * replace a leader that failed.
 */
export const PATIENCE_MS = 5000;

/** Issues an operation of one client whose latency counts from `startedMs`. */
export type Issue = (startedMs: number) => void;

/** Runs from its making; what it counts after the warm-up is the result. */
export abstract class Load {
  readonly latencies = new Latencies();
  /** Operations of a workload that has several kinds. */
  readonly kinds = new KindTally((startedMs, nowMs) => this.counts(startedMs, nowMs));
  /** Operations that completed, from the start. */
  completed = 0;
  /** Bytes of results of the operations in `latencies`. */
  resultBytes = 0;
  /** Clients that lost their session, and with it knowledge of an operation; they issue no more. */
  lost = 0;
  protected readonly startMs: number;
  protected readonly measureFromMs: number;
  protected readonly endMs: number;
  readonly #options: LoadOptions;
  readonly #recent: RecentLoad | null;
  #served = 0;
  /** What `#served` was at the end of each second of the measured time that is over. */
  readonly #servedBySecond: number[] = [];
  #secondEndsMs: number;
  /** When an operation completed last. */
  #lastMs: number;
  /** When one was issued last. */
  #lastIssuedMs = -Infinity;
  #longestGapMs = 0;
  #inFlight = 0;
  /** What `#inFlight` was at the end; null before it. */
  #inFlightAtEnd: number | null = null;
  /** With a service that is silent at the end; null: measuring is not over. */
  #patience: Patience | null = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#recent = options.recent ?? null;
    this.startMs = options.clock.now;
    this.measureFromMs = this.startMs + options.warmMs;
    this.endMs = this.measureFromMs + options.measureMs;
    this.#secondEndsMs = this.measureFromMs + SECOND_MS;
    this.#lastMs = -Infinity;
  }

  /** Nothing more is to be measured. */
  abstract get finished(): boolean;
  /** Whether the latency of an operation between these times is part of the result. */
  protected abstract counts(startedMs: number, completedMs: number): boolean;

  /** Operations whose latency was recorded. */
  get measured(): number {
    return this.latencies.count;
  }
  /** Seconds measured so far. */
  get seconds(): number {
    const until = Math.min(this.#options.clock.now, this.endMs);
    return Math.max(0, until - this.measureFromMs) / 1000;
  }
  /** Operations a second that completed in the measured time. */
  get throughput(): number {
    return this.seconds === 0 ? 0 : this.#served / this.seconds;
  }
  /**
   * Operations that completed in each second of the measured time so far; the last one may be
   * shorter.
   */
  get eachSecond(): readonly number[] {
    // Less what sums of times are inexact by, which would be a second of nothing.
    const count = Math.ceil(this.seconds - 1e-6);
    const until = (second: number): number =>
      second < 0 ? 0 : (this.#servedBySecond[second] ?? this.#served);
    return Array.from({ length: count }, (_, second) => until(second) - until(second - 1));
  }
  get elapsedMs(): number {
    return this.#options.clock.now - this.startMs;
  }
  /**
   * The longest part of the measured time without a completion, in milliseconds, be it at its start
   * or its end: how long service was interrupted.
   */
  get longestGapMs(): number {
    return Math.max(0, this.#longestGapMs, this.silenceMs);
  }
  /** How long nothing had completed when the measured time ended, or until now. */
  get silenceMs(): number {
    return this.#gapUntil(this.#options.clock.now);
  }
  /** Operations that were issued and had not completed when the measured time ended. */
  get inFlight(): number {
    return this.#inFlightAtEnd ?? this.#inFlight;
  }
  /**
   * Whether nobody served at the end: nothing that was in flight has completed since, though
   * `finished` waited for it, the newest operation included. An older one may have been forgotten
   * by a service that answers others; and of one that was not waited for nothing is known.
   */
  get serviceGone(): boolean {
    const { now } = this.#options.clock;
    return this.#isSilent && (this.#patience?.spent(now) ?? 0) >= PATIENCE_MS;
  }
  /**
   * Whether, measuring being over, there is reason to wait for a sign of life: of a service that
   * gave one before.
   */
  protected get waitsForLife(): boolean {
    if (this.completed === 0 || !this.#isSilent) return false;
    const { now } = this.#options.clock;
    this.#patience ??= new Patience(now);
    return this.#patience.spent(now) < PATIENCE_MS;
  }
  /** Nothing has completed since measuring was over, of what was in flight by then. */
  get #isSilent(): boolean {
    const over = this.#options.clock.now >= this.endMs && this.#inFlight > 0;
    return over && this.#lastMs < this.endMs && this.#lastIssuedMs >= this.#lastMs;
  }
  /** Nobody is left to measure. */
  protected get deserted(): boolean {
    return this.lost === this.#options.clients.length;
  }

  protected measures(ms: number): boolean {
    return ms >= this.measureFromMs && ms < this.endMs;
  }

  /** Makes what issues operations of a client; `next` is called when one has completed. */
  protected issuer(index: number, client: Client<Sealed, string>, next: () => void): Issue {
    const { clock, workload, history } = this.#options;
    const asker = workload.asker(this.kinds);
    let startedMs = 0;
    const done = (result: Bytes | null): void => {
      const { now } = clock;
      history?.returned(index, result);
      if (now >= this.endMs) this.#inFlightAtEnd ??= this.#inFlight;
      this.#inFlight--;
      if (result === null) {
        this.lost++;
        return;
      }
      this.#complete(result, startedMs, now);
      const more = asker.answered?.(result, startedMs, now) ?? null;
      if (more === null) next();
      else ask(more, now);
    };
    const ask = (op: Bytes, fromMs: number): void => {
      startedMs = fromMs;
      history?.invoked(index, op);
      this.#inFlight++;
      this.#lastIssuedMs = clock.now;
      client.invoke(op, done);
    };
    return (fromMs) => ask(asker.next(), fromMs);
  }

  /** How much of the measured time lies between the last completion and `ms`. */
  #gapUntil(ms: number): number {
    return Math.min(ms, this.endMs) - Math.max(this.#lastMs, this.measureFromMs);
  }

  #complete(result: Bytes, startedMs: number, now: number): void {
    this.completed++;
    if (this.#recent !== null) this.#recent.completed(startedMs, now);
    const gapMs = this.#gapUntil(now);
    if (gapMs > this.#longestGapMs) this.#longestGapMs = gapMs;
    this.#lastMs = now;
    if (this.measures(now)) {
      for (; now >= this.#secondEndsMs; this.#secondEndsMs += SECOND_MS) {
        this.#servedBySecond.push(this.#served);
      }
      this.#served++;
    }
    if (!this.counts(startedMs, now)) return;
    this.resultBytes += result.length;
    this.latencies.record((now - startedMs) * 1e6);
  }
}
