// Proposals, votes, locks and decisions of one replica, rule by rule; and what planted bugs do.

import { expect, setDefaultTimeout, test } from "bun:test";
import { tendermint, type Parts } from "../../../src/protocol/tendermint/index.ts";
import {
  anyLock,
  lockRoundKept,
  noLock,
  noPolc,
  polcUnchecked,
  nilUnlocks,
  precommitsAddUp,
} from "../../mutants/tendermint.ts";
import { footprintOf, makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { makeValue, NIL } from "../../../src/protocol/tendermint/value.ts";
import { EMPTY } from "../../../src/wire.ts";
import { holds } from "../../support/packets.ts";
import { openOf } from "../../support/requests.ts";
import {
  CLIENT,
  decisionOf,
  polcOf,
  put,
  rotating,
  Solo,
  TendermintCluster,
  value,
} from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const A = value(1, 1);
const B = value(1, 2);

/** A replica that is locked on A in round 0 and is in round 1. */
function lockedOnA(parts: Partial<Parts> = {}): Solo {
  const solo = new Solo(3, {}, { parts });
  solo.propose(1, 0, A);
  solo.prevote([0, 1, 2], 1, 0, A);
  expect(solo.votes(A)).toEqual([
    ["prevote", 0, "value 0"],
    ["precommit", 0, "value 0"],
  ]);
  solo.precommit([0, 1, 2], 1, 0);
  solo.timeout("precommit");
  expect(solo.round).toBe(1);
  return solo;
}

test("T1 with rotating proposers each height and each round has another one", () => {
  const { replica } = new Solo(0, rotating);
  const { proposers } = replica.context;
  expect([0, 1, 2, 3].map((round) => proposers.of(round))).toEqual([1, 2, 3, 0]);
  proposers.onDecided(2);
  expect(proposers.of(0)).toBe(2);
});

test("T1 a fixed proposer stays until a value had to wait for another: the turn moves by its origin", () => {
  const solo = new Solo();
  const { proposers } = solo.replica.context;
  solo.decide(1, A);
  expect(proposers.of(0)).toBe(0);
  solo.decide(2, value(2, 1, 2));
  expect([0, 1].map((round) => proposers.of(round))).toEqual([2, 3]);
  solo.decide(3, value(3, 0));
  expect(proposers.of(0)).toBe(2);
});

test("T1 the turn is a part of the state: a replica that fetches one knows who proposes", () => {
  const cluster = new TendermintCluster();
  cluster.operate(2);
  cluster.stop(0);
  cluster.operate(3);
  cluster.start(0);
  cluster.operate(12);
  const settled = () =>
    [0, 1, 2, 3].every((i) => {
      const { proposers, log } = cluster.replica(i).context;
      return proposers.turn === 1 && log.height === cluster.height(1);
    });
  expect(cluster.runUntil(settled, 5000)).toBe(true);
});

test("T2 one signer's votes start no height, those of f + 1 do, and a request does", () => {
  const solo = new Solo(0);
  solo.prevote([1], 1, 0);
  expect(solo.host.takeKind("proposal")).toEqual([]);
  solo.prevote([2], 1, 0);
  solo.replica.proposing.propose();
  const [proposal] = solo.host.takeKind("proposal");
  expect(proposal?.value.batch.requests).toEqual([]);
  const asked = new Solo(0, { adaptive: true });
  asked.receive(CLIENT, { kind: "request", request: openOf(1) });
  const [other] = asked.host.takeKind("proposal");
  expect(other?.value.batch.requests.length).toBe(1);
  expect(other).toMatchObject({ height: 1, round: 0, polc: null, value: { origin: 0 } });
});

test("T2 a new value's origin is its round, that of one proposed again not above its valid round", () => {
  const solo = lockedOnA();
  const refusal = (origin: number, validRound: number | null) => {
    const proposed = value(1, 2, origin);
    const polc = validRound === null ? null : polcOf(1, validRound, proposed);
    const { digest } = proposed;
    const at = { replica: 1, height: 1, round: 1, digest };
    return solo.replica.refuse(1, { kind: "proposal", ...at, polc, value: proposed });
  };
  expect(refusal(0, null)).toBe("not admitted: new value of another round");
  expect(refusal(1, 0)).toBe("not admitted: proposal whose rounds contradict each other");
  expect(refusal(0, 1)).toBe("not admitted: proposal whose rounds contradict each other");
  expect(refusal(1, null)).toBeNull();
  expect(refusal(0, 0)).toBeNull();
});

test("T3 the first proposal of a round is prevoted, a second one and one of a wrong replica are not", () => {
  const solo = new Solo();
  solo.propose(1, 0, B, { replica: 1 });
  expect(solo.votes(A, B)).toEqual([]);
  solo.propose(1, 0, A);
  solo.propose(1, 0, B);
  expect(solo.votes(A, B)).toEqual([["prevote", 0, "value 0"]]);
});

test("T3 a new value is prevoted against no lock, and nil is if it is not what is locked", () => {
  const solo = lockedOnA();
  const C = value(1, 2, 1);
  solo.propose(1, 1, C);
  expect(solo.votes(A, C)).toEqual([["prevote", 1, "nil"]]);
  for (const parts of [noLock, anyLock]) {
    const careless = lockedOnA(parts);
    careless.propose(1, 1, C);
    expect(careless.votes(A, C)[0]).toEqual(["prevote", 1, "value 1"]);
  }
});

test("T3 a proposal of the next height, or of a later round, waits for it", () => {
  const solo = new Solo(3, rotating);
  const next = value(2, 3);
  solo.propose(2, 0, next, { replica: 2 });
  const later = value(1, 3, 2);
  solo.propose(1, 2, later, { replica: 3 });
  expect(solo.votes(next)).toEqual([]);
  solo.decide(1, A);
  expect(solo.votes(next)).toEqual([["prevote", 0, "value 0"]]);
});

test("T3 X12 large early proposals of Byzantine replicas keep out none of a correct one", () => {
  const leader = (view: number) => view % 7;
  const solo = new Solo(3, { n: 7, f: 2, tenure: 1, leader });
  // Batches of many small requests take the most memory.
  const manyOf = (count: number) => {
    const request = { session: 9, tag: 1, number: 1, op: EMPTY };
    return makeValue(2, 5, batchOf(new Array<Request>(count).fill(request)));
  };
  solo.propose(2, 5, manyOf(43_000), { replica: 5 });
  solo.propose(2, 5, manyOf(36_000), { replica: 6 });
  const { sizes } = solo.replica.census();
  const early = sizes.find(({ name }) => name === "normal.early proposals bytes");
  const op = new Uint8Array(1024 * 1024);
  const next = makeValue(2, 0, batchOf([{ session: 9, tag: 1, number: 1, op }]));
  // It does not fit beside them.
  expect((early?.max ?? 0) - (early?.size ?? 0)).toBeLessThan(footprintOf(next.batch));
  expect(early?.size).toBeGreaterThan(footprintOf(next.batch));
  solo.propose(2, 0, next, { replica: 2 });
  solo.decideWith(1, value(1, 1), [0, 1, 2, 4, 5]);
  expect(solo.votes(next)).toEqual([["prevote", 0, "value 0"]]);
});

function batchOf(requests: readonly Request[]): Batch {
  const clients = requests.map(() => CLIENT);
  return makeBatch([...requests], clients);
}

test("T4 what is proposed again is prevoted if the lock is not of a later round", () => {
  const solo = lockedOnA();
  solo.propose(1, 1, B, { polc: polcOf(1, 0, B) });
  expect(solo.votes(A, B)).toEqual([["prevote", 1, "value 1"]]);
  const later = lockedOnA();
  later.propose(1, 1, A, { polc: polcOf(1, 0, A) });
  later.prevote([0, 1, 2], 1, 1, A);
  later.precommit([0, 1, 2], 1, 1);
  later.timeout("precommit");
  later.votes();
  later.propose(1, 2, B, { polc: polcOf(1, 0, B) });
  expect(later.votes(A, B)).toEqual([["prevote", 2, "nil"]]);
});

test("T4 without the POLC of a quorum for that value it is dropped", () => {
  const refusal = (parts: Partial<Parts>, polc = polcOf(1, 0, B, [0, 1])) => {
    const solo = lockedOnA(parts);
    const at = { replica: 1, height: 1, round: 1, digest: B.digest };
    return solo.replica.refuse(1, { kind: "proposal", ...at, polc, value: B });
  };
  expect(refusal({})).toBe("not admitted: proposal with a POLC without a quorum");
  expect(refusal({}, polcOf(1, 0, B, [0, 1, 1]))).toBe(
    "not admitted: proposal with a POLC without a quorum",
  );
  expect(refusal(noPolc)).toBeNull();
  // Whoever checks its signatures finds that another value's are none for this one.
  const { prevotes } = polcOf(1, 0, A);
  const solo = lockedOnA();
  const polc = { height: 1, round: 0, digest: B.digest, prevotes };
  expect(() => solo.propose(1, 1, B, { polc })).toThrow("forged");
  const at = { replica: 1, height: 1, round: 1, digest: B.digest };
  const borrowed = solo.packets.carried({ kind: "proposal", ...at, polc, value: B });
  expect(tendermint.codec.proofs(borrowed).every(holds)).toBe(false);
  expect(polcUnchecked.proofs(borrowed).every(holds)).toBe(true);
});

test("T5 q PREVOTEs lock, and the locked round rises when the value stays the same", () => {
  const raised = (parts: Partial<Parts>) => {
    const solo = lockedOnA(parts);
    solo.propose(1, 1, A, { polc: polcOf(1, 0, A) });
    solo.prevote([0, 1, 2], 1, 1, A);
    expect(solo.votes(A)).toEqual([
      ["prevote", 1, "value 0"],
      ["precommit", 1, "value 0"],
    ]);
    return solo.replica.normal.locked?.round;
  };
  expect(raised({})).toBe(1);
  expect(raised(lockRoundKept)).toBe(0);
});

test("T5 the batch of a value that a quorum prevoted is fetched before anything is locked", () => {
  const solo = new Solo();
  solo.host.take();
  solo.receive(0, { kind: "request", request: openOf(9) });
  solo.replica.normal.prevote(NIL);
  solo.prevote([0, 1, 2], 1, 0, A);
  expect(solo.replica.normal.locked).toBeNull();
  const [fetch] = solo.host.takeKind("fetchBatch");
  expect(fetch).toMatchObject({ height: 1, digest: A.digest });
  solo.receive(0, { kind: "batch", height: 1, value: A });
  expect(solo.votes(A)).toEqual([["precommit", 0, "value 0"]]);
});

test("T6 q PREVOTEs for nil, and a timeout after q of any kind, are a PRECOMMIT for nil", () => {
  const solo = new Solo();
  solo.replica.normal.prevote(NIL);
  solo.prevote([0, 1], 1, 0);
  expect(solo.votes()).toEqual([["prevote", 0, "nil"]]);
  solo.prevote([2], 1, 0);
  expect(solo.votes()).toEqual([["precommit", 0, "nil"]]);
  const torn = new Solo();
  torn.propose(1, 0, A);
  torn.prevote([0, 1], 1, 0, A);
  expect(torn.host.timers.has("prevote")).toBe(false);
  torn.prevote([2], 1, 0);
  expect(torn.host.timers.get("prevote")).toBe(25);
  torn.votes();
  torn.timeout("prevote");
  expect(torn.votes(A)).toEqual([["precommit", 0, "nil"]]);
});

test("T6 nil never unlocks", () => {
  const votesForB = (parts: Partial<Parts>) => {
    const solo = lockedOnA(parts);
    solo.replica.normal.prevote(NIL);
    solo.prevote([0, 1, 2], 1, 1);
    solo.precommit([0, 1, 2], 1, 1);
    solo.timeout("precommit");
    solo.votes();
    const C = value(1, 2, 2);
    solo.propose(1, 2, C);
    return solo.votes(A, C)[0]?.[2];
  };
  expect(votesForB({})).toBe("nil");
  expect(() => votesForB(nilUnlocks)).toThrow("a lock lasts as long as its height");
});

test("T8 q PRECOMMITs of one round decide, in whatever round a replica is; of two they do not", () => {
  const late = lockedOnA();
  late.precommit([0, 1, 2], 1, 1, B);
  late.receive(0, { kind: "batch", height: 1, value: B });
  expect(late.height).toBe(2);
  const decides = (parts: Partial<Parts>) => {
    const solo = new Solo(3, {}, { parts });
    solo.propose(1, 0, A);
    solo.precommit([0], 1, 0, A);
    solo.precommit([1, 2], 1, 1, A);
    return solo.height;
  };
  expect(decides({})).toBe(1);
  expect(decides(precommitsAddUp)).toBe(2);
});

test("T8 COMMITTED decides, and needs a quorum of distinct signers and the value that they signed", () => {
  const solo = new Solo();
  const refusal = (signers: number[]) =>
    solo.replica.refuse(0, { kind: "committed", decision: decisionOf(1, A, signers), value: A });
  expect(refusal([0, 1])).toBe("not admitted: decision without a quorum");
  expect(refusal([0, 1, 1])).toBe("not admitted: decision without a quorum");
  expect(() =>
    solo.receive(0, { kind: "committed", decision: decisionOf(1, A), value: B }),
  ).toThrow("no wire form");
  solo.decide(1, A);
  expect(solo.height).toBe(2);
  expect(solo.replica.census().executed).toBe(1);
});

test("T8 the batch of a decided value is fetched, and executed when it comes", () => {
  const solo = new Solo();
  solo.precommit([0, 1, 2], 1, 0, A);
  expect(solo.height).toBe(1);
  expect(solo.host.takeKind("fetchBatch").length).toBe(1);
  solo.receive(1, { kind: "batch", height: 1, value: B });
  expect(solo.height).toBe(1);
  solo.receive(1, { kind: "batch", height: 1, value: A });
  expect(solo.height).toBe(2);
});

test("X9 one message with the largest height or round moves nothing", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const cluster = new TendermintCluster(rotating);
  cluster.operate(1);
  cluster.advance(1000);
  const before = { height: cluster.height(0), entered: cluster.replica(0).census().view };
  for (const [height, round] of [
    [largest, 0],
    [before.height, largest],
    [before.height + 1, largest],
  ] as const) {
    for (const kind of ["prevote", "precommit"] as const) {
      const { digest } = A;
      for (const to of [0, 1, 2]) {
        cluster.inject(3, to, { kind, replica: 3, height, round, digest });
      }
    }
    const early = makeValue(height, round, batchOf([]));
    const position = { replica: 3, height, round, digest: early.digest };
    for (const to of [0, 1, 2]) {
      cluster.inject(3, to, { kind: "proposal", ...position, polc: null, value: early });
      cluster.inject(3, to, { kind: "status", height, round, step: "propose", stable: largest });
    }
  }
  cluster.settle();
  cluster.advance(1000);
  const { view } = cluster.replica(0).census();
  expect([cluster.height(0), view]).toEqual([before.height, before.entered]);
  cluster.operate(8);
  // Each of them takes a height, of which replica 3 proposes every fourth.
  expect(cluster.height(0)).toBeGreaterThanOrEqual(before.height + 8);
  expect(cluster.replica(0).census().view - before.entered).toBeLessThan(16);
});

