// Shows that keys and lengths are drawn as YCSB draws them: its published constants and keys, and
// frequencies by chi-square.

import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/seeded-random.ts";
import { bigintOf, fnvHash64, remainder } from "../../src/workload/fnv.ts";
import {
  exponential,
  hotspot,
  latest,
  scrambledZipfian,
  SCRAMBLED_ITEMS,
  SCRAMBLED_ZETA,
  sequential,
  uniform,
  Zipfian,
  ZIPFIAN_CONSTANT,
  zetaSum,
  type Generator,
} from "../../src/workload/generators.ts";
import { uniformOf } from "../../src/workload/ycsb-records.ts";

const theta = ZIPFIAN_CONSTANT;
const dice = (name: string) => uniformOf(new Random(17, name));

/** The hash with whole integers of 64 bits. */
function plainHash(value: number): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0n; i < 8n; i++) {
    hash ^= (BigInt(value) >> (8n * i)) & 255n;
    hash = BigInt.asUintN(64, hash * 1099511628211n);
  }
  const signed = BigInt.asIntN(64, hash);
  return signed < 0n ? -signed : signed;
}

/** That such counts come of these probabilities: a good generator fails once in a thousand. */
function expectFit(counts: readonly number[], probabilities: readonly number[]): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [chiSquare, cells, restCount, restExpected] = [0, 0, 0, 0];
  for (const [i, count] of counts.entries()) {
    restCount += count;
    restExpected += total * (probabilities[i] ?? 0);
    // Cells that would be too empty are taken together.
    if (restExpected < 10 && i < counts.length - 1) continue;
    chiSquare += (restCount - restExpected) ** 2 / restExpected;
    cells++;
    [restCount, restExpected] = [0, 0];
  }
  const freedom = cells - 1;
  expect(freedom).toBeGreaterThan(0);
  // Wilson and Hilferty's approximation.
  const part = 2 / (9 * freedom);
  expect(chiSquare).toBeLessThan(freedom * (1 - part + 3.09 * Math.sqrt(part)) ** 3);
}

