// The normal case: orders, the client's two ways to complete, commits in the background.

import { expect, test } from "bun:test";
import { KvApp } from "../../../src/app/kv.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { operationDigest } from "../../../src/protocol/kit/request.ts";
import type { SpecReplyMessage } from "../../../src/protocol/zyzzyva/message.ts";
import { outcomeDigestOf } from "../../../src/protocol/zyzzyva/outcome-digest.ts";
import { bytes, openOf } from "../../support/requests.ts";
import {
  A,
  alone,
  B,
  C,
  certified,
  CLIENT,
  D,
  order,
  packets,
  point,
  said,
  ZyzzyvaCluster,
} from "./harness.ts";

const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });

test("Z1 Z4 an operation that all execute alike is done without a word between backups", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.trace.length = 0;
  const { fast } = client.completed;
  expect(cluster.ask(client, put("one"))).toBeDefined();
  expect(client.completed.fast).toBe(fast + 1);
  const between = cluster.trace.filter(({ message }) => message.kind === "history");
  expect(between).toEqual([]);
});

test("Z1 an order is executed only after the one before it, from the primary, on its history", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A, B));
  cluster.settle();
  expect(cluster.state(3).executed).toBe(0);
  cluster.inject(1, 3, { ...order(0, A), replica: 1 });
  cluster.inject(0, 3, { ...order(0, A), history: order(0, B).history });
  cluster.settle();
  expect(cluster.state(3).executed).toBe(0);
  cluster.inject(0, 3, order(0, A));
  cluster.settle();
  expect(cluster.state(3).executed).toBe(2);
  expect(cluster.state(3).history).toBe(order(0, A, B).history.toHex());
});

test("Z1 nothing is executed beyond two intervals after the stable checkpoint", () => {
  const cluster = alone(3);
  const batches = [A, B, C, D, A, B, C, D, A, B];
  for (let i = 1; i <= batches.length; i++) {
    cluster.inject(0, 3, order(0, ...batches.slice(0, i)));
  }
  cluster.settle();
  expect(cluster.state(3).executed).toBe(8);
});

test("Z3 a request that is executed and not committed is answered with a SPEC-REPLY again", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, _to, { kind }) => ["history", "localCommit", "commit"].includes(kind);
  cluster.ask(client, put("one"), 5);
  const [reply] = cluster.sent("specReply", 1).slice(-1);
  const { session, tag, number } = reply!;
  cluster.advance(20);
  cluster.trace.length = 0;
  cluster.inject(CLIENT, 1, { kind: "request", request: { session, tag, number, op: put("one") } });
  cluster.settle();
  expect(cluster.sent("specReply", 1).map(({ slot }) => slot)).toEqual([reply!.slot]);
  expect(cluster.sent("reply", 1)).toEqual([]);
});

test("Z3 one that is committed is answered with a REPLY", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.ask(client, put("one"));
  const [reply] = cluster.sent("specReply", 1).slice(-1);
  const { session, tag, number } = reply!;
  cluster.advance(200);
  expect(cluster.state(1).speculated).toBe(0);
  cluster.trace.length = 0;
  cluster.inject(CLIENT, 1, { kind: "request", request: { session, tag, number, op: put("one") } });
  cluster.settle();
  expect(cluster.sent("reply", 1).length).toBe(1);
  expect(cluster.sent("specReply", 1)).toEqual([]);
});

test("Z4 Z5 Z27 with a silent backup a certificate completes, without a view change", () => {
  const cluster = new ZyzzyvaCluster({ checkpointInterval: 64 });
  const client = cluster.opened();
  cluster.stop(3);
  const { fast } = client.completed;
  for (let i = 0; i < 40; i++) expect(cluster.ask(client, put(`${i}`))).toBeDefined();
  expect(client.completed.fast).toBe(fast);
  expect(client.completed.certified).toBe(40);
  expect(client.retransmissions).toBe(0);
  expect([0, 1, 2].map((i) => cluster.state(i).view)).toEqual([0, 0, 0]);
});

