// How a replica gets orders that were lost, or that its primary never sent it (holes.ts).

import { expect, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { bytes } from "../../support/requests.ts";
import { A, alone, B, C, CLIENT, D, order, ZyzzyvaCluster } from "./harness.ts";

const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });

test("Z2 a missing order is asked for: at the primary, then at all", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A, B));
  cluster.advance(100 / 64 + 1);
  expect(cluster.trace.filter(({ message }) => message.kind === "fillHole")).toEqual([
    { from: 3, to: 0, message: { kind: "fillHole", view: 0, first: 1, last: 1 } },
  ]);
  cluster.advance(100 / 32 + 0.1);
  expect(cluster.trace.findLast(({ message }) => message.kind === "fillHole")?.to).toBe("others");
  // Who asks in vain waits twice as long each time: 6.3 ms, and then 12.5.
  const asked = () => cluster.sent("fillHole", 3).length;
  expect(asked()).toBe(2);
  cluster.advance(35);
  expect(asked()).toBe(5);
});

test("Z2 what comes after the asked-for orders is asked for as soon as these are here", () => {
  const batches = Array.from({ length: 40 }, (_, i) => [A, B, C, D][i % 4]!);
  const ordered = batches.map((_, i) => order(0, ...batches.slice(0, i + 1)));
  const wide = new ZyzzyvaCluster({ checkpointInterval: 32 });
  for (let i = 0; i < 3; i++) wide.stop(i);
  wide.inject(0, 3, ordered[39]!);
  wide.advance(100 / 64 + 1);
  const asked = () => wide.sent("fillHole", 3).map(({ first, last }) => [first, last]);
  expect(asked()).toEqual([[1, 16]]);
  for (const message of ordered.slice(0, 16)) wide.inject(0, 3, message);
  wide.settle();
  expect(asked().slice(1)).toEqual([[17, 32]]);
});

test("Z2 the order of a primary whose window is ahead waits for the checkpoint", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, to, { kind }) => to === 3 && (kind === "checkpoint" || kind === "stable");
  while (cluster.state(0).executed < 10) {
    expect(cluster.ask(client, put("one"))).toBeDefined();
  }
  expect(cluster.state(3).executed).toBeLessThan(cluster.state(0).executed);
  cluster.drops = () => false;
  // The late CHECKPOINTs are enough: no time passes, and nobody is asked for anything.
  for (const i of [0, 1, 2]) {
    const { seal, ...late } = cluster.sent("checkpoint", i).at(-1)!;
    void seal;
    cluster.inject(i, 3, late);
  }
  cluster.settle();
  expect(cluster.state(3).history).toBe(cluster.state(0).history);
});

test("Z2 who has executed an order gives it to who asks, and to no stranger", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.settle();
  cluster.inject(CLIENT, 3, { kind: "fillHole", view: 0, first: 1, last: 1 });
  cluster.settle();
  expect(cluster.sent("orderReq", 3)).toEqual([]);
  cluster.inject(2, 3, { kind: "fillHole", view: 0, first: 1, last: 1 });
  cluster.settle();
  expect(cluster.sent("orderReq", 3).map(({ slot }) => slot)).toEqual([1]);
});

test("Z2 whom its primary tells nothing gets orders from one backup, and clients the fast path", () => {
  const cluster = new ZyzzyvaCluster({ checkpointInterval: 32 });
  const client = cluster.opened();
  cluster.drops = (from, to) => from === 0 && to === 3;
  const ask = (count: number): number => {
    const { fast } = client.completed;
    for (let i = 0; i < count; i++) expect(cluster.ask(client, put(`${i}`))).toBeDefined();
    return client.completed.fast - fast;
  };
  ask(10);
  // What it has missed is asked for at the primary, then at all.
  cluster.advance(5);
  ask(64);
  cluster.trace.length = 0;
  expect(ask(64)).toBeGreaterThan(60);
  const asked = () => cluster.trace.filter(({ message }) => message.kind === "fillHole");
  const passedOn = cluster.trace.filter(
    ({ from, to, message }) => message.kind === "orderReq" && from !== 0 && to === 3,
  );
  // One question for each eight orders, of which each comes once.
  expect(asked().length).toBeLessThanOrEqual(10);
  expect(passedOn.length).toBeLessThanOrEqual(64 + 16);
  expect(new Set(passedOn.map(({ from }) => from)).size).toBe(1);
  expect(cluster.state(3).executed).toBe(cluster.state(1).executed);
  expect(cluster.state(3).view).toBe(0);
  // Who is told again asks nobody.
  cluster.drops = () => false;
  ask(16);
  cluster.trace.length = 0;
  expect(ask(32)).toBe(32);
  expect(asked()).toEqual([]);
});

