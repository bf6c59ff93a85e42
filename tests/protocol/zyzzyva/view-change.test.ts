// How primaries are left, and what the next view begins with.

import { expect, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import { codec } from "../../../src/protocol/zyzzyva/message-codec.ts";
import { Reports } from "../../../src/protocol/zyzzyva/reports.ts";
import { holds } from "../../support/packets.ts";
import { bytes } from "../../support/requests.ts";
import {
  A,
  alone,
  B,
  begun,
  C,
  certified,
  change,
  CLIENT,
  newView,
  order,
  packets,
  point,
  said,
  ZyzzyvaCluster,
} from "./harness.ts";

const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });

test("Z9 a certificate of an earlier view is not spoken for", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  const changes = [0, 1, 2].map((i) => change(i, 1, [A]));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, A)));
  for (const i of [0, 1, 2]) cluster.inject(i, 3, said("viewConfirm", i, point(1, A)));
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 1, active: true, executed: 1 });
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A]) });
  cluster.settle();
  expect(cluster.sent("localCommit", 3)).toEqual([]);
});

test("Z11 two orders of one slot are proof of misbehaviour, which leaves the view", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.inject(0, 3, order(0, B));
  cluster.settle();
  const [pom] = cluster.sent("pom", 3);
  expect(pom?.slot).toBe(1);
  expect(codec.proofs(packets.carried(pom!)).length).toBe(2);
  expect(codec.proofs(packets.carried(pom!)).every(holds)).toBe(true);
  expect(cluster.state(3)).toMatchObject({ view: 1, active: false });
});

test("Z11 the proof of another replica is as good, and one of equal orders is none", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.inject(0, 3, order(0, B));
  cluster.settle();
  const [pom] = cluster.sent("pom", 3).map((sent) => packets.carried(sent));
  const other = alone(2);
  const [one] = pom!.orders;
  other.inject(3, 2, { ...pom!, orders: [one, one] });
  other.settle();
  expect(other.state(2)).toMatchObject({ view: 0, active: true });
  other.inject(3, 2, pom!);
  other.settle();
  expect(other.state(2)).toMatchObject({ view: 1, active: false });
});

test("Z11 a HISTORY of another history has its sender asked for the order", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.settle();
  cluster.inject(2, 3, said("history", 2, point(0, B)));
  cluster.settle();
  expect(cluster.sent("fillHole", 3)).toEqual([{ kind: "fillHole", view: 0, first: 1, last: 1 }]);
});

test("Z14 a slot that is not committed in time is reason to hate the primary, in the view", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  cluster.advance(110);
  expect(cluster.sent("hate", 3)[0]).toMatchObject({ view: 0 });
  expect(cluster.state(3)).toMatchObject({ view: 0, active: true });
  const before = cluster.sent("hate", 3).length;
  cluster.advance(100);
  expect(cluster.sent("hate", 3).length).toBeGreaterThan(before);
});

test("Z15 f + 1 HATEs leave a view, one does not, and a copy is no second one", () => {
  const cluster = alone(3);
  for (let k = 0; k < 3; k++) cluster.inject(1, 3, { kind: "hate", replica: 1, view: 0 });
  cluster.settle();
  expect(cluster.state(3).view).toBe(0);
  cluster.inject(2, 3, { kind: "hate", replica: 2, view: 0 });
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 1, active: false });
  expect(cluster.sent("viewChange", 3)[0]?.view).toBe(1);
});

test("Z15 what is reported stays that of the last active view, whatever was adopted since", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, A));
  for (const i of [1, 2]) cluster.inject(i, 3, { kind: "hate", replica: i, view: 0 });
  const changes = [0, 1, 2].map((i) => change(i, 1, [B]));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, B)));
  cluster.settle();
  cluster.inject(1, 3, { kind: "batch", batch: B });
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 1, active: false, executed: 1 });
  expect(cluster.state(3).history).toBe(point(1, B).history.toHex());
  cluster.advance(1000);
  const last = cluster.sent("viewChange", 3).at(-1);
  expect(last?.view).toBeGreaterThan(1);
  expect(last?.report?.digests.map((digest) => digest.toHex())).toEqual([A.digest.toHex()]);
  // And its batch is given to whoever has to begin with it.
  cluster.inject(2, 3, { kind: "fetchBatch", digest: A.digest });
  cluster.settle();
  expect(cluster.sent("batch", 3).length).toBe(1);
});

test("Z16 a VIEW-CHANGE counts only if its certificates are of its view and on its chain", () => {
  const cluster = alone(3);
  const wrong = [
    change(1, 2, [A], { certificate: certified(0, [B]) }),
    change(1, 2, [A], { certificate: certified(1, [A]) }),
    change(1, 2, [A], { certificate: certified(0, [A], [0, 1]) }),
    change(1, 2, [A], { certificate: certified(0, [A], [0, 1, 1]) }),
    change(1, 2, [A], { entered: begun(1, [B]) }),
    change(1, 2, [A], { entered: begun(1, [A], [0, 1]) }),
    change(1, 2, [A], { entered: begun(2, [A]) }),
    change(1, 2, [A, B, C, A, B, C, A, B, C]),
  ];
  for (const message of wrong) {
    expect(cluster.replica(3).refuse(1, message)).toBe(
      "not admitted: view change that proves nothing",
    );
  }
  const right = change(1, 2, [A, B], { entered: begun(1, [A]), certificate: certified(1, [A, B]) });
  expect(cluster.replica(3).refuse(1, right)).toBeNull();
});