test("Z5 after eight operations by certificates the last reply is not waited for", () => {
  const cluster = new ZyzzyvaCluster({ checkpointInterval: 64 });
  const client = cluster.opened();
  cluster.stop(3);
  for (let i = 0; i < 10; i++) cluster.ask(client, put(`${i}`));
  const before = cluster.nowMs;
  for (let i = 0; i < 4; i++) cluster.ask(client, put(`${i}`));
  expect(cluster.nowMs).toBe(before);
});

test("Z4 replies of all that differ in history, in view or in outcome complete nothing", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, to, { kind }) => to === CLIENT && kind === "specReply";
  let done = false;
  client.invoke(put("one"), () => (done = true));
  cluster.settle();
  const replies = [0, 1, 2, 3].map((i) => cluster.sent("specReply", i).at(-1)!);
  for (let i = 0; i < 4; i++) cluster.stop(i);
  cluster.drops = () => false;
  const other = new Uint8Array(32).fill(7);
  const tell = (changed: (i: number) => Partial<SpecReplyMessage>) => {
    for (const [i, reply] of replies.entries()) {
      const { seal, ...unsigned } = reply;
      void seal;
      client.receive(i, packets.carried({ ...unsigned, ...changed(i) }));
    }
  };
  const half = (i: number) => i < 2;
  tell((i) => (half(i) ? { history: other } : {}));
  tell((i) => (half(i) ? { view: 1 } : {}));
  tell((i) => (half(i) ? { outcomeDigest: other, view: 2 } : { view: 2 }));
  expect(done).toBe(false);
  tell(() => ({ view: 3 }));
  expect(done).toBe(true);
});

test("Z4 an outcome that is not the signed one completes nothing", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, to, { kind }) => to === CLIENT && kind === "specReply";
  let done = false;
  client.invoke(put("one"), () => (done = true));
  cluster.settle();
  const outcome = { status: "done", result: bytes("lie") } as const;
  for (let i = 0; i < 4; i++) {
    const { seal, ...reply } = cluster.sent("specReply", i).at(-1)!;
    void seal;
    client.receive(i, packets.carried({ ...reply, outcome }));
  }
  expect(done).toBe(false);
});

test("Z7 a certificate of the view is answered once signed, the same bytes again and again", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.settle();
  const certificate = certified(0, [A]);
  for (let i = 0; i < 5; i++) {
    cluster.inject(CLIENT, 3, { kind: "commit", ...certificate });
    cluster.settle();
  }
  const made = cluster.sent("localCommit", 3).filter(({ seal }) => seal === undefined);
  expect(made.length).toBe(1);
  expect(cluster.heard.filter(({ message }) => message.kind === "localCommit").length).toBe(5);
  expect(cluster.state(3).certified).toBe(1);
});

test("F8 Z7 a certificate of which a longer one shows the history needs no check", () => {
  const cluster = alone(3);
  for (const batches of [[A], [A, B], [A, B, C]]) cluster.inject(0, 3, order(0, ...batches));
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A, B]) });
  cluster.settle();
  const spoken = () =>
    cluster.sent("localCommit", 3).flatMap(({ slot, seal }) => (seal === undefined ? [slot] : []));
  expect([spoken(), cluster.forged]).toEqual([[2], 0]);
  // Nobody has signed these.
  const claimed = (batches: (typeof A)[], at = point(0, ...batches)) => {
    const { votes } = certified(0, [D]);
    cluster.inject(CLIENT, 3, { kind: "commit", ...at, named: null, votes });
    cluster.settle();
  };
  for (let i = 0; i < 3; i++) claimed([A]);
  expect([spoken(), cluster.forged]).toEqual([[2, 1], 0]);
  const told = cluster.heard.filter(({ message }) => message.kind === "localCommit");
  expect(told.length).toBe(4);
  // What is longer, and what is another history, is checked.
  claimed([A, B, C]);
  claimed([A], point(0, B));
  expect([spoken(), cluster.forged]).toEqual([[2, 1], 2]);
});

