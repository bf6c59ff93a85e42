// What `bench -- scale` finds out, as its JSON has it and as tables for people.

import type { AnyProtocol } from "../actor.ts";
import { alignColumns, decimal } from "../evaluation/format.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import {
  colocatedThroughput,
  spreadThroughput,
  type Costs,
  type Demand,
  type Machines,
} from "./cost-model.ts";
import type { Counts } from "./counts.ts";
import { unloadedTiming } from "./latency-model.ts";
import { clientSites, type NetworkModel } from "../evaluation/network-model.ts";

/** For replicas on machines of their own, joined by a network. */
export interface Prediction {
  readonly network: string;
  /** Operations a second, and what keeps them from being more. */
  readonly throughput: number;
  readonly bound: string;
  readonly demands: readonly Demand[];
  /** Of a batch of one operation with nothing else under way; null where no model is known. */
  readonly latencyUs: number | null;
}

export interface ScaleRow {
  readonly counts: Counts;
  readonly predictions: readonly Prediction[];
}

export interface Compared {
  readonly predicted: number;
  readonly measured: number;
  /** Measured over predicted. */
  readonly ratio: number;
}

/** A prediction for this machine, and what executables did on it. */
export interface Check {
  readonly counts: Counts;
  /** The name of the network between the processes; null: none. */
  readonly network: string | null;
  readonly cores: number;
  /** What all replicas sign and check for an operation, as counted and in the run. */
  readonly signatures: {
    readonly signed: Compared;
    readonly roots: Compared;
    readonly verified: Compared;
  };
  /** Operations a second, and what an operation takes of the processes of each kind. */
  readonly throughput: Compared;
  readonly demands: readonly Demand[];
  /** Median of one client, in microseconds; null where no model is known. */
  readonly latencyUs: Compared | null;
}

export interface PredictionOptions {
  readonly protocol: AnyProtocol;
  readonly costs: Costs;
  /** Stage threads. */
  readonly workers: number;
}

export function predict(
  counts: Counts,
  network: NetworkModel,
  { protocol, costs, workers }: PredictionOptions,
): Prediction {
  const { n, f, fixedLeader } = counts;
  const machines: Machines = { bandwidthGbps: network.bandwidthGbps, workers };
  const timing = unloadedTiming({
    ...{ protocol, n, f, fixedLeader },
    ...{ network, costs, workers },
  });
  const throughput = spreadThroughput(counts, costs, machines, timing?.batchUs ?? 0);
  return { network: network.name, ...throughput, latencyUs: timing?.latencyUs ?? null };
}

/** Cables of no length: all processes are on one machine. */
const NOWHERE: NetworkModel = {
  name: "one machine",
  description: "No network at all",
  source: "",
  assumed: "",
  sites: ["here"],
  roundTripMs: [[0]],
  bandwidthGbps: Infinity,
};

/**
 * Throughput of `counts`, and latency of `single`, which has batches of one operation; over a
 * network between the processes if there is one, with all clients at the first site for them.
 */
export function predictColocated(
  counts: Counts,
  single: Counts,
  cores: number,
  { protocol, costs, workers }: PredictionOptions,
  network: NetworkModel = NOWHERE,
) {
  const { n, f, fixedLeader } = counts;
  const clients = clientSites(network).slice(0, 1);
  const timing = unloadedTiming({
    ...{ protocol, n, f, fixedLeader },
    ...{ network, clients, costs, workers },
  });
  const batchUs = timing?.batchUs ?? 0;
  // What clients of a closed loop ask for at most.
  const asked = timing === null ? Infinity : (1e6 * counts.clients) / timing.latencyUs;
  // Paths of replicas that share cores take turns: all the work of an operation has to be done.
  const workUs = 1e6 / colocatedThroughput(single, costs, cores, 0).throughput;
  const { throughput, demands } = colocatedThroughput(counts, costs, cores, batchUs);
  return {
    throughput: Math.min(throughput, asked),
    demands,
    latencyUs: timing === null ? null : Math.max(timing.latencyUs, workUs),
  };
}

