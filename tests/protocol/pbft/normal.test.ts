// The normal case: who may propose and vote, what is prepared and committed, and in what order it
// executes.

import { expect, test } from "bun:test";
import { EMPTY_BATCH, makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { PrepareMessage, PrePrepareMessage } from "../../../src/protocol/pbft/message.ts";
import { CLIENT, PbftCluster } from "./harness.ts";
import { bytes, openOf } from "../../support/requests.ts";

function batchOf(number: number) {
  return makeBatch([openOf(number)], [CLIENT]);
}

function proposal(slot: number, number: number, view = 0, replica = view % 4): PrePrepareMessage {
  const batch = batchOf(number);
  return { kind: "prePrepare", replica, view, slot, digest: batch.digest, batch };
}

function prepare(of: PrePrepareMessage, replica: number): PrepareMessage {
  const { view, slot, digest } = of;
  return { kind: "prepare", replica, view, slot, digest };
}

/** One backup, 1, alone with messages that the test makes. */
function backup(): PbftCluster {
  const cluster = new PbftCluster();
  for (const i of [0, 2, 3]) cluster.stop(i);
  return cluster;
}

test("P2 a retry is answered from the reply cache, and nothing executes twice", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("a"));
  cluster.request(request, [0]);
  const { position } = cluster.state(0);
  cluster.heard.length = 0;
  cluster.request(request, [2]);
  expect([...cluster.results(request).keys()]).toEqual([2]);
  expect(cluster.state(0).position).toBe(position);
});

test("P2 a backup relays a request to the primary and starts its timer", () => {
  const cluster = new PbftCluster();
  const next = cluster.open(CLIENT, [0]);
  const request = next(bytes("a"));
  cluster.request(request, [2]);
  expect(cluster.sent("relay", 2).length).toBe(0);
  cluster.advance(50);
  expect(cluster.sent("relay", 2).length).toBe(1);
  expect(cluster.results(request).size).toBe(4);

  cluster.advance(500);
  cluster.stop(0);
  cluster.request(next(bytes("b")), [2]);
  expect(cluster.host(2).timers.has("view")).toBe(true);
  expect(cluster.host(3).timers.has("view")).toBe(false);
});

test("P3 X11 a batch of more bytes than this replica was told to make is accepted", () => {
  const cluster = new PbftCluster({ batchBytesMax: 1024 });
  for (const i of [0, 2, 3]) cluster.stop(i);
  const op = new Uint8Array(10_000);
  const requests = [1, 2].map((session) => ({ session, tag: 1, number: 1, op }));
  const batch = makeBatch(requests, [CLIENT, CLIENT]);
  cluster.inject(0, 1, { ...proposal(1, 7), digest: batch.digest, batch });
  cluster.settle();
  expect(cluster.sent("prepare", 1).map(({ digest }) => digest)).toEqual([batch.digest]);
});

test("P3 X2 a pre-prepare counts from its view's primary only", () => {
  const cluster = backup();
  cluster.inject(2, 1, proposal(1, 7, 0, 2));
  cluster.settle();
  expect(cluster.sent("prepare", 1)).toEqual([]);
  cluster.inject(0, 1, proposal(1, 7));
  cluster.settle();
  expect(cluster.sent("prepare", 1).length).toBe(1);
});

test("P3 a pre-prepare of another view, beyond the window or with a wrong digest is not accepted", () => {
  const cluster = backup();
  cluster.inject(1, 1, proposal(1, 7, 1));
  cluster.inject(0, 1, proposal(0, 7));
  cluster.inject(0, 1, proposal(9, 7));
  cluster.inject(0, 1, { ...proposal(1, 7), digest: EMPTY_BATCH.digest });
  cluster.settle();
  expect(cluster.sent("prepare", 1)).toEqual([]);
  cluster.inject(0, 1, proposal(8, 7));
  cluster.settle();
  expect(cluster.sent("prepare", 1).map(({ slot }) => slot)).toEqual([8]);
});

