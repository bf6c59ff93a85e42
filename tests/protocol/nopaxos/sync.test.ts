// Synchronisation: what is committed, and that all have the same.

import { expect, test } from "bun:test";
import { defaultsOf } from "../../../src/protocol-config.ts";
import { nopaxos } from "../../../src/protocol/nopaxos/index.ts";
import { NoPaxosCluster } from "./harness.ts";

test("N14 slots are committed once q have them, after half an interval or T/16", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 8 });
  cluster.stamp(1, [0, 1, 2]);
  expect(cluster.state(0).executed).toBe(1);
  cluster.stamp(2, [0, 1, 2]);
  expect(cluster.state(0).executed).toBe(1);
  cluster.advance(7);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([2, 2, 2]);
  for (let number = 3; number <= 5; number++) cluster.stamp(number, [0, 1, 2]);
  expect(cluster.state(0).executed).toBe(2);
  cluster.stamp(6, [0, 1, 2]);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([6, 6, 6]);
});

test("N14 nothing is committed without another replica", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, to, { kind }) => kind === "syncOk" && to === 0;
  for (let number = 1; number <= 3; number++) cluster.stamp(number, [0, 1, 2]);
  cluster.advance(50);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([0, 0, 0]);
});

test("N14 a follower that was not told of all empty slots says how far it has confirmed", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from) => from === 0;
  cluster.stamp(1, [1]);
  cluster.stamp(2, [1]);
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 1, slot: 2, empty: [] });
  cluster.settle();
  expect(cluster.sent("syncOk", 1)).toEqual([{ kind: "syncOk", view: 0, confirmed: 0 }]);
  // What is committed is executed only as far as it is confirmed.
  cluster.tell(0, 1, { kind: "synced", view: 0, slot: 2 });
  cluster.settle();
  expect(cluster.state(1).executed).toBe(0);
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot: 2, empty: [1] });
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ executed: 2, confirmed: 2 });
  expect(cluster.empty(1)).toEqual([1]);
});

test("N14 beyond W above the sync point nothing is appended", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, to, { kind }) => kind === "syncOk" && to === 0;
  for (let number = 1; number <= 70; number++) cluster.stamp(number, [0, 1, 2]);
  expect(cluster.state(0)).toMatchObject({ op: 64, executed: 0 });
  cluster.drops = () => false;
  cluster.advance(50);
  expect(cluster.state(0)).toMatchObject({ op: 70, executed: 70 });
});

test("N14 the requests of a thousand clients at once, one a slot, find room by default", () => {
  const { checkpointInterval } = defaultsOf(nopaxos);
  const cluster = new NoPaxosCluster({ checkpointInterval });
  cluster.drops = (_from, to, { kind }) => kind === "syncOk" && to === 0;
  for (let number = 1; number <= 2400; number++) cluster.stamp(number, [0, 1, 2]);
  for (const i of [0, 1, 2]) expect(cluster.state(i)).toMatchObject({ op: 2400, executed: 0 });
  expect(cluster.sent("find", 0)).toEqual([]);
  cluster.drops = () => false;
  cluster.advance(50);
  expect(cluster.state(0)).toMatchObject({ view: 0, executed: 2400 });
});

test("N14 V13 checkpoints are of committed slots, and what is below the older one goes", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, to, { kind }) => kind === "syncOk" && to === 0;
  for (let number = 1; number <= 9; number++) cluster.stamp(number, [0, 1, 2]);
  expect(cluster.replica(0).states.last.slot).toBe(0);
  cluster.drops = () => false;
  cluster.advance(20);
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i)).toMatchObject({ executed: 9, floor: 4 });
    expect(cluster.replica(i).states.last.slot).toBe(8);
  }
});

test("V14 N14 a replica that missed what is dropped fetches a state, and goes on", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from, to) => from === 2 || to === 2;
  for (let number = 1; number <= 14; number++) cluster.stamp(number, [0, 1]);
  cluster.advance(20);
  cluster.drops = () => false;
  cluster.advance(400);
  expect(cluster.state(2)).toMatchObject({ view: cluster.state(0).view, executed: 14 });
});

