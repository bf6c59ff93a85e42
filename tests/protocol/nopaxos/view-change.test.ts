// The view change: when it comes, what a view begins with, and which session it hears.

import { expect, test } from "bun:test";
import { EMPTY_BATCH } from "../../../src/protocol/kit/batch.ts";
import { LogFetch } from "../../../src/protocol/kit/log-fetch.ts";
import { mergedOf, type Change } from "../../../src/protocol/nopaxos/merged-log.ts";
import { openOf } from "../../support/requests.ts";
import { batchOf, CLIENT, NoPaxosCluster, SEQUENCER } from "./harness.ts";

const STREAM = { session: 0, incarnation: 7, index: 0, first: 1, base: 1 };

function changeOf(replica: number, changes: Partial<Change> = {}): Change {
  return {
    ...{ kind: "viewChange", replica, view: 3, lastNormal: 0, stream: STREAM, op: 0, sync: 0 },
    ...{ empty: [], heard: false, vector: [0, 0, 0] },
    ...changes,
  };
}

test("N15 a VIEW-CHANGE tells the log, and whether the sequencer was heard lately", () => {
  const cluster = new NoPaxosCluster();
  cluster.stamp(2, [2]);
  cluster.stamp(1, [2]);
  cluster.drops = (from) => from < 3;
  cluster.tell(0, 2, { kind: "gap", view: 0, from: 2, to: 2 });
  cluster.settle();
  cluster.tell(1, 2, { kind: "wish", wanted: 1, view: 1 });
  cluster.settle();
  const told = { view: 1, lastNormal: 0, op: 2, sync: 0, empty: [2] };
  const sent = () => cluster.sent("viewChange", 2).filter(({ view }) => view === 1);
  expect(sent()[0]).toMatchObject({ ...told, heard: true });
  cluster.advance(80);
  expect(sent().at(-1)).toMatchObject({ ...told, heard: false });
});

test("N16 of the highest lastNormal the longest log, empty where any is", () => {
  const merged = mergedOf([
    changeOf(0, { op: 9, empty: [3] }),
    changeOf(1, { lastNormal: 1, op: 4, empty: [2] }),
    changeOf(2, { lastNormal: 1, op: 6, empty: [5] }),
  ]);
  expect(merged).toMatchObject({ lastNormal: 1, op: 6, sync: 0, empty: [2, 5], stream: null });
  expect(merged.holders(6).map((one) => ("replica" in one ? one.replica : -1))).toEqual([2]);
});

test("N16 up to the highest sync point the log is that of who has it", () => {
  const merged = mergedOf([
    changeOf(0, { lastNormal: 1, op: 6, sync: 2, empty: [3, 5] }),
    changeOf(1, { lastNormal: 0, op: 5, sync: 4 }),
  ]);
  expect(merged).toMatchObject({ lastNormal: 1, op: 6, sync: 4, empty: [5] });
  expect(merged.holders(3)).toMatchObject([{ replica: 1 }]);
  expect(merged.holders(6)).toMatchObject([{ replica: 0 }]);
});

/** Whatever a log held once counts. */
class TakesLogsOfBefore extends LogFetch {
  protected override isSettled(): boolean {
    return true;
  }
}

/** Replica 2 leads a view, and is told first what replica 0's log held before it was committed. */
function toldOfBefore(parts: { readonly LogFetch?: typeof LogFetch }): NoPaxosCluster {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 }, { parts });
  const { stream } = cluster.state(0);
  cluster.drops = (from, to) => from === 2 || to === 2;
  cluster.tell(0, 2, { kind: "wish", wanted: 2, view: 2 });
  const told = { view: 2, lastNormal: 0, stream, op: 1, sync: 1, empty: [], heard: true };
  cluster.tell(0, 2, { kind: "viewChange", ...told, vector: [0, 0, 0] });
  expect(cluster.sent("getLog", 2)[0]).toMatchObject({ lastNormal: 0, from: 1 });
  const log = { kind: "log", lastNormal: 0, from: 1 } as const;
  cluster.tell(0, 2, { ...log, committed: 0, batches: [batchOf(8)] });
  cluster.tell(0, 2, { ...log, committed: 1, batches: [EMPTY_BATCH] });
  expect(cluster.state(2)).toMatchObject({ view: 2, status: "normal", op: 1, executed: 1 });
  return cluster;
}

test("N16 a LOG that was sent before a slot was committed is none of what it holds then", () => {
  expect(toldOfBefore({}).empty(2)).toEqual([1]);
  // It was on its way since replica 2 caught up with an earlier view.
  expect(toldOfBefore({ LogFetch: TakesLogsOfBefore }).empty(2)).toEqual([]);
});

test("N17 the session goes on if one of q heard its sequencer, of that very life", () => {
  const heard = changeOf(1, { heard: true });
  expect(mergedOf([changeOf(0), heard]).stream).toEqual(STREAM);
  const other = changeOf(1, { heard: true, stream: { ...STREAM, incarnation: 8 } });
  expect(mergedOf([changeOf(0, { lastNormal: 1 }), other]).stream).toBeNull();
});

test("N17 a sequencer that begins another life is left for a session of the next view", () => {
  const cluster = new NoPaxosCluster({}, { sequencers: 2 });
  cluster.sequence(openOf(1));
  cluster.stop(SEQUENCER);
  cluster.inject(SEQUENCER, 0, { kind: "sequencerHello", incarnation: 1 });
  cluster.inject(SEQUENCER, 1, { kind: "sequencerHello", incarnation: 1 });
  cluster.settle();
  cluster.advance(60);
  const { view } = cluster.state(0);
  expect(view).toBeGreaterThan(0);
  expect(cluster.state(0).stream).toMatchObject({ session: view, index: 1, base: 2 });
  cluster.sequence(openOf(2), CLIENT, SEQUENCER + 1);
  expect([0, 1, 2].map((i) => cluster.state(i).op)).toEqual([2, 2, 2]);
});

