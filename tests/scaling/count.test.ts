// Counts of the simulator are those that follow from the protocols' rules by hand, and exactly so:
// what starting and ending a run costs cancels out.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Counts } from "../../src/scaling/counts.ts";
import { protocols } from "../../src/protocol/index.ts";
import { countOperations, type CountOptions } from "../../src/scaling/count.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const BATCH = 10;

function count(mode: string, options: Partial<CountOptions> = {}): Counts {
  const protocol = protocols.get(mode);
  if (protocol === undefined) throw new Error(`no protocol ${mode}`);
  return countOperations({
    subject: subjectOf(mode, protocol),
    f: 1,
    signature: "each",
    batch: BATCH,
    batches: 4,
    multicast: false,
    protocolOptions: new Map(),
    opSize: 0,
    ...options,
  });
}

/** Messages a batch, of each kind but request and reply. */
function ordering({ kinds, batch }: Counts): { [kind: string]: number } {
  const { request: _request, reply: _reply, ...others } = kinds;
  return Object.fromEntries(
    Object.entries(others).map(([kind, perOp]) => [kind, rounded(perOp * batch)]),
  );
}

/** Sums of shares are not exact in binary. */
const rounded = (value: number): number => Math.round(value * 1e9) / 1e9;

test("more clients are counted than replicas open sessions for at once", () => {
  const { clients, kinds } = count("pbft", { batch: 100, batches: 2, signature: "batch" });
  expect(clients).toBe(600);
  expect(kinds["request"]).toBe(1);
});

for (const [mode, { faults, sequenced, hasFastPath }] of protocols) {
  test(`${mode} is counted the same each time`, () => {
    const counts = count(mode, { signature: "batch" });
    expect(count(mode, { signature: "batch" })).toEqual(counts);
    if (sequenced !== undefined) {
      // Each operation is sent to the sequencer, and its batch from there to all.
      expect(rounded(counts.kinds["sequenced"] ?? 0)).toBe(rounded(1 + counts.n / BATCH));
      expect(counts.kinds["slotReply"]).toBe(counts.n);
      return;
    }
    expect(counts.kinds["request"]).toBe(1);
    if (hasFastPath === true) return expect(counts.kinds["specReply"]).toBe(counts.n);
    // Where nobody lies one replica's word is enough.
    expect(counts.kinds["reply"]).toBe(faults === "crash" ? 1 : counts.n);
  });

  test(`${mode}: what one party sends, another gets`, () => {
    const { total } = count(mode);
    expect(rounded(total.messages)).toBe(rounded(total.received));
    expect(rounded(total.packetsOut)).toBe(rounded(total.packetsIn));
    expect(rounded(total.bytesOut)).toBe(rounded(total.bytesIn));
  });

  test(`${mode}: a byte more in an operation is a byte more in the request`, () => {
    const [small, large] = [100, 200].map((opSize) => count(mode, { opSize }));
    expect((large?.client.bytesOut ?? 0) - (small?.client.bytesOut ?? 0)).toBe(100);
  });
}

describe("unreplicated", () => {
  test("takes a request and a reply, and signs one of them if told", () => {
    const { total, leader, client } = count("unreplicated");
    expect([leader.messages, client.messages, total.messages]).toEqual([1, 1, 2]);
    expect([total.signed, total.verified, total.cached]).toEqual([0, 0, 0]);
    const signed = count("unreplicated-signed");
    expect([signed.leader.signed, signed.leader.roots, signed.client.verified]).toEqual([1, 1, 1]);
  });
});

describe("tendermint", () => {
  test("sends a proposal, and prevotes and precommits to all, and nothing beside", () => {
    const counts = count("tendermint");
    expect(ordering(counts)).toEqual({ proposal: 3, prevote: 12, precommit: 12 });
    expect(rounded(counts.total.signed * BATCH)).toBe(1 + 4 + 4 + 4 * BATCH);
    const perBatch = (perOp: number) => rounded(perOp * BATCH);
    // Two of three prevotes and two of three precommits of others complete the quorums.
    for (const [{ verified }, proposals] of [
      [counts.leader, 0],
      [counts.follower, 1],
    ] as const) {
      expect(perBatch(verified)).toBeGreaterThanOrEqual(proposals + 2 + 2);
      expect(perBatch(verified)).toBeLessThanOrEqual(proposals + 3 + 3);
    }
  });
});

