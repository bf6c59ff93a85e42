// The normal case: who appends, who has what, what is committed, and who replies.

import { expect, test } from "bun:test";
import { codec, type Message } from "../../../src/protocol/vr/message.ts";
import { batchOf, CLIENT, VrCluster } from "./harness.ts";
import { openOf } from "../../support/requests.ts";

test("V1 V2 three replicas begin in view 0 and serve with one of them down, two do not", () => {
  const cluster = new VrCluster();
  const next = cluster.open();
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i)).toMatchObject({ view: 0, status: "normal", lastNormal: 0, op: 1 });
  }
  cluster.stop(2);
  const served = next();
  cluster.request(served, [0]);
  expect(cluster.repliers(served)).toEqual([0]);
  cluster.stop(1);
  const alone = next();
  cluster.request(alone, [0]);
  cluster.advance(1000);
  expect(cluster.repliers(alone)).toEqual([]);
});

test("V3 what only replicas send is dropped if a stranger sends it", () => {
  const cluster = new VrCluster();
  const sent: Message[] = [
    { kind: "prepare", view: 5, slot: 1, committed: 0, batch: batchOf(1) },
    { kind: "wish", wanted: 5, view: 5 },
    { kind: "relay", client: CLIENT, request: openOf(1) },
    { kind: "ask", nonce: new Uint8Array(16), asked: 1, number: 1, vector: [0, 0, 0] },
  ];
  for (const message of sent) cluster.inject(CLIENT, 1, message);
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ view: 0, op: 0 });
  // Requests, signed or not.
  expect(codec.openKinds?.size).toBe(2);
  expect(cluster.packets.carried({ kind: "wish", wanted: 7, view: 5 }, 1)).toMatchObject({
    wanted: 7,
  });
});

test("V3 X9 the largest numbers move nothing: they are malformed", () => {
  const cluster = new VrCluster();
  const largest = Number.MAX_SAFE_INTEGER;
  const message: Message = { kind: "wish", wanted: largest, view: largest };
  const packet = cluster.packets.packetOf(message, 1);
  expect(cluster.packets.decoded(packet)).toBeNull();
});

test("V4 the primary has 32 batches under way, and appends nothing twice", () => {
  const cluster = new VrCluster({ batchMax: 1, checkpointInterval: 64 });
  cluster.drops = (_from, _to, { kind }) => kind === "prepareOk";
  for (let i = 1; i <= 40; i++) cluster.request(openOf(i), [0], CLIENT + i);
  expect(cluster.state(0)).toMatchObject({ op: 32, executed: 0 });
  cluster.request(openOf(1), [0], CLIENT + 1);
  expect(cluster.state(0).op).toBe(32);
  cluster.drops = () => false;
  cluster.advance(1000);
  expect(cluster.state(0)).toMatchObject({ op: 40, executed: 40 });
  expect(cluster.state(1)).toMatchObject({ op: 40, executed: 40 });
});

test("V5 a backup appends in order, keeps what is early, and fetches a hole from the primary", () => {
  const cluster = new VrCluster();
  cluster.drops = (_from, to, message) =>
    to === 1 && message.kind === "prepare" && message.slot === 2;
  for (let i = 1; i <= 3; i++) cluster.request(openOf(i), [0]);
  expect(cluster.state(1).op).toBe(1);
  const oks = cluster.sent("prepareOk", 1).map(({ slot }) => slot);
  expect(Math.max(...oks)).toBe(1);
  cluster.drops = () => false;
  cluster.advance(100 / 16 + 1);
  expect(cluster.sent("getLog", 1)).toEqual([{ kind: "getLog", lastNormal: 0, from: 2 }]);
  expect(cluster.state(1).op).toBe(3);
  expect(cluster.sent("prepareOk", 1).at(-1)).toMatchObject({ view: 0, slot: 3 });
});

test("V5 a PREPARE of a later view moves a backup there, and says nothing of what it began with", () => {
  const cluster = new VrCluster();
  cluster.stop(0);
  cluster.stop(1);
  const message = { kind: "prepare", view: 1, slot: 1, committed: 1, batch: batchOf(1) } as const;
  cluster.inject(1, 2, message);
  cluster.settle();
  expect(cluster.state(2)).toMatchObject({ view: 1, status: "viewChange", lastNormal: 0, op: 0 });
});

test("V6 a slot is committed once a quorum has it, whoever says so how often", () => {
  const cluster = new VrCluster({ n: 5, f: 2 });
  cluster.drops = (_from, to, { kind }) => to !== 0 && kind === "prepare";
  cluster.request(openOf(1), [0]);
  for (let again = 0; again < 3; again++) {
    cluster.inject(1, 0, { kind: "prepareOk", view: 0, slot: 1 });
  }
  cluster.inject(2, 0, { kind: "prepareOk", view: 1, slot: 0 });
  cluster.settle();
  expect(cluster.state(0).executed).toBe(0);
});

test("V6 backups execute what the primary of their view says is committed, and not beyond their log", () => {
  const cluster = new VrCluster();
  cluster.drops = (_from, to, { kind }) => to === 2 && kind === "prepare";
  cluster.request(openOf(1), [0]);
  cluster.advance(2);
  expect([0, 1, 2].map((i) => cluster.state(i).executed)).toEqual([1, 1, 0]);
  cluster.inject(1, 2, { kind: "commit", view: 0, committed: 1 });
  cluster.settle();
  expect(cluster.state(2)).toMatchObject({ op: 0, executed: 0 });
  cluster.drops = () => false;
  cluster.advance(200);
  expect(cluster.state(2)).toMatchObject({ op: 1, executed: 1 });
});

test("V7 one reply is enough; a backup answers what it was asked itself, from its cache later", () => {
  const cluster = new VrCluster();
  const next = cluster.open();
  const request = next();
  cluster.request(request, [0]);
  cluster.advance(5);
  expect(cluster.repliers(request)).toEqual([0]);
  cluster.request(request, [1]);
  expect(cluster.repliers(request)).toEqual([0, 1]);
  const relayed = next();
  cluster.request(relayed, [2]);
  cluster.advance(60);
  expect(cluster.repliers(relayed)).toEqual([0, 2]);
  expect(cluster.sent("relay", 2)).toHaveLength(1);
  const invoked = cluster.invoke(CLIENT + 1, new Uint8Array(0));
  expect(cluster.runUntil(() => invoked.result !== undefined, 100)).toBe(true);
});
