// Planted bugs that random faults hardly ever reach, each convicted by the one course of events
// that needs what it lacks; the replica as it is stands the same.

import { expect, test } from "bun:test";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { Parts } from "../../../src/protocol/pbft/index.ts";
import { noNonce, recordsAtLoopback, votesInViewC } from "../../mutants/pbft.ts";
import { CLIENT, PbftCluster } from "./harness.ts";
import { openOf } from "../../support/requests.ts";

/** The digests that backup 1 votes for when the primary proposes two in one slot. */
function votesForTwo(parts: Partial<Parts>): number {
  const cluster = new PbftCluster({}, { parts });
  for (const i of [0, 2, 3]) cluster.stop(i);
  for (const number of [7, 8]) {
    const batch = makeBatch([openOf(number)], [CLIENT]);
    const { digest } = batch;
    cluster.inject(0, 1, { kind: "prePrepare", replica: 0, view: 0, slot: 1, digest, batch });
  }
  cluster.settle();
  return cluster.sent("prepare", 1).length;
}

test("P3 a replica that records a vote only at loopback votes twice", () => {
  expect(() => votesForTwo(recordsAtLoopback)).toThrow("one digest is prepared in a slot and view");
  expect(votesForTwo({})).toBe(1);
});

/** Whether answers to the question of an earlier life tell a replica where the others are. */
function locatedByOldAnswers(parts: Partial<Parts>): boolean {
  const cluster = new PbftCluster({}, { parts });
  cluster.request(openOf(1));
  cluster.start(3);
  cluster.advance(1);
  const old = cluster.sent("answer").filter(({ to }) => to === 3);
  expect(old.length).toBeGreaterThanOrEqual(3);
  cluster.start(3);
  cluster.drops = (_from, to, { kind }) => to === 3 && kind === "answer";
  cluster.advance(1);
  expect(cluster.state(3).waitsFor).toEqual([0, 1, 2]);
  cluster.drops = () => false;
  for (const message of old) cluster.inject(message.replica, 3, message);
  cluster.settle();
  return (cluster.state(3).waitsFor ?? []).length === 0;
}

test("X14 without a nonce old answers make a replica forget what it voted for since", () => {
  expect(locatedByOldAnswers(noNonce)).toBe(true);
  expect(locatedByOldAnswers({})).toBe(false);
});

/**
 * Replicas 1 and 2 each send a VIEW-CHANGE for view 1 that the network keeps, and lose their
 * memory. Then a slot is committed without 3, if they vote in view 0, and 3 begins view 1 with what
 * they have forgotten. Returns how many batches are committed in that slot.
 */
function committedAlike(parts: Partial<Parts>): number {
  const leader = (view: number) => (view === 1 ? 3 : 0);
  const cluster = new PbftCluster({ leader }, { parts });
  const recovering = (i: number) => cluster.replica(i).census().phase !== "running";
  const loses: PbftCluster["drops"] = (_from, _to, { kind }) => kind === "viewChange";
  const kept: PbftCluster["trace"] = [];
  for (const i of [1, 2]) {
    cluster.drops = (from, to) => from === i || (to === i && from < 4);
    cluster.request(openOf(i), [i]);
    cluster.advance(150);
    kept.push(...cluster.trace.filter(({ from, message }) => from === i && loses(i, 0, message)));
    cluster.start(i);
    cluster.drops = loses;
    for (let t = 0; t < 20 && recovering(i); t++) cluster.advance(50);
    // Where 1 does not vote in view 0, 2 has to wait for another view: this cannot happen.
    if (recovering(i)) return 0;
  }
  expect(kept.map(({ from }) => from)).toEqual([1, 2]);
  const slot = cluster.state(0).executed + 1;
  cluster.drops = (from, to, m) => loses(from, to, m) || from === 3 || (to === 3 && from < 4);
  cluster.request(openOf(7), [0]);
  cluster.request(openOf(8), [3]);
  cluster.advance(150);
  for (const { from, message } of kept) cluster.inject(from, 3, message);
  cluster.stop(0);
  cluster.drops = () => false;
  cluster.settle();
  const committed = cluster.replicas.map(({ context }) => context.log.get(slot)?.committed?.digest);
  return new Set(
    committed.filter((d) => d !== undefined).map((d) => Buffer.from(d).toString("hex")),
  ).size;
}

test("X14 votes in view C break agreement by VIEW-CHANGEs that were forgotten", () => {
  expect(committedAlike(votesInViewC)).toBe(2);
  expect(committedAlike({})).toBeLessThan(2);
});
