// Replicas that start without a memory: for the first time, or after they lost it.

import { expect, test } from "bun:test";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import { Recovery } from "../../../src/protocol/kit/recovery.ts";
import type { Parts } from "../../../src/protocol/pbft/index.ts";
import { PbftCluster } from "./harness.ts";
import { bytes, openOf } from "../../support/requests.ts";

function recovering(cluster: PbftCluster, i: number): boolean {
  return cluster.replica(i).census().phase !== "running";
}

/** Takes no RECOVER as work. */
class NoWork<P> extends Recovery<P> {
  override takeWork(): boolean {
    return false;
  }
}

/** A cluster that has executed something, whose replica 3 lost its memory. */
function afterAmnesia(parts: Partial<Parts> = {}): PbftCluster {
  const cluster = new PbftCluster({}, { parts });
  const next = cluster.open();
  for (let i = 0; i < 6; i++) cluster.request(next(bytes(`${i}`)));
  cluster.advance(5);
  cluster.trace.length = 0;
  cluster.start(3);
  return cluster;
}

test("X14 a replica without its memory sends nothing but questions until it may vote", () => {
  const cluster = afterAmnesia();
  const next = cluster.open(101, [0]);
  while (recovering(cluster, 3)) {
    cluster.request(next(bytes(`${cluster.nowMs}`)), [0]);
    cluster.advance(1);
    if (!recovering(cluster, 3)) break;
    const kinds = new Set(
      cluster.trace.filter(({ from }) => from === 3).map((s) => s.message.kind),
    );
    for (const kind of ["prePrepare", "prepare", "commit", "checkpoint", "viewChange"] as const) {
      expect(kinds.has(kind)).toBe(false);
    }
    expect(cluster.nowMs).toBeLessThan(5000);
  }
  // B is 4 K beyond the last checkpoint before it asked, which was at 4.
  expect(cluster.state(3).low).toBeGreaterThanOrEqual(4 + 4 * 4);
});

test("X14 a replica that recovered votes in later views only, and there its vote counts", () => {
  const cluster = afterAmnesia();
  cluster.advance(1500);
  expect(cluster.replica(3).census()).toMatchObject({ phase: "running", recovered: true });
  expect(cluster.replica(0).census().recovered).toBeUndefined();
  cluster.trace.length = 0;
  cluster.request(openOf(5));
  expect(cluster.sent("prepare", 3)).toEqual([]);
  // The primary is killed: without replica 3 there is no quorum.
  cluster.stop(0);
  for (let retry = 0; retry < 4; retry++) {
    cluster.request(openOf(6), [1, 2, 3]);
    cluster.advance(150);
  }
  expect(cluster.sent("viewChange", 3).map(({ view }) => view)).toContain(1);
  expect(cluster.sent("prepare", 3).every(({ view }) => view > 0)).toBe(true);
  expect(cluster.replies.some((reply) => reply.tag === 6 && reply.replica === 3)).toBe(true);
});

test("X14 a replica that recovers in a later view makes up for COMMITs that it could not send", () => {
  const cluster = afterAmnesia({ Recovery: NoWork });
  // It may vote once checkpoint 20 is stable, 4 K after the one that the others had. Nobody makes
  // slots for it, and what would make 20 stable is late.
  let late = true;
  const drops: PbftCluster["drops"] = (_from, to, message) => {
    if (!late || to !== 3) return false;
    if (message.kind === "checkpoint") return message.slot >= 20;
    return message.kind === "stable" && message.checkpoint.slot >= 20;
  };
  const execute = (slot: number, to: number) => {
    for (let i = 0; cluster.state(1).executed < slot && i < 50; i++) {
      cluster.request(openOf(100 * slot + i), [to]);
      cluster.advance(1);
    }
    expect(cluster.state(3).executed).toBe(slot);
  };
  cluster.drops = drops;
  // It asks, and comes to where the others are.
  cluster.advance(60);
  execute(19, 0);
  // The others leave view 0, whose primary hears of no request.
  cluster.drops = (from, to, m) => drops(from, to, m) || (to === 0 && m.kind === "relay");
  cluster.request(openOf(50), [1, 2]);
  cluster.advance(110);
  for (const i of [0, 1, 2, 3]) expect(cluster.state(i)).toMatchObject({ view: 1, active: true });
  execute(20, 1);
  cluster.drops = (from, to, m) => drops(from, to, m) || (m.kind === "commit" && m.slot > 20);
  cluster.request(openOf(51), [1]);
  cluster.advance(1);
  expect(cluster.state(3).log.get(21)?.prepared?.view).toBe(1);
  expect(recovering(cluster, 3)).toBe(true);
  expect(cluster.sent("commit", 3)).toEqual([]);
  late = false;
  for (let ms = 0; ms < 90 && recovering(cluster, 3); ms++) cluster.advance(1);
  expect(recovering(cluster, 3)).toBe(false);
  expect(cluster.sent("commit", 3)).toContainEqual(expect.objectContaining({ view: 1, slot: 21 }));
});

test("X14 a recovering replica waits while fewer than n - f that run answer", () => {
  const cluster = new PbftCluster();
  cluster.request(openOf(1));
  cluster.stop(2);
  cluster.start(3);
  cluster.advance(20_000);
  expect(recovering(cluster, 3)).toBe(true);
  expect(cluster.state(3).waitsFor).toEqual([2]);
});

