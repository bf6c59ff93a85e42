// Rounds: timers, what takes a replica to a later one, and what takes the place of gossip.

import { expect, setDefaultTimeout, test } from "bun:test";
import { tendermint } from "../../../src/protocol/tendermint/index.ts";
import type { Parts } from "../../../src/protocol/tendermint/index.ts";
import { NIL } from "../../../src/protocol/tendermint/value.ts";
import { joinsNobody, precommitsOnly, roundOnly } from "../../mutants/tendermint.ts";
import { openOf } from "../../support/requests.ts";
import { CLIENT, polcOf, rotating, Solo, TendermintCluster, value } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const A = value(1, 1);

test("T7 q PRECOMMITs of this round or later start a timer, which ends the round", () => {
  const solo = new Solo();
  solo.precommit([0, 1], 1, 0);
  expect(solo.host.timers.has("precommit")).toBe(false);
  solo.precommit([2], 1, 1);
  expect(solo.host.timers.get("precommit")).toBe(25);
  solo.timeout("precommit");
  expect(solo.round).toBe(1);
});

test("T9 votes of f + 1 signers in later rounds take a replica to the highest that f + 1 reached", () => {
  const solo = new Solo();
  solo.prevote([0], 1, 7);
  expect(solo.round).toBe(0);
  solo.precommit([1], 1, 5);
  expect(solo.round).toBe(5);
  expect(solo.votes()).toEqual([]);
  solo.prevote([1], 1, 6);
  expect(solo.round).toBe(6);
});

/**
 * How long it takes three replicas to decide, of which one is five rounds behind the two others and
 * all are needed, in view timeouts.
 */
function laggard(parts: Partial<Parts>): number {
  const cluster = new TendermintCluster({}, { parts });
  cluster.stop(3);
  for (const i of [0, 1]) cluster.replica(i).rounds.enter(5);
  for (const i of [0, 1, 2]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(1) });
  const before = cluster.nowMs;
  expect(cluster.runUntil(() => cluster.height(2) > 1, 100_000)).toBe(true);
  return (cluster.nowMs - before) / 100;
}

test("T9 a replica that is five rounds behind, and needed, does not wait for all of them", () => {
  const joined = laggard({});
  expect(laggard(joinsNobody)).toBeGreaterThan(joined + 10);
});

test("T10 a round's time doubles up to sixteen view timeouts, and only a reason for it starts timeoutPropose", () => {
  const solo = new Solo();
  expect(solo.host.timers.has("propose")).toBe(false);
  solo.receive(CLIENT, { kind: "request", request: openOf(1) });
  expect(solo.host.timers.get("propose")).toBe(50);
  expect(solo.replica.census().viewTimerMs).toBe(100);
  solo.timeout("propose");
  expect(solo.votes()).toEqual([["prevote", 0, "nil"]]);
  solo.prevote([0, 1], 1, 2);
  expect([solo.round, solo.replica.census().viewTimerMs]).toEqual([2, 400]);
  expect(solo.host.timers.get("propose")).toBe(200);
  solo.prevote([0, 1], 1, 9);
  expect(solo.replica.census().viewTimerMs).toBe(1600);
});

test("T11 who PRECOMMITs nil is shown the POLC of that round once, whichever comes first", () => {
  const after = new Solo();
  after.propose(1, 0, A);
  after.prevote([0, 1, 2], 1, 0, A);
  after.precommit([2], 1, 0);
  const before = new Solo();
  before.propose(1, 0, A);
  before.precommit([2], 1, 0);
  before.prevote([0, 1, 2], 1, 0, A);
  for (const solo of [after, before]) {
    const shown = solo.host.sent.filter(({ message }) => message.kind === "polc");
    expect(shown.map(({ to }) => to)).toEqual([2]);
    expect(shown[0]?.message).toMatchObject({ polc: { round: 0, digest: A.digest } });
  }
});

test("T11 a vote of a height that was decided a while ago is answered with the decision, at times", () => {
  const solo = new Solo();
  solo.decide(1, A);
  const heard = () => {
    solo.prevote([2], 1, 1);
    return solo.host.takeKind("committed").length;
  };
  expect(heard()).toBe(0);
  solo.host.clockMs = 7;
  expect(heard()).toBe(1);
  expect(heard()).toBe(0);
  solo.host.clockMs = 14;
  expect(heard()).toBe(1);
});

