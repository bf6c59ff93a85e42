// Replicas that start without a memory: for the first time, or after they lost it.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Parts } from "../../../src/protocol/chained/index.ts";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import {
  goesOnWithAnswers,
  noNonce,
  votesInSecondView,
  votesInViewC,
} from "../../mutants/chained.ts";
import { ForgetfulSeven, quorumOf } from "./forgetful-seven.ts";
import { block, CLIENT, ChainedCluster, ledBy, openRequest, put, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

test("X14 without its memory a replica signs nothing but RECOVER until it has recovered", () => {
  const cluster = new ChainedCluster();
  const operate = (count: number) => {
    for (let i = 0; i < count; i++) {
      const box = cluster.invoke(CLIENT, put("k", `${cluster.nowMs}`));
      expect(cluster.runUntil(() => box.result !== undefined, 20_000)).toBe(true);
    }
  };
  operate(20);
  const signed: string[] = [];
  let recovered = false;
  cluster.drops = (from, _to, { kind }) => {
    recovered ||= cluster.replica(3).census().phase === "running";
    const own = ["propose", "vote", "timeout", "checkpoint"].includes(kind);
    if (from === 3 && own && !recovered) signed.push(kind);
    return false;
  };
  cluster.stop(3);
  cluster.advance(50);
  cluster.start(3);
  const done = () => cluster.replica(3).census().phase === "running";
  expect(done()).toBe(false);
  expect(cluster.replica(3).census()).toMatchObject({ phase: "starting", waitsFor: [0, 1, 2] });
  expect(cluster.runUntil(done, 5000)).toBe(true);
  expect(cluster.replica(3).census().recovered).toBe(true);
  expect(cluster.replica(0).census().recovered).toBeUndefined();
  expect(signed).toEqual([]);
  cluster.advance(200);
  expect(cluster.replica(3).census().executed).toBe(cluster.replica(0).census().executed);
  // Its vote is needed now.
  cluster.stop(0);
  operate(3);
});

test("X14 H9 one that has recovered signs the checkpoints that it executed before", () => {
  const cluster = new ChainedCluster();
  const invoke = (i: number) => cluster.invoke(CLIENT + i, put("k", `${i}`));
  const shows = (kind: string) => kind === "checkpoint" || kind === "stable";
  // Nothing becomes stable: of the others each lacks the CHECKPOINTs of two.
  cluster.drops = (from, _to, { kind }) => from >= 2 && shows(kind);
  for (let i = 0; i < 10; i++) {
    const box = invoke(i);
    cluster.runUntil(() => box.result !== undefined, 100);
  }
  cluster.stop(3);
  cluster.advance(50);
  // From now on those of replica 2 alone are lost, so that what replica 3 forgot is needed.
  cluster.drops = (from, _to, { kind }) => from === 2 && shows(kind);
  cluster.start(3);
  const stable = () => cluster.replica(0).sync.checkpoints.reached.slot;
  expect(stable()).toBe(0);
  expect(cluster.runUntil(() => stable() > 0, 20_000)).toBe(true);
  const box = invoke(20);
  expect(cluster.runUntil(() => box.result !== undefined, 20_000)).toBe(true);
});

/** A replica without memory that knows the chain up to view 12, and is answered from view 10. */
function recovering(parts: Partial<Parts>, rightNonce: boolean): Solo {
  const block = ledBy(1);
  const solo = new Solo(3, { leader: () => 1 }, { started: false, parts });
  const own = solo.learns();
  const nonce = rightNonce ? own : new Uint8Array(16);
  let justify = GENESIS_QC;
  for (let view = 1; view <= 12; view++) {
    const next = block(view, justify);
    solo.propose(next);
    if (view === 10) {
      for (let replica = 0; replica < 3; replica++) {
        const position = { highQc: replica === 0 ? justify : GENESIS_QC, tc: null };
        solo.receive(replica, { kind: "answer", replica, to: 3, nonce, position });
      }
      solo.host.clockMs = 1000;
      solo.timeout("start");
    }
    justify = qc(next);
  }
  return solo;
}

test("X14 a replica has recovered with n - f answers to its own nonce, and a QC above them", () => {
  const solo = recovering({}, true);
  expect(solo.running).toBe(true);
  expect(recovering({}, false).running).toBe(false);
  expect(recovering(noNonce, false).running).toBe(true);
});

test("X14 a recovered replica votes neither in view C nor in the view that a certificate of it lets into", () => {
  const block = ledBy(1);
  const solo = new Solo(3, { leader: () => 1 });
  solo.replica.normal.onForgotten(10);
  solo.propose(block(10, GENESIS_QC), tc(9));
  solo.propose(block(11, GENESIS_QC), tc(10));
  solo.propose(block(12, qc(block(9))), tc(11));
  expect(solo.voted()).toEqual([]);
  const careless = new Solo(3, { leader: () => 1 }, { parts: votesInViewC });
  careless.replica.normal.onForgotten(10);
  careless.propose(block(10, GENESIS_QC), tc(9));
  expect(careless.voted()).toEqual([10]);
});

test("X15 in no run yet, a replica takes nothing but what concerns its start", () => {
  const solo = new Solo(3, {}, { started: false });
  const request = { kind: "request", request: openRequest(1) } as const;
  const proposal = { kind: "propose", replica: 1, block: block(1), tc: null } as const;
  for (const message of [request, proposal]) {
    expect(solo.replica.refuse(CLIENT, message)).toBe("not admitted: this replica is starting");
    solo.replica.receive(CLIENT, message);
  }
  expect([...solo.host.drops]).toEqual([["not admitted: this replica is starting", 2]]);
  expect(solo.host.sent).toEqual([]);
});

const TENURE = 8;

/**
 * How many blocks each replica voted for in view 9, while four lose their memory. The first two
 * voted in view 8, the first one of a tenure, and go on in the tenure before it, whence they answer
 * those that lose theirs after voting in view 9.
 */
function votesInNine(parts: Partial<Parts>): number[] {
  const block = ledBy(6);
  const cluster = new ForgetfulSeven(parts, TENURE);
  const entered = tc(1, [1, 2, 3, 4, 5]);
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, quorumOf(first));
  const third = block(3, quorumOf(second));
  const high = block(TENURE, quorumOf(first), [openRequest(2)]);
  const [one, other] = [3, 4].map((i) => block(TENURE + 1, quorumOf(high), [openRequest(i)]));
  cluster.propose(first, [0, 1, 2, 3, 4, 5]);
  expect(cluster.propose(high, [0], entered)).toEqual([0]);
  cluster.forget(0, 1, 2, 3, 4, 5);
  expect(cluster.propose(second, [2, 3, 4, 5])).toEqual([2, 3, 4, 5]);
  cluster.recover(0, [first, second]);
  expect(cluster.propose(high, [1], entered)).toEqual([1]);
  cluster.forget(1, 2, 3, 4, 5);
  expect(cluster.propose(third, [2, 3, 4, 5])).toEqual([2, 3, 4, 5]);
  cluster.recover(1, [first, second, third]);
  expect(cluster.propose(high, [2, 3], entered)).toEqual([2, 3]);
  for (const i of [3, 2]) {
    cluster.propose(one!, [i]);
    cluster.forget(i, 0, 1, 4, 5);
    cluster.recover(i, [first, high], entered);
    cluster.propose(other!, [i]);
  }
  cluster.propose(high, [0, 1, 4, 5], entered);
  cluster.propose(one!, [0, 1]);
  cluster.propose(other!, [4, 5]);
  return [0, 1, 2, 3, 4, 5].map((i) => cluster.votes.get(`${i} in ${TENURE + 1}`)?.size ?? 0);
}

