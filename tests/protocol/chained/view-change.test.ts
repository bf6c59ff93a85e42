// Views: who leads, how they are entered and left, and when the timer runs.

import { expect, setDefaultTimeout, test } from "bun:test";
import { firstTarget } from "../../../src/protocol/kit/first-target.ts";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { viewAfter } from "../../../src/protocol/chained/view-change.ts";
import { configOf } from "../../support/cluster.ts";
import { block, CLIENT, ChainedCluster, openRequest, put, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

test("H4 votes go to the leader of the next view, which makes the QC and proposes", () => {
  const voter = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  voter.propose(first);
  expect(voter.host.take().map(({ to, message }) => [to, message.kind])).toEqual([[2, "vote"]]);
  const leader = new Solo(2);
  leader.propose(first);
  leader.host.take();
  for (const replica of [0, 1, 3]) leader.vote(replica, first);
  const [proposal] = leader.host.takeKind("propose");
  expect(proposal?.block.view).toBe(2);
  expect(proposal?.block.justify.block).toEqual(first.hash);
});

test("H4 with --leader fixed a TC lets into the first view of the next tenure", () => {
  const tenure = 2 ** 20;
  const leader = (view: number) => Math.floor(view / tenure) % 4;
  const solo = new Solo(0, { tenure, leader });
  expect(viewAfter(solo.config, 7)).toBe(tenure);
  solo.timeOut(1, 1);
  solo.timeOut(2, 1);
  solo.timeOut(3, 1);
  expect(solo.view).toBe(tenure);
  expect(firstTarget(solo.config, 5)).toBe(0);
  expect(firstTarget(solo.config, tenure)).toBe(1);
  expect(firstTarget(configOf(), 5)).toBe("all");
});

test("H4 a timer sends the latest vote to all, and whoever holds n-f has the QC", () => {
  const solo = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  solo.host.take();
  solo.timeout("view");
  const late = solo.host.take().find(({ message }) => message.kind === "vote");
  expect(late?.to).toBe("all");
  expect(late?.message).toMatchObject({ view: 1, late: true });
  // It does not lead view 2; late votes make it a QC all the same.
  solo.vote(1, first);
  solo.vote(2, first);
  solo.vote(3, first);
  expect(solo.view).toBe(1);
  for (const replica of [1, 2, 3]) solo.vote(replica, first, true);
  expect(solo.view).toBe(2);
});

test("H5 a leader whose votes come before their block proposes as soon as the block is here", () => {
  const solo = new Solo(2);
  const first = block(1, undefined, [openRequest(1)]);
  for (const replica of [0, 1, 3]) solo.vote(replica, first);
  expect(solo.view).toBe(2);
  expect(solo.host.takeKind("propose")).toEqual([]);
  solo.propose(first);
  const [proposal] = solo.host.takeKind("propose");
  expect(proposal?.block.view).toBe(2);
  expect(proposal?.block.justify.block).toEqual(first.hash);
});

test("H5 a leader that enters by TC attaches it, on the highest QC of its TIMEOUTs", () => {
  const solo = new Solo(3);
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  solo.host.take();
  // One of the replicas saw the QC of view 1; the leader of view 7 did not.
  solo.timeOut(0, 6);
  solo.timeOut(1, 6, qc(first), tc(5));
  solo.timeOut(2, 6);
  expect(solo.view).toBe(7);
  const [proposal, ...more] = solo.host.takeKind("propose");
  expect(more).toEqual([]);
  expect([proposal?.replica, proposal?.tc?.view]).toEqual([3, 6]);
  expect(proposal?.block.view).toBe(7);
  expect(proposal?.block.justify.view).toBe(1);
});

test("H6 a replica joins f + 1 TIMEOUTs for its view or later, and q for one view are a TC", () => {
  const solo = new Solo(0);
  solo.timeOut(1, 1);
  expect(solo.host.takeKind("timeout")).toEqual([]);
  solo.timeOut(2, 4);
  expect(solo.host.takeKind("timeout")).toMatchObject([{ view: 1 }]);
  expect(solo.view).toBe(1);
  solo.timeOut(3, 1);
  expect(solo.view).toBe(1);
  solo.timeOut(0, 1);
  expect(solo.view).toBe(2);
});

test("H6 a replica that sent TIMEOUT(v) votes in no view up to v", () => {
  const solo = new Solo(0);
  solo.timeOut(1, 1);
  solo.timeOut(2, 1);
  solo.host.take();
  solo.propose(block(1, undefined, [openRequest(1)]));
  expect(solo.voted()).toEqual([]);
  solo.propose(block(2), tc(1));
  expect(solo.voted()).toEqual([2]);
});

test("H6 the timer runs while something is pending; TIMEOUT is repeated", () => {
  const solo = new Solo(0);
  expect(solo.host.timers.has("view")).toBe(false);
  solo.receive(CLIENT, { kind: "request", request: openRequest(1) });
  expect(solo.host.timers.get("view")).toBe(100);
  solo.host.take();
  for (let i = 0; i < 3; i++) {
    solo.host.clockMs += 100;
    solo.timeout("view");
    expect(solo.host.takeKind("timeout")).toMatchObject([{ view: 1 }]);
  }
  // An empty proposal does not start the timer of a replica that knows of nothing.
  const idle = new Solo(0);
  idle.propose(block(1));
  expect(idle.host.timers.has("view")).toBe(false);
  idle.propose(block(2, qc(block(1)), [openRequest(1)]));
  expect(idle.host.timers.has("view")).toBe(true);
});

test("H6 the timer doubles per TC since the last commit, up to sixteen times", () => {
  const solo = new Solo(0);
  solo.receive(CLIENT, { kind: "request", request: openRequest(1) });
  const timers: number[] = [];
  for (let view = 1; view <= 6; view++) {
    timers.push(solo.replica.census().viewTimerMs);
    solo.receive(1, { kind: "entry", highQc: GENESIS_QC, tc: tc(view) });
  }
  expect(timers).toEqual([100, 200, 400, 800, 1600, 1600]);
  const again = new Solo(0);
  let justify;
  for (let view = 1; view <= 4; view++) {
    const next = block(view, justify);
    again.propose(next);
    justify = qc(next);
  }
  expect(again.committed).toBe(1);
  expect(again.replica.census().viewTimerMs).toBe(100);
});

test("H6 a leader that keeps a request waiting for four view timeouts is left, though its views go on", () => {
  const tenure = 2 ** 20;
  const leader = (view: number) => Math.floor(view / tenure) % 4;
  const solo = new Solo(1, { tenure, leader });
  solo.receive(CLIENT, { kind: "request", request: openRequest(1) });
  let justify = GENESIS_QC;
  for (let view = 1; solo.host.takeKind("timeout").length === 0; view++) {
    expect(solo.host.clockMs).toBeLessThan(500);
    const next = block(view, justify, [], leader(view));
    solo.propose(next);
    justify = qc(next);
    solo.host.clockMs += 50;
  }
  // The view was entered before the clock moved on for the last time.
  expect(solo.host.clockMs - 50).toBe(450);
});

test("H7 a replica that lags jumps to a higher view on its certificate", () => {
  const solo = new Solo(0);
  const far = block(40, qc(block(7)));
  solo.propose(far, tc(39));
  expect(solo.view).toBe(40);
  solo.receive(3, { kind: "entry", highQc: qc(far), tc: tc(50) });
  expect(solo.view).toBe(51);
});

test("H7 a replica that sends TIMEOUT for an old view is shown the certificates of the new one", () => {
  const solo = new Solo(0);
  const first = block(1);
  solo.propose(first);
  solo.propose(block(2, qc(first)));
  solo.host.take();
  solo.timeOut(3, 1);
  expect(solo.host.take()).toMatchObject([{ to: 3, message: { kind: "entry" } }]);
});

test("H11 empty blocks drive the tail to commit everywhere, and then stop", () => {
  const cluster = new ChainedCluster();
  let empty = 0;
  let last = 0;
  cluster.drops = (_from, to, message) => {
    if (message.kind === "propose" && to === 3 && message.block.batch.requests.length === 0)
      empty++;
    if (message.kind === "propose") last = cluster.nowMs;
    return false;
  };
  const box = cluster.invoke(CLIENT, put("a", "1"));
  expect(cluster.runUntil(() => box.result !== undefined)).toBe(true);
  cluster.advance(1000);
  const heights = [0, 1, 2, 3].map((i) => cluster.replica(i).census().committed);
  // The blocks of the `open` and of the operation, and what it took to commit them.
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(2);
  for (let i = 0; i < 4; i++) expect(cluster.replica(i).census().executed).toBe(2);
  expect(empty).toBeGreaterThan(0);
  expect(empty).toBeLessThan(9);
  expect(cluster.nowMs - last).toBeGreaterThan(900);
  for (let i = 0; i < 4; i++) expect(cluster.replica(i).normal.pending).toBe(false);
});

test("H6 H10 a stranger's request of a guessed session starts no timer where nobody orders it", () => {
  const solo = new Solo(0, { leader: () => 1 });
  const op = new Uint8Array(1);
  const request = { session: 1000, tag: 7, number: 1, op };
  solo.receive(CLIENT, { kind: "request", request });
  solo.receive(2, { kind: "relay", client: CLIENT, request });
  expect(solo.replica.normal.pending).toBe(false);
  expect(solo.host.timers.has("view")).toBe(false);
  solo.receive(CLIENT, { kind: "request", request: openRequest(1) });
  expect(solo.host.timers.has("view")).toBe(true);
});

test("H11 what a QC on an abandoned branch committed is pending until the highest one shows it", () => {
  const solo = new Solo(3);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first));
  const third = block(3, qc(second));
  for (const next of [first, second, third]) solo.propose(next);
  for (const replica of [0, 1, 2]) solo.vote(replica, third, true);
  expect(solo.committed).toBe(1);
  expect(solo.replica.normal.pending).toBe(false);
  // The others never saw the QC of view 3, and went on with that of view 2.
  const fifth = block(5, qc(second));
  const sixth = block(6, qc(fifth));
  solo.propose(fifth, tc(4));
  solo.propose(sixth);
  expect(solo.replica.normal.pending).toBe(true);
  expect(solo.host.timers.has("view")).toBe(true);
  const seventh = block(7, qc(sixth));
  const eighth = block(8, qc(seventh));
  for (const next of [seventh, eighth]) solo.propose(next);
  expect(solo.committed).toBeGreaterThan(1);
  expect(solo.replica.normal.pending).toBe(false);
  expect(solo.host.timers.has("view")).toBe(false);
});