test("X9 T11 one vote of the largest height has a replica ask for a while, and then it rests", () => {
  const solo = new Solo();
  const tick = () => {
    solo.host.clockMs += 100;
    solo.timeout("tick");
    return (solo.host.timers.get("tick") ?? NaN) - solo.host.now;
  };
  expect(tick()).toBe(100);
  solo.prevote([1], Number.MAX_SAFE_INTEGER, 0, A);
  const pauses = Array.from({ length: 12 }, tick);
  expect(Math.min(...pauses)).toBeLessThan(100);
  expect(pauses.slice(-4)).toEqual([100, 100, 100, 100]);
});

test("T12 a POLC of an earlier round makes a value valid and moves no lock", () => {
  const solo = lockedOnA();
  solo.propose(1, 1, value(1, 3, 1));
  solo.prevote([0, 1, 2], 1, 1);
  solo.precommit([0, 1, 2], 1, 1);
  solo.timeout("precommit");
  expect(solo.round).toBe(2);
  solo.receive(1, { kind: "polc", polc: polcOf(1, 1, B) });
  expect(solo.replica.normal.valid?.round).toBe(1);
  expect(solo.replica.normal.locked).toEqual({ round: 0, digest: A.digest });
  solo.receive(1, { kind: "polc", polc: polcOf(1, 0, A) });
  expect(solo.replica.normal.valid?.round).toBe(1);
});

