// When batches close, and which requests wait for them.

import { expect, test } from "bun:test";
import {
  BATCH_BYTES_MAX,
  footprintOf,
  makeBatch,
  REQUEST_OVERHEAD,
} from "../../../src/protocol/kit/batch.ts";
import { Batcher } from "../../../src/protocol/kit/batcher.ts";
import { Pending, RELAYED_MAX } from "../../../src/protocol/kit/pending.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";

const LIMITS = { batchMax: 10, batchBytesMax: BATCH_BYTES_MAX } as const;

function request(session: number, number = 1, tag = 1, length = 0): Request {
  return { session, tag, number, op: new Uint8Array(length) };
}

/** More requests than any batch holds. */
const MANY = { size: 1000, operations: 1000 };
const ONE = { size: 1, operations: 1 };

type Changes = Partial<ConstructorParameters<typeof Batcher>[0]>;

function batcherOf(changes: Changes): Batcher {
  return new Batcher({
    ...{ ...LIMITS, adaptive: false, flushDelayMs: 1, viewTimeoutMs: 500 },
    ...changes,
  });
}

function filled(changes: Changes, lengths: number[]) {
  const batcher = batcherOf(changes);
  const pending = new Pending(
    () => true,
    () => 1,
  );
  for (const [i, length] of lengths.entries()) {
    const entry = pending.add(request(i + 1, 1, 1, length), 100, i);
    if (entry !== null) batcher.push(entry, i);
  }
  return { batcher, pending };
}

test("X11 a batch closes when it is full", () => {
  const { batcher } = filled({ batchMax: 3 }, [0, 0, 0, 0]);
  expect(batcher.dueMs(3, MANY)).toBe(3);
  expect(batcher.take(20).length).toBe(3);
  expect(batcher.length).toBe(1);
});

test("X11 a batch closes when it is full of bytes, and a larger request goes alone at once", () => {
  const ops = Array<number>(10).fill(100);
  const { batcher, pending } = filled({ batchBytesMax: 4 * (REQUEST_OVERHEAD + 100) }, ops);
  expect(batcher.dueMs(9, MANY)).toBe(9);
  expect([batcher.take(9).length, batcher.take(9).length]).toEqual([4, 4]);
  // Two are less than a batch has room for.
  expect(batcher.dueMs(9, MANY)).toBe(9);
  expect(batcher.dueMs(8, MANY)).toBe(9);
  for (const session of [9, 10]) pending.executed(request(session));
  expect([batcher.dueMs(9, MANY), batcher.length]).toEqual([Infinity, 0]);
  const larger = filled({ batchBytesMax: 1024, flushDelayMs: 5 }, [5000, 100, 5000, 100]).batcher;
  expect(larger.dueMs(3, MANY)).toBe(3);
  // Small operations wait for one larger one at most.
  const sizes = Array.from({ length: 3 }, () =>
    larger.take(3).map(({ request: { op } }) => op.length),
  );
  expect(sizes).toEqual([[100, 100], [5000], [5000]]);
});

test("X11 what does not wait any more fills no batch, once it is taken out", () => {
  const ops = Array<number>(8).fill(100);
  const { batcher, pending } = filled({ batchBytesMax: 1024, flushDelayMs: 50 }, ops);
  expect(batcher.dueMs(8, MANY)).toBe(8);
  for (const session of [3, 4, 5, 6]) pending.executed(request(session));
  batcher.compact();
  expect(batcher.dueMs(8, MANY)).toBe(50);
  expect(batcher.take(8).length).toBe(4);
});

test("X11 P12 eight full batches may be under way, and 12 MiB of memory", () => {
  const bytes = 64 * 1024;
  const { batcher } = filled({ batchBytesMax: bytes }, []);
  const op = new Uint8Array(bytes - REQUEST_OVERHEAD);
  const full = makeBatch([{ session: 1, tag: 1, number: 1, op }], [100]);
  expect(8 * footprintOf(full)).toBeLessThanOrEqual(batcher.underWayMax);
  expect(9 * footprintOf(full)).toBeGreaterThan(batcher.underWayMax);
  expect(filled({}, []).batcher.underWayMax).toBe(12 * 1024 * 1024);
});

