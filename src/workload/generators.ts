// The generators of YCSB: numbers in the distributions by which it chooses keys and lengths, as its
// package `generator` draws them (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB",
// SoCC '10).

import { fnvHash64, remainder } from "./fnv.ts";

/** A uniform number in [0, 1). */
export type Uniform = () => number;

export interface Generator {
  next(): number;
}

/** Whole numbers from `low` to `high`. */
export function uniform(low: number, high: number, random: Uniform): Generator {
  const count = high - low + 1;
  return { next: () => low + Math.floor(random() * count) };
}

/** From `low` to `high`, and again. */
export function sequential(low: number, high: number): Generator {
  const count = high - low + 1;
  let drawn = 0;
  return { next: () => low + (drawn++ % count) };
}

/** A share `hotAsks` of what is drawn is of the first share `hotData` of the numbers. */
export function hotspot(
  low: number,
  high: number,
  { hotData, hotAsks }: { readonly hotData: number; readonly hotAsks: number },
  random: Uniform,
): Generator {
  const count = high - low + 1;
  const hot = Math.floor(count * hotData);
  const cold = count - hot;
  return {
    next: () => {
      const isHot = (random() < hotAsks && hot > 0) || cold === 0;
      const at = Math.floor(random() * (isHot ? hot : cold));
      return low + (isHot ? at : hot + at);
    },
  };
}

/** `percentile` percent of what is drawn is below `range`. */
export function exponential(percentile: number, range: number, random: Uniform): Generator {
  const gamma = -Math.log(1 - percentile / 100) / range;
  return { next: () => Math.floor(-Math.log(1 - random()) / gamma) };
}

/**
 * By a histogram of buckets of one width, of each of which its largest value is drawn. As the
 * original does it: the last bucket has the value of the one before, and gets one draw fewer of the
 * sum of all counts than its count, where the first that has any gets one more.
 */
export function histogram({ width, counts }: Histogram, random: Uniform): Generator {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const last = counts.length - 1;
  return {
    next: () => {
      let left = Math.floor(random() * all);
      for (let i = 0; i < last; i++) {
        left -= counts[i] ?? 0;
        if (left <= 0) return (i + 1) * width;
      }
      return last * width;
    },
  };
}

export interface Histogram {
  readonly width: number;
  readonly counts: readonly number[];
}

/** The skew of YCSB's zipfian distributions. */
export const ZIPFIAN_CONSTANT = 0.99;

/** The sum of 1/i^theta for i from `from` + 1 to `to`. */
export function zetaSum(from: number, to: number, theta: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += 1 / (i + 1) ** theta;
  return sum;
}

/**
 * From `low` on, the lowest most often: Gray et al., "Quickly Generating Billion-Record Synthetic
 * Databases", SIGMOD '94. The number of items may grow.
 */
export class Zipfian implements Generator {
  readonly #low: number;
  readonly #items: number;
  readonly #random: Uniform;
  readonly #alpha = 1 / (1 - ZIPFIAN_CONSTANT);
  readonly #zetaOfTwo = zetaSum(0, 2, ZIPFIAN_CONSTANT);
  /** What `#zeta` is of. */
  #counted: number;
  #zeta: number;
  #eta: number;

  /** Of `items` numbers, whose `zeta` may be known. */
  constructor(
    low: number,
    items: number,
    random: Uniform,
    zeta = zetaSum(0, items, ZIPFIAN_CONSTANT),
  ) {
    this.#low = low;
    this.#items = items;
    this.#random = random;
    this.#counted = items;
    this.#zeta = zeta;
    this.#eta = this.#etaOf(zeta);
  }

  next(): number {
    return this.nextOf(this.#items);
  }

  /** Of so many items, of which there are never fewer than before. */
  nextOf(items: number): number {
    if (items > this.#counted) {
      this.#zeta += zetaSum(this.#counted, items, ZIPFIAN_CONSTANT);
      this.#counted = items;
      this.#eta = this.#etaOf(this.#zeta);
    }
    const u = this.#random();
    const uz = u * this.#zeta;
    if (uz < 1) return this.#low;
    if (uz < 1 + 0.5 ** ZIPFIAN_CONSTANT) return this.#low + 1;
    return this.#low + Math.floor(items * (this.#eta * u - this.#eta + 1) ** this.#alpha);
  }

  #etaOf(zeta: number): number {
    // As in the original, of the items at first.
    return (1 - (2 / this.#items) ** (1 - ZIPFIAN_CONSTANT)) / (1 - this.#zetaOfTwo / zeta);
  }
}

/** What a scrambled zipfian distribution is drawn from before it is hashed. */
export const SCRAMBLED_ITEMS = 10_000_000_000;
/** Their zeta: ZETAN of the original. */
export const SCRAMBLED_ZETA = 26.46902820178302;

/** Numbers from `low` to `high`, the popular ones anywhere among them. */
export function scrambledZipfian(low: number, high: number, random: Uniform): Generator {
  const count = high - low + 1;
  const zipfian = new Zipfian(0, SCRAMBLED_ITEMS + 1, random, SCRAMBLED_ZETA);
  return { next: () => low + remainder(fnvHash64(zipfian.next()), count) };
}

/** Up to what `last` says, and that most often. */
export function latest(last: () => number, random: Uniform): Generator {
  const zipfian = new Zipfian(0, Math.max(1, last()), random);
  return {
    next: () => {
      const newest = last();
      return Math.max(0, newest - zipfian.nextOf(Math.max(1, newest)));
    },
  };
}
