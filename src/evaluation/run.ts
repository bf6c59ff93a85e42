// One measured point of a plan: what was asked for, and what clients and replicas told of it. Bench
// writes runs, report reads them, one JSON object a line.

import type { SignatureKind } from "../protocol-config.ts";
import type { ResultRecord } from "./record.ts";
import type { ReplicaRecord } from "./replica-record.ts";

/** What distinguishes a measured point from others of its plan. */
export interface Point {
  readonly mode: string;
  readonly transport: "dpdk" | "udp";
  readonly f: number;
  /** In all client processes together. */
  readonly clients: number;
  readonly clientProcesses: number;
  /** Operations a second asked for in an open loop; 0: a closed loop. */
  readonly rate: number;
  readonly batch: number;
  readonly adaptive: boolean;
  /** Signature threads of each process; null: the default. */
  readonly workers: number | null;
  readonly signature: SignatureKind;
  readonly app: string;
  /** Bytes of an operation. */
  readonly opSize: number;
  /** What is broken on purpose. */
  readonly fault: "none" | "silent" | "loss";
  /** Of packets, between 0 and 1, where the fault is loss. */
  readonly lossRate: number;
  /** What else is not as usual, by the names of keys of a plan, such as `leader` or `thinkMs`. */
  readonly extras?: { readonly [name: string]: string | number };
}

export interface Run {
  /** Identifies point, settings and repetition: one that is in the results is not run again. */
  readonly key: string;
  readonly point: Point;
  readonly repetition: number;
  /** Of the results that it comes from, where a report has several side by side. */
  readonly label?: string;
  /** Of all client processes together. */
  readonly record: ResultRecord;
  readonly replicas: readonly ReplicaRecord[];
}

/** A run that failed: kept beside the others to be told, and tried again. */
export interface FailedRun {
  readonly key: string;
  readonly point: Point;
  readonly repetition: number;
  /** Why. */
  readonly failure: string;
}
