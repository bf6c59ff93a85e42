// What clients saw lately, for who looks while they run: latencies since the last look, and when
// nothing completed for a while.

/** When nothing completed for that long, it is told, in milliseconds. */
const GAP_MS = 40;
/** As many gaps are told, the last ones. */
const GAPS_MAX = 8;
/** Buckets of latencies: so many in each doubling, from a microsecond on. */
const PER_DOUBLING = 8;
const DOUBLINGS = 30;

/** A time without completions, on the clock of the load. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** In microseconds, exact to 9 %; zeros if nothing completed. */
export interface RecentLatency {
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export class RecentLoad {
  readonly #counts = new Uint32Array(PER_DOUBLING * DOUBLINGS);
  readonly #gaps: Gap[] = [];
  #count = 0;
  #lastMs = -1;

  /** An operation completed now that began at `startedMs`. */
  completed(startedMs: number, nowMs: number): void {
    const us = (nowMs - startedMs) * 1000;
    const bucket = us < 1 ? 0 : Math.floor(Math.log2(us) * PER_DOUBLING);
    const place = bucket < this.#counts.length ? bucket : this.#counts.length - 1;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#count++;
    if (this.#lastMs >= 0 && nowMs - this.#lastMs >= GAP_MS) {
      this.#gaps.push({ fromMs: this.#lastMs, toMs: nowMs });
      if (this.#gaps.length > GAPS_MAX) this.#gaps.shift();
    }
    this.#lastMs = nowMs;
  }

  /** Those that are over. */
  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** Of what completed since it was asked last. */
  takeLatency(): RecentLatency {
    const found = { count: this.#count, p50Us: this.#quantile(0.5), p99Us: this.#quantile(0.99) };
    this.#counts.fill(0);
    this.#count = 0;
    return found;
  }

  #quantile(share: number): number {
    let left = share * this.#count;
    if (left === 0) return 0;
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return Math.round(2 ** ((bucket + 0.5) / PER_DOUBLING));
    }
    return 0;
  }
}
