// The cost model's arithmetic, on counts and costs small enough to reckon by hand.

import { describe, expect, test } from "bun:test";
import type { AnyProtocol } from "../../src/actor.ts";
import { protocols } from "../../src/protocol/index.ts";
import { gatheredUs } from "../../src/protocol/kit/timing.ts";
import { colocatedThroughput, spreadThroughput, type Costs } from "../../src/scaling/cost-model.ts";
import { tallyOf, type Counts, type Tally } from "../../src/scaling/counts.ts";
import { unloadedTiming } from "../../src/scaling/latency-model.ts";
import type { NetworkModel } from "../../src/evaluation/network-model.ts";

const FREE: Costs = {
  signUs: 0,
  verifyUs: 0,
  leafUs: 0,
  climbUs: 0,
  messageUs: 0,
  packetUs: 0,
  forwardUs: 0,
};
const FAST = { bandwidthGbps: Infinity, workers: 1 };

function tally(some: Partial<Tally>): Tally {
  return tallyOf((key) => some[key] ?? 0);
}

function countsOf(parties: Partial<Pick<Counts, "leader" | "follower" | "client">>): Counts {
  const { leader = tally({}), follower = tally({}), client = tally({}) } = parties;
  return {
    mode: "pbft",
    n: 4,
    f: 1,
    signature: "each",
    batch: 10,
    multicast: false,
    fixedLeader: true,
    opSize: 0,
    operations: 1,
    clients: 1,
    leader,
    follower,
    client,
    total: tallyOf((key) => leader[key] + 3 * follower[key] + client[key]),
    kinds: {},
  };
}

describe("throughput with a machine for each replica", () => {
  test("the polling thread pays for messages, packets and hashes", () => {
    const leader = tally({ sends: 1, received: 2, packetsOut: 4, packetsIn: 8 });
    const hashes = tally({ signed: 3, verified: 1, cached: 2 });
    const costs = { ...FREE, messageUs: 10, packetUs: 1, leafUs: 5, climbUs: 7 };
    const one = spreadThroughput(countsOf({ leader }), costs, FAST, 0);
    expect(one.bound).toBe("leader's polling thread");
    expect(one.throughput).toBeCloseTo(1e6 / (3 * 10 + 12 * 1), 6);
    const two = spreadThroughput(countsOf({ follower: hashes }), costs, FAST, 0);
    expect(two.bound).toBe("follower's polling thread");
    expect(two.throughput).toBeCloseTo(1e6 / (3 * 5 + 3 * 7), 6);
  });

  test("signature threads share what is signed and checked in full", () => {
    const follower = tally({ signed: 50, roots: 2, verified: 3, cached: 90 });
    const costs = { ...FREE, signUs: 40, verifyUs: 50 };
    const counts = countsOf({ follower });
    const one = spreadThroughput(counts, costs, FAST, 0);
    expect(one.bound).toBe("follower's signature threads");
    expect(one.throughput).toBeCloseTo(1e6 / (2 * 40 + 3 * 50), 6);
    const four = spreadThroughput(counts, costs, { ...FAST, workers: 4 }, 0);
    expect(four.throughput).toBeCloseTo(4 * one.throughput, 6);
  });

  test("a link carries frames with preamble, checksum and gap", () => {
    const leader = tally({ packetsOut: 10, bytesOut: 10 * 101, packetsIn: 1, bytesIn: 60 });
    const spread = { bandwidthGbps: 1, workers: 1 };
    const { throughput, bound } = spreadThroughput(countsOf({ leader }), FREE, spread, 0);
    expect(bound).toBe("leader's link out");
    // 125 bytes of 8 bits at a nanosecond each.
    expect(throughput).toBeCloseTo(1e6 / 10, 6);
  });

  test("batches that wait for each other are a resource, too", () => {
    const { throughput, bound } = spreadThroughput(countsOf({}), FREE, FAST, 1000);
    expect(bound).toBe("pipeline");
    expect(throughput).toBeCloseTo((1e6 / 1000) * 10, 6);
  });

  test("demands are told, the busiest first", () => {
    const counts = countsOf({ leader: tally({ sends: 1 }), follower: tally({ sends: 2 }) });
    const { demands } = spreadThroughput(counts, { ...FREE, messageUs: 1 }, FAST, 0);
    expect(demands).toHaveLength(2 * 4 + 1);
    expect(demands.slice(0, 2)).toEqual([
      { resource: "follower's polling thread", costUs: 2 },
      { resource: "leader's polling thread", costUs: 1 },
    ]);
  });
});

describe("throughput on one machine", () => {
  const counts = countsOf({
    leader: tally({ sends: 1, roots: 1 }),
    follower: tally({ sends: 2 }),
    client: tally({ received: 3, verified: 1, packetsIn: 5 }),
  });
  const costs = { ...FREE, messageUs: 1, signUs: 10, verifyUs: 20, forwardUs: 2 };

  test("all processes share the cores", () => {
    const { throughput, bound, demands } = colocatedThroughput(counts, costs, 2, 0);
    // The leader 11, three followers 2 each, clients 23, the fabric 10.
    expect(throughput).toBeCloseTo((2 * 1e6) / (11 + 6 + 23 + 10), 6);
    expect(bound).toBe("2 cores");
    expect(demands).toEqual([
      { resource: "clients", costUs: 23 },
      { resource: "replicas", costUs: 17 },
      { resource: "fabric", costUs: 10 },
    ]);
  });

  test("waiting does not become shorter with more cores", () => {
    const { throughput, bound } = colocatedThroughput(counts, costs, 1000, 500);
    expect(throughput).toBeCloseTo(1e6 / 50, 6);
    expect(bound).toBe("pipeline");
  });
});

