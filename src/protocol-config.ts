// What a protocol may know of its configuration.

import type { Signer } from "./wire.ts";

/** What protocols are told. Every number is the same at every replica and client of a cluster. */
export interface ProtocolConfig {
  /** Replicas, and how many of them may be Byzantine. */
  readonly n: number;
  readonly f: number;
  /** The leader or primary of a view; tests choose their own. */
  leader(view: number): Signer;
  /**
   * Views that one leader keeps, 1 if it is not given: where views change all the time, one that
   * fails is followed by the first view of the next tenure.
   */
  readonly tenure?: number;
  /** Most operations in a batch or block. */
  readonly batchMax: number;
  /**
   * Closes a batch whenever the pipeline has room, instead of when it is full or `flushDelayMs`
   * old.
   */
  readonly adaptive: boolean;
  readonly flushDelayMs: number;
  /** The first view timeout; clients retry after a quarter of it. */
  readonly viewTimeoutMs: number;
  /** Slots or blocks between checkpoints. */
  readonly checkpointInterval: number;
  /**
   * Most sessions, and most bytes of cached replies, before the least recently executed is evicted.
   */
  readonly sessionsMax: number;
  readonly replyCacheBytesMax: number;
}

/** Defaults of every protocol; a protocol's `-m` name changes none of them. */
export const PROTOCOL_DEFAULTS = {
  batchMax: 1,
  adaptive: false,
  flushDelayMs: 1,
  viewTimeoutMs: 500,
  checkpointInterval: 128,
  sessionsMax: 65_536,
  replyCacheBytesMax: 16 * 1024 * 1024,
} as const;