test("T11 STATUS is answered with own votes, the proposal, the POLC, and what was decided", () => {
  const solo = new Solo();
  solo.decide(1, value(1, 5));
  const next = value(2, 1);
  solo.propose(2, 0, next);
  const { digest } = next;
  solo.receive(3, { kind: "prevote", replica: 3, height: 2, round: 0, digest });
  solo.prevote([0, 1], 2, 0, next);
  solo.host.take();
  const answers = (height: number, round: number) => {
    const at = { height, round, step: "propose", stable: 0 } as const;
    solo.receive(2, { kind: "status", ...at });
    return solo.host.take().map(({ to, message }) => [to, message.kind]);
  };
  expect(answers(2, 0)).toEqual([
    [2, "proposal"],
    [2, "polc"],
    [2, "prevote"],
  ]);
  expect(answers(1, 0)).toEqual([[2, "committed"]]);
});

test("T11 a replica that missed everything catches up, though nothing else happens", () => {
  const cluster = new TendermintCluster();
  cluster.drops = (from, to) => from === 3 || to === 3;
  cluster.operate(3);
  cluster.drops = () => false;
  const same = () => cluster.height(3) === cluster.height(0);
  expect(same()).toBe(false);
  expect(cluster.runUntil(same, 1000)).toBe(true);
});

/** How long an operation takes whose first PRECOMMITs are all lost, after so many others. */
function afterLoss(count: number): number {
  const cluster = new TendermintCluster();
  cluster.operate(count);
  // It rests, so that a tick comes only when there is something to do.
  cluster.advance(2 * cluster.config.viewTimeoutMs);
  const lost = new Set<string>();
  cluster.drops = (from, to, { kind }) => {
    if (kind !== "precommit" || lost.has(`${from} ${to}`)) return false;
    lost.add(`${from} ${to}`);
    return true;
  };
  const sinceMs = cluster.nowMs;
  cluster.operate(1);
  expect(lost.size).toBeGreaterThan(0);
  return cluster.nowMs - sinceMs;
}

test("T11 what was lost is asked for when heights seldom take as long, which the first ones tell", () => {
  const { viewTimeoutMs } = new TendermintCluster().config;
  expect(afterLoss(0)).toBeCloseTo(viewTimeoutMs / 8);
  expect(afterLoss(20)).toBeLessThan(viewTimeoutMs / 16);
});

/**
 * Four replicas, of which 3 is Byzantine and sent its votes of round 0 to 0 alone, and its PREVOTE
 * to 1 as well; the PREVOTE of 0 to 2 is lost. How far they are after some time.
 */
function displaced(parts: Partial<Parts>): number[] {
  const cluster = new TendermintCluster({ leader: () => 3 }, { parts });
  cluster.stop(3);
  cluster.drops = (from, to, { kind }) =>
    kind === "status" || (kind === "prevote" && from === 0 && to === 2);
  const vote = (to: number, kind: "prevote" | "precommit") =>
    cluster.inject(3, to, { kind, replica: 3, height: 1, round: 0, digest: NIL });
  for (const i of [0, 1, 2]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(1) });
  cluster.settle();
  vote(0, "prevote");
  vote(0, "precommit");
  vote(1, "prevote");
  cluster.advance(200);
  cluster.drops = () => false;
  cluster.advance(20_000);
  return [0, 1, 2].map((i) => cluster.replica(i).rounds.round);
}

test("T7 votes of later rounds that displaced earlier ones count for timers, or all stand still", () => {
  expect(Math.min(...displaced({}))).toBeGreaterThan(3);
  expect(Math.min(...displaced(roundOnly))).toBe(0);
});

/**
 * Replica 0 is Byzantine and sends its votes of round 0 to 1 alone, which leaves that round by them
 * before it has PRECOMMITted itself. The rounds of the others after some time.
 */