test("Z2 what is not ordered yet is passed on once it is, in the view that was asked about", () => {
  const cluster = alone(3);
  const told = () => cluster.sent("orderReq", 3).map(({ slot }) => slot);
  cluster.inject(2, 3, { kind: "fillHole", view: 0, first: 1, last: 2 });
  for (const batches of [[A], [A, B], [A, B, C]]) cluster.inject(0, 3, order(0, ...batches));
  cluster.settle();
  expect(told()).toEqual([1, 2]);
  // It lacks the third, so that the fifth would be of no use.
  cluster.inject(2, 3, { kind: "fillHole", view: 0, first: 5, last: 8 });
  cluster.inject(CLIENT, 3, { kind: "fillHole", view: 0, first: 4, last: 8 });
  cluster.inject(0, 3, order(0, A, B, C, D));
  cluster.inject(0, 3, order(0, A, B, C, D, A));
  cluster.settle();
  expect(told()).toEqual([1, 2]);
  cluster.inject(1, 3, { kind: "fillHole", view: 0, first: 6, last: 8 });
  cluster.inject(0, 3, order(0, A, B, C, D, A, B));
  cluster.settle();
  expect(told()).toEqual([1, 2, 6]);
});

test("Z2 orders are passed on in the view that was asked about alone", () => {
  const cluster = new ZyzzyvaCluster({ checkpointInterval: 32 });
  const client = cluster.opened();
  cluster.inject(2, 3, {
    kind: "fillHole",
    view: 0,
    first: cluster.state(3).executed + 1,
    last: 60,
  });
  const passedOn = () => cluster.sent("orderReq", 3).length;
  cluster.ask(client, put("one"));
  expect(passedOn()).toBe(1);
  for (const i of [1, 2, 3]) cluster.replica(i).hates.hate();
  cluster.runUntil(() => [0, 1, 2, 3].every((i) => cluster.state(i).view === 1));
  cluster.advance(10);
  const before = passedOn();
  cluster.ask(client, put("two"));
  expect(passedOn()).toBe(before);
});

test("Z2 no stranger, and no backup while an order is missing, is asked for orders to come", () => {
  const askedBy = (from: number) => {
    const cluster = alone(3);
    cluster.inject(from, 3, order(0, A));
    cluster.settle();
    return cluster.trace.filter(({ message }) => message.kind === "fillHole").map(({ to }) => to);
  };
  expect([askedBy(0), askedBy(2), askedBy(CLIENT)]).toEqual([[], [2], []]);
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A, B, C));
  cluster.advance(100 / 64 + 0.1);
  cluster.trace.length = 0;
  cluster.inject(2, 3, order(0, A));
  cluster.settle();
  expect(cluster.sent("fillHole", 3)).toEqual([]);
});

test("Z2 Z11 an order after another history has its sender asked for the one before it", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, B));
  cluster.advance(200);
  cluster.trace.length = 0;
  cluster.inject(1, 3, order(0, A, C));
  cluster.settle();
  expect(cluster.trace.filter(({ message }) => message.kind === "fillHole")).toEqual([
    { from: 3, to: 1, message: { kind: "fillHole", view: 0, first: 1, last: 1 } },
  ]);
  cluster.inject(1, 3, order(0, A));
  cluster.settle();
  expect(cluster.sent("pom", 3).length).toBe(1);
});
