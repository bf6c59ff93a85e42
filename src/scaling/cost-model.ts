// What throughput the counts of an operation allow, priced with the costs of a machine. The
// formulas and their limits are in docs/scaling.md.

import { assert } from "../base/assert.ts";
import type { Counts, Tally } from "./counts.ts";

/** What things cost on one core, in microseconds. */
export interface Costs {
  /** A root signature. */
  readonly signUs: number;
  readonly verifyUs: number;
  /** A signed message's share of a Merkle tree, and its block; checking against a known root. */
  readonly leafUs: number;
  readonly climbUs: number;
  /** One end of a message: encoding and sending it, or decoding and handling it. */
  readonly messageUs: number;
  /** A packet at one end of the transport, and on its way through a fabric in shared memory. */
  readonly packetUs: number;
  readonly forwardUs: number;
}

/** Every replica on a machine of its own, as many client machines as it takes. */
export interface Machines {
  readonly bandwidthGbps: number;
  /** Signature threads of each replica, each with a core, besides the thread that polls. */
  readonly workers: number;
}

/** What one operation takes of a resource. */
export interface Demand {
  readonly resource: string;
  readonly costUs: number;
}

export interface Throughput {
  /** Operations a second. */
  readonly throughput: number;
  /** The resource that is busy all the time then. */
  readonly bound: string;
  /** All resources, the busiest first. */
  readonly demands: readonly Demand[];
}

/** Preamble, checksum and gap of an Ethernet frame, in bytes. */
const WIRE_OVERHEAD = 8 + 4 + 12;

/** The time of the thread that polls: messages, packets, hashing. */
function pollingUs(tally: Tally, costs: Costs): number {
  const { sends, received, packetsOut, packetsIn, signed, verified, cached } = tally;
  return (
    (sends + received) * costs.messageUs +
    (packetsOut + packetsIn) * costs.packetUs +
    signed * costs.leafUs +
    (verified + cached) * costs.climbUs
  );
}

/** The time of signature threads. */
function signingUs({ roots, verified }: Tally, { signUs, verifyUs }: Costs): number {
  return roots * signUs + verified * verifyUs;
}

function wireUs(packets: number, bytes: number, bandwidthGbps: number): number {
  return ((bytes + packets * WIRE_OVERHEAD) * 8) / (bandwidthGbps * 1000);
}

function replicaDemands(name: string, tally: Tally, costs: Costs, machines: Machines): Demand[] {
  const { bandwidthGbps, workers } = machines;
  const { packetsOut, bytesOut, packetsIn, bytesIn } = tally;
  return [
    { resource: `${name}'s polling thread`, costUs: pollingUs(tally, costs) },
    { resource: `${name}'s signature threads`, costUs: signingUs(tally, costs) / workers },
    { resource: `${name}'s link out`, costUs: wireUs(packetsOut, bytesOut, bandwidthGbps) },
    { resource: `${name}'s link in`, costUs: wireUs(packetsIn, bytesIn, bandwidthGbps) },
  ];
}

/**
 * Throughput with a machine for each replica: one over the busiest resource's time an operation.
 * `batchUs` is the least time between two batches (Timing of latency-model.ts).
 */
export function spreadThroughput(
  counts: Counts,
  costs: Costs,
  machines: Machines,
  batchUs: number,
): Throughput {
  assert(machines.workers >= 1, "somebody has to sign");
  const { n, fixedLeader, leader, follower } = counts;
  const alone = n === 1 || !fixedLeader;
  const demands = alone
    ? replicaDemands("replica", leader, costs, machines)
    : [
        ...replicaDemands("leader", leader, costs, machines),
        ...replicaDemands("follower", follower, costs, machines),
      ];
  return busiest([...demands, pipeline(counts, batchUs)]);
}

/** Time an operation for which a batch waits for those before it. */
function pipeline({ batch }: Counts, batchUs: number): Demand {
  return { resource: "pipeline", costUs: batchUs / batch };
}

/** What all processes of one machine do for an operation: replicas, clients, fabric. */
function colocatedDemands({ n, leader, follower, client, total }: Counts, costs: Costs) {
  const cpuUs = (tally: Tally): number => pollingUs(tally, costs) + signingUs(tally, costs);
  return [
    { resource: "replicas", costUs: cpuUs(leader) + (n - 1) * cpuUs(follower) },
    { resource: "clients", costUs: cpuUs(client) },
    { resource: "fabric", costUs: total.packetsIn * costs.forwardUs },
  ] satisfies Demand[];
}

/**
 * Throughput with everything on the cores of one machine, none of which is ever idle while there is
 * work.
 */
export function colocatedThroughput(
  counts: Counts,
  costs: Costs,
  cores: number,
  batchUs: number,
): Throughput {
  const demands = colocatedDemands(counts, costs);
  const us = demands.reduce((sum, demand) => sum + demand.costUs, 0);
  const shared = { resource: `${cores} cores`, costUs: us / cores };
  const { throughput, bound } = busiest([shared, pipeline(counts, batchUs)]);
  return { throughput, bound, demands: [...demands].sort((a, b) => b.costUs - a.costUs) };
}

function busiest(demands: readonly Demand[]): Throughput {
  const sorted = [...demands].sort((a, b) => b.costUs - a.costUs);
  const [first] = sorted;
  assert(first !== undefined, "a replica has resources");
  return { throughput: 1e6 / first.costUs, bound: first.resource, demands: sorted };
}
