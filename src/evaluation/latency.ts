// Latencies of operations, recorded in nanoseconds, told in microseconds.

import { build, JsHistogram, type Histogram } from "hdr-histogram-js";
import { assert } from "../base/assert.ts";
import { distributionOf, type Distribution } from "./distribution.ts";

/** In microseconds. */
export interface LatencySummary {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Of no operation. */
export const NO_LATENCY: LatencySummary = {
  ...{ min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
};

const NS_MAX = 1e12;

/** A histogram of three significant digits, from a nanosecond to a thousand seconds. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: NS_MAX,
    numberOfSignificantValueDigits: 3,
  });

  record(ns: number): void {
    this.#histogram.recordValue(ns < 1 ? 1 : ns > NS_MAX ? NS_MAX : Math.round(ns));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** All zeros when nothing was recorded. */
  summary(): LatencySummary {
    const h = this.#histogram;
    const us = (ns: number): number => Math.round(ns) / 1000;
    // The histogram gives the upper end of a value's bucket, which the largest value may be below.
    const percentile = (p: number): number => us(Math.min(h.getValueAtPercentile(p), h.maxValue));
    if (h.totalCount === 0) return NO_LATENCY;
    return {
      min: us(h.minNonZeroValue),
      mean: us(h.mean),
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      p999: percentile(99.9),
      max: us(h.maxValue),
    };
  }

  /** The distribution, with ends of buckets within about 1 % of what was recorded. */
  distribution(): Distribution {
    const histogram = this.#histogram;
    assert(histogram instanceof JsHistogram, "WebAssembly was not asked for");
    const counts: (readonly [ns: number, count: number])[] = [];
    const values = histogram.recordedValuesIterator;
    values.reset();
    while (values.hasNext()) {
      const { valueIteratedTo, countAtValueIteratedTo } = values.next();
      counts.push([Math.min(valueIteratedTo, histogram.maxValue), countAtValueIteratedTo]);
    }
    return distributionOf(counts);
  }

  /**
   * The distribution as text: a line for each part of a logarithmic scale that holds any, with a
   * bar.
   */
  chart(width = 40): string {
    const total = this.count;
    if (total === 0) return "";
    const { min, max } = this.summary();
    const steps = 16;
    const ratio = Math.max(1.05, (max / min) ** (1 / steps));
    const rows: { readonly upto: number; readonly count: number }[] = [];
    let before = 0;
    for (let upto = min * ratio; rows.length <= steps; upto *= ratio) {
      const upToHere = this.#countUpTo(upto * 1000);
      rows.push({ upto, count: upToHere - before });
      before = upToHere;
      if (before === total) break;
    }
    const most = Math.max(...rows.map((row) => row.count));
    return rows
      .filter((row) => row.count > 0)
      .map(({ upto, count }) => {
        const bar = "#".repeat(Math.ceil((count / most) * width)).padEnd(width);
        const share = (100 * count) / total;
        const told = share < 0.005 ? "<0.01" : share.toFixed(2);
        return `  <= ${upto.toFixed(1).padStart(10)} us |${bar}| ${told.padStart(6)} %`;
      })
      .join("\n");
  }

  /** Values recorded at most `ns`, as exact as the histogram. */
  #countUpTo(ns: number): number {
    if (ns >= this.#histogram.maxValue) return this.count;
    let low = 0;
    let high = 100;
    // The percentile at which the value is reached, by bisection: the library offers only the
    // inverse.
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (this.#histogram.getValueAtPercentile(middle) <= ns) low = middle;
      else high = middle;
    }
    return Math.round((low / 100) * this.count);
  }
}