test("P3 a backup that accepted one digest for a view and slot accepts no other", () => {
  const cluster = backup();
  cluster.inject(0, 1, proposal(1, 7));
  cluster.inject(0, 1, proposal(1, 8));
  cluster.settle();
  expect(cluster.sent("prepare", 1).map(({ digest }) => digest)).toEqual([batchOf(7).digest]);
  for (const i of [2, 3]) cluster.inject(i, 1, prepare(proposal(1, 8), i));
  cluster.settle();
  expect(cluster.sent("commit", 1)).toEqual([]);
});

test("P4 a slot is prepared with q - 1 PREPAREs of backups, and the primary's does not count", () => {
  const cluster = backup();
  const one = proposal(1, 7);
  cluster.inject(0, 1, one);
  cluster.inject(0, 1, prepare(one, 0));
  cluster.settle();
  expect(cluster.sent("commit", 1)).toEqual([]);
  cluster.inject(2, 1, prepare(one, 2));
  cluster.settle();
  expect(cluster.sent("commit", 1).length).toBe(1);
});

test("P4 prepares of another digest or view do not count", () => {
  const cluster = backup();
  const one = proposal(1, 7);
  cluster.inject(0, 1, one);
  cluster.inject(2, 1, prepare(proposal(1, 8), 2));
  cluster.inject(3, 1, { ...prepare(one, 3), view: 4 });
  cluster.settle();
  expect(cluster.sent("commit", 1)).toEqual([]);
});

test("P4 X3 copies of one prepare count once", () => {
  const cluster = new PbftCluster({ n: 7 });
  for (const i of [0, 2, 3, 4, 5, 6]) cluster.stop(i);
  const one = proposal(1, 7);
  cluster.inject(0, 1, one);
  for (let copy = 0; copy < 5; copy++) cluster.inject(2, 1, prepare(one, 2));
  cluster.settle();
  expect(cluster.sent("commit", 1)).toEqual([]);
  for (const i of [3, 4]) cluster.inject(i, 1, prepare(one, i));
  cluster.settle();
  expect(cluster.sent("commit", 1).length).toBe(1);
});

test("P5 a slot is executed with q commits, and never before the slots below it", () => {
  const cluster = backup();
  const first = proposal(1, 7);
  const second = proposal(2, 8);
  const commit = (of: PrePrepareMessage, i: number) =>
    cluster.inject(i, 1, { ...prepare(of, i), kind: "commit" });
  for (const one of [second, first]) {
    cluster.inject(0, 1, one);
    cluster.inject(2, 1, prepare(one, 2));
  }
  for (const i of [0, 2]) commit(second, i);
  cluster.settle();
  expect(cluster.state(1).log.get(2)?.committed).not.toBe(null);
  expect(cluster.state(1).executed).toBe(0);
  commit(first, 0);
  cluster.settle();
  expect(cluster.state(1).executed).toBe(0);
  commit(first, 2);
  cluster.settle();
  expect(cluster.state(1).executed).toBe(2);
});

test("P5 commits of different views or digests do not add up", () => {
  const cluster = backup();
  const one = proposal(1, 7);
  cluster.inject(0, 1, one);
  cluster.inject(2, 1, prepare(one, 2));
  cluster.inject(0, 1, { ...prepare(one, 0), kind: "commit", view: 1 });
  cluster.inject(2, 1, { ...prepare(proposal(1, 9), 2), kind: "commit" });
  cluster.inject(3, 1, { ...prepare(one, 3), kind: "commit" });
  cluster.settle();
  expect(cluster.state(1).executed).toBe(0);
});

test("P12 at least eight batches are in flight at a time", () => {
  for (const adaptive of [false, true]) {
    const cluster = new PbftCluster({ checkpointInterval: 128, batchMax: 2, adaptive });
    cluster.drops = (_from, _to, { kind }) => kind === "prepare";
    for (let i = 0; i < 40; i++) cluster.request(openOf(i), [0]);
    expect(cluster.sent("prePrepare", 0).length).toBeGreaterThanOrEqual(8);
    expect(cluster.state(0).executed).toBe(0);
  }
});