test("X11 a partial batch is due the flush delay after its first request", () => {
  const { batcher } = filled({ flushDelayMs: 5 }, [0, 0]);
  expect(batcher.dueMs(1, MANY)).toBe(5);
  // Early by a rounding error is in time, or its timer would be set again for no time at all.
  expect(batcher.dueMs(5 - 1e-12, MANY)).toBe(5 - 1e-12);
  expect(filled({}, []).batcher.dueMs(1, MANY)).toBe(Infinity);
});

test("X11 a batch that cannot fill, because fewer clients ask than it holds, does not wait", () => {
  const batcher = batcherOf({ batchMax: 100, adaptive: false });
  const pending = new Pending(
    () => true,
    () => 1,
  );
  let number = 0;
  /** So many more clients ask; when a batch is due then. */
  const ask = (first: number, count: number, nowMs: number): number => {
    number++;
    let dueMs = Infinity;
    for (let session = first; session < first + count; session++) {
      const entry = pending.add(request(session, number), 100, nowMs);
      if (entry !== null) batcher.push(entry, nowMs);
      dueMs = batcher.dueMs(nowMs, pending);
    }
    return dueMs;
  };
  /** A batch leaves and is executed; how many it had. */
  const serve = (nowMs: number): number => {
    const taken = batcher.take(nowMs);
    for (const entry of taken) {
      entry.done = true;
      pending.executed(entry.request);
    }
    return taken.length;
  };
  // Nobody else was heard of: one client is served at once.
  expect(ask(1, 1, 0)).toBe(0);
  expect(serve(9)).toBe(1);
  expect(ask(1, 64, 1)).toBe(1);
  expect(serve(9)).toBe(64);
  // From then on 64 are expected, and waited for no longer than ever.
  expect(ask(1, 63, 2)).toBe(3);
  expect(ask(64, 1, 2.5)).toBe(2.5);
  expect(serve(9)).toBe(64);
  // Once some do not come any more, they are waited for during two times sixteen batches at most.
  const waited = Array.from({ length: 40 }, (_, i) => {
    const dueMs = ask(1, 10, 10 * i + 10) - (10 * i + 10);
    expect(serve(9)).toBe(10);
    return dueMs;
  });
  expect(waited[0]).toBe(1);
  expect(waited.slice(32)).toEqual(new Array<number>(8).fill(0));
});

test("X11 with --adaptive a partial batch is due at once, but behind one that is costly", () => {
  const { batcher } = filled({ adaptive: true, flushDelayMs: 5 }, [0]);
  expect(batcher.dueMs(0, MANY)).toBe(0);
  expect(batcher.dueMs(0, MANY, true)).toBe(5);
  // Nothing else would come.
  expect(batcherOf({ adaptive: true }).dueMs(0, MANY, true)).toBe(Infinity);
  expect(filled({ adaptive: true }, [0]).batcher.dueMs(0, ONE, true)).toBe(0);
  expect(batcher.take(20).length).toBe(1);
});

test("X11 large operations close a batch, and the largest goes alone", () => {
  const megabyte = 1024 * 1024;
  const { batcher } = filled({}, [megabyte / 2, megabyte / 4, megabyte, 2 * megabyte, 1]);
  const sizes: number[] = [];
  while (batcher.length > 0) sizes.push(batcher.take(20).length);
  // The small one first, since large ones take turns with it.
  expect(sizes).toEqual([1, 2, 1, 1]);
});

test("X11 a small operation waits for one batch of large ones at most", () => {
  const { batcher, pending } = filled({}, Array<number>(16).fill(2 * 1024 * 1024));
  const sizesOf = () => batcher.take(20).map((entry) => entry.request.op.length);
  expect(sizesOf()).toEqual([2 * 1024 * 1024]);
  for (let i = 0; i < 3; i++) {
    const entry = pending.add(request(100 + i, 1, 1, 10), 100, 20);
    if (entry !== null) batcher.push(entry, 20);
    if (i === 1) continue;
    expect(sizesOf()).toEqual(i === 0 ? [10] : [2 * 1024 * 1024]);
  }
  expect(sizesOf()).toEqual([10, 10]);
  expect(sizesOf()).toEqual([2 * 1024 * 1024]);
});