function countsOf(generator: Generator, cells: number, draws = 200_000): number[] {
  const counts = new Array<number>(cells).fill(0);
  const beyond: number[] = [];
  for (let i = 0; i < draws; i++) {
    const drawn = generator.next();
    if (!(drawn >= 0 && drawn < cells && Number.isInteger(drawn))) beyond.push(drawn);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  expect(beyond).toEqual([]);
  return counts;
}

/** The chance of each item, by the original's formula. */
function zipfianShares(items: number): number[] {
  const zeta = zetaSum(0, items, theta);
  const eta = (1 - (2 / items) ** (1 - theta)) / (1 - zetaSum(0, 2, theta) / zeta);
  /** Below which u an item below k is drawn. */
  const below = (k: number): number => {
    if (k === 0) return 0;
    if (k <= 2) return zetaSum(0, k, theta) / zeta;
    return Math.min(1, ((k / items) ** (1 - theta) - 1 + eta) / eta);
  };
  return Array.from({ length: items }, (_, k) =>
    Math.max(0, (k === items - 1 ? 1 : below(k + 1)) - below(k)),
  );
}

describe("the hash", () => {
  test("gives the keys that the original loads first", () => {
    const keys = [0, 1, 2].map((number) => `user${bigintOf(fnvHash64(number))}`);
    expect(keys).toEqual([
      "user6284781860667377211",
      "user8517097267634966620",
      "user1820151046732198393",
    ]);
  });

  test("is that of whole integers, and so are its remainders", () => {
    const random = new Random(5, "hash");
    for (let i = 0; i < 2000; i++) {
      const value = random.int(2 ** (1 + (i % 48)));
      const divisor = 1 + random.int(2 ** (1 + (i % 47)));
      expect(bigintOf(fnvHash64(value))).toBe(plainHash(value));
      expect(remainder(fnvHash64(value), divisor)).toBe(Number(plainHash(value) % BigInt(divisor)));
    }
  });
});

describe("constants", () => {
  test("ZETAN of the original is the sum over its ten thousand million items", () => {
    const [from, to] = [1000, SCRAMBLED_ITEMS];
    const at = (x: number): number => x ** -theta;
    const slope = (x: number): number => -theta * x ** (-theta - 1);
    // Euler and Maclaurin.
    const integral = (to ** (1 - theta) - from ** (1 - theta)) / (1 - theta);
    const ends = (at(from) + at(to)) / 2 + (slope(to) - slope(from)) / 12;
    const sum = zetaSum(0, from - 1, theta) + integral + ends;
    // The original adds up in floating point, from the largest on.
    expect(Math.abs(sum - SCRAMBLED_ZETA)).toBeLessThan(1e-6);
  });
});

describe("frequencies", () => {
  test("uniform: all alike", () => {
    const counts = countsOf(uniform(0, 99, dice("uniform")), 100);
    expectFit(counts, new Array<number>(100).fill(0.01));
  });

  test("sequential: one after another, and again", () => {
    const generator = sequential(3, 5);
    expect(Array.from({ length: 7 }, () => generator.next())).toEqual([3, 4, 5, 3, 4, 5, 3]);
  });

  test("hotspot: four fifths of the first fifth", () => {
    const shares = { hotData: 0.2, hotAsks: 0.8 };
    const counts = countsOf(hotspot(0, 99, shares, dice("hotspot")), 100);
    expectFit(
      counts,
      counts.map((_, i) => (i < 20 ? 0.8 / 20 : 0.2 / 80)),
    );
  });

  test("hotspot: of nothing hot, and of nothing cold", () => {
    for (const hotData of [0, 1]) {
      const shares = { hotData, hotAsks: 0.5 };
      const counts = countsOf(hotspot(0, 9, shares, dice("edge")), 10, 20_000);
      expectFit(counts, new Array<number>(10).fill(0.1));
    }
  });

  test("exponential: 95 percent below the range", () => {
    const range = 100;
    const gamma = -Math.log(0.05) / range;
    const cells = 1000;
    const counts = countsOf(exponential(95, range, dice("exponential")), cells);
    const beyond = (x: number): number => Math.exp(-gamma * x);
    expectFit(
      counts,
      counts.map((_, i) => beyond(i) - (i === cells - 1 ? 0 : beyond(i + 1))),
    );
    const below = counts.slice(0, range).reduce((sum, count) => sum + count, 0);
    expect(Math.abs(below / 200_000 - 0.95)).toBeLessThan(0.003);
  });

  test.each([2, 3, 100, 1000])("zipfian: of %d items", (items) => {
    const counts = countsOf(new Zipfian(0, items, dice("zipfian")), items);
    expectFit(counts, zipfianShares(items));
  });

  test("zipfian: the formula is near Zipf's law", () => {
    const items = 1000;
    const zeta = zetaSum(0, items, theta);
    for (const [k, share] of zipfianShares(items).entries()) {
      const law = 1 / (k + 1) ** theta / zeta;
      expect(Math.abs(share - law)).toBeLessThan(k < 2 ? 1e-12 : 0.35 * law);
    }
  });

  test("zipfian: items that come later are drawn as if they had been there", () => {
    const generator = new Zipfian(0, 500, dice("grown"));
    const counts = countsOf({ next: () => generator.nextOf(1000) }, 1000);
    const zeta = zetaSum(0, 1000, theta);
    const [first = 0, second = 0] = counts;
    expectFit(
      [first, second, 200_000 - first - second],
      [1 / zeta, 0.5 ** theta / zeta, 1 - (1 + 0.5 ** theta) / zeta],
    );
  });

  test("scrambled zipfian: the popular ones are where their hashes are", () => {
    const items = 1000;
    const counts = countsOf(scrambledZipfian(0, items - 1, dice("scrambled")), items);
    // All but the popular few are as good as uniform.
    const popular = [0, 1].map((rank) => remainder(fnvHash64(rank), items));
    const [first = 0, second = 0] = popular.map((at) => counts[at] ?? 0);
    expect(new Set(popular).size).toBe(2);
    expect(Math.abs(first / 200_000 - 1 / SCRAMBLED_ZETA)).toBeLessThan(0.002);
    expect(Math.abs(second / 200_000 - 0.5 ** theta / SCRAMBLED_ZETA)).toBeLessThan(0.002);
    expect(Math.max(...counts)).toBe(first);
    expect(counts.every((count) => count > 0)).toBe(true);
  });

  test("latest: the newest most often, which may change", () => {
    let last = 999;
    const generator = latest(() => last, dice("latest"));
    const shares = zipfianShares(999);
    const counts = countsOf({ next: () => last - generator.next() }, 1000);
    expectFit(counts.slice(0, 999), shares);
    last = 1999;
    for (let i = 0; i < 1000; i++) {
      const drawn = generator.next();
      expect(drawn >= 0 && drawn <= last).toBe(true);
    }
  });
});
