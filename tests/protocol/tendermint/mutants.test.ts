// Planted bugs that random faults hardly ever reach, because whoever is left behind is soon sent the
// decision: each is convicted by the one course of events that needs what it lacks, in which the
// rules as they are decide one value.

import { expect, test } from "bun:test";
import type { Parts } from "../../../src/protocol/tendermint/index.ts";
import type { Polc } from "../../../src/protocol/tendermint/certificate.ts";
import type { VoteMessage } from "../../../src/protocol/tendermint/message.ts";
import { NIL, type Value } from "../../../src/protocol/tendermint/value.ts";
import { NO_CERTIFICATE } from "../../../src/protocol/kit/quorum.ts";
import { anyLock, lockRoundKept, nilUnlocks, noLock, noPolc } from "../../mutants/tendermint.ts";
import { unlocked } from "../../mutants/tendermint.ts";
import { polcOf, Solo, value } from "./harness.ts";

type Kind = VoteMessage["kind"];
const LIAR = 3;

/** Three replicas fed by hand at height 1; the fourth, which always proposes, is Byzantine. */
class Hand {
  readonly #solos: Solo[];
  /** What correct replicas voted, by kind, round and replica. */
  readonly #voted = new Map<string, VoteMessage>();

  constructor(parts: Partial<Parts>) {
    this.#solos = [0, 1, 2].map((i) => new Solo(i, { leader: () => LIAR }, { parts }));
  }

  #of(i: number): Solo {
    const solo = this.#solos[i];
    if (solo === undefined) throw new Error(`there is no replica ${i}`);
    return solo;
  }

  #collect(i: number): void {
    for (const { message } of this.#of(i).host.take()) {
      if (message.kind !== "prevote" && message.kind !== "precommit") continue;
      this.#voted.set(`${message.kind} ${message.round} ${i}`, message);
    }
  }

  propose(round: number, proposed: Value, to: number[], polc: Polc | null = null): void {
    for (const i of to) {
      this.#of(i).propose(1, round, proposed, { polc });
      this.#collect(i);
    }
  }

  /** Nobody proposes anything to these in time. */
  prevoteNil(to: number[]): void {
    for (const i of to) {
      this.#of(i).replica.normal.prevote(NIL);
      this.#collect(i);
    }
  }

  /** These get what the others voted, and what the liar says that it did. */
  deliver(kind: Kind, round: number, from: number[], to: number[], lie: Value | null): void {
    for (const i of to) {
      for (const replica of from) {
        const vote = this.#voted.get(`${kind} ${round} ${replica}`);
        if (vote !== undefined) this.#of(i).receive(replica, vote);
      }
      this.#of(i).vote(kind, [LIAR], 1, round, lie ?? undefined);
      this.#collect(i);
    }
  }

  leave(...to: number[]): void {
    for (const i of to) {
      if (this.#of(i).height > 1) continue;
      this.#of(i).timeout("precommit");
      this.#collect(i);
    }
  }

  /** Its timers take a replica to this round. */
  skip(i: number, round: number): void {
    while (this.#of(i).round < round) this.leave(i);
  }

  /** The POLC that the liar can make of the PREVOTEs that were sent. */
  polc(round: number, proposed: Value): Polc {
    const voters = [0, 1, 2].filter((i) => {
      const vote = this.#voted.get(`prevote ${round} ${i}`);
      return vote !== undefined && Buffer.compare(vote.digest, proposed.digest) === 0;
    });
    return polcOf(1, round, proposed, [...voters.slice(0, 2), LIAR]);
  }

  /** How many values were decided at height 1. */
  get decided(): number {
    const digests = this.#solos.flatMap(({ replica }) => {
      const known = replica.context.log.get(1);
      return known === undefined ? [] : [known.value.digest.join()];
    });
    return new Set(digests).size;
  }
}

const A = value(1, 1);

/** All are locked on A, and 0 alone hears that it is decided; the others leave round 0. */
function decidedByOne(parts: Partial<Parts>): Hand {
  const hand = new Hand(parts);
  hand.propose(0, A, [0, 1, 2]);
  hand.deliver("prevote", 0, [0, 1, 2], [0, 1, 2], A);
  hand.deliver("precommit", 0, [0, 1, 2], [0], A);
  hand.deliver("precommit", 0, [1, 2], [1, 2], null);
  hand.leave(1, 2);
  expect(hand.decided).toBe(1);
  return hand;
}

/** The liar proposes another value to the two, and votes for it. */
function decideOther(hand: Hand, round: number, other: Value, polc: Polc | null): number {
  hand.propose(round, other, [1, 2], polc);
  hand.deliver("prevote", round, [1, 2], [1, 2], other);
  hand.deliver("precommit", round, [1, 2], [1, 2], other);
  return hand.decided;
}

test("T3 without a lock, or one that counts for new values, two values are decided within two rounds", () => {
  const run = (parts: Partial<Parts>) => decideOther(decidedByOne(parts), 1, value(1, 2, 1), null);
  expect(run({})).toBe(1);
  for (const parts of [noLock, unlocked, anyLock]) expect(run(parts)).toBe(2);
});

test("T4 if a valid round is believed without its POLC two values are decided within two rounds", () => {
  const B = value(1, 2);
  const polc = { height: 1, round: 0, digest: B.digest, prevotes: NO_CERTIFICATE };
  const run = (parts: Partial<Parts>) => decideOther(decidedByOne(parts), 1, B, polc);
  expect(run({})).toBe(1);
  expect(run(noPolc)).toBe(2);
});

test("T6 if nil unlocks two values are decided within three rounds, unless the replica stops before", () => {
  const run = (parts: Partial<Parts>) => {
    const hand = decidedByOne(parts);
    hand.prevoteNil([1, 2]);
    hand.deliver("prevote", 1, [1, 2], [1, 2], null);
    hand.deliver("precommit", 1, [1, 2], [1, 2], null);
    hand.leave(1, 2);
    return decideOther(hand, 2, value(1, 2, 2), null);
  };
  expect(run({})).toBe(1);
  expect(() => run(nilUnlocks)).toThrow("a lock lasts as long as its height");
});

test("T5 if the locked round does not rise with the same value two are decided within four rounds", () => {
  const run = (parts: Partial<Parts>) => {
    const hand = new Hand(parts);
    const B = value(1, 2, 1);
    // 1 alone is locked on A in round 0.
    hand.propose(0, A, [0, 1, 2]);
    hand.deliver("prevote", 0, [0, 1, 2], [1], A);
    for (const i of [0, 1, 2]) hand.skip(i, 1);
    // 0 and 2 PREVOTE B in round 1, which the liar alone hears.
    hand.propose(1, B, [0, 1, 2]);
    const polcOfB = hand.polc(1, B);
    for (const i of [0, 1, 2]) hand.skip(i, 2);
    // A again: 0 and 1 are locked in round 2, and 0 decides.
    hand.propose(2, A, [0, 1, 2], hand.polc(0, A));
    hand.deliver("prevote", 2, [0, 1, 2], [0, 1], A);
    hand.deliver("precommit", 2, [0, 1], [0], A);
    expect(hand.decided).toBe(1);
    for (const i of [1, 2]) hand.skip(i, 3);
    return decideOther(hand, 3, B, polcOfB);
  };
  expect(run({})).toBe(1);
  expect(run(lockRoundKept)).toBe(2);
});
