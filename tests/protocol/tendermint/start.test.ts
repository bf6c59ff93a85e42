// Replicas that start without a memory: for the first time, or after they lost it.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Parts } from "../../../src/protocol/tendermint/index.ts";
import type { Value } from "../../../src/protocol/tendermint/value.ts";
import { noNonce, takesPartInC, takesPartInNext } from "../../mutants/tendermint.ts";
import {
  decisionOf,
  polcOf,
  positionAt,
  Solo,
  TendermintCluster,
  value,
  type Voted,
} from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

test("X14 T15 without its memory a replica signs nothing but RECOVER until it has recovered", () => {
  const cluster = new TendermintCluster();
  cluster.operate(6);
  const signed: string[] = [];
  let recovered = false;
  cluster.drops = (from, _to, { kind }) => {
    recovered ||= cluster.replica(3).census().phase === "running";
    const own = ["proposal", "prevote", "precommit", "checkpoint"].includes(kind);
    if (from === 3 && own && !recovered) signed.push(kind);
    return false;
  };
  cluster.stop(3);
  cluster.advance(50);
  const height = cluster.height(0);
  cluster.start(3);
  expect(cluster.runUntil(() => cluster.replica(3).census().phase === "running", 5000)).toBe(true);
  expect(cluster.replica(3).census().recovered).toBe(true);
  expect(signed).toEqual([]);
  // Nobody asked for anything: heights were decided for it, and no more than it needs.
  expect(cluster.height(3)).toBe(height + 2);
  cluster.advance(500);
  expect(Math.max(...[0, 1, 2, 3].map((i) => cluster.height(i)))).toBe(height + 3);
  // Its vote is needed now.
  cluster.stop(0);
  cluster.operate(3);
});

/** A replica without memory that is answered from heights 3, 3 and 2, and then gets decisions. */
function recovering(parts: Partial<Parts>, rightNonce = true): number {
  const solo = new Solo(3, {}, { started: false, parts });
  const own = solo.learns();
  const nonce = rightNonce ? own : new Uint8Array(16);
  const values = [1, 2, 3, 4, 5].map((height) => value(height, height));
  const at = (height: number) => positionAt(height, values[height - 2] ?? value(0, 0));
  for (const [replica, height] of [
    [0, 3],
    [1, 3],
    [2, 2],
  ] as const) {
    solo.answer(replica, nonce, at(height));
  }
  for (const [i, decided] of values.entries()) {
    if (solo.running) return solo.height;
    solo.decide(i + 1, decided);
  }
  return -1;
}

test("T15 it takes part in heights above C + 1 only, C the highest that an answer proves", () => {
  expect(recovering({})).toBe(5);
  expect(recovering(takesPartInNext)).toBe(4);
  expect(recovering(takesPartInC)).toBe(3);
});

test("X14 answers to another question tell it nothing", () => {
  expect(recovering({}, false)).toBe(-1);
  expect(recovering(noNonce, false)).toBe(5);
});

test("T15 an answer whose height nothing proves is refused", () => {
  const solo = new Solo(3, {}, { started: false });
  const nonce = solo.learns();
  const refusal = (position: ReturnType<typeof positionAt>) =>
    solo.replica.refuse(0, { kind: "answer", replica: 0, to: 3, nonce, position });
  const decided = value(1, 1);
  const right = positionAt(2, decided);
  const few = { ...right, decision: decisionOf(1, decided, [0, 1]) };
  expect(refusal(few)).toBe("not admitted: answer that proves nothing");
  expect(refusal(right)).toBeNull();
  expect(refusal({ ...right, height: 3 })).toBe("not admitted: answer that proves nothing");
  expect(refusal({ ...right, decision: null })).toBe("not admitted: answer that proves nothing");
});

test("X15 in no run yet, a replica takes nothing but what concerns its start", () => {
  const solo = new Solo(3, {}, { started: false });
  solo.propose(1, 0, value(1, 1));
  const vote = { kind: "prevote", replica: 0, height: 1, round: 0, digest: value(1, 1).digest };
  expect(solo.replica.refuse(0, { ...vote, kind: "prevote" })).toBe(
    "not admitted: this replica is starting",
  );
  expect(solo.host.sent).toEqual([]);
});

const voters = (votes: Map<number, Voted[]>, kind: string, round: number, what: string) =>
  [...votes]
    .filter(([, all]) => all.some((v) => v.join() === [kind, round, what].join()))
    .map(([i]) => i);

/** Replicas fed by hand, of which the last is Byzantine. */
class Forgetful {
  readonly solos: Solo[] = [];
  /** What each voted at the height that is watched. */
  readonly votes = new Map<number, Voted[]>();
  readonly #parts: Partial<Parts>;
  readonly #n: number;
  readonly #leader: (view: number) => number;

