// Replicas that start without a memory: for the first time, or after they lost it.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Parts } from "../../../src/protocol/chained/index.ts";
import { GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { noNonce, votesInViewC } from "../../mutants/hotstuff.ts";
import { block, CLIENT, HotStuffCluster, openRequest, put, qc, Solo, tc } from "./harness.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(120_000);

test("X14 without its memory a replica signs nothing but RECOVER until it has recovered", () => {
  const cluster = new HotStuffCluster();
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

/** A replica without memory that knows the chain up to view 12, and is answered from view 10. */
function recovering(parts: Partial<Parts>, rightNonce: boolean): Solo {
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