test("J12 GS6 with tenures above 1 nobody votes twice in a view, though four lose their memory in turn", () => {
  expect(votesInNine({})).toEqual([0, 0, 1, 1, 1, 1]);
  // With the liar's votes both blocks of view 9 have a quorum.
  expect(votesInNine(votesInSecondView)).toEqual([1, 1, 2, 2, 1, 1]);
});

/**
 * Replicas 0 and 1 lose their memory one after the other, each after it alone voted in view 6; those
 * that answer are in view 5. Gives who votes in view 7 for a block that conflicts with that of view
 * 5, which the votes of 0 to 3 in view 6 and a liar's commit.
 */
function votesInSeven(parts: Partial<Parts>): number[] {
  const block = ledBy(6);
  const cluster = new ForgetfulSeven(parts, 1, JOLTEON_RULES);
  const all = [0, 1, 2, 3, 4, 5];
  const fourth = block(4, GENESIS_QC, [openRequest(1)]);
  const fifth = block(5, quorumOf(fourth), [openRequest(2)]);
  const sixth = block(6, quorumOf(fifth));
  cluster.propose(fourth, all, tc(3, [1, 2, 3, 4, 5]));
  expect(cluster.propose(fifth, all)).toEqual(all);
  for (const i of [0, 1]) {
    expect(cluster.propose(sixth, [i])).toEqual([i]);
    cluster.forget(i, 2, 3, 4, 5);
    cluster.propose(fourth, [i], tc(3, [1, 2, 3, 4, 5]));
    cluster.learn(i, quorumOf(fourth));
  }
  expect(cluster.propose(sixth, [2, 3])).toEqual([2, 3]);
  // Views 5 and 6 are given up by those who do not know of the QC of view 5, or do not any more.
  for (const view of [5, 6]) {
    const signers = [0, 1, 4, 5].filter((i) => cluster.givesUp(i) === 4);
    if (signers.length < 4) return [];
    for (const i of signers) cluster.learn(i, quorumOf(fourth), tc(view, [...signers, 6], 4));
  }
  const seventh = block(7, quorumOf(fourth), [openRequest(3)]);
  return cluster.propose(seventh, [0, 1, 4, 5], tc(6, [0, 1, 4, 5, 6], 4));
}

test("J12 X14 GS6 who recovers waits for a QC above C: its TIMEOUT would speak for what it forgot", () => {
  expect(votesInSeven({})).toEqual([]);
  // With the liar's vote that block has a quorum, as what it conflicts with has.
  expect(votesInSeven(goesOnWithAnswers)).toEqual([0, 1, 4, 5]);
});