/** Signatures of a run, start and sessions included, beside those of the counts. */
export function compareSignatures(
  { total, client }: Counts,
  replicas: readonly Pick<ReplicaRecord, "executed" | "signatures">[],
): Check["signatures"] {
  const executed = Math.max(...replicas.map((replica) => replica.executed));
  const compared = (key: "signed" | "roots" | "verified"): Compared => {
    const sum = replicas.reduce((so, replica) => so + replica.signatures[key], 0);
    return compare(total[key] - client[key], sum / executed);
  };
  const [signed, roots, verified] = [compared("signed"), compared("roots"), compared("verified")];
  return { signed, roots, verified };
}

export function compare(predicted: number, measured: number): Compared {
  return { predicted, measured, ratio: measured / predicted };
}

/** What is counted of each configuration, one a line. */
export function formatCounts(rows: readonly ScaleRow[]): string {
  const head = [
    ...["protocol", "n", "signature", "msgs/op", "msgs/batch", "bytes/op"],
    ...["signed/op", "roots/op", "checked/op", "leader bytes/op"],
    ...["leader checks/op", "follower checks/op"],
  ];
  const lines = rows.map(({ counts }) => {
    const { mode, n, signature, batch, total, leader, follower, client } = counts;
    return [
      ...[mode, String(n), signature],
      decimal(total.messages, 2),
      n === 1 ? "-" : decimal(betweenReplicas(counts) * batch, 0),
      decimal(total.bytesOut, 0),
      decimal(total.signed, 2),
      decimal(total.roots, 3),
      decimal(total.verified - client.verified, 3),
      decimal(leader.bytesOut, 0),
      decimal(leader.verified, 3),
      n === 1 ? "-" : decimal(follower.verified, 3),
    ];
  });
  return alignColumns([head, ...lines]);
}

/** What the cost model predicts for each configuration and network. */
export function formatPredictions(rows: readonly ScaleRow[]): string {
  const head = ["protocol", "n", "signature", "network", "Kops/s", "latency ms", "bound by"];
  const lines = rows.flatMap(({ counts, predictions }) =>
    predictions.map(({ network, throughput, latencyUs, bound }) => [
      ...[counts.mode, String(counts.n), counts.signature, network],
      decimal(throughput / 1000, 2),
      latencyUs === null ? "-" : decimal(latencyUs / 1000, 2),
      bound,
    ]),
  );
  return alignColumns([head, ...lines]);
}

/** Predictions for this machine beside measurements. */
export function formatChecks(checks: readonly Check[]): string {
  const head = [
    ...["protocol", "n", "signature", "network"],
    ...["predicted Kops/s", "measured", "ratio"],
    ...["predicted us", "measured p50", "ratio"],
    ...["counted roots/op", "measured", "counted checked/op", "measured"],
  ];
  const lines = checks.map(({ counts, network, throughput, latencyUs, signatures }) => [
    ...[counts.mode, String(counts.n), counts.signature, network ?? "-"],
    ...[throughput.predicted / 1000, throughput.measured / 1000].map((kops) => decimal(kops, 2)),
    decimal(throughput.ratio, 2),
    ...(latencyUs === null
      ? ["-", "-", "-"]
      : [
          decimal(latencyUs.predicted, 0),
          decimal(latencyUs.measured, 0),
          decimal(latencyUs.ratio, 2),
        ]),
    ...[signatures.roots, signatures.verified].flatMap(({ predicted, measured }) => [
      decimal(predicted, 3),
      decimal(measured, 3),
    ]),
  ]);
  return alignColumns([head, ...lines]);
}

/** Messages an operation that replicas send each other, once for each receiver. */
export function betweenReplicas({ total, kinds }: Counts): number {
  return total.messages - (kinds["request"] ?? 0) - (kinds["reply"] ?? 0);
}