/** Has `count` opens wait, from `from` on. */
function addOpens({ batcher, pending }: ReturnType<typeof filled>, from: number, count: number) {
  for (let i = from; i < from + count; i++) {
    const op = new Uint8Array(13).fill(i);
    const entry = pending.add({ session: 0, tag: i, number: 0, op }, 200, 20);
    if (entry !== null) batcher.push(entry, 20);
  }
}

/** Opens in the next batch, and all that it has. */
function opensOf({ batcher }: ReturnType<typeof filled>, nowMs: number): number[] {
  const taken = batcher.take(nowMs);
  return [taken.filter(({ request: { session } }) => session === 0).length, taken.length];
}

test("X11 opens have a ration while operations are ordered, and all of a batch otherwise", () => {
  const both = filled({ batchMax: 16 }, Array<number>(60).fill(0));
  addOpens(both, 0, 40);
  // Half a batch at most, of what the time since the last batch gives.
  expect(opensOf(both, 20)).toEqual([8, 16]);
  // One for thirty-two operations, and one in two milliseconds.
  expect([opensOf(both, 20), opensOf(both, 20), opensOf(both, 24)]).toEqual([
    [2, 16],
    [0, 16],
    [3, 16],
  ]);
  expect(opensOf(both, 24)).toEqual([0, 9]);
  // Those that are left wait for operations to leave with, but not for long; some then leave alone.
  expect(both.batcher.dueMs(24, MANY)).toBe(34);
  expect(both.batcher.dueMs(33.9, MANY)).toBe(34);
  expect(both.batcher.dueMs(34, MANY)).toBe(34);
  const [some = 0, all = 0] = opensOf(both, 34);
  expect([some, all]).toEqual([5, 5]);
  expect(both.batcher.dueMs(35, MANY)).toBe(44);
  // All do once there were no operations for a fifth of a view timeout.
  expect(both.batcher.dueMs(124, MANY)).toBe(124);
  expect([opensOf(both, 124), opensOf(both, 124)]).toEqual([
    [16, 16],
    [6, 6],
  ]);
  expect(both.batcher.length).toBe(0);
});

test("X11 opens close no batch that operations would fill, and do not hasten one", () => {
  const few = filled({ batchMax: 16, flushDelayMs: 5 }, [0, 0]);
  addOpens(few, 0, 40);
  expect(few.batcher.dueMs(1, MANY)).toBe(5);
  few.batcher.take(20);
  few.pending.add(request(9), 100, 22);
  const entry = few.pending.find(request(9));
  few.batcher.push(entry!, 22);
  expect(few.batcher.dueMs(22, MANY)).toBe(27);
  expect(few.batcher.dueMs(26, MANY)).toBe(27);
});

test("X11 opens are none of the requests that a batch waits for while operations are ordered", () => {
  const few = filled({ batchMax: 100, flushDelayMs: 5 }, [0, 0]);
  few.batcher.take(20);
  for (const { request } of [...few.pending.values()]) few.pending.executed(request);
  addOpens(few, 0, 40);
  expect([few.pending.size, few.pending.operations]).toEqual([40, 0]);
  for (const session of [11, 12, 13]) few.pending.add(request(session), 100, 21);
  few.batcher.push(few.pending.find(request(11))!, 21);
  few.batcher.push(few.pending.find(request(12))!, 21);
  expect([few.pending.operations, few.batcher.dueMs(21, few.pending)]).toEqual([3, 26]);
  few.batcher.push(few.pending.find(request(13))!, 21);
  expect(few.batcher.dueMs(21, few.pending)).toBe(21);
  // While nothing but opens comes, these are.
  expect(few.batcher.dueMs(500, few.pending)).toBe(500);
});

test("X11 all opens that wait are ordered within half a view timeout, however many", () => {
  const many = filled({ batchMax: 100, viewTimeoutMs: 500 }, Array<number>(100).fill(0));
  many.batcher.take(20);
  addOpens(many, 0, 200);
  let opens = 0;
  let session = 1000;
  for (let nowMs = 21; nowMs <= 20 + 250; nowMs += 2) {
    const entry = many.pending.add(request(session++), 100, nowMs);
    many.batcher.push(entry!, nowMs);
    const [some = 0, all = 0] = opensOf(many, nowMs);
    expect(all).toBe(some + 1);
    expect(some).toBeLessThanOrEqual(50);
    opens += some;
  }
  // As fast as they would be in half of one while as many wait, and then by a half a millisecond.
  expect(opens).toBeGreaterThan(150);
});

