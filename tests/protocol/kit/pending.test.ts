// Who may keep how many bytes of requests waiting: shares by the host that asks, or the replica that
// relays.

import { expect, test } from "bun:test";
import { KvApp } from "../../../src/app/kv.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import { Batcher } from "../../../src/protocol/kit/batcher.ts";
import { Executor } from "../../../src/protocol/kit/executor.ts";
import {
  OPENS_MAX,
  Pending,
  PENDING_BYTES_MAX,
  PENDING_MAX,
  RELAYED_BYTES_MAX,
} from "../../../src/protocol/kit/pending.ts";
import { RequestPool } from "../../../src/protocol/kit/request-pool.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { configOf } from "../../support/cluster.ts";

const MEBIBYTE = 1024 * 1024;

function request(session: number, length = 0): Request {
  return { session, tag: 1, number: 1, op: new Uint8Array(length) };
}

/** Addresses of a thousand each are at one host. */
function poolOf(): Pending {
  return new Pending(
    () => true,
    (client) => Math.floor(client / 1000),
  );
}

test("X12 what waits is bounded in bytes, and a host that has most of them makes room for others", () => {
  const pending = poolOf();
  let session = 0;
  for (let i = 0; i < 100; i++) pending.add(request(++session, MEBIBYTE), 5000 + i, i);
  expect(pending.bytes).toBeGreaterThan(PENDING_BYTES_MAX - 2 * MEBIBYTE);
  const flooder = pending.find(request(1));
  expect(pending.add(request(++session, MEBIBYTE), 6000, 100)).not.toBeNull();
  expect(pending.bytes).toBeLessThanOrEqual(PENDING_BYTES_MAX);
  // The queue has it still, but neither takes it nor keeps its operation.
  expect([flooder?.done, flooder?.request.op.length]).toEqual([true, 0]);
  // It cannot take the room back, and the other one keeps what it has.
  for (let i = 0; i < 100; i++) pending.add(request(++session, MEBIBYTE), 5000 + i, i);
  expect(pending.find(request(101))).toBeDefined();
  for (let i = 1; i <= session; i++) pending.executed(request(i));
  expect([pending.bytes, pending.size]).toEqual([0, 0]);
});

test("X12 small requests of one host leave room for those of others", () => {
  const pending = poolOf();
  for (let session = 1; session <= PENDING_MAX; session++) pending.add(request(session), 5000, 0);
  expect(pending.size).toBe(PENDING_MAX);
  expect(pending.add(request(PENDING_MAX + 1), 5001, 0)).toBeNull();
  expect(pending.add(request(PENDING_MAX + 2), 6000, 0)).not.toBeNull();
  expect(pending.size).toBe(PENDING_MAX);
});

test("X12 opens of one host that wait are bounded, and leave those of others and its operations alone", () => {
  const pending = poolOf();
  const open = (i: number): Request => {
    const op = new Uint8Array(13);
    new DataView(op.buffer).setUint32(0, i);
    return { session: 0, tag: i, number: 0, op };
  };
  const waits = (i: number) => pending.find(open(i)) !== undefined;
  for (let i = 0; i < OPENS_MAX; i++) pending.add(open(i), 5000 + i, 0);
  expect([pending.size, waits(0)]).toEqual([OPENS_MAX, true]);
  // The oldest makes room, and leaves the queue.
  const oldest = pending.find(open(0));
  expect(pending.add(open(OPENS_MAX), 5000, 0)).not.toBeNull();
  expect([pending.size, waits(0), waits(1), oldest?.done]).toEqual([OPENS_MAX, false, true, true]);
  // Those of another host, operations, and what another replica relays, which was admitted there.
  pending.add(open(OPENS_MAX + 1), 6000, 0);
  pending.add(request(1), 5000, 0);
  pending.add(open(OPENS_MAX + 2), 5000, 0, 2);
  expect([pending.size, waits(1)]).toEqual([OPENS_MAX + 3, true]);
  // One that was executed makes room for another one.
  pending.executed(open(7));
  pending.add(open(OPENS_MAX + 3), 5000, 0);
  expect([pending.size, waits(1)]).toEqual([OPENS_MAX + 3, true]);
  pending.add(open(OPENS_MAX + 4), 5000, 0);
  expect([pending.size, waits(1), waits(2)]).toEqual([OPENS_MAX + 3, false, true]);
});

test("X12 what one replica relayed is bounded in bytes", () => {
  const pending = poolOf();
  const add = (session: number, source: "client" | number) =>
    pending.add(request(session, MEBIBYTE), 5000, 0, source) !== null;
  let taken = 0;
  for (let session = 1; session <= 20; session++) if (add(session, 3)) taken++;
  expect(taken).toBe(RELAYED_BYTES_MAX / MEBIBYTE - 1);
  expect([add(21, 2), add(22, "client")]).toEqual([true, true]);
});

test("X12 a request that finds no room displaces none of its session", () => {
  const pending = poolOf();
  for (let session = 1; session <= 100; session++) {
    pending.add(request(session, MEBIBYTE), 5000, 0);
  }
  expect(pending.add({ ...request(1, 2 * MEBIBYTE), number: 2 }, 5000, 0)).toBeNull();
  expect(pending.find(request(1))?.request.number).toBe(1);
});

test("X12 the queue can be rid of what does not wait any more", () => {
  const batcher = new Batcher({
    batchMax: 4,
    batchBytesMax: 2 ** 20,
    adaptive: true,
    flushDelayMs: 1,
    viewTimeoutMs: 500,
  });
  const pending = poolOf();
  for (let session = 1; session <= 100; session++) {
    const entry = pending.add(request(session), 5000, 0, session % 2 === 0 ? 3 : "client");
    if (entry !== null) batcher.push(entry, 0);
  }
  for (let session = 3; session <= 100; session++) pending.executed(request(session));
  batcher.compact();
  expect(batcher.length).toBe(2);
  expect(batcher.take(20).map((entry) => entry.request.session)).toEqual([1, 2]);
});

test("H10 P2 what waits a quarter of a view timeout is passed on, and again a view timeout later", () => {
  const executor = new Executor(new KvApp(), configOf());
  const pool = new RequestPool(configOf({ viewTimeoutMs: 100 }), executor, () => 1);
  pool.add(request(1), 5000, 0, "client");
  pool.add(request(2), 5000, 0, 3);
  pool.add(request(3), 5000, 10, "client");
  const overdue = (nowMs: number) => pool.overdue(nowMs).map((entry) => entry.request.session);
  expect(overdue(24)).toEqual([]);
  expect(overdue(25)).toEqual([1]);
  expect(overdue(40)).toEqual([3]);
  expect(overdue(124)).toEqual([]);
  pool.placed(makeBatch([request(3)], [5000]));
  expect(overdue(200)).toEqual([1]);
});