  constructor(
    n: number,
    correct: number,
    { parts, leader }: { parts: Partial<Parts>; leader: (view: number) => number },
  ) {
    this.#n = n;
    this.#leader = leader;
    this.#parts = parts;
    for (let i = 0; i < correct; i++) this.solos.push(this.#make(i, true));
  }

  #make(self: number, started: boolean): Solo {
    const config = { n: this.#n, f: Math.floor((this.#n - 1) / 3), leader: this.#leader };
    return new Solo(self, config, { started, parts: this.#parts });
  }

  of(i: number): Solo {
    const solo = this.solos[i];
    if (solo === undefined) throw new Error(`there is no replica ${i}`);
    return solo;
  }

  /** Loses its memory; is answered by these, each where it is, and by liars from height 1. */
  forget(i: number, by: number[], liars: number[], decided: Value): void {
    const solo = (this.solos[i] = this.#make(i, false));
    const nonce = solo.learns();
    for (const replica of by)
      solo.answer(replica, nonce, positionAt(this.of(replica).height, decided));
    for (const replica of liars) solo.answer(replica, nonce, positionAt(1, decided));
  }

  collect(i: number, ...values: Value[]): void {
    this.votes.set(i, [...(this.votes.get(i) ?? []), ...this.of(i).votes(...values)]);
  }
}

/**
 * Seven replicas, 6 of them Byzantine and proposing. 0 and 1 are at height 2 before the others,
 * prevote A there, and lose their memory one after another; those that answer are at height 1.
 * Which replicas prevoted A and which B in round 0.
 */
function prevotesOfTwo(parts: Partial<Parts>): [number[], number[]] {
  const group = new Forgetful(7, 6, { parts, leader: () => 6 });
  const first = value(1, 1);
  const [A, B] = [value(2, 2), value(2, 3)];
  const all = [0, 1, 2, 3, 4, 5];
  const decide = (i: number) => group.of(i).decideWith(1, first, [0, 1, 2, 3, 6]);
  const propose = (i: number, proposed: Value) => {
    group.of(i).propose(2, 0, proposed, { replica: 6 });
    group.collect(i, A, B);
  };
  for (const i of [0, 1]) {
    decide(i);
    propose(i, A);
  }
  for (const i of [0, 1]) {
    group.forget(i, [2, 3, 4, 5], [6], first);
    decide(i);
    propose(i, B);
  }
  for (const i of [2, 3, 4, 5]) decide(i);
  for (const i of [2, 3]) propose(i, A);
  for (const i of [4, 5]) propose(i, B);
  expect(all.every((i) => group.of(i).height === 2)).toBe(true);
  return [
    voters(group.votes, "prevote", 0, "value 0"),
    voters(group.votes, "prevote", 0, "value 1"),
  ];
}

test("T16 of seven replicas two that forget make no second POLC of a round, and would above C alone", () => {
  // With the liar's vote five are a quorum.
  expect(prevotesOfTwo({})).toEqual([
    [0, 1, 2, 3],
    [4, 5],
  ]);
  expect(prevotesOfTwo(takesPartInNext)).toEqual([
    [0, 1, 2, 3],
    [0, 1, 4, 5],
  ]);
});

/**
 * Four replicas, nobody lies. 0, 1 and 2 are locked on A at height 1 and have PRECOMMITted it; 0 and
 * 1 lose their memory one after another. Who PRECOMMITs B in the next round.
 */
function precommitsOfB(parts: Partial<Parts>): number[] {
  const group = new Forgetful(4, 4, { parts, leader: (view) => (view === 0 ? 3 : 2) });
  const [A, B] = [value(1, 1), value(1, 2, 1)];
  for (const i of [0, 1, 2]) {
    group.of(i).propose(1, 0, A, { replica: 3 });
    group.of(i).prevote([0, 1, 2], 1, 0, A);
    group.collect(i, A, B);
  }
  expect(voters(group.votes, "precommit", 0, "value 0")).toEqual([0, 1, 2]);
  for (const i of [0, 1])
    group.forget(
      i,
      [0, 1, 2, 3].filter((k) => k !== i),
      [],
      A,
    );
  for (const i of [0, 1, 3]) {
    const solo = group.of(i);
    solo.prevote([0, 1, 2, 3].filter((k) => k !== i).slice(0, 2), 1, 1, B);
    solo.propose(1, 1, B, { replica: 2 });
    solo.prevote([0, 1, 3], 1, 1, B);
    group.collect(i, A, B);
  }
  return voters(group.votes, "precommit", 1, "value 1");
}

test("T16 of four replicas two that forget their locks decide nothing else, and would at height C", () => {
  expect(precommitsOfB({})).toEqual([3]);
  expect(precommitsOfB(takesPartInC)).toEqual([0, 1, 3]);
});

test("T4 a proof of another height proves nothing of this one", () => {
  const solo = new Solo();
  const polc = polcOf(2, 0, value(2, 1));
  expect(solo.replica.refuse(0, { kind: "polc", polc })).toBe(
    "not admitted: POLC of another height",
  );
});