test("N14 all slots that a SYNC names as empty are so when it is confirmed", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.drops = (from) => from === 0;
  cluster.stamp(3, [1]);
  cluster.stamp(4, [1]);
  cluster.tell(0, 1, { kind: "gap", view: 0, from: 2, to: 2 });
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot: 4, empty: [1, 2, 4] });
  expect(cluster.sent("syncOk", 1)).toEqual([{ kind: "syncOk", view: 0, confirmed: 4 }]);
  expect(cluster.empty(1)).toEqual([1, 2, 4]);
});

test("N14 N15 the SYNC of a view that was left is not confirmed in the next one", () => {
  const cluster = new NoPaxosCluster();
  // Replica 1 hears no replica for now.
  const cutOff = (from: number, to: number) => from < 3 && to < 3 && (from === 1 || to === 1);
  cluster.drops = cutOff;
  for (let number = 1; number <= 12; number++) cluster.stamp(number, [0, 2]);
  cluster.advance(20);
  expect(cluster.state(0)).toMatchObject({ executed: 12, floor: 8 });
  // Sent when the leader's floor was 0; then what replica 1 lacks goes, and it fetches a state.
  cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot: 14, empty: [13, 14] });
  const { slot, digest } = cluster.replica(0).states.last;
  cluster.tell(0, 1, { kind: "checkpoint", replica: 0, slot, digest });
  cluster.tell(2, 1, { kind: "wish", wanted: 2, view: 2 });
  expect(cluster.state(1)).toMatchObject({ view: 2, status: "viewChange", op: 0 });
  const before = cluster.sent("syncOk", 1).length;
  cluster.drops = (from, to, { kind }) =>
    cutOff(from, to) && kind !== "state" && kind !== "fetchState";
  cluster.advance(30);
  expect(cluster.state(1)).toMatchObject({ status: "viewChange", op: 12 });
  expect(cluster.sent("syncOk", 1).slice(before)).toEqual([]);
});

test("N14 a SYNC beyond the window does not hide one that the log reaches", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from, to) => from < 3 && to < 3;
  for (let number = 1; number <= 64; number++) cluster.stamp(number, [1]);
  // The leader has executed 2, so that it has room up to 66.
  for (const slot of [66, 2]) {
    cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot, empty: [] });
  }
  expect(cluster.sent("syncOk", 1)).toEqual([{ kind: "syncOk", view: 0, confirmed: 2 }]);
  cluster.tell(0, 1, { kind: "synced", view: 0, slot: 2 });
  expect(cluster.state(1)).toMatchObject({ confirmed: 2, executed: 2 });
  for (const number of [65, 66]) cluster.stamp(number, [1]);
  expect(cluster.sent("syncOk", 1).map(({ confirmed }) => confirmed)).toEqual([2, 66]);
});

test("N14 the nearest SYNC is confirmed when its slots come, whatever came after it", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (from, to) => from < 3 && to < 3;
  for (const slot of [2, 40, 66]) {
    cluster.tell(0, 1, { kind: "sync", view: 0, from: 0, slot, empty: [1] });
  }
  expect(cluster.state(1)).toMatchObject({ op: 1, confirmed: 0 });
  cluster.stamp(2, [1]);
  expect(cluster.sent("syncOk", 1)).toEqual([{ kind: "syncOk", view: 0, confirmed: 2 }]);
  expect(cluster.empty(1)).toEqual([1]);
});

test("N14 F2 two replicas go on, one of which has a full window and knows of no sync point", () => {
  const cluster = new NoPaxosCluster();
  // Replica 2 gets stamps, and no SYNC.
  cluster.drops = (_from, to, { kind }) => to === 2 && (kind === "sync" || kind === "synced");
  for (const number of [1, 2]) cluster.stamp(number, [0, 1, 2]);
  expect(cluster.state(0).executed).toBe(1);
  cluster.stop(1);
  for (let number = 3; number <= 65; number++) cluster.stamp(number, [0, 2]);
  expect([0, 2].map((i) => cluster.state(i).op)).toEqual([65, 64]);
  cluster.drops = () => false;
  cluster.advance(90);
  expect([0, 2].map((i) => cluster.state(i).view)).toEqual([0, 0]);
  expect([0, 2].map((i) => cluster.state(i).executed)).toEqual([65, 65]);
});
