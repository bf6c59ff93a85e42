// The start of a cluster, replicas that lost their memory, and what a census tells.

import { expect, test } from "bun:test";
import { simulation } from "../../../src/protocol/nopaxos/simulation.ts";
import { openOf } from "../../support/requests.ts";
import { NoPaxosCluster, SEQUENCER } from "./harness.ts";

test("N6 at genesis a replica is on the way to view 0, and in no session", () => {
  const cluster = new NoPaxosCluster({}, { begin: false });
  cluster.stop(SEQUENCER);
  cluster.advance(40);
  for (const i of [0, 1, 2]) {
    const before = { view: 0, status: "viewChange", lastNormal: -1, stream: null } as const;
    expect(cluster.state(i)).toMatchObject(before);
  }
  cluster.startRole(SEQUENCER);
  expect(cluster.runUntil(() => cluster.state(2).status === "normal", 1000)).toBe(true);
});

test("N22 a replica that lost its memory takes a higher number, the leader's log, and goes on", () => {
  const cluster = new NoPaxosCluster();
  const next = cluster.open();
  cluster.start(2);
  cluster.advance(60);
  expect(cluster.state(2)).toMatchObject({ phase: "running", number: 1, status: "normal", op: 1 });
  cluster.stop(1);
  const request = next();
  cluster.sequence(request);
  const replies = cluster.repliesTo(request);
  expect(replies.map(({ incarnation }) => incarnation).sort()).toEqual([0, 1]);
  expect(replies.find(({ leader }) => leader !== null)?.leader?.vector).toEqual([0, 0, 1]);
});

test("N22 a view whose leader has lost its memory is left, and one that only recovers is not", () => {
  const cluster = new NoPaxosCluster();
  cluster.sequence(openOf(1));
  cluster.advance(500);
  cluster.start(0);
  cluster.advance(200);
  expect(cluster.state(0)).toMatchObject({ phase: "running", view: 1, executed: 1 });
  cluster.drops = (_from, to, { kind }) => to === 2 && kind === "answer";
  cluster.start(2);
  cluster.advance(150);
  expect(cluster.state(1)).toMatchObject({ view: 1, status: "normal" });
});

test("N22 FW3 a leader that fills slots alone keeps no other from beginning", () => {
  const cluster = new NoPaxosCluster({}, { begin: false });
  const kept = ["starting", "answer"];
  cluster.drops = (_from, to, { kind }) => to > 0 && kept.includes(kind);
  cluster.advance(40);
  expect([0, 1, 2].map((i) => cluster.state(i).phase)).toEqual(["running", "starting", "starting"]);
  cluster.stamp(1, [0]);
  expect(cluster.state(0)).toMatchObject({ status: "normal", op: 1, executed: 0 });
  // It tells them that they are among those with whom it began.
  cluster.drops = () => false;
  cluster.advance(1000);
  for (const i of [0, 1, 2]) {
    expect(cluster.state(i)).toMatchObject({ phase: "running", status: "normal", executed: 1 });
  }
});

test("N9 a leader's reply tells of the lives that it knows of, another's of its own", () => {
  const cluster = new NoPaxosCluster();
  const next = cluster.open();
  cluster.start(2);
  cluster.advance(30);
  expect(cluster.state(2)).toMatchObject({ phase: "running", view: 0 });
  const asked = next();
  cluster.sequence(asked);
  const replies = cluster.repliesTo(asked);
  expect(replies.find(({ leader }) => leader !== null)?.leader?.vector).toEqual([0, 0, 1]);
  expect(replies.map(({ incarnation }) => incarnation).sort()).toEqual([0, 0, 1]);
});

test("N23 the census bounds all that a replica holds; campaigns reach each rare branch", () => {
  const cluster = new NoPaxosCluster();
  cluster.sequence(openOf(1));
  cluster.advance(20);
  const { sizes, ...census } = cluster.replica(0).census();
  const where = { phase: "running", committed: 1, executed: 1, speculated: 0 } as const;
  expect(census).toMatchObject(where);
  const bounds = new Map(sizes.map(({ name, max }) => [name, max]));
  const { checkpointInterval: interval } = cluster.config;
  expect(bounds.get("log.slots")).toBe(64 + 5 * interval);
  expect(bounds.get("multicast.kept")).toBe(2 * interval);
  expect(bounds.get("view-change.changes")).toBe(3);
  expect(bounds.get("executor.speculated")).toBe(65_536);
  for (const { size, max } of sizes) expect(size).toBeLessThanOrEqual(max);
  const { marks, viewOf, moves, speculates } = simulation;
  expect(speculates).toBe(true);
  expect(marks?.short?.length).toBeGreaterThan(10);
  expect(viewOf?.({ kind: "wish", wanted: 2, view: 1 })).toBe("any");
  expect(viewOf?.({ kind: "synced", view: 3, slot: 1 })).toBe(3);
  expect(moves?.({ kind: "synced", view: 3, slot: 1 })).toBe(false);
});
