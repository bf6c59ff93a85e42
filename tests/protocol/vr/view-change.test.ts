// The view change: wishes, promises, what a view begins with, and logs that are replaced at once.

import { expect, test } from "bun:test";
import { batchOf, VrCluster } from "./harness.ts";
import { openOf } from "../../support/requests.ts";

/** A cluster whose leader is down, with a request that the others have heard. */
function leaderless(n = 3): VrCluster {
  const cluster = new VrCluster({ n });
  const next = cluster.open();
  cluster.stop(0);
  cluster.request(
    next(),
    Array.from({ length: n - 1 }, (_, i) => i + 1),
  );
  return cluster;
}

test("V8 one wish moves nobody, f + 1 wishes do, and a wish lasts for T", () => {
  const cluster = new VrCluster();
  cluster.inject(1, 2, { kind: "wish", wanted: 1, view: 0 });
  cluster.inject(1, 0, { kind: "wish", wanted: 1, view: 0 });
  cluster.settle();
  expect([0, 2].map((i) => cluster.state(i).view)).toEqual([0, 0]);
  cluster.advance(101);
  cluster.inject(2, 0, { kind: "wish", wanted: 1, view: 0 });
  cluster.settle();
  expect(cluster.state(0).view).toBe(0);
  cluster.inject(1, 0, { kind: "wish", wanted: 2, view: 0 });
  cluster.settle();
  expect(cluster.state(0).view).toBe(1);
});

test("V8 a replica whose timer runs out stays as it is, and wishes again each T/8 until it executes", () => {
  const cluster = new VrCluster();
  const next = cluster.open();
  cluster.drops = (from, to) => (from === 0 && to === 2) || (from === 2 && to < 2);
  cluster.request(next(), [2]);
  cluster.advance(100 + 3 * 12.5 + 1);
  expect(cluster.sent("wish", 2).length).toBeGreaterThanOrEqual(3);
  expect(cluster.state(2)).toMatchObject({ view: 0, status: "normal" });
  cluster.drops = () => false;
  cluster.advance(300);
  expect(cluster.state(2)).toMatchObject({ view: 0, executed: 2 });
  const wishes = cluster.sent("wish", 2).length;
  cluster.advance(300);
  expect(cluster.sent("wish", 2).length).toBe(wishes);
});

test("V9 who moves promises: DO-VIEW-CHANGE to the leader, and no PREPARE-OK of an earlier view", () => {
  const cluster = new VrCluster({ n: 5 });
  cluster.drops = (from) => from === 4;
  cluster.inject(1, 4, { kind: "wish", wanted: 1, view: 1 });
  cluster.settle();
  expect(cluster.state(4)).toMatchObject({ view: 1, status: "viewChange" });
  const promised = { view: 1, lastNormal: 0, op: 0, committed: 0, vector: [0, 0, 0, 0, 0] };
  expect(cluster.sent("doViewChange", 4)).toMatchObject([promised]);
  const before = cluster.sent("prepareOk", 4).length;
  const prepare = { kind: "prepare", view: 0, slot: 1, committed: 0, batch: batchOf(1) } as const;
  cluster.inject(0, 4, prepare);
  cluster.advance(13);
  expect(cluster.sent("prepareOk", 4).length).toBe(before);
  expect(cluster.sent("doViewChange", 4).length).toBe(2);
});

test("V10 the log of the largest lastNormal is chosen, then the longest, and fetched from who has it", () => {
  const cluster = new VrCluster({ n: 5 });
  cluster.drops = (_from, to, { kind }) => kind === "prepare" && to !== 3;
  cluster.request(openOf(1), [0]);
  cluster.stop(0);
  cluster.drops = () => false;
  const others = [1, 2, 3, 4];
  cluster.request(openOf(2), others);
  expect(cluster.runUntil(() => cluster.state(1).leads, 1000)).toBe(true);
  cluster.advance(50);
  expect(cluster.state(1).executed).toBe(2);
  for (const i of others) {
    expect(cluster.state(i)).toMatchObject({ view: 1, lastNormal: 1, op: 2 });
  }
});

