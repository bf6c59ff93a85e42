// Distributions of latencies as result records carry them: few enough buckets to keep in every
// record, fine enough to compute percentiles again when records are merged.

/** Each bucket's upper end in microseconds, ascending, and how many latencies it holds. */
export type Distribution = readonly (readonly [us: number, count: number])[];

/** Of two neighbouring ends: what a percentile may be too high by. */
const RATIO = 1.01;
/** Where more would be needed, every second end is left out, and so on. */
const BUCKETS_MAX = 500;

/** Of latencies with their counts, ascending, on a grid that all distributions share. */
export function distributionOf(
  counts: readonly (readonly [ns: number, count: number])[],
): Distribution {
  for (let step = 1; ; step *= 2) {
    const buckets = new Map<number, number>();
    for (const [ns, count] of counts) {
      const end = gridEnd(ns, step);
      buckets.set(end, (buckets.get(end) ?? 0) + count);
    }
    if (buckets.size <= BUCKETS_MAX) return toMicroseconds(buckets);
  }
}

/** Of all of them together. */
export function mergeDistributions(all: readonly Distribution[]): Distribution {
  const counts = all
    .flat()
    .map(([us, count]) => [Math.round(us * 1000), count] as const)
    .sort(([a], [b]) => a - b);
  return distributionOf(counts);
}

/** How many latencies it holds. */
export function totalOf(distribution: Distribution): number {
  return distribution.reduce((sum, [, count]) => sum + count, 0);
}

/**
 * The end, in microseconds, of the bucket that holds the latency which `percent` of all do not
 * exceed; 0 of nothing.
 */
export function percentileOf(distribution: Distribution, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * totalOf(distribution)));
  let before = 0;
  for (const [us, count] of distribution) {
    before += count;
    if (before >= rank) return us;
  }
  return 0;
}

/** What a summary has of them; a bucket may end above `maxUs`, the largest value in it. */
export function percentilesOf(
  distribution: Distribution,
  maxUs: number,
): { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number } {
  const at = (percent: number): number => Math.min(maxUs, percentileOf(distribution, percent));
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9) };
}

/**
 * The smallest end of the grid that is not below `ns`; both are whole numbers of nanoseconds, and
 * the end of an end is itself.
 */
function gridEnd(ns: number, step: number): number {
  const index = Math.ceil(Math.log(ns) / Math.log(RATIO) / step - 1e-9);
  return Math.floor(RATIO ** (index * step) + 1e-9);
}

function toMicroseconds(buckets: ReadonlyMap<number, number>): Distribution {
  return [...buckets].map(([ns, count]) => [ns / 1000, count] as const);
}
