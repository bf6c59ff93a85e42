// Histograms of lengths of fields: the files that YCSB reads, and the line that records have of
// one.

import { VALUE_MAX } from "../app/operation.ts";
import { UsageError } from "../base/errors.ts";
import type { Histogram } from "./generators.ts";

const BUCKETS_MAX = 10_000;
/** Of all counts, as in the original. */
const SUM_MAX = 2 ** 31 - 1;

/**
 * Reads a file of YCSB: a line `BlockSize`, tab, the width of a bucket; then for each bucket, from
 * 0 on, its number, tab, its count. Throws UsageError with the path, which is for that.
 */
export function parseHistogram(text: string, path: string): Histogram {
  const [first = "", ...lines] = text.trimEnd().split(/\r?\n/);
  const width = numberIn(first, "BlockSize");
  if (width === null || width < 1) {
    throw new UsageError(`${path}:1: expected BlockSize, a tab, and the bytes of a bucket`);
  }
  const counts: number[] = [];
  for (const [bucket, line] of lines.entries()) {
    const count = numberIn(line, String(bucket));
    if (count === null) {
      throw new UsageError(`${path}:${bucket + 2}: expected ${bucket}, a tab, and a count`);
    }
    counts.push(count);
  }
  const sum = counts.reduce((all, count) => all + count, 0);
  if (counts.length > BUCKETS_MAX) throw new UsageError(`${path}: at most ${BUCKETS_MAX} buckets`);
  if (sum < 1 || sum > SUM_MAX) {
    throw new UsageError(`${path}: its counts sum up to ${sum}: expected 1 to ${SUM_MAX}`);
  }
  return { width, counts };
}

/** The number behind a name and a tab; null for another line. */
function numberIn(line: string, name: string): number | null {
  const [, found, digits] = /^(\w+)\t(\d{1,10})$/.exec(line) ?? [];
  return found === name ? Number(digits) : null;
}

/** In one line, from which it can be read again. */
export function lineOfHistogram({ width, counts }: Histogram): string {
  return `${width}: ${counts.join(" ")}`;
}

/** What `lineOfHistogram` gave. */
export function histogramOfLine(line: string): Histogram {
  const [width = "", counts = ""] = line.split(": ");
  return { width: Number(width), counts: counts.split(" ").map(Number) };
}

/** The longest field, in bytes; more than a value may have if that is too long. */
export function longestOf({ width, counts }: Histogram): number {
  return Math.min(VALUE_MAX + 1, Math.max(1, counts.length - 1) * width);
}
