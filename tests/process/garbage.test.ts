// Shows when a replica has its garbage collected: once large arrays have grown, not before, and not
// again for those that are in use.

import { expect, test } from "bun:test";
import type { Call } from "../../src/driver.ts";
import {
  collectGarbage,
  ENGINE,
  GARBAGE_MAX,
  GARBAGE_SHARE,
  LARGE_ARRAYS,
  YOUNG_SHARE,
} from "../../src/process/garbage.ts";

/** A heap with so much in use, and what one look after another makes of it. */
function looking(start: { readonly used?: number; readonly garbage?: number } = {}) {
  let next = (): void => {};
  const call: Call = { cancel() {}, again() {} };
  const counts = { collected: 0, young: 0, shrunk: 0 };
  const heap = { used: 0, garbage: 0, unseen: 0, small: 0, made: 0, ...counts, ...start };
  const collect = (): void => {
    heap.garbage = 0;
    heap.small = 0;
    heap.collected++;
  };
  collectGarbage(
    {
      after: (_delayMs, fire) => {
        next = fire;
        return call;
      },
    },
    {
      usage: () => ({
        ...{ external: heap.used + heap.garbage, heapTotal: heap.small },
        allocated: heap.made,
      }),
      collectYoung: () => {
        heap.garbage += heap.unseen;
        heap.unseen = 0;
        heap.young++;
      },
      collect,
      shrink: () => {
        collect();
        heap.shrunk++;
      },
    },
  );
  return { heap, look: () => next() };
}

test("garbage is collected once it has grown, and counted from there on", () => {
  const { heap, look } = looking();
  for (let i = 0; i < 10; i++) look();
  heap.garbage = GARBAGE_MAX;
  look();
  expect(heap.collected).toBe(0);
  for (let i = 1; i <= 5; i++) {
    heap.garbage += GARBAGE_MAX + 1;
    look();
    look();
    expect(heap.collected).toBe(i);
  }
});

test("what is in use is no reason to collect again, and what was freed is counted anew", () => {
  const { heap, look } = looking();
  heap.used = 10 * GARBAGE_MAX;
  for (let i = 0; i < 10; i++) look();
  expect(heap.collected).toBe(1);
  heap.used = 0;
  look();
  heap.used = GARBAGE_MAX + 1;
  look();
  expect(heap.collected).toBe(2);
});

test("what a start has left behind is given back at once, where it is much, and what comes later is not", () => {
  for (const garbage of [GARBAGE_MAX, GARBAGE_MAX + 1]) {
    const { heap, look } = looking({ used: 0, garbage });
    const shrunk = garbage > GARBAGE_MAX ? 1 : 0;
    expect(heap).toMatchObject({ collected: shrunk, shrunk });
    heap.garbage = 2 * GARBAGE_MAX + 1;
    look();
    expect(heap).toMatchObject({ collected: shrunk + 1, shrunk });
  }
});

test("of a large state a share may be garbage, of arrays and of the heap beside them", () => {
  for (const what of ["garbage", "small"] as const) {
    const { heap, look } = looking();
    heap.used = (10 * GARBAGE_MAX) / GARBAGE_SHARE;
    look();
    expect(heap.collected).toBe(1);
    heap[what] = 10 * GARBAGE_MAX;
    look();
    expect(heap.collected).toBe(1);
    heap[what]++;
    look();
    expect(heap.collected).toBe(2);
  }
});

test("garbage beside large arrays is collected as well, and left to the engine where there are few", () => {
  const { heap, look } = looking();
  heap.used = GARBAGE_MAX;
  look();
  heap.small = 2 * GARBAGE_MAX;
  look();
  expect(heap.collected).toBe(0);
  // Once for the arrays, and again for what comes beside them.
  heap.used = LARGE_ARRAYS + 1;
  look();
  expect(heap.collected).toBe(1);
  heap.small = GARBAGE_MAX;
  look();
  expect(heap.collected).toBe(1);
  heap.small = GARBAGE_MAX + 1;
  look();
  expect(heap.collected).toBe(2);
});

test("once many arrays were made young garbage is collected, and all if much is left of it", () => {
  for (const left of [GARBAGE_MAX, GARBAGE_MAX + 1]) {
    const { heap, look } = looking();
    heap.made = YOUNG_SHARE * GARBAGE_MAX;
    look();
    expect(heap).toMatchObject({ young: 0, collected: 0 });
    heap.made++;
    heap.unseen = left;
    look();
    look();
    const all = left > GARBAGE_MAX ? 1 : 0;
    expect(heap).toMatchObject({ young: 1, collected: all });
    heap.made += YOUNG_SHARE * GARBAGE_MAX + 1;
    look();
    look();
    expect(heap).toMatchObject({ young: 2, collected: all });
  }
});

test("the engine tells of large arrays once it has collected young garbage, which is what they wait for", () => {
  const before = process.memoryUsage().external;
  const kept = new Uint8Array(64 * 1024 * 1024);
  ENGINE.collectYoung();
  expect(process.memoryUsage().external - before).toBeGreaterThan(kept.length / 2);
});
