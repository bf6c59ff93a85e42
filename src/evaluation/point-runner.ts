// Where the points of a plan are measured: on this machine, or on the hosts of a lab. Types only.

import type { ResultRecord } from "./record.ts";
import type { ReplicaRecord } from "./replica-record.ts";
import type { Point } from "./run.ts";

/** How every point of a plan is measured. */
export interface RunSettings {
  /** How long to measure. */
  readonly seconds: number;
  /** How long to run before that. */
  readonly warmSeconds: number;
  /** Whether replicas and clients tell where their time went, which costs them a little. */
  readonly profile: boolean;
}

/** What one run of a point told. */
export interface Measured {
  /** Of all client processes together. */
  readonly record: ResultRecord;
  /** Of those that ran to the end: not of one that was silenced. */
  readonly replicas: readonly ReplicaRecord[];
}

export interface PointRunner {
  /**
   * Starts what the point names, measures it once and stops it all, whatever happens. Throws
   * RunError (or UsageError, from options that a program refused) with the reason when something
   * failed; the signal's reason when it was told to stop.
   */
  run(point: Point, settings: RunSettings, signal: AbortSignal): Promise<Measured>;
  /** Releases what is kept between runs. */
  close(): Promise<void>;
}
