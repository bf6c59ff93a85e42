// What was dropped: found at another replica, or declared empty by the leader.

import { expect, test } from "bun:test";
import { batchOf, NoPaxosCluster } from "./harness.ts";

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
  cluster.drops = (_from, to, { kind }) => kind === "gapOk" && to === 0;
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