test("F8 one below the stable checkpoint has a REPLY if what it names is known, unchecked", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  for (let i = 0; i < 6; i++) cluster.ask(client, put(`${i}`));
  const last = cluster.sent("specReply", 1).at(-1)!;
  while (cluster.state(1).low < last.slot) {
    cluster.ask(cluster.opened(CLIENT + 1 + cluster.state(1).executed), put("more"));
    cluster.advance(30);
  }
  cluster.trace.length = 0;
  const { view, slot, history, session, tag, number, digest, outcomeDigest } = last;
  const named = { session, tag, number, digest, outcomeDigest };
  const { votes } = certified(0, [D]);
  const claim = { kind: "commit", view, slot, history, votes } as const;
  cluster.inject(CLIENT, 1, { ...claim, named: { ...named, number: number + 1 } });
  cluster.settle();
  expect(cluster.sent("reply", 1)).toEqual([]);
  cluster.inject(CLIENT, 1, { ...claim, named });
  cluster.settle();
  expect(cluster.sent("reply", 1).map((reply) => reply.number)).toEqual([number]);
  expect(cluster.forged).toBe(0);
});

test("Z7 a certificate for what is not executed yet waits for it", () => {
  const cluster = alone(3);
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
  cluster.settle();
  expect(cluster.sent("localCommit", 3)).toEqual([]);
  cluster.inject(0, 3, order(0, A));
  cluster.settle();
  expect(cluster.sent("localCommit", 3).length).toBe(1);
});

test("Z8 Z11 a certificate for another history undoes nothing, and its signers are asked", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, B));
  cluster.advance(200);
  cluster.trace.length = 0;
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
  cluster.settle();
  expect(cluster.state(3).history).toBe(order(0, B).history.toHex());
  expect(cluster.sent("localCommit", 3)).toEqual([]);
  expect(cluster.sent("fillHole", 3).length).toBe(3);
});

test("Z10 a certificate alone commits nothing; LOCAL-COMMITs of a quorum in one view do", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
  cluster.settle();
  expect(cluster.state(3).committed).toBe(0);
  cluster.inject(0, 3, said("localCommit", 0, point(0, A)));
  cluster.inject(1, 3, said("localCommit", 1, point(1, A)));
  cluster.settle();
  expect(cluster.state(3).committed).toBe(0);
  cluster.inject(2, 3, said("localCommit", 2, point(0, A)));
  cluster.settle();
  expect(cluster.state(3).committed).toBe(1);
});

test("Z10 LOCAL-COMMITs for a slot meet, though one signer's for seven more came before", () => {
  const cluster = alone(3);
  const batches = [A, B, C, D, A, B, C, D];
  for (let i = 1; i <= 8; i++) cluster.inject(0, 3, order(0, ...batches.slice(0, i)));
  for (let i = 1; i <= 8; i++) {
    cluster.inject(0, 3, said("localCommit", 0, point(0, ...batches.slice(0, i))));
  }
  for (const i of [1, 2]) cluster.inject(i, 3, said("localCommit", i, point(0, A)));
  cluster.settle();
  expect(cluster.state(3).committed).toBe(1);
});

test("Z12 what was executed is committed while nobody asks for anything", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.ask(client, put("one"));
  cluster.advance(100);
  expect([0, 1, 2, 3].map((i) => cluster.state(i).speculated)).toEqual([0, 0, 0, 0]);
  expect(cluster.state(0).committed).toBe(cluster.state(0).executed);
});

test("Z12 a LOCAL-COMMIT that was lost is learnt from who has committed", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (from, to, { kind }) => kind === "localCommit" && from === 1 && to === 3;
  cluster.ask(client, put("one"));
  cluster.stop(2);
  cluster.advance(400);
  expect(cluster.state(3).speculated).toBe(0);
});

test("Z13 a checkpoint is told of once its slot is committed, and moves the window", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, _to, { kind }) => kind === "localCommit";
  for (let i = 0; i < 5; i++) cluster.ask(client, put(`${i}`), 20);
  expect(cluster.sent("checkpoint")).toEqual([]);
  cluster.drops = () => false;
  cluster.advance(300);
  expect(cluster.state(0).low).toBe(4);
});

test("Z29 batches close by the policy of all protocols", () => {
  const cluster = new ZyzzyvaCluster({ batchMax: 8 });
  const clients = [1, 2, 3].map((i) => cluster.opened(CLIENT + i));
  cluster.trace.length = 0;
  let done = 0;
  for (const client of clients) client.invoke(put("x"), () => done++);
  cluster.runUntil(() => done === 3);
  expect(cluster.sent("orderReq", 0).map(({ batch }) => batch.requests.length)).toEqual([3]);
});

