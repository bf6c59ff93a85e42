// What each kind of operation took and how it ended, as YCSB tells it.

import type { Tally } from "../workload/asker.ts";
import { percentileOf, type Distribution } from "./distribution.ts";
import { Latencies, type LatencySummary } from "./latency.ts";
import { numbers, type Shape } from "./shape.ts";

/** Operations of one kind that were measured. */
export interface KindResult {
  readonly operations: number;
  /** How many ended so, by the names that YCSB has for that: OK, NOT_FOUND, ... */
  readonly returns: { readonly [status: string]: number };
  readonly latency: LatencySummary;
  /** In microseconds. */
  readonly p95: number;
  readonly distribution: Distribution;
}

/** By the names of YCSB: READ, UPDATE, INSERT, SCAN, READ-MODIFY-WRITE. */
export type KindResults = { readonly [kind: string]: KindResult };

/** Where values are checked: how many rows were as they were written, by what was found. */
export type Verified = { readonly [status: string]: number };

export const KIND_RESULT: Shape = {
  fields: {
    operations: "number",
    returns: { mapOf: "number" },
    latency: numbers("min", "mean", "p50", "p90", "p99", "p999", "max"),
    p95: "number",
    distribution: { listOf: { listOf: "number" } },
  },
};

class KindCounts {
  readonly latencies = new Latencies();
  readonly returns = new Map<string, number>();
}

/** Counts what a run measures. */
export class KindTally implements Tally {
  readonly #counts: (startedMs: number, nowMs: number) => boolean;
  readonly #kinds = new Map<string, KindCounts>();
  readonly #verified = new Map<string, number>();

  /** `counts` says whether an operation between these times is measured. */
  constructor(counts: (startedMs: number, nowMs: number) => boolean) {
    this.#counts = counts;
  }

  record(kind: string, status: string, startedMs: number, nowMs: number): void {
    if (!this.#counts(startedMs, nowMs)) return;
    let of = this.#kinds.get(kind);
    if (of === undefined) this.#kinds.set(kind, (of = new KindCounts()));
    of.latencies.record((nowMs - startedMs) * 1e6);
    of.returns.set(status, (of.returns.get(status) ?? 0) + 1);
  }

  /** From the start on, measured or not: a wrong value is wrong at any time. */
  verified(status: string): void {
    this.#verified.set(status, (this.#verified.get(status) ?? 0) + 1);
  }

  /** Null: the workload has no kinds. */
  get results(): KindResults | null {
    if (this.#kinds.size === 0) return null;
    const all = [...this.#kinds].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      all.map(([kind, { latencies, returns }]) => {
        const latency = latencies.summary();
        const distribution = latencies.distribution();
        const p95 = Math.min(latency.max, percentileOf(distribution, 95));
        const operations = latencies.count;
        const ended = Object.fromEntries(returns);
        return [kind, { operations, returns: ended, latency, p95, distribution }];
      }),
    );
  }

  /** Null: nothing was to be checked. */
  get verification(): Verified | null {
    return this.#verified.size === 0 ? null : Object.fromEntries(this.#verified);
  }
}

/** As YCSB prints it. */
export function formatKinds(kinds: KindResults, verified: Verified = {}): string {
  const lines = Object.entries(kinds).flatMap(([kind, { operations, latency, p95, returns }]) => [
    `[${kind}], Operations, ${operations}`,
    `[${kind}], AverageLatency(us), ${latency.mean}`,
    `[${kind}], MinLatency(us), ${latency.min}`,
    `[${kind}], MaxLatency(us), ${latency.max}`,
    `[${kind}], 50thPercentileLatency(us), ${latency.p50}`,
    `[${kind}], 95thPercentileLatency(us), ${p95}`,
    `[${kind}], 99thPercentileLatency(us), ${latency.p99}`,
    ...Object.entries(returns).map(([status, n]) => `[${kind}], Return=${status}, ${n}`),
  ]);
  const checked = Object.entries(verified).map(([status, n]) => `[VERIFY], Return=${status}, ${n}`);
  return [...lines, ...checked].join("\n");
}
