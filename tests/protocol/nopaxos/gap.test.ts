// What was dropped: found at another replica, or declared empty by the leader.

import { expect, test } from "bun:test";
import { openOf } from "../../support/requests.ts";
import { batchOf, CLIENT, NoPaxosCluster } from "./harness.ts";

test("N10 a follower asks the leader for what was dropped, and takes what that has", () => {
  const cluster = new NoPaxosCluster();
  cluster.stamp(1, [0, 1]);
  cluster.stamp(2, [0, 1, 2]);
  expect(cluster.state(2).op).toBe(0);
  cluster.advance(0.9);
  expect(cluster.sent("find", 2).length).toBe(0);
  cluster.advance(0.2);
  expect(cluster.sent("find", 2)).toEqual([{ kind: "find", view: 0, from: 1, to: 1 }]);
  expect(cluster.state(2).op).toBe(2);
  expect(cluster.empty(2)).toEqual([]);
});

test("N10 a follower never gives up a slot itself", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from, to) => (from === 0 && to === 2) || (from === 2 && to < 2);
  cluster.stamp(2, [2]);
  cluster.advance(90);
  expect(cluster.state(2)).toMatchObject({ view: 0, op: 0 });
  expect(cluster.sent("find", 2).length).toBeGreaterThan(8);
});

test("N20 a follower that missed an open wishes for a leader that can tell what it lacks", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from, to) => from === 2 || to === 2;
  cluster.stamp(1, [0, 1]);
  cluster.advance(20);
  cluster.stop(0);
  cluster.drops = () => false;
  // A slot that only replica 1 knows to be an operation of an open session.
  cluster.stamp(2, [1, 2], batchOf(2), 1);
  expect(cluster.state(2)).toMatchObject({ view: 0, op: 0, executed: 0 });
  cluster.advance(1000);
  for (const i of [1, 2]) {
    expect(cluster.state(i)).toMatchObject({ status: "normal", op: 2, executed: 2 });
    expect(cluster.state(i).view).toBeGreaterThan(0);
    expect(cluster.empty(i)).toEqual([]);
  }
});

test("N11 a leader that lacks a slot takes it from whoever has it", () => {
  const cluster = new NoPaxosCluster();
  cluster.stamp(1, [1]);
  cluster.stamp(2, [0]);
  cluster.advance(3);
  expect(cluster.state(0)).toMatchObject({ op: 2 });
  expect(cluster.empty(0)).toEqual([]);
  expect(cluster.sent("gap", 0)).toEqual([]);
});

test("N11 N13 what nobody has is empty, and stays so when it comes", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, to, { kind }) => to === 0 && (kind === "gapOk" || kind === "syncOk");
  cluster.stamp(3, [0, 1, 2]);
  cluster.advance(3);
  expect(cluster.sent("gap", 0)[0]).toEqual({ kind: "gap", view: 0, from: 1, to: 2 });
  // It waits until another one has agreed, whatever comes.
  cluster.stamp(1, [0, 1, 2]);
  expect(cluster.state(0).op).toBe(2);
  expect(cluster.empty(0)).toEqual([1, 2]);
  cluster.drops = () => false;
  cluster.advance(10);
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i).op).toBe(3);
    expect(cluster.empty(i)).toEqual([1, 2]);
  }
});

test("N12 an empty slot takes the place of a batch, but not up to the sync point", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.drops = (from) => from === 0;
  cluster.stamp(1, [1]);
  cluster.stamp(2, [1]);
  expect(cluster.empty(1)).toEqual([]);
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 2, to: 2 });
  cluster.settle();
  expect(cluster.empty(1)).toEqual([2]);
  expect(cluster.sent("gapOk", 1)).toEqual([{ kind: "gapOk", view: 0, from: 2, to: 2 }]);
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot: 2, empty: [2] });
  cluster.tell(0, 1, { kind: "synced", view: 0, slot: 2 });
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 1, to: 1 });
  cluster.settle();
  expect(cluster.state(1).executed).toBe(2);
  expect(cluster.empty(1)).toEqual([2]);
  expect(cluster.sent("gapOk", 1).at(-1)).toEqual({ kind: "gapOk", view: 0, from: 1, to: 1 });
});