test("Z19 a NEW-VIEW that does not follow from its VIEW-CHANGEs is refused", () => {
  const cluster = alone(3);
  const changes = [0, 1, 2].map((i) => change(i, 1, [A]));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, B)));
  cluster.advance(1);
  expect(cluster.sent("viewConfirm", 3)).toEqual([]);
});

test("Z19 VIEW-CHANGEs that a NEW-VIEW names and that are missing are fetched", () => {
  const cluster = alone(3);
  const changes = [0, 1, 2].map((i) => change(i, 1, []));
  cluster.inject(1, 3, newView(1, changes, point(1)));
  cluster.settle();
  expect(cluster.sent("fetchViewChange", 3).map(({ replica }) => replica)).toEqual([0, 1, 2]);
});

test("Z20 a beginning is adopted and confirmed once its batches are here", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, order(0, B));
  const changes = [0, 1, 2].map((i) => change(i, 1, [A]));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1, A)));
  cluster.settle();
  expect(cluster.sent("fetchBatch", 3).map(({ digest }) => digest)).toEqual([A.digest]);
  expect(cluster.sent("viewConfirm", 3)).toEqual([]);
  expect(cluster.state(3).executed).toBe(0);
  cluster.inject(2, 3, { kind: "batch", batch: A });
  cluster.settle();
  expect(cluster.state(3).history).toBe(point(0, A).history.toHex());
  expect(cluster.sent("viewConfirm", 3).map(({ view, slot }) => [view, slot])).toEqual([[1, 1]]);
});

test("Z21 nothing is accepted in a view before a quorum has confirmed its beginning", () => {
  const cluster = alone(3);
  const changes = [0, 1, 2].map((i) => change(i, 1, []));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes, point(1)));
  cluster.inject(1, 3, order(1, A));
  cluster.inject(0, 3, said("viewConfirm", 0, point(1)));
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 1, active: false, executed: 0 });
  cluster.inject(1, 3, said("viewConfirm", 1, point(1)));
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 1, active: true, executed: 1 });
});

test("Z22 requests that were undone wait again, and are passed on to the new primary", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.advance(200);
  // Only replica 3 hears the order of the old primary, which then stops.
  cluster.drops = (from, to, { kind }) => kind === "orderReq" && from === 0 && to !== 3;
  let result: unknown;
  client.invoke(put("one"), (answer) => (result = answer));
  cluster.settle();
  expect(cluster.state(3).speculated).toBe(1);
  cluster.stop(0);
  cluster.drops = (_from, _to, message) => message.kind === "orderReq" && message.view === 0;
  expect(cluster.runUntil(() => result !== undefined, 5000)).toBe(true);
  expect(cluster.state(3).view).toBeGreaterThan(0);
  cluster.advance(300);
  expect([1, 2, 3].map((i) => cluster.state(i).history)).toEqual(
    new Array(3).fill(cluster.state(1).history),
  );
});

test("Z23 who missed a view comes to it by the proof that it began", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.ask(client, put("one"));
  cluster.drops = (from, to) => from === 3 || to === 3;
  cluster.stop(0);
  let result: unknown;
  client.invoke(put("two"), (answer) => (result = answer));
  cluster.advance(500);
  expect(result).toBeUndefined();
  cluster.drops = () => false;
  expect(cluster.runUntil(() => result !== undefined, 5000)).toBe(true);
  cluster.advance(1000);
  expect(new Set([1, 2, 3].map((i) => cluster.state(i).view)).size).toBe(1);
});

test("Z6 Z30 a primary that stops is left, and operations go on", () => {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  cluster.stop(0);
  const before = cluster.nowMs;
  expect(cluster.ask(client, put("one"))).toBeDefined();
  expect(cluster.nowMs - before).toBeLessThan(6 * 100);
  expect(cluster.state(1).view).toBe(1);
});

/** Replica 3 had A and B and a certificate for them when it got a state of another history. */
function installed(): ZyzzyvaCluster {
  const cluster = alone(3);
  for (const batches of [[A], [A, B]]) cluster.inject(0, 3, order(0, ...batches));
  cluster.inject(CLIENT, 3, { kind: "commit", ...certified(0, [A, B]) });
  cluster.settle();
  expect(cluster.state(3).certified).toBe(2);
  const { normal } = cluster.replica(3);
  normal.rollback(0);
  normal.onInstalled(1, point(0, C).history);
  return cluster;
}

test("F8 Z7 a certificate that is not of the own history any more covers none", () => {
  const cluster = installed();
  cluster.inject(0, 3, order(0, C, A));
  cluster.settle();
  expect(cluster.state(3).executed).toBe(2);
  cluster.trace.length = 0;
  const { votes } = certified(0, [B]);
  cluster.inject(CLIENT, 3, { kind: "commit", ...point(0, C, A), named: null, votes });
  cluster.settle();
  expect([cluster.sent("localCommit", 3), cluster.forged]).toEqual([[], 1]);
});

test("Z15 Z16 who got a state of another history reports none that does not chain", () => {
  const { context, commits, views } = installed().replica(3);
  const checkpoints = {
    ...{ reached: GENESIS, installed: GENESIS, proven: () => true },
    own: () => undefined,
  };
  const reports = new Reports(context, { commits, sync: { checkpoints } });
  reports.freeze(views.entered);
  expect(reports.body().report).toBeNull();
});