test("X11 what was executed meanwhile leaves the queue", () => {
  const { batcher, pending } = filled({ batchMax: 2 }, [0, 0, 0]);
  pending.executed(request(1));
  pending.executed(request(3));
  expect(batcher.take(20).map((entry) => entry.request.session)).toEqual([2]);
  expect(batcher.dueMs(9, MANY)).toBe(Infinity);
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
  const pending = new Pending(
    ({ tag }) => tag === 1,
    () => 1,
  );
  expect(pending.add(request(5, 9, 3), 100, 0)).not.toBe(null);
  expect(pending.add(request(5, 1, 1), 101, 1)).not.toBe(null);
  expect(pending.add(request(5, 9, 3), 100, 2)).toBe(null);
  expect([...pending.values()].map((entry) => entry.client)).toEqual([101]);
});

test("X11 requests that a replica relayed leave half of a batch to those of clients", () => {
  const batcher = batcherOf({ batchMax: 4, adaptive: true });
  const pending = new Pending(
    () => true,
    () => 1,
  );
  const add = (session: number, source: "client" | number) => {
    const entry = pending.add(request(session), 100, session, source);
    if (entry !== null) batcher.push(entry, session);
  };
  for (let session = 1; session <= 100; session++) add(session, 3);
  for (let session = 101; session <= 103; session++) add(session, "client");
  const sessions = () => batcher.take(20).map((entry) => entry.request.session);
  expect(sessions()).toEqual([101, 1, 102, 2]);
  expect(sessions()).toEqual([103, 3, 4, 5]);
  expect(sessions()).toEqual([6, 7, 8, 9]);
  expect(batcher.length).toBe(100 - 9);
});

test("X12 one replica's relayed requests do not fill the pool", () => {
  const pending = new Pending(
    () => true,
    () => 1,
  );
  for (let session = 1; session <= RELAYED_MAX + 5; session++) {
    expect(pending.add(request(session), 100, 0, 3) === null).toBe(session > RELAYED_MAX);
  }
  expect(pending.add(request(900_001), 100, 0, 2)).not.toBe(null);
  expect(pending.add(request(900_002), 100, 0, "client")).not.toBe(null);
  // What was executed makes room.
  pending.executed(request(1));
  expect(pending.add(request(900_003), 100, 0, 3)).not.toBe(null);
  expect(pending.add(request(900_004), 100, 0, 3)).toBe(null);
});

test("X12 a request that is refused displaces none", () => {
  const pending = new Pending(
    () => true,
    () => 1,
  );
  pending.add(request(900_001), 100, 0, "client");
  for (let session = 1; session <= RELAYED_MAX; session++) pending.add(request(session), 200, 0, 3);
  expect(pending.add(request(900_001, 2), 100, 0, 3)).toBe(null);
  expect(pending.find(request(900_001))?.request.number).toBe(1);
});

test("X11 the client's own copy takes the place of one that was relayed, and replies go to it", () => {
  const batcher = batcherOf({ batchMax: 4, adaptive: true });
  const pending = new Pending(
    () => true,
    () => 1,
  );
  const add = (source: "client" | number, client: number) => {
    const entry = pending.add(request(1), client, 0, source);
    if (entry !== null) batcher.push(entry, 0);
    return entry;
  };
  add(3, 777);
  expect(pending.oldestMs).toBe(Infinity);
  expect(add("client", 100)).not.toBe(null);
  expect(pending.oldestMs).toBe(0);
  expect(add(3, 777)).toBe(null);
  expect(add("client", 101)).toBe(null);
  expect(pending.size).toBe(1);
  const taken = batcher.take(20);
  expect(taken.map(({ client, source }) => ({ client, source }))).toEqual([
    { client: 101, source: "client" },
  ]);
});

test("H10 the client's copy of a request that is in a block is not queued again", () => {
  const pending = new Pending(
    () => true,
    () => 1,
  );
  const relayed = pending.add(request(1), 777, 0, 3)!;
  relayed.done = true;
  expect(pending.add(request(1), 100, 5, "client")).toBe(null);
  expect(pending.find(request(1))).toMatchObject({ source: "client", client: 100, done: true });
  expect(pending.oldestMs).toBe(5);
});
