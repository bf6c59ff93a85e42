// What clients ask: the interfaces of workloads.

import type { Bytes } from "../actor.ts";

/** Gets what came of operations, by the names that a workload has for their kinds. */
export interface Tally {
  /** An operation of this kind, from when on it was asked until when it was answered. */
  record(kind: string, status: string, startedMs: number, nowMs: number): void;
  /** Whether values that were read are those that were written. */
  verified(status: string): void;
}

/** What one client asks, which has one operation in flight. */
export interface Asker {
  /** The next operation; its bytes are not changed afterwards. */
  next(): Bytes;
  /**
   * Told what was answered and when; another operation that belongs to that one and is asked at
   * once, or null.
   */
  answered?(result: Bytes, startedMs: number, nowMs: number): Bytes | null;
}

export interface Workload {
  /** Of one client more. */
  asker(tally: Tally): Asker;
  /** Operations that put what it needs into a store; without them it needs nothing. */
  readonly loading?: Loading;
}

export interface Loading {
  readonly count: number;
  /** From 0; the same operation, and nothing that one of another number changes. */
  operation(index: number): Bytes;
}

export interface WorkloadOptions {
  /** Bytes of an operation or of a value. */
  readonly opSize: number;
  readonly random: (bound: number) => number;
  /** Which of the processes this is whose clients ask together; each inserts keys of its own. */
  readonly share: Share;
}

export interface Share {
  readonly index: number;
  readonly count: number;
}