describe("when a quorum is gathered", () => {
  test("is when the message arrives that completes it", () => {
    expect(gatheredUs([30, 10, 20], 2, 0, 1)).toBe(20);
    expect(gatheredUs([30, 10, 20], 2, 0, 1, 0)).toBe(10);
  });

  test("is when the checks of so many are done, one after another or some at a time", () => {
    expect(gatheredUs([0, 0, 0, 0], 3, 100, 1)).toBe(300);
    expect(gatheredUs([0, 0, 0, 0], 3, 100, 2)).toBe(200);
    expect(gatheredUs([0, 150, 1000], 2, 100, 1)).toBe(250);
    expect(gatheredUs([0, 0], 2, 100, 1, 50)).toBe(100);
  });

  test("never, where there are too few", () => {
    expect(() => gatheredUs([1], 2, 0, 1)).toThrow("more messages are needed");
  });
});

describe("latency without load", () => {
  const site = (roundTripMs: number): NetworkModel => ({
    name: "test",
    description: "all equally far apart",
    source: "invented",
    assumed: "all",
    sites: ["a"],
    roundTripMs: [[roundTripMs]],
    bandwidthGbps: 1,
  });
  const protocolOf = (mode: string): AnyProtocol => {
    const protocol = protocols.get(mode);
    if (protocol === undefined) throw new Error(`no protocol ${mode}`);
    return protocol;
  };
  const timing = (mode: string, options: Partial<Parameters<typeof unloadedTiming>[0]> = {}) =>
    unloadedTiming({
      protocol: protocolOf(mode),
      n: 4,
      f: 1,
      fixedLeader: true,
      network: site(2),
      costs: FREE,
      workers: 1,
      ...options,
    });
  const single = { n: 1, f: 0 };

  test("counts the one-way trips of each protocol", () => {
    expect(timing("unreplicated", single)).toEqual({ latencyUs: 2000, batchUs: 0 });
    // Request, pre-prepare, prepare, commit, reply; three of them between 32 batches.
    expect(timing("pbft")).toEqual({ latencyUs: 5000, batchUs: 3000 / 32 });
    // Request, proposal, prevote, precommit, reply; one height after another.
    expect(timing("tendermint")).toEqual({ latencyUs: 5000, batchUs: 3000 });
    // Request, three views of proposal and votes, the proposal that brings the last QC, reply.
    expect(timing("hotstuff")).toEqual({ latencyUs: 9000, batchUs: 2000 });
    expect(timing("hotstuff", { fixedLeader: false })?.latencyUs).toBeCloseTo(9000, 6);
  });

  test("adds signatures where the path has them", () => {
    const costs = { ...FREE, signUs: 10, verifyUs: 100 };
    const here = { network: site(0), costs };
    expect(timing("unreplicated", { ...here, ...single })?.latencyUs).toBe(0);
    expect(timing("unreplicated-signed", { ...here, ...single })?.latencyUs).toBe(110);
    // Backups accept at 110 and have two prepares, one of them their own, at 220; three commits,
    // one of them their own, at 430; the client has checked two replies of 440 at 640.
    expect(timing("pbft", here)?.latencyUs).toBe(640);
    // A view: signed at 10, its 4 signatures checked at 410, voted for at 420; the leader's own
    // vote and two others are checked at 620. Three views later it replies at 1870; the others
    // learn at 2270 what it knew at 1860, and the client has checked the first of them at 2380.
    expect(timing("hotstuff", here)).toEqual({ latencyUs: 2380, batchUs: 620 });
  });

  test("ends of messages and packets belong to each trip", () => {
    const costs = { ...FREE, messageUs: 3, packetUs: 2 };
    const here = { network: site(0), costs };
    expect(timing("pbft", here)?.latencyUs).toBe(5 * 2 * (3 + 2));
  });

  test("does not wait for a replica that no quorum needs", () => {
    const far = (roundTripMs: number): NetworkModel => ({
      ...site(0),
      sites: ["a", "b", "c", "far"],
      roundTripMs: [0, 1, 2, 3].map((i) =>
        [0, 1, 2, 3].map((j) => (i !== j && (i === 3 || j === 3) ? roundTripMs : 2)),
      ),
    });
    const [near, away] = [4, 4000].map((ms) => timing("pbft", { network: far(ms) })?.latencyUs);
    // Only the client beside it, one of four, is farther from the others by 3996 ms, half of it
    // each way.
    expect((away ?? 0) - (near ?? 0)).toBeCloseTo((3996 * 1000) / 4, 6);
  });

  test("nobody knows the phases of a protocol that is not described", () => {
    const { timing: _, ...others } = protocolOf("pbft");
    expect(timing("pbft", { protocol: others })).toBeNull();
  });
});