describe("pbft", () => {
  test("sends pre-prepare, prepare and commit as in OSDI '99, figure 1", () => {
    const counts = count("pbft");
    expect(ordering(counts)).toEqual({ prePrepare: 3, prepare: 9, commit: 12 });
    // One pre-prepare, three prepares, four commits, and a reply of each replica for each request.
    expect(rounded(counts.total.signed * BATCH)).toBe(1 + 3 + 4 + 4 * BATCH);
    expect(counts.total.roots).toBe(counts.total.signed);
  });

  test("sends a packet to all where the network copies it", () => {
    const counts = count("pbft", { multicast: true });
    expect(ordering(counts)).toEqual({ prePrepare: 3, prepare: 9, commit: 12 });
    const perBatch = (perOp: number) => rounded(perOp * BATCH);
    // Each replica sends two packets to all, and its replies.
    expect(perBatch(counts.leader.packetsOut)).toBe(2 + BATCH);
    expect(perBatch(counts.follower.packetsOut)).toBe(2 + BATCH);
    expect(perBatch(counts.leader.packetsIn)).toBe(BATCH + 3 + 3);
    expect(perBatch(counts.follower.packetsIn)).toBe(1 + 2 + 3);
  });

  test("checks no more signatures than come, and no fewer than certificates need", () => {
    const { leader, follower, client } = count("pbft");
    const perBatch = (perOp: number) => rounded(perOp * BATCH);
    // Two of three prepares and two of three commits of others complete the primary's quorums.
    expect(perBatch(leader.verified)).toBeGreaterThanOrEqual(2 + 2);
    expect(perBatch(leader.verified)).toBeLessThanOrEqual(3 + 3);
    // A backup has a prepare of its own.
    expect(perBatch(follower.verified)).toBeGreaterThanOrEqual(1 + 1 + 2);
    expect(perBatch(follower.verified)).toBeLessThanOrEqual(1 + 2 + 3);
    expect(client.verified).toBeGreaterThanOrEqual(2);
    expect(client.verified).toBeLessThanOrEqual(4);
  });

  test("grows with the square of n", () => {
    for (const f of [1, 2, 3, 5]) {
      const counts = count("pbft", { f });
      const { n } = counts;
      const sum = Object.values(ordering(counts)).reduce((a, b) => a + b, 0);
      expect({ n, sum: rounded(sum) }).toEqual({ n: 3 * f + 1, sum: 2 * n * (n - 1) });
    }
  });

  test("a tree of replies has one root", () => {
    const [each, batch] = [count("pbft"), count("pbft", { signature: "batch" })];
    expect(ordering(batch)).toEqual(ordering(each));
    expect(batch.total.signed).toBe(each.total.signed);
    expect(batch.total.roots).toBeLessThan(each.total.roots / 4);
    expect(batch.total.verified).toBeLessThan(each.total.verified / 2);
    // What is not checked in full is found to be known.
    expect(batch.total.cached).toBeGreaterThan(each.total.cached);
    expect(batch.total.bytesOut).toBeGreaterThan(each.total.bytesOut);
  });
});

describe("hotstuff", () => {
  test("sends a proposal to each follower, and gets their votes", () => {
    const counts = count("hotstuff");
    const { propose, vote, ...others } = ordering(counts);
    expect(propose).toBe(3);
    // The leader's own vote may go to the others as well, who do not need it.
    expect(vote === 3 || vote === 6).toBe(true);
    expect(others).toEqual({});
    expect(rounded(counts.total.signed * BATCH)).toBe(1 + 4 + 4 * BATCH);
  });

  test("a follower checks the proposal and the certificate in it, but for its own vote", () => {
    const { leader, follower } = count("hotstuff");
    const perBatch = (perOp: number) => rounded(perOp * BATCH);
    expect(perBatch(follower.verified)).toBeGreaterThanOrEqual(1 + 2);
    expect(perBatch(follower.verified)).toBeLessThanOrEqual(1 + 3);
    expect(perBatch(leader.verified)).toBeGreaterThanOrEqual(2);
    expect(perBatch(leader.verified)).toBeLessThanOrEqual(3);
  });

  test("messages grow with n, signatures in certificates with its square", () => {
    const counted = [1, 2, 3, 5].map((f) => count("hotstuff", { f }));
    for (const [i, { n, kinds, follower }] of counted.entries()) {
      expect(rounded((kinds["propose"] ?? 0) * BATCH)).toBe(n - 1);
      const quorum = Math.ceil((n + (n - 1) / 3 + 1) / 2);
      expect(rounded(follower.verified * BATCH)).toBeLessThanOrEqual(1 + quorum);
      const before = counted[i - 1];
      if (before === undefined) continue;
      expect(follower.verified).toBeGreaterThan(before.follower.verified);
    }
  });

  test("with a leader a view, all replicas do the same", () => {
    const rotating = count("hotstuff", {
      protocolOptions: new Map([["leader", "rotate"]]),
      batches: 8,
    });
    expect(rotating.fixedLeader).toBe(false);
    expect(rotating.leader).toEqual(rotating.follower);
    expect(rounded((rotating.kinds["propose"] ?? 0) * BATCH)).toBe(3);
  });
});
