// What drives actors: the interfaces of the three drivers that a Node turns into a Host.

import type { Address, Bytes, Proof, Signer, Sizes } from "./actor.ts";
import type { SignatureKind } from "./protocol-config.ts";
import type { Reader, Writer } from "./wire.ts";

/** Counts by reason; a reason appears when it first happens. */
export type Drops = Map<string, number>;

/**
 * Why a message of so many bytes that begins as `input` does, which it may read, is not to be had
 * from its sender; null: it may be.
 */
export type RefusesPart = (from: Address, input: Reader, bytes: number) => string | null;

/** Moves packets between addresses. DPDK, UDP and simulated ones are equals. */
export interface Transport {
  /**
   * The largest message that fits one packet; larger ones, up to MESSAGE_MAX, leave as fragments.
   */
  readonly payloadMax: number;
  /**
   * The address that reaches every replica but this host's in one packet, if the configuration has
   * it.
   */
  readonly group: Address | null;
  readonly drops: Drops;
  /** Queues and what they hold, with their maxima, for the simulator's census. */
  readonly sizes: Sizes;
  /**
   * One per actor: a process has many ids. The reader is valid during the call only. A message is
   * not put together from its parts if `refuses` gives a reason, which is counted.
   */
  listen(id: number, deliver: (from: Address, input: Reader) => void, refuses?: RefusesPart): void;
  /**
   * From this id: the next outgoing message, in memory that the transport owns. Beginning again
   * discards it.
   */
  begin(id: number): Writer;
  /** Sends what begin() wrote, once per address. */
  transmit(to: Address | readonly Address[]): void;
  /** As of Host. */
  sourceOf(address: Address): number;
  /** Delivers what came, flushes what waits; 0: nothing to do. */
  poll(): number;
  close(): void;
}

/**
 * Signs as one replica, or requests as one client process, and checks signatures of all, away from
 * the protocol. Knows the cluster's domain; that of a run comes with each call, null outside of
 * any, and stands for all kinds of messages but those that are signed for the cluster.
 */
export interface Stage {
  /** The key by which it signs requests, 33 bytes; null: it signs none. */
  readonly clientKey?: Bytes | null;
  /** The domain of the run of this name, for `sign` and `verify`. */
  runDomain(name: Bytes): Bytes;
  /**
   * `signed` is kind | body and must not change until done; `done` gets the block, valid during
   * that call only, never before `sign` returned.
   */
  sign(signed: Bytes, run: Bytes | null, done: (block: Bytes) => void): void;
  /**
   * Checks in order, stops at the first bad one; `done` may be called at once. What is `doubted`
   * and not known is queued, even where this thread would check it at once: a check costs it more
   * than a forgery costs its sender.
   */
  verify(
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted?: boolean,
  ): void;
  /** Whether all are known to hold in that run, which takes no check; then they count as cached. */
  knows(proofs: readonly Proof[], run: Bytes | null): boolean;
  /** Signatures made and checked in full so far, for measurement. */
  readonly counts: { signed: number; roots: number; verified: number; cached: number };
  /** Takes one-time signatures of others from here on, or none, as replicas sign. */
  settle?(kind: SignatureKind): void;
  /** One-time signatures made, known and checked in full, and batches of keys, so far. */
  readonly oneTimeCounts?: OneTimeCounts | undefined;
  /** Whether it has a use for announcements. */
  readonly hears?: boolean;
  /** Has it send each batch of its one-time keys that is signed, before the first of them signs. */
  announcing?(send: (batch: Bytes, signature: Bytes) => void): void;
  /**
   * A batch that a signer announced, which it keeps to check it once there is time; false: it has
   * no use for it.
   */
  hear?(signer: Signer, batch: Bytes, signature: Bytes): boolean;
  /** One that came from a host (Host.sourceOf) in the name of a client's key, at a replica. */
  hearClient?(source: number, key: Bytes, batch: Bytes, signature: Bytes): boolean;
  /** Runs a queued job or a few on this thread; false when there is none. */
  runJob(): boolean;
  /** Delivers what is finished; returns how much. */
  poll(): number;
  close(): void;
}

/** Of one-time signatures. */
export interface OneTimeCounts {
  readonly signed: number;
  /** Checked by hashes alone, the root of their batch being known; and those that taught it. */
  readonly known: number;
  readonly cold: number;
  /** Batches of its own that it told others of, and those of others that it was told of. */
  readonly announced: number;
  readonly heard: number;
}

/** What a clock was asked to call. */
export interface Call {
  cancel(): void;
  /** Has it called once more, in `fire` or later; cheaper than `after`. */
  again(delayMs: number): void;
}

export interface Clock {
  /** Milliseconds, the same value until the next update. */
  readonly now: number;
  after(delayMs: number, fire: () => void): Call;
  /** Reads the time; once a turn. */
  update(): void;
  /** Fires what is due by `now`; returns how many fired. */
  poll(): number;
}

export function countDrop(drops: Drops, reason: string, by = 1): void {
  drops.set(reason, (drops.get(reason) ?? 0) + by);
}