function leftBehind(parts: Partial<Parts>): number[] {
  const cluster = new TendermintCluster({ leader: () => 0 }, { parts });
  cluster.stop(0);
  // Replica 1 hears no PREVOTE of round 0, so that it PRECOMMITs nothing there.
  cluster.drops = (_from, to, message) =>
    message.kind === "status" || (to === 1 && message.kind === "prevote");
  const vote = (to: number, kind: "prevote" | "precommit") =>
    cluster.inject(0, to, { kind, replica: 0, height: 1, round: 0, digest: NIL });
  for (const i of [1, 2, 3]) cluster.inject(CLIENT, i, { kind: "request", request: openOf(1) });
  cluster.advance(55);
  vote(2, "prevote");
  vote(3, "prevote");
  vote(1, "precommit");
  cluster.advance(150);
  cluster.drops = () => false;
  cluster.advance(20_000);
  return [1, 2, 3].map((i) => cluster.replica(i).rounds.round);
}

test("T7 who PREVOTEs in a later round has left this one, or those that are behind stand still", () => {
  expect(Math.min(...leftBehind({}))).toBeGreaterThan(3);
  expect(leftBehind(precommitsOnly)).toEqual([1, 0, 0]);
});

test("T13 who proposes while leaving a request out gets nil in round 0 until the turn moves", () => {
  const solo = new Solo();
  solo.receive(CLIENT, { kind: "request", request: openOf(7) });
  solo.votes();
  const decideNext = () => {
    const { height } = solo;
    const next = value(height, 0);
    solo.propose(height, 0, next);
    const [first] = solo.votes(next);
    solo.decide(height, next);
    return first?.[2];
  };
  expect(decideNext()).toBe("value 0");
  solo.host.clockMs = 401;
  expect(decideNext()).toBe("nil");
  const { height } = solo;
  solo.decide(height, value(height, 0, 1));
  expect(solo.replica.context.proposers.turn).toBe(1);
  expect(decideNext()).toBe("value 0");
  const other = new Solo(3, rotating);
  other.receive(CLIENT, { kind: "request", request: openOf(7) });
  other.host.clockMs = 401;
  other.votes();
  other.propose(1, 0, A);
  expect(other.votes(A)).toEqual([["prevote", 0, "value 0"]]);
});

test("T13 where each height has another proposer, one that failed is not waited for", () => {
  const cluster = new TendermintCluster(rotating);
  cluster.operate(2);
  cluster.stop(0);
  const lasted = (count: number) => {
    const before = cluster.nowMs;
    cluster.operate(count);
    return cluster.nowMs - before;
  };
  // The first time it costs a round.
  expect(lasted(4)).toBeGreaterThan(50);
  expect(lasted(40)).toBeLessThan(50);
  // It comes back, and is waited for again when it has proposed often enough.
  cluster.start(0);
  const back = () => cluster.replica(0).census().phase === "running";
  expect(cluster.runUntil(back, 5000)).toBe(true);
  cluster.operate(80);
  const entered = cluster.replica(1).rounds.entered;
  const height = cluster.height(1);
  cluster.operate(12);
  expect(cluster.replica(1).rounds.entered - entered).toBe(cluster.height(1) - height);
});

test("T18 with its proposer dead a cluster loses one round, and then goes on with the next one", () => {
  const cluster = new TendermintCluster();
  cluster.operate(2);
  cluster.stop(0);
  const before = cluster.nowMs;
  cluster.operate(1);
  expect(cluster.nowMs - before).toBeLessThan(300);
  const entered = cluster.replica(1).rounds.entered;
  const height = cluster.height(1);
  cluster.operate(10);
  expect(cluster.replica(1).rounds.entered - entered).toBe(cluster.height(1) - height);
});

test("T19 Twins see a message's height and round, and a census whose view never falls", () => {
  const { simulation } = tendermint;
  const vote = { kind: "prevote", replica: 0, height: 3, round: 2, digest: NIL } as const;
  expect(simulation?.viewOf?.(vote)).toBe(5);
  expect(simulation?.timeOf?.(vote)).not.toBe(
    simulation?.timeOf?.({ ...vote, height: 4, round: 1 }),
  );
  expect(simulation?.moves?.(vote)).toBe(true);
  expect(simulation?.moves?.({ ...vote, digest: A.digest })).toBe(false);
  expect(simulation?.viewOf?.({ kind: "polc", polc: polcOf(1, 0, A) })).toBeNull();
  const solo = new Solo();
  solo.prevote([0, 1], 1, 4);
  const before = solo.replica.census().view;
  solo.decide(1, A);
  expect(solo.replica.census()).toMatchObject({ view: before + 1, committed: 1 });
});