test("P12 X11 with --adaptive what comes while a batch is under way shares the next one", () => {
  const cluster = new PbftCluster({ batchMax: 10, adaptive: true, flushDelayMs: 5 });
  const clients = Array.from({ length: 5 }, (_, i) => cluster.open(CLIENT + i));
  const [first, ...others] = clients.map((next) => next(bytes("a")));
  let held = true;
  cluster.drops = (_from, _to, { kind }) => kind === "prepare" && held;
  const before = cluster.state(0).executed;
  const sizes = () => {
    const proposals = cluster.sent("prePrepare", 0).filter(({ slot }) => slot > before);
    return [
      ...new Map(proposals.map(({ slot, batch }) => [slot, batch?.requests.length])).values(),
    ];
  };
  cluster.request(first!, [0]);
  for (const request of others.slice(0, 3)) cluster.request(request, [0]);
  expect(sizes()).toEqual([1]);
  // The one before it goes on for longer than it may wait.
  cluster.advance(5);
  expect(sizes()).toEqual([1, 3]);
  held = false;
  cluster.advance(cluster.config.viewTimeoutMs / 2);
  expect(cluster.state(0).executed).toBe(7);
  cluster.request(others[3]!, [0]);
  expect(sizes()).toEqual([1, 3, 1]);
});

test("P12 X11 of large batches no more are in flight than eight full ones take", () => {
  const cluster = new PbftCluster({ checkpointInterval: 128, batchBytesMax: 1024 });
  const clients = Array.from({ length: 20 }, (_, i) => cluster.open(CLIENT + i));
  const slots = () => new Set(cluster.sent("prePrepare", 0).map(({ slot }) => slot)).size;
  const before = slots();
  let lost = true;
  cluster.drops = (_from, _to, { kind }) => kind === "prepare" && lost;
  for (const next of clients) cluster.request(next(new Uint8Array(1000)), [0]);
  expect(slots() - before).toBe(8);
  lost = false;
  cluster.advance(cluster.config.viewTimeoutMs / 2);
  expect(slots() - before).toBe(20);
  expect(cluster.state(0)).toMatchObject({ view: 0, executed: before + 20 });
});

test("X1 one replica that claims to be the others makes no quorum", () => {
  const cluster = backup();
  const one = proposal(1, 7);
  cluster.inject(0, 1, one);
  for (const claimed of [0, 2, 3]) cluster.inject(3, 1, prepare(one, claimed), 0);
  for (const claimed of [0, 2, 3]) {
    cluster.inject(3, 1, { ...prepare(one, claimed), kind: "commit" }, 0);
  }
  cluster.settle();
  // What replica 0's key signed as replica 0 holds, and is one vote.
  expect(cluster.forged).toBe(4);
  expect(cluster.sent("commit", 1)).toEqual([]);
  expect(cluster.state(1).executed).toBe(0);
});

test("X3 a commit certificate that names a signer twice proves nothing", () => {
  const cluster = new PbftCluster();
  cluster.drops = (_from, to) => to === 3;
  cluster.request(openOf(1), [0]);
  const slot = cluster.state(0).log.get(1);
  const certificate = slot?.committed;
  if (certificate === null || certificate === undefined) throw new Error("slot 1 is committed");
  const { signers, blocks } = certificate.commits;
  const twice = [0, 1, 1];
  const batch = slot?.batch(certificate.digest) ?? EMPTY_BATCH;
  cluster.drops = () => false;
  const send = (which: number[]) =>
    cluster.inject(1, 3, {
      kind: "committed",
      batch,
      certificate: {
        ...certificate,
        commits: { signers: which.map((i) => signers[i]!), blocks: which.map((i) => blocks[i]!) },
      },
    });
  send(twice);
  send([0, 1]);
  cluster.settle();
  expect(cluster.state(3).executed).toBe(0);
  send([0, 1, 2]);
  cluster.settle();
  expect(cluster.state(3).executed).toBe(1);
});

test("any n from 3f + 1 on orders and executes", () => {
  for (const [n, f] of [
    [1, 0],
    [2, 0],
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 2],
    [10, 3],
  ] as const) {
    const cluster = new PbftCluster({ n, f });
    const next = cluster.open();
    for (let i = 0; i < 6; i++) {
      const request = next(bytes(`${i}`));
      cluster.request(request);
      cluster.advance(2);
      expect(cluster.results(request).size).toBe(n);
    }
  }
});