test("T14 a checkpoint is taken every K heights, and decided heights are kept for one interval more", () => {
  const cluster = new TendermintCluster();
  cluster.operate(14);
  cluster.advance(200);
  const { log } = cluster.replica(0).context;
  const stable = cluster.replica(0).sync.checkpoints.reached.slot;
  expect(stable).toBeGreaterThanOrEqual(12);
  expect(log.get(stable - 4)).toBeUndefined();
  expect(log.get(stable - 3)).toBeDefined();
});

test("T14 others do not go further than one that lags can follow", () => {
  const cluster = new TendermintCluster();
  // Replica 1 keeps its CHECKPOINTs to itself, so that those of all others are needed.
  const isHidden = (from: number, kind: string) =>
    from === 1 && (kind === "checkpoint" || kind === "stable");
  cluster.drops = (from, to, { kind }) => from === 3 || to === 3 || isHidden(from, kind);
  const boxes = Array.from({ length: 20 }, (_, i) => {
    const box = cluster.invoke(CLIENT + i, put("k", `${i}`));
    cluster.runUntil(() => box.result !== undefined, 200);
    return box;
  });
  const { height } = cluster.replica(0).context.log;
  const { checkpoints } = cluster.replica(0).sync;
  expect([height, checkpoints.stable.slot]).toEqual([13, 0]);
  cluster.drops = (from, _to, { kind }) => isHidden(from, kind);
  const done = () => boxes.every(({ result }) => result !== undefined);
  expect(cluster.runUntil(done, 60_000)).toBe(true);
  const heights = () => new Set([0, 1, 2, 3].map((i) => cluster.replica(i).census().executed));
  expect(cluster.runUntil(() => heights().size === 1, 5000)).toBe(true);
});

test("T17 a reply's view names who proposes next, so that a client asks that replica first", () => {
  const cluster = new TendermintCluster();
  cluster.stop(0);
  cluster.operate(3);
  cluster.trace.length = 0;
  cluster.operate(1);
  const asked = cluster.trace.filter(({ message }) => message.kind === "request");
  expect(asked.map(({ to }) => to)).toEqual([1]);
  expect(cluster.sent("reply")[0]?.view).toBe(1000);
});
