// The start of a cluster, and of replicas that lost their memory.

import { expect, test } from "bun:test";
import { simulation } from "../../../src/protocol/vr/simulation.ts";
import { Start } from "../../../src/protocol/vr/start.ts";
import { VrCluster } from "./harness.ts";
import { openOf } from "../../support/requests.ts";

test("V16 all begin once all are starting at one time, fewer after 4 T, one alone never", () => {
  const cluster = new VrCluster({}, { begin: false });
  cluster.stop(1);
  cluster.stop(2);
  cluster.advance(2000);
  expect(cluster.state(0).phase).toBe("starting");
  const two = new VrCluster({}, { begin: false });
  two.stop(2);
  two.advance(399);
  expect(two.state(0).phase).toBe("starting");
  two.advance(20);
  expect([0, 1].map((i) => two.state(i).phase)).toEqual(["running", "running"]);
  expect([0, 1].map((i) => two.state(i).number)).toEqual([0, 0]);
});

test("V16 who hears of a run that has executed anything does not begin beside it", () => {
  const cluster = new VrCluster({}, { begin: false });
  cluster.stop(2);
  cluster.advance(420);
  cluster.request(openOf(1), [0]);
  cluster.advance(10);
  // Two lack a memory, more than the cluster tolerates: they wait, whatever they tell each other.
  cluster.start(1);
  cluster.start(2);
  cluster.advance(3000);
  expect([1, 2].map((i) => cluster.state(i).phase)).toEqual(["starting", "starting"]);
  expect(cluster.replica(1).census().waitsFor).toEqual([]);
});

test("V16 a replica that recovers takes no part", () => {
  const cluster = new VrCluster();
  cluster.request(openOf(1), [0]);
  cluster.start(2);
  cluster.drops = (_from, to, { kind }) => to === 2 && kind === "log";
  cluster.advance(5);
  expect(cluster.state(2).phase).toBe("recovering");
  cluster.inject(0, 2, { kind: "wish", wanted: 4, view: 4 });
  cluster.inject(1, 2, { kind: "startView", view: 4, lastNormal: 3, op: 0, committed: 0 });
  cluster.advance(5);
  expect(cluster.state(2)).toMatchObject({ view: 0, phase: "recovering" });
  const sent = cluster.trace.slice(-20).filter(({ from }) => from === 2);
  for (const { message } of sent) {
    expect(["ask", "getLog", "fetchState", "prepareOk", "status"]).toContain(message.kind);
  }
});

test("V17 a replica that lost its memory takes a higher number, and the leader's log", () => {
  const cluster = new VrCluster();
  cluster.request(openOf(1), [0]);
  cluster.start(2);
  cluster.advance(60);
  expect(cluster.state(2)).toMatchObject({ phase: "running", number: 1, status: "normal" });
  expect(cluster.state(0).vector).toEqual([0, 0, 1]);
  expect(cluster.state(2).executed).toBe(cluster.state(0).executed);
  cluster.start(2);
  cluster.advance(60);
  expect(cluster.state(2)).toMatchObject({ phase: "running", number: 2 });
  cluster.stop(1);
  cluster.request(openOf(2), [0]);
  expect(cluster.replies.at(-1)?.outcome.status).toBe("opened");
});

test("V17 it waits for the leader's answer, and for those of n - f others", () => {
  const cluster = new VrCluster({ n: 5 });
  cluster.request(openOf(1), [0]);
  cluster.drops = (from, to, { kind }) => from === 0 && to === 4 && kind === "answer";
  cluster.start(4);
  cluster.advance(40);
  expect(cluster.state(4).phase).toBe("recovering");
  cluster.drops = (from, to) => from < 3 && from > 0 && to === 4;
  cluster.start(4);
  cluster.advance(40);
  expect(cluster.state(4).phase).toBe("starting");
  cluster.drops = () => false;
  cluster.advance(60);
  expect(cluster.state(4).phase).toBe("running");
});

test("V17a a number that a life which never finished left behind is taken over", () => {
  const cluster = new VrCluster({ n: 5 });
  cluster.request(openOf(1), [0]);
  const nonce = new Uint8Array(16).fill(9);
  cluster.inject(4, 1, { kind: "ask", nonce, asked: 1, number: 2, vector: [0, 0, 0, 0, 2] });
  cluster.settle();
  expect(cluster.state(1).vector[4]).toBe(2);
  expect(cluster.state(4).number).toBe(0);
  // Its promises do not count at 1, which tells it so when it leads a view.
  cluster.stop(0);
  cluster.stop(2);
  cluster.request(openOf(2), [1, 3, 4]);
  cluster.advance(1000);
  expect(cluster.state(4).number).toBe(2);
  expect(cluster.state(1)).toMatchObject({ view: 1, status: "normal" });
  expect(cluster.state(4)).toMatchObject({ status: "normal", executed: cluster.state(1).executed });
});

test("V18 a view whose leader has lost its memory is left without any request", () => {
  const cluster = new VrCluster();
  cluster.request(openOf(1), [0]);
  cluster.advance(500);
  cluster.start(0);
  cluster.advance(100);
  expect(cluster.state(0)).toMatchObject({ phase: "running", view: 1, executed: 1 });
});