test("H12 a leader that made no QC of its votes has half a view timeout to propose", () => {
  const solo = new Solo(0);
  const first = block(1, undefined, [openRequest(1)]);
  solo.propose(first);
  solo.host.clockMs = 100;
  solo.timeout("view");
  for (const replica of [1, 2, 3]) solo.vote(replica, first, true);
  expect(solo.view).toBe(2);
  expect(solo.host.timers.get("view")).toBe(150);
  solo.host.clockMs = 110;
  solo.propose(block(2, qc(first)));
  expect(solo.host.timers.get("view")).toBe(210);
});

test("H12 with one dead replica and a new leader in every view, 1,000 operations commit", () => {
  const cluster = new ChainedCluster({ viewTimeoutMs: 100, batchMax: 64, adaptive: true });
  cluster.stop(1);
  const asked = new Map<number, { box: { result: unknown }; count: number }>();
  const ask = (id: number, count: number) =>
    asked.set(id, { box: cluster.invoke(id, put(`k${id}`, `${count}`)), count });
  for (let id = CLIENT; id < CLIENT + 100; id++) {
    ask(id, 1);
  }
  let done = 0;
  const finished = () => {
    for (const [id, { box, count }] of asked) {
      if (box.result === undefined) continue;
      done++;
      asked.delete(id);
      if (count < 10) ask(id, count + 1);
    }
    return asked.size === 0;
  };
  expect(cluster.runUntil(finished, 60_000)).toBe(true);
  expect(done).toBe(1000);
});