test("N12 slots before those that are empty have to be here first", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from) => from === 0;
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 2, to: 3 });
  cluster.settle();
  expect(cluster.sent("gapOk", 1)).toEqual([]);
  cluster.stamp(1, [1], batchOf(1));
  expect(cluster.state(1).op).toBe(3);
  expect(cluster.sent("gapOk", 1)).toEqual([{ kind: "gapOk", view: 0, from: 2, to: 3 }]);
});

test("N12 a follower that has confirmed a slot has agreed to it", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, _to, { kind }) => kind === "gap";
  cluster.stamp(2, [0, 1, 2]);
  cluster.advance(30);
  expect(cluster.state(0)).toMatchObject({ view: 0, op: 2, executed: 2 });
  expect(cluster.empty(1)).toEqual([1]);
});

test("N12 N14 all slots that a GAP-OK names are empty, whatever SYNC waits beside its GAP", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.drops = (from) => from === 0;
  cluster.stamp(4, [1]);
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot: 3, empty: [2, 3] });
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 2, to: 4 });
  expect(cluster.sent("gapOk", 1)).toEqual([]);
  cluster.stamp(1, [1]);
  expect(cluster.sent("gapOk", 1)).toEqual([{ kind: "gapOk", view: 0, from: 2, to: 4 }]);
  expect(cluster.sent("syncOk", 1)).toEqual([{ kind: "syncOk", view: 0, confirmed: 3 }]);
  expect(cluster.empty(1)).toEqual([2, 3, 4]);
});

test("N11 N12 what a client was told beyond empty slots is so in the next view", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 4 });
  // Replica 2 is cut off from the others; FIND, SLOT, and SYNC from slot 4 on are lost.
  cluster.drops = (from, to, message) => {
    if (from >= 3 || to >= 3) return false;
    if (from === 2 || to === 2 || message.kind === "find" || message.kind === "slot") return true;
    return message.kind === "sync" && message.slot > 3;
  };
  cluster.stamp(1, [0, 2]);
  cluster.stamp(5, [0, 1]);
  cluster.stamp(4, [1, 2]);
  // GAP(2, 4) waits for slot 1 at replica 1.
  cluster.advance(7.5);
  expect(cluster.sent("gap", 0)[0]).toEqual({ kind: "gap", view: 0, from: 2, to: 4 });
  cluster.stamp(1, [1]);
  expect(cluster.empty(1)).toEqual([2, 3, 4]);
  const told = cluster.repliesTo(openOf(5));
  expect(told.map(({ view, slot }) => ({ view, slot }))).toEqual([
    { view: 0, slot: 5 },
    { view: 0, slot: 5 },
  ]);
  const outcome = told.find(({ leader }) => leader !== null)?.leader?.outcome;
  // The leader stops; the others go on without it.
  cluster.stop(0);
  cluster.drops = () => false;
  for (const i of [1, 2]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(9) });
  cluster.advance(400);
  expect(cluster.state(1).view).toBeGreaterThan(0);
  expect(cluster.replica(1).context.executor.lookup(openOf(5))).toEqual(outcome);
});

test("N11 N14 a SYNC tells of all slots that are declared empty together, or of none", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 4 });
  cluster.stamp(1, [0, 1, 2]);
  cluster.stamp(7, [0]);
  cluster.advance(3);
  expect(cluster.sent("gap", 0)[0]).toEqual({ kind: "gap", view: 0, from: 2, to: 6 });
  for (const { slot } of cluster.sent("sync", 0)) expect([1, 6, 7]).toContain(slot);
});

test("N12 N20 a request whose slot is empty from now on is passed on again", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.drops = (from, to) => (from === 0 && to < 3) || (from < 3 && to === 0);
  cluster.inject(CLIENT, 1, { kind: "request", request: openOf(2) });
  cluster.stamp(1, [0, 1]);
  cluster.stamp(2, [1]);
  cluster.advance(60);
  expect(cluster.sent("relay", 1)).toEqual([]);
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 2, to: 2 });
  cluster.advance(35);
  const relayed = cluster.sent("relay", 1).map(({ request }) => request);
  expect(relayed).toEqual([openOf(2)]);
});