test("V18 who recovers is work once in 10 T: one empty batch", () => {
  const cluster = new VrCluster();
  cluster.request(openOf(1), [0]);
  cluster.advance(500);
  cluster.drops = (_from, to, { kind }) => to === 2 && kind === "answer";
  cluster.start(2);
  cluster.drops = (from, to, { kind }) => from === 0 && to === 2 && kind === "log";
  cluster.advance(900);
  expect(cluster.state(0).op).toBe(2);
});

test("V18a service resumes within 4 T of the leader's death", () => {
  const cluster = new VrCluster();
  const next = cluster.open();
  cluster.stop(0);
  const request = next();
  cluster.request(request, [1, 2]);
  expect(cluster.runUntil(() => cluster.repliers(request).length > 0, 400)).toBe(true);
});

test("V19 the census bounds all that a replica holds, and says whom it waits for", () => {
  const cluster = new VrCluster();
  cluster.request(openOf(1), [0]);
  const { sizes, phase, committed, executed } = cluster.replica(0).census();
  expect({ phase, committed, executed }).toEqual({ phase: "running", committed: 1, executed: 1 });
  const bounds = new Map(sizes.map(({ name, max }) => [name, max]));
  const { checkpointInterval: interval } = cluster.config;
  expect(bounds.get("log.slots")).toBe(5 * interval + 32);
  expect(bounds.get("fetch.log")).toBe(5 * interval + 32);
  expect(bounds.get("normal.early")).toBe(4 * interval);
  expect(bounds.get("view-change.changes")).toBe(3);
  expect(bounds.get("states.kept")).toBe(2);
  for (const { size, max } of sizes) expect(size).toBeLessThanOrEqual(max);
  cluster.stop(0);
  cluster.stop(1);
  cluster.start(2);
  expect(cluster.replica(2).census()).toMatchObject({ phase: "starting", waitsFor: [0, 1] });
});

test("V20 campaigns reach each rare branch", () => {
  const { marks, viewOf, moves } = simulation;
  expect(marks?.short?.length).toBeGreaterThan(10);
  expect(viewOf?.({ kind: "wish", wanted: 2, view: 1 })).toBe("any");
  expect(viewOf?.({ kind: "commit", view: 3, committed: 1 })).toBe(3);
  const view = { kind: "startView", view: 1, lastNormal: 0, op: 0, committed: 0 } as const;
  expect(moves?.(view)).toBe(true);
});

/** Begins with whoever began with any life of this replica. */
class BeginsWithAny extends Start {
  protected override isFounder(named: Uint8Array): boolean {
    return named.length > 0;
  }
}

/**
 * Replica 1 knows that replica 2 is starting, and nothing of what comes of it; then the leader loses
 * its memory, hears that replica 1 is starting, and that it has begun.
 */
function begunLate(parts: { readonly Start?: typeof Start }): VrCluster {
  const cluster = new VrCluster({ n: 5 }, { begin: false, parts });
  cluster.drops = (from, to, { kind }) =>
    to === 1 && (kind === "answer" || (kind === "starting" && from !== 2));
  cluster.advance(20);
  const starting = [0, 1, 2, 3, 4].filter((i) => cluster.state(i).phase === "starting");
  expect(starting).toEqual([1]);
  cluster.request(openOf(1), [0]);
  cluster.advance(20);
  expect(cluster.state(2).executed).toBe(1);
  cluster.drops = (from, to, { kind }) => kind === "answer" && (to === 1 || from !== 1);
  cluster.start(0);
  cluster.advance(30);
  cluster.drops = (from, to, { kind }) => kind === "answer" && to === 0 && from !== 1;
  cluster.advance(30);
  expect(cluster.state(1)).toMatchObject({ phase: "running", number: 0 });
  return cluster;
}

test("V16 who was starting beside one that began with an earlier life of it does not begin", () => {
  const cluster = begunLate({});
  expect(cluster.state(0).phase).toBe("starting");
  cluster.drops = () => false;
  cluster.advance(1000);
  expect(cluster.state(0)).toMatchObject({ phase: "running", number: 1, executed: 1 });
  // With an empty log it would lead the view that it led before.
  const wrong = begunLate({ Start: BeginsWithAny });
  expect(wrong.state(0)).toMatchObject({ phase: "running", number: 0, leads: true, op: 0 });
});

test("V16 one that begins names all that were starting then, though fewer would have done", () => {
  const cluster = new VrCluster({ n: 5 }, { begin: false });
  cluster.stop(4);
  // Replica 3 hears nobody start, and learns of it by those who have begun.
  cluster.drops = (_from, to, { kind }) => to === 3 && kind === "starting";
  cluster.advance(500);
  const running = { phase: "running", number: 0 };
  expect([0, 1, 2, 3].map((i) => cluster.state(i))).toMatchObject(new Array(4).fill(running));
  const named = cluster.sent("answer", 0)[0]?.founders.map(({ length }) => length);
  expect(named).toEqual([16, 16, 16, 16, 0]);
});
