// The normal case: what is stamped, who appends, executes and replies, and what a client counts.

import { expect, test } from "bun:test";
import { KvApp } from "../../../src/app/kv.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import { codec, type Message } from "../../../src/protocol/nopaxos/message.ts";
import { openOf } from "../../support/requests.ts";
import { batchOf, CLIENT, NoPaxosCluster, SEQUENCER } from "./harness.ts";

test("N1 N17 three replicas begin in view 0 once its leader has opened a session", () => {
  const cluster = new NoPaxosCluster();
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i)).toMatchObject({ view: 0, status: "normal", lastNormal: 0, op: 0 });
    expect(cluster.state(i).stream).toMatchObject({ session: 0, index: 0, first: 1, base: 1 });
  }
  const next = cluster.open();
  cluster.stop(2);
  const served = next();
  cluster.sequence(served);
  expect(cluster.repliesTo(served).length).toBe(2);
});

test("N2 numbers are taken in order, once each, of the session of the view", () => {
  const cluster = new NoPaxosCluster();
  cluster.stamp(2, [1]);
  expect(cluster.state(1).op).toBe(0);
  cluster.stamp(1, [1]);
  expect(cluster.state(1).op).toBe(2);
  cluster.stamp(1, [1]);
  cluster.stamp(2, [1]);
  expect(cluster.state(1).op).toBe(2);
  const { stream } = cluster.state(1);
  const stamp = { session: 0, incarnation: (stream?.incarnation ?? 0) + 1, number: 3 };
  const other = { kind: "sequenced", stamp, reference: false, batch: batchOf(9) } as const;
  cluster.inject(SEQUENCER, 1, other);
  cluster.inject(CLIENT, 1, {
    ...other,
    stamp: { ...stamp, incarnation: stream?.incarnation ?? 0 },
  });
  cluster.settle();
  expect(cluster.state(1).op).toBe(2);
});

test("N3 N5 the slot follows from the number and the view's session", () => {
  const cluster = new NoPaxosCluster();
  cluster.stamp(1, [0, 1, 2]);
  cluster.stamp(2, [0, 1, 2]);
  cluster.startRole(SEQUENCER);
  cluster.advance(300);
  const { view, stream } = cluster.state(0);
  expect(view).toBeGreaterThan(0);
  expect(stream).toMatchObject({ session: view, first: 1, base: 3 });
  cluster.sequence(openOf(5));
  expect([0, 1, 2].map((i) => cluster.state(i).op)).toEqual([3, 3, 3]);
});

test("N7 V3 what only replicas and sequencers send is dropped if a stranger sends it", () => {
  const cluster = new NoPaxosCluster();
  const sent: Message[] = [
    { kind: "gap", view: 5, from: 1, to: 1 },
    { kind: "wish", wanted: 5, view: 5 },
    { kind: "relay", client: CLIENT, request: openOf(1) },
    { kind: "sequencerHello", incarnation: 7 },
  ];
  for (const message of sent) cluster.inject(CLIENT, 1, message);
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ view: 0, op: 0 });
  const empty = [3, 4, 9];
  const sync = { kind: "sync", view: 1, from: 2, slot: 9, empty } as const;
  expect(cluster.packets.carried(sync, 0)).toEqual(sync);
  expect(codec.openKinds?.has(1)).toBe(true);
});

test("N8 the leader executes at once, the others once it is committed; all reply", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  const next = cluster.open();
  cluster.advance(50);
  const request = next("set a 1");
  cluster.sequence(request);
  expect(cluster.state(0).speculated).toBe(2);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([1, 1, 1]);
  expect([0, 1, 2].map((i) => cluster.state(i).position)).toEqual([2, 1, 1]);
  const replies = cluster.repliesTo(request);
  expect(replies.map(({ leader }) => leader !== null).sort()).toEqual([false, false, true]);
  cluster.advance(50);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([2, 2, 2]);
  expect([0, 1, 2].map((i) => cluster.state(i).position)).toEqual([2, 2, 2]);
});

test("N9 a client has its result once the leader and a quorum have it in one slot", () => {
  const cluster = new NoPaxosCluster();
  const first = cluster.invoke(CLIENT + 1, new Uint8Array(0));
  expect(cluster.runUntil(() => first.result !== undefined, 20)).toBe(true);
  // Without the leader's reply those of the others are nothing.
  cluster.drops = (from, to, { kind }) => from === 0 && to === CLIENT + 1 && kind === "slotReply";
  const second = cluster.invoke(CLIENT + 1, new Uint8Array(0));
  cluster.advance(20);
  expect(second.result).toBeUndefined();
  // Once it is committed one replica is enough.
  cluster.advance(100);
  expect(second.result).toBeDefined();
});

test("N21 a client tries again everywhere; what is stamped twice is executed once", () => {
  const cluster = new NoPaxosCluster();
  const first = cluster.invoke(CLIENT + 1, new Uint8Array(0));
  cluster.runUntil(() => first.result !== undefined, 20);
  const position = cluster.state(0).position;
  cluster.drops = (_from, to, { kind }) => to === CLIENT + 1 && kind === "slotReply";
  const invoked = cluster.invoke(CLIENT + 1, new Uint8Array(1));
  cluster.advance(26);
  cluster.drops = () => false;
  expect(cluster.runUntil(() => invoked.result !== undefined, 200)).toBe(true);
  cluster.advance(100);
  expect(cluster.state(0).position).toBe(position + 1);
  expect(cluster.client(CLIENT + 2).retransmissions).toBe(0);
});

/** Results that checkpoints have the digest of alone. */
class Large extends KvApp {
  override execute(): Uint8Array {
    return new Uint8Array(5000).fill(7);
  }
  override rollback(): void {}
  override commit(): void {}
}

test("N8 X13 a leader that has a large result from nobody says nothing of it; others give it", () => {
  const cluster = new NoPaxosCluster({}, { app: () => new Large() });
  const open = openOf(1);
  const request = { session: 1, tag: open.tag, number: 1, op: new Uint8Array([1]) };
  // Replica 1, which leads view 1, misses everything, and fetches a state.
  cluster.drops = (from, to) => from < 3 && to < 3 && (from === 1 || to === 1);
  cluster.stamp(1, [0, 2], makeBatch([open], [CLIENT]));
  cluster.stamp(2, [0, 2], makeBatch([request], [CLIENT]));
  for (let number = 3; number <= 14; number++) cluster.stamp(number, [0, 2]);
  cluster.advance(20);
  cluster.drops = () => false;
  cluster.advance(60);
  for (const to of [0, 1, 2]) {
    if (cluster.state(to).view === 1) continue;
    cluster.tell((to + 1) % 3, to, { kind: "wish", wanted: 1, view: 1 });
  }
  cluster.advance(20);
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i)).toMatchObject({ view: 1, status: "normal", executed: 14 });
  }
  const { stream, op } = cluster.state(1);
  const number = (stream?.first ?? 0) + op + 1 - (stream?.base ?? 0);
  cluster.stamp(number, [0, 1, 2], makeBatch([request], [CLIENT]), 1);
  cluster.advance(5);
  const told = cluster.repliesTo(request).filter(({ slot }) => slot === op + 1);
  expect(told.map(({ leader }) => leader)).toEqual([null, null]);
  for (const i of [0, 1, 2]) cluster.inject(CLIENT, i, { kind: "request", request });
  cluster.advance(5);
  const final = cluster.heard.flatMap(({ message }) => (message.kind === "reply" ? message : []));
  expect(final.map(({ outcome }) => outcome.status).sort()).toEqual(["digest", "done", "done"]);
});