test("Z31 the census tells what is committed and what may be undone", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, _to, { kind }) => kind === "history";
  const before = cluster.replica(2).census();
  cluster.ask(client, put("one"), 5);
  const after = cluster.replica(2).census();
  expect(after.executed).toBe(before.executed);
  expect(after.speculated).toBe((before.speculated ?? 0) + 1);
  for (const { size, max } of after.sizes) expect(size).toBeLessThanOrEqual(max);
});

test("Z12 of sessions that are opened without end eight are committed at once, others each T/64", () => {
  const cluster = new ZyzzyvaCluster({ checkpointInterval: 64 });
  cluster.advance(1000);
  const opened = () => new Set(cluster.sent("opened", 0).map(({ tag }) => tag)).size;
  const open = (i: number): number => {
    cluster.inject(CLIENT + i, 0, { kind: "request", request: openOf(i) });
    cluster.settle();
    return opened();
  };
  expect(Array.from({ length: 9 }, (_, i) => open(i))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8]);
  cluster.advance(100 / 64 + 0.1);
  expect(opened()).toBe(9);
  expect([open(10), open(11)]).toEqual([9, 9]);
  cluster.advance(100 / 64 + 0.1);
  expect(opened()).toBe(11);
});

test("Z12 a session that another evicts before it is committed is told of, so that nobody waits", () => {
  const cluster = new ZyzzyvaCluster({ sessionsMax: 1 });
  cluster.drops = (_from, _to, { kind }) => kind === "history";
  for (const i of [0, 1]) {
    cluster.inject(CLIENT + i, 0, { kind: "request", request: openOf(i) });
    cluster.settle();
  }
  expect(cluster.state(0).executed).toBe(2);
  expect(cluster.sent("opened", 0)).toEqual([]);
  cluster.drops = () => false;
  cluster.advance(100);
  for (const replica of [0, 1, 2, 3]) {
    const told = cluster.sent("opened", replica).map(({ session }) => session);
    expect([...new Set(told)]).toEqual([1, 2]);
  }
});

test("Z5 the last reply is waited for four times as long as those of a quorum took", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.drops = (_from, to, { kind }) => to === CLIENT && kind === "specReply";
  client.invoke(put("one"), () => {});
  cluster.advance(2);
  const replies = [0, 1, 2].map((i) => cluster.sent("specReply", i).at(-1)!);
  for (const [i, { seal, ...reply }] of replies.entries()) {
    void seal;
    client.receive(i, packets.carried(reply));
  }
  cluster.advance(7.9);
  expect(cluster.sent("commit", CLIENT)).toEqual([]);
  cluster.advance(0.2);
  expect(cluster.sent("commit", CLIENT).length).toBe(1);
});

test("a SPEC-REPLY names the operation that was asked for, and its outcome, however long", () => {
  const cluster = new ZyzzyvaCluster({}, { app: () => new KvApp() });
  const client = cluster.opened();
  cluster.drops = (_from, _to, { kind }) => ["history", "localCommit", "commit"].includes(kind);
  cluster.ask(client, put("x".repeat(600)));
  const get = encodeKvOperation({ kind: "get", key: bytes("k") });
  const result = cluster.ask(client, get);
  const told = [0, 1, 2, 3].map((i) => cluster.sent("specReply", i).at(-1)!);
  const outcome = { status: "done", result: result! } as const;
  for (const reply of told) {
    expect(reply.digest).toEqual(operationDigest(get));
    expect(reply.outcomeDigest).toEqual(outcomeDigestOf(outcome));
  }
  expect(told.filter(({ outcome }) => outcome !== null).length).toBe(1);
  // Another operation under the number that was used is told so under its own digest.
  const [{ session, tag, number }] = told as [SpecReplyMessage];
  const request = { session, tag, number, op: put("other") };
  cluster.advance(20);
  cluster.inject(CLIENT, 1, { kind: "request", request });
  cluster.settle();
  const again = cluster.sent("specReply", 1).at(-1)!;
  expect(again.digest).toEqual(operationDigest(request.op));
  expect(again.outcome).toEqual({ status: "number used" });
});
