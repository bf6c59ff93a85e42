// Shows that memory of large arrays is used again once its owner gives it back, and not before.

import { expect, test } from "bun:test";
import {
  giveLarge,
  keepLarge,
  LARGE_MIN,
  SPARE_MAX,
  spareLargeBytes,
  takeLarge,
} from "../../src/base/large-buffers.ts";

/** Takes what is left over. */
function useUp(): void {
  for (let capacity = LARGE_MIN; capacity <= SPARE_MAX; capacity += LARGE_MIN) {
    let before = Infinity;
    while (spareLargeBytes() < before) {
      before = spareLargeBytes();
      takeLarge(capacity);
    }
  }
  expect(spareLargeBytes()).toBe(0);
}

test("what was given is taken again, by what is about as long", () => {
  useUp();
  const first = takeLarge(1_000_000);
  giveLarge(first);
  expect(spareLargeBytes()).toBe(first.buffer.byteLength);
  expect(takeLarge(700_000).buffer).not.toBe(first.buffer);
  expect(takeLarge(2_000_000).buffer).not.toBe(first.buffer);
  const second = takeLarge(990_000);
  expect(second.buffer).toBe(first.buffer);
  expect(second).toHaveLength(990_000);
  expect(spareLargeBytes()).toBe(0);
});

test("nothing is lent twice: not what was not given, nor what was given twice, nor by others", () => {
  useUp();
  const bytes = takeLarge(LARGE_MIN);
  expect(takeLarge(LARGE_MIN).buffer).not.toBe(bytes.buffer);
  giveLarge(bytes);
  giveLarge(bytes);
  const [one, other] = [takeLarge(LARGE_MIN), takeLarge(LARGE_MIN)];
  expect(one.buffer).toBe(bytes.buffer);
  expect(other.buffer).not.toBe(bytes.buffer);
  giveLarge(new Uint8Array(LARGE_MIN));
  giveLarge(new Uint8Array(1));
  expect(spareLargeBytes()).toBe(0);
});

test("a copy is kept of large bytes, small ones are kept as they are", () => {
  const large = new Uint8Array(LARGE_MIN).fill(7);
  const copy = keepLarge(large);
  expect(copy).toEqual(large);
  expect(copy.buffer).not.toBe(large.buffer);
  const small = new Uint8Array(LARGE_MIN - 1);
  expect(keepLarge(small)).toBe(small);
});

test("no more is kept than the bound", () => {
  useUp();
  const arrays = Array.from({ length: 2 * (SPARE_MAX / LARGE_MIN) }, () => takeLarge(LARGE_MIN));
  for (const bytes of arrays) giveLarge(bytes);
  expect(spareLargeBytes()).toBe(SPARE_MAX);
  useUp();
});

test("what was given last is kept: arrays of other sizes do not hold its place", () => {
  useUp();
  const small = Array.from({ length: SPARE_MAX / LARGE_MIN }, () => takeLarge(LARGE_MIN));
  for (const bytes of small) giveLarge(bytes);
  const large = takeLarge(7 * LARGE_MIN);
  giveLarge(large);
  expect(spareLargeBytes()).toBe(SPARE_MAX);
  expect(takeLarge(7 * LARGE_MIN).buffer).toBe(large.buffer);
  useUp();
});
