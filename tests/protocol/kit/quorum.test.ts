// Quorums, votes and certificates.

import { expect, test } from "bun:test";
import type { Quorums } from "../../../src/actor.ts";
import { protocols, smallestCluster, toleratedFaults } from "../../../src/protocol/index.ts";
import {
  byzantineQuorums,
  certificateOf,
  crashQuorums,
  hasSigners,
  majorityOf,
  quorumsOf,
  Votes,
  type Vote,
} from "../../../src/protocol/kit/quorum.ts";

test("quorums are ceil((n + f + 1) / 2), and any two share a correct replica", () => {
  const table = [
    [1, 0, 1],
    [4, 1, 3],
    [5, 1, 4],
    [6, 1, 4],
    [7, 2, 5],
    [10, 3, 7],
  ] as const;
  for (const [n, f, quorum] of table) {
    expect(quorumsOf({ n, f })).toEqual({ n, f, quorum, weak: f + 1 });
    expect(2 * quorum - n).toBeGreaterThan(f);
    // The correct ones are enough to make one.
    expect(n - f).toBeGreaterThanOrEqual(quorum);
  }
  expect(byzantineQuorums(3, 1)).toBeNull();
  expect(() => quorumsOf({ n: 3, f: 1 })).toThrow();
});

test("clusters are as large as their protocol asks for its faults", () => {
  const majority = (n: number, f: number): Quorums | null =>
    n < 2 * f + 1 ? null : { n, f, quorum: Math.floor(n / 2) + 1, weak: 1 };
  const crash = { faults: "crash", quorums: majority } as const;
  expect([0, 1, 2].map((f) => smallestCluster(crash, f).n)).toEqual([1, 3, 5]);
  expect([1, 2, 3, 4, 5].map((n) => toleratedFaults(crash, n))).toEqual([0, 0, 1, 1, 2]);
  const byzantine = { faults: "byzantine", quorums: byzantineQuorums } as const;
  expect([0, 1, 2].map((f) => smallestCluster(byzantine, f).n)).toEqual([1, 4, 7]);
  expect([1, 4, 6, 7].map((n) => toleratedFaults(byzantine, n))).toEqual([0, 1, 1, 2]);
  expect(() => smallestCluster(byzantine, 86)).toThrow("no cluster tolerates 86 faults");
  const quorums = (n: number, f: number) => (n >= 3 && f === 0 ? majority(n, f) : null);
  const none = { faults: "none", quorums } as const;
  expect(smallestCluster(none, 1)).toMatchObject({ n: 3, f: 0 });
  expect(toleratedFaults(none, 9)).toBe(0);
});

test.each([...protocols])("any two quorums of %s share a replica that is not faulty", (_, one) => {
  for (let n = 1; n <= 16; n++) {
    for (let f = 0; f <= n; f++) {
      const quorums = one.quorums(n, f);
      if (quorums === null) continue;
      const { quorum, weak } = quorums;
      const lies = one.faults === "byzantine" ? f : 0;
      expect(2 * quorum - n).toBeGreaterThan(lies);
      expect(weak).toBeGreaterThan(lies);
      expect(n - f).toBeGreaterThanOrEqual(Math.max(quorum, weak));
    }
  }
});

test("FW2 where nobody lies a majority is a quorum, and one is enough to be believed", () => {
  for (const [n, f, quorum] of [
    [3, 1, 2],
    [4, 1, 3],
    [5, 2, 3],
    [6, 2, 4],
    [7, 3, 4],
  ] as const) {
    expect(majorityOf({ n, f })).toEqual({ n, f, quorum, weak: 1 });
    expect(2 * quorum - n).toBeGreaterThan(0);
    // With f of them down a quorum is left.
    expect(n - f).toBeGreaterThanOrEqual(quorum);
    expect(crashQuorums(2 * f, f)).toBeNull();
  }
  expect(() => majorityOf({ n: 4, f: 2 })).toThrow("fewer than 2f + 1 replicas");
});

function vote(replica: number, view: number, text: string): Vote {
  const digest = new Uint8Array(Buffer.from(text));
  return { replica, view, digest, seal: { signer: replica, signed: digest, signature: digest } };
}

test("X3 each signer has one vote, of its highest view", () => {
  const votes = new Votes(4);
  expect(votes.add(vote(1, 3, "a"))).toBe(true);
  expect(votes.add(vote(1, 3, "b"))).toBe(false);
  expect(votes.add(vote(1, 2, "a"))).toBe(false);
  expect(votes.add(vote(4, 3, "a"))).toBe(false);
  expect(votes.matching(3, vote(0, 0, "a").digest).length).toBe(1);
  expect(votes.add(vote(1, 4, "b"))).toBe(true);
  expect(votes.matching(3, vote(0, 0, "a").digest).length).toBe(0);
  expect(votes.size).toBe(1);
});

test("votes match by view and digest, without one signer if need be", () => {
  const votes = new Votes(4);
  for (const one of [vote(0, 1, "a"), vote(1, 1, "a"), vote(2, 1, "b"), vote(3, 2, "a")]) {
    votes.add(one);
  }
  const { digest } = vote(0, 0, "a");
  expect(votes.matching(1, digest).map(({ replica }) => replica)).toEqual([0, 1]);
  expect(votes.matching(1, digest, 0).map(({ replica }) => replica)).toEqual([1]);
});

test("X3 a certificate has as many distinct signers as it must, and nobody twice", () => {
  const certificate = certificateOf([vote(2, 1, "a"), vote(0, 1, "a"), vote(1, 1, "a")], 2);
  expect(certificate.signers).toEqual([2, 0]);
  expect(hasSigners(certificate, 2)).toBe(true);
  expect(hasSigners(certificate, 3)).toBe(false);
  expect(hasSigners({ signers: [1, 1, 1], blocks: [] }, 2)).toBe(false);
  expect(hasSigners({ signers: [0, 1, 1], blocks: [] }, 2)).toBe(false);
});
