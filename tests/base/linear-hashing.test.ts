// Shows that the share of hashes that a bucket is told to have is the one that it has.

import { expect, test } from "bun:test";
import { bucketOf, shareOf, sourceOf } from "../../src/base/linear-hashing.ts";

const HASHES = 1024;

test("a bucket has its share of all hashes, and gives half of it to one that is split off", () => {
  for (let count = 1; count <= 40; count++) {
    const found = new Array<number>(count).fill(0);
    for (let hash = 0; hash < HASHES; hash++) {
      const index = bucketOf(hash, count);
      found[index] = (found[index] ?? 0) + 1;
    }
    expect(found.map((hashes) => hashes / HASHES)).toEqual(
      found.map((_, index) => shareOf(index, count)),
    );
    const source = sourceOf(count);
    expect(shareOf(count, count + 1)).toBe(shareOf(source, count) / 2);
  }
});