test("H6 H10 what a replica relays to others than the leader deposes no leader", () => {
  const tenure = 1024;
  const leader = (view: number) => Math.floor(view / tenure) % 4;
  const cluster = new ChainedCluster({ leader, tenure });
  for (let i = 0; i < 5; i++) {
    const request = openRequest(20 + i);
    for (const to of [1, 2]) cluster.inject(3, to, { kind: "relay", client: CLIENT, request });
    cluster.advance(150);
  }
  for (let i = 0; i < 4; i++) expect(leader(cluster.replica(i).view)).toBe(0);
});

/** A fixed leader, replica 0, and a session; asks some replicas for one operation each time. */
function fixedLeader() {
  const tenure = 2 ** 20;
  const leader = (view: number) => Math.floor(view / tenure) % 4;
  const cluster = new ChainedCluster({ leader, tenure });
  const open = openRequest(1);
  let number = 0;
  const ask = (to: readonly number[]) => {
    const op = put("k", `${++number}`);
    const request = { session: 1, tag: open.tag, number, op };
    for (const i of to) cluster.inject(CLIENT, i, { kind: "request", request });
  };
  for (const i of [0, 1, 2, 3]) cluster.inject(CLIENT, i, { kind: "request", request: open });
  const executed = (count: number) => () =>
    cluster.replicas.every((replica) => replica.census().executed === count);
  return { cluster, ask, executed };
}

test("H10 with --leader fixed a client that asks all but the leader is served, and deposes nobody", () => {
  const { cluster, ask, executed } = fixedLeader();
  expect(cluster.runUntil(executed(1), 100)).toBe(true);
  for (let i = 1; i <= 5; i++) {
    ask([1, 2, 3]);
    expect(cluster.runUntil(executed(1 + i), 60)).toBe(true);
  }
  cluster.advance(1000);
  expect(cluster.sent("timeout")).toEqual([]);
  expect(cluster.sent("relay").length).toBeLessThanOrEqual(3 * 5);
  for (let i = 0; i < 4; i++) expect(cluster.replica(i).view).toBeLessThan(2 ** 20);
});

test("H10 with --leader fixed no replica passes on what the leader has in a batch", () => {
  const { cluster, ask, executed } = fixedLeader();
  expect(cluster.runUntil(executed(1), 100)).toBe(true);
  for (let i = 1; i <= 5; i++) {
    ask([0, 1, 2, 3]);
    expect(cluster.runUntil(executed(1 + i), 60)).toBe(true);
  }
  cluster.advance(1000);
  expect(cluster.sent("relay")).toEqual([]);
});