test("V10 a DO-VIEW-CHANGE of a life that is over does not count", () => {
  const cluster = new VrCluster();
  cluster.stop(0);
  cluster.stop(2);
  const change = { kind: "doViewChange", view: 1, lastNormal: 0, op: 0, committed: 0 } as const;
  const ask = { kind: "ask", nonce: new Uint8Array(16), asked: 1 } as const;
  cluster.inject(2, 1, { ...ask, number: 1, vector: [0, 0, 1] });
  cluster.inject(2, 1, { ...change, vector: [0, 0, 0] });
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ view: 1, status: "viewChange" });
  cluster.inject(2, 1, { ...change, vector: [0, 0, 1] });
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ view: 1, status: "normal" });
});

test("V11 START-VIEW is taken on the way, not in its view, and what it does not have goes", () => {
  const cluster = new VrCluster();
  cluster.drops = (from, to) => from === 2 || (to === 2 && from !== 1);
  cluster.inject(0, 2, { kind: "prepare", view: 0, slot: 1, committed: 0, batch: batchOf(1) });
  cluster.drops = (from, to) => from === 2 || to === 2;
  cluster.settle();
  const view = { kind: "startView", view: 1, lastNormal: 0, op: 0, committed: 0 } as const;
  cluster.drops = (from) => from === 2;
  cluster.inject(0, 2, { kind: "prepare", view: 0, slot: 1, committed: 0, batch: batchOf(1) });
  cluster.settle();
  expect(cluster.state(2).op).toBe(1);
  cluster.inject(0, 2, view);
  cluster.settle();
  expect(cluster.state(2).view).toBe(0);
  cluster.inject(1, 2, view);
  cluster.settle();
  expect(cluster.state(2)).toMatchObject({ view: 1, status: "normal", lastNormal: 1, op: 0 });
  cluster.inject(1, 2, { kind: "prepare", view: 1, slot: 1, committed: 0, batch: batchOf(2) });
  cluster.inject(1, 2, view);
  cluster.settle();
  expect(cluster.state(2)).toMatchObject({ view: 1, status: "normal", op: 1 });
});

test("V11 the leader shows the way to its view to who asks for it", () => {
  const cluster = leaderless(5);
  cluster.drops = (_from, to, { kind }) => kind === "startView" && to === 4;
  expect(cluster.runUntil(() => cluster.state(1).leads, 1000)).toBe(true);
  expect(cluster.state(4).status).toBe("viewChange");
  cluster.drops = () => false;
  cluster.advance(30);
  expect(cluster.state(4)).toMatchObject({ view: 1, status: "normal" });
});

test("V12 until the new log is here the old one stays, with its lastNormal", () => {
  const cluster = new VrCluster();
  const drops: VrCluster["drops"] = (from, to, { kind }) =>
    from === 2 || (to === 2 && kind === "log");
  cluster.drops = drops;
  cluster.inject(0, 2, { kind: "prepare", view: 0, slot: 1, committed: 0, batch: batchOf(1) });
  cluster.inject(1, 2, { kind: "startView", view: 4, lastNormal: 3, op: 2, committed: 2 });
  cluster.settle();
  const waiting = { view: 4, status: "catchingUp", lastNormal: 0, op: 1, executed: 0 } as const;
  expect(cluster.state(2)).toMatchObject(waiting);
  const batches = [batchOf(3), batchOf(4)];
  cluster.drops = () => true;
  const log = { kind: "log", lastNormal: 4, from: 1, committed: 2, batches } as const;
  cluster.replica(2).receive(1, log);
  expect(cluster.state(2)).toMatchObject({ status: "normal", lastNormal: 4, op: 2, executed: 2 });
});

test("V15 the timer runs for the oldest request, doubles with each view, and always on the way", () => {
  const cluster = leaderless();
  expect(cluster.host(1).timers.has("view")).toBe(true);
  cluster.drops = (_from, _to, { kind }) => kind === "doViewChange";
  expect(cluster.runUntil(() => cluster.state(1).view === 2, 2000)).toBe(true);
  expect(cluster.state(1).timeoutMs).toBe(400);
  expect(cluster.host(1).timers.has("view")).toBe(true);
  cluster.drops = () => false;
  cluster.advance(2000);
  expect(cluster.state(1)).toMatchObject({ executed: 2, timeoutMs: 100 });
});

test("V15 an active primary runs no timer", () => {
  const cluster = new VrCluster();
  cluster.stop(1);
  cluster.stop(2);
  cluster.request(openOf(1), [0]);
  cluster.advance(500);
  expect(cluster.host(0).timers.has("view")).toBe(false);
  expect(cluster.state(0)).toMatchObject({ view: 0, status: "normal" });
});
