// When batches close, and which requests wait for them.

import { expect, test } from "bun:test";
import { Batcher } from "../../../src/protocol/kit/batcher.ts";
import { Pending } from "../../../src/protocol/kit/pending.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";

function request(session: number, number = 1, tag = 1, length = 0): Request {
  return { session, tag, number, op: new Uint8Array(length) };
}

function filled(changes: Partial<ConstructorParameters<typeof Batcher>[0]>, lengths: number[]) {
  const batcher = new Batcher({ batchMax: 10, adaptive: false, flushDelayMs: 1, ...changes });
  const pending = new Pending(() => true);
  for (const [i, length] of lengths.entries()) {
    const entry = pending.add(request(i + 1, 1, 1, length), 100, i);
    if (entry !== null) batcher.push(entry, i);
  }
  return { batcher, pending };
}

test("X11 a batch closes when it is full", () => {
  const { batcher } = filled({ batchMax: 3 }, [0, 0, 0, 0]);
  expect(batcher.dueMs(3)).toBe(3);
  expect(batcher.take().length).toBe(3);
  expect(batcher.length).toBe(1);
});

test("X11 a partial batch is due the flush delay after its first request", () => {
  const { batcher } = filled({ flushDelayMs: 5 }, [0, 0]);
  expect(batcher.dueMs(1)).toBe(5);
  // Early by a rounding error is in time, or its timer would be set again for no time at all.
  expect(batcher.dueMs(5 - 1e-12)).toBe(5 - 1e-12);
  expect(filled({}, []).batcher.dueMs(1)).toBe(Infinity);
});

test("X11 with --adaptive a partial batch is due at once", () => {
  const { batcher } = filled({ adaptive: true, flushDelayMs: 5 }, [0]);
  expect(batcher.dueMs(0)).toBe(0);
  expect(batcher.take().length).toBe(1);
});

test("X11 large operations close a batch, and the largest goes alone", () => {
  const megabyte = 1024 * 1024;
  const { batcher } = filled({}, [megabyte / 2, megabyte / 4, megabyte, 2 * megabyte, 1]);
  const sizes: number[] = [];
  while (batcher.length > 0) sizes.push(batcher.take().length);
  expect(sizes).toEqual([2, 1, 1, 1]);
});

test("X11 what was executed meanwhile leaves the queue", () => {
  const { batcher, pending } = filled({ batchMax: 2 }, [0, 0, 0]);
  pending.executed(request(1));
  pending.executed(request(3));
  expect(batcher.take().map((entry) => entry.request.session)).toEqual([2]);
  expect(batcher.dueMs(9)).toBe(Infinity);
});

test("P9 the oldest request that waits is known, and leaves with its number or a later one", () => {
  const { pending } = filled({}, [0, 0]);
  expect(pending.oldestMs).toBe(0);
  expect(pending.add(request(1), 101, 9)).toBe(null);
  pending.executed(request(1, 1, 7));
  expect(pending.oldestMs).toBe(0);
  pending.executed(request(1, 2));
  expect(pending.oldestMs).toBe(1);
  pending.executed(request(2));
  expect(pending.oldestMs).toBe(Infinity);
});

test("X13 a request with a wrong tag does not keep the session's own from waiting", () => {
  const pending = new Pending(({ tag }) => tag === 1);
  expect(pending.add(request(5, 9, 3), 100, 0)).not.toBe(null);
  expect(pending.add(request(5, 1, 1), 101, 1)).not.toBe(null);
  expect(pending.add(request(5, 9, 3), 100, 2)).toBe(null);
  expect([...pending.values()].map((entry) => entry.client)).toEqual([101]);
});