test("X14 answers to an earlier question do not count", () => {
  const cluster = new PbftCluster();
  cluster.request(openOf(1));
  cluster.stop(3);
  const stale = new Uint8Array(16).fill(9);
  const answer = (replica: number, nonce: Uint8Array) =>
    ({
      kind: "answer",
      replica,
      to: 3,
      nonce,
      position: { view: 0, stable: GENESIS, proof: [] },
    }) as const;
  cluster.start(3);
  const finding = (kind: string) => kind === "start" || kind === "life";
  cluster.drops = (from, to, { kind }) => (from === 3 || to === 3) && !finding(kind);
  cluster.advance(1);
  cluster.drops = (_from, to, message) => to === 3 && message.kind !== "answer";
  for (const i of [0, 1, 2]) cluster.inject(i, 3, answer(i, stale));
  cluster.settle();
  expect(cluster.state(3).waitsFor).toEqual([0, 1, 2]);
  const nonce = cluster.sent("recover", 3).at(-1)?.nonce ?? stale;
  for (const i of [0, 1]) cluster.inject(i, 3, answer(i, nonce));
  // Nobody can claim just any view, or any checkpoint.
  const position = { view: 9, stable: GENESIS, proof: [] };
  cluster.inject(2, 3, { ...answer(2, nonce), position });
  const stable = { slot: 400, digest: bytes("x".repeat(32)), certificate: GENESIS.certificate };
  cluster.inject(2, 3, { ...answer(2, nonce), position: { view: 0, stable, proof: [] } });
  cluster.settle();
  expect(cluster.state(3).waitsFor).toEqual([2]);
});

test("X14 RECOVERs are pending work at most once in ten view timeouts, and of four starts", () => {
  const cluster = new PbftCluster();
  cluster.request(openOf(1));
  cluster.stop(3);
  const ask = (start = cluster.nowMs) => {
    const nonce = new Uint8Array(16).fill(start);
    for (const i of [0, 1, 2]) {
      cluster.inject(3, i, { kind: "recover", replica: 3, nonce });
    }
    cluster.advance(1);
  };
  ask(0);
  const { executed } = cluster.state(0);
  expect(executed).toBe(5 * 4);
  for (let i = 0; i < 50; i++) ask(0);
  expect(cluster.state(0).executed).toBe(executed);
  // Others that somebody recorded do not use up its turn, nor does it have any number of them.
  for (let i = 0; i < 50; i++) ask();
  expect(cluster.state(0).executed).toBe(4 * executed);
  cluster.advance(1000);
  ask(0);
  expect(cluster.state(0).executed).toBe(5 * executed);
});

test("X14 a succession of replicas that lose their memory keeps what was executed", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  for (let turn = 0; turn < 12; turn++) {
    const request = next(bytes(`${turn}`));
    for (let retry = 0; retry < 20 && cluster.results(request).size < 3; retry++) {
      cluster.request(request);
      cluster.advance(150);
    }
    expect(cluster.results(request).size).toBeGreaterThanOrEqual(3);
    cluster.start(turn % 4);
    for (let i = 0; i < 100 && recovering(cluster, turn % 4); i++) cluster.advance(100);
    expect(recovering(cluster, turn % 4)).toBe(false);
  }
  cluster.advance(2000);
  expect(new Set(cluster.replicas.map((_, i) => cluster.state(i).digest)).size).toBe(1);
  expect(cluster.state(0).position).toBe(13);
});

test("X15 replicas begin at genesis once all are starting", () => {
  const cluster = new PbftCluster({}, { begin: false });
  cluster.stop(3);
  cluster.advance(350);
  expect([0, 1, 2].map((i) => recovering(cluster, i))).toEqual([true, true, true]);
  cluster.start(3);
  cluster.advance(60);
  expect([0, 1, 2, 3].map((i) => recovering(cluster, i))).toEqual([false, false, false, false]);
  expect(cluster.state(0).low).toBe(0);
});

test("X15 after four view timeouts n - f that are starting suffice, fewer never do", () => {
  const cluster = new PbftCluster({}, { begin: false });
  for (const i of [2, 3]) cluster.stop(i);
  cluster.advance(5000);
  expect([0, 1].map((i) => recovering(cluster, i))).toEqual([true, true]);
  cluster.start(2);
  cluster.advance(60);
  expect([0, 1].map((i) => recovering(cluster, i))).toEqual([false, false]);
  // The last one finds that the others have a memory that it lacks: it recovers.
  cluster.start(3);
  cluster.advance(3000);
  expect(cluster.state(3).low).toBeGreaterThanOrEqual(16);
  expect(recovering(cluster, 3)).toBe(false);
});

test("X15 a replica begins with those that began after they had heard of it", () => {
  const cluster = new PbftCluster({}, { begin: false });
  // What says that they were starting reaches 2 and 3 late.
  cluster.drops = (_from, to, { kind }) => to >= 2 && kind === "answer";
  cluster.advance(60);
  expect([0, 1].map((i) => recovering(cluster, i))).toEqual([false, false]);
  cluster.drops = () => false;
  cluster.advance(60);
  expect([2, 3].map((i) => recovering(cluster, i))).toEqual([false, false]);
  expect(cluster.state(2).low).toBe(0);
});

test("X15 a cluster that was restarted empty as a whole is new, and refuses old sessions", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.request(next(bytes("a")));
  for (let i = 0; i < 4; i++) cluster.start(i);
  cluster.advance(60);
  cluster.heard.length = 0;
  // A session of the new cluster has the same position, but another nonce.
  cluster.request(openOf(1));
  const old = next(bytes("b"));
  cluster.request(old);
  const answers = cluster.replies.filter((reply) => reply.number === old.number);
  expect(answers.map(({ outcome }) => outcome.status)).toEqual(Array(4).fill("no session"));
});