// Two replicas that asked a sequencer at each other's wish, and wished at its answer, sent messages
// as fast as the network carried them (nopaxos short 911).
test("N17 a replica that wishes for another view says so once, and then by its timer", () => {
  const cluster = new NoPaxosCluster({}, { sequencers: 2 });
  cluster.drops = (from) => from === 0;
  for (let i = 0; i < 3; i++) {
    cluster.inject(SEQUENCER, 0, { kind: "alive", incarnation: 1, session: null, number: 0 });
    cluster.settle();
  }
  const wishes = () => cluster.sent("wish", 0).length;
  const once = wishes();
  expect(once).toBe(1);
  cluster.advance(30);
  expect(wishes()).toBeGreaterThan(once);
});

test("N17 an idle sequencer is not taken for dead", () => {
  const cluster = new NoPaxosCluster();
  cluster.sequence(openOf(1));
  cluster.advance(1000);
  cluster.stop(0);
  for (const i of [1, 2]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(2) });
  cluster.advance(160);
  expect(cluster.state(1).view).toBeGreaterThan(0);
  expect(cluster.state(1).stream).toMatchObject({ session: 0, first: 1, base: 1 });
});

test("N18 own entries beyond START-VIEW's log go, and what was executed of them is undone", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.stamp(1, [0, 1, 2]);
  cluster.advance(20);
  cluster.stamp(2, [0]);
  expect(cluster.state(0)).toMatchObject({ op: 2, speculated: 2, executed: 1, position: 2 });
  cluster.drops = (from) => from === 0;
  cluster.tell(2, 1, { kind: "wish", wanted: 1, view: 1 });
  expect(cluster.state(0)).toMatchObject({ view: 1, status: "normal", op: 1, speculated: 1 });
  expect(cluster.state(0).position).toBe(1);
  cluster.drops = () => false;
  // Entered once: what it says is what once was.
  const [began] = cluster.sent("startView", 1);
  cluster.stamp(2, [0, 1, 2]);
  if (began !== undefined) cluster.tell(1, 0, began);
  cluster.settle();
  expect(cluster.state(0).op).toBe(2);
});

test("N18 slots between the sync points are fetched, whatever the own log has", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.stamp(1, [2], batchOf(8));
  cluster.stamp(2, [2]);
  cluster.drops = (from, to) => from === 2 || to === 2;
  const { stream } = cluster.state(2);
  if (stream === null) throw new Error("no session");
  const view = { view: 1, lastNormal: 0, stream, op: 2, sync: 1, empty: [] };
  cluster.replica(2).receive(1, { kind: "startView", ...view });
  cluster.settle();
  expect(cluster.state(2)).toMatchObject({ status: "catchingUp", lastNormal: 0, op: 2 });
  expect(cluster.sent("getLog", 2)[0]).toMatchObject({ lastNormal: 1, from: 1 });
});

test("N18 what a view begins with is replied to again", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  const next = cluster.open();
  cluster.drops = (_from, _to, { kind }) => kind === "sync";
  const request = next();
  cluster.sequence(request);
  cluster.tell(1, 0, { kind: "wish", wanted: 1, view: 1 });
  cluster.settle();
  const views = cluster.repliesTo(request).map(({ view }) => view);
  expect(views.filter((view) => view === 1).length).toBe(3);
});

test("N19 what a view began with is committed at once", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.stamp(1, [0, 1, 2]);
  cluster.drops = (from) => from === 0;
  cluster.stamp(2, [0, 1, 2]);
  cluster.tell(2, 1, { kind: "wish", wanted: 1, view: 1 });
  expect(cluster.state(1)).toMatchObject({ view: 1, status: "normal", op: 2, executed: 2 });
});

test("N20 the leader's timer runs as well: with f down it takes its wish to leave a sequencer", () => {
  const cluster = new NoPaxosCluster({}, { sequencers: 2 });
  cluster.stop(2);
  cluster.stop(SEQUENCER);
  for (const i of [0, 1]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(2) });
  cluster.settle();
  expect(cluster.runUntil(() => cluster.state(0).executed > 0, 600)).toBe(true);
  expect(cluster.state(0).stream).toMatchObject({ index: 1 });
});

test("N20 the sequencer is probed at half of the timer, and at another's wish", () => {
  const cluster = new NoPaxosCluster();
  cluster.drops = (_from, to) => to === SEQUENCER;
  cluster.advance(500);
  const before = cluster.sent("probe", 1).length;
  cluster.inject(CLIENT, 1, { kind: "request", request: openOf(2) });
  cluster.advance(45);
  expect(cluster.sent("probe", 1).length).toBe(before);
  cluster.advance(10);
  expect(cluster.sent("probe", 1).length).toBe(before + 1);
  const others = cluster.sent("probe", 2).length;
  cluster.tell(1, 2, { kind: "wish", wanted: 1, view: 0 });
  cluster.settle();
  expect(cluster.sent("probe", 2).length).toBe(others + 1);
});

test("N20 the timer runs for a slot that is not committed, though its client has its result", () => {
  const cluster = new NoPaxosCluster({ checkpointInterval: 64 });
  cluster.stamp(1, [0, 1, 2]);
  cluster.advance(20);
  expect(cluster.state(1).executed).toBe(1);
  cluster.stamp(2, [0, 1, 2]);
  cluster.stop(0);
  cluster.advance(400);
  expect(cluster.state(1).view).toBeGreaterThan(0);
  expect([1, 2].map((i) => cluster.state(i).executed)).toEqual([2, 2]);
});
