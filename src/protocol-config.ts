// What a protocol may know of its configuration.

import { ONE_TIME_BLOCK } from "./base/one-time-form.ts";
import { BLOCK_MAX, type Address, type Bytes, type Signer } from "./wire.ts";

/** How replicas know that a request is its client's: not at all, or by a signature. */
export const REQUEST_AUTHS = ["none", "sign"] as const;
export type RequestAuth = (typeof REQUEST_AUTHS)[number];

/**
 * How messages are signed: each alone, all that wait together, or by one-time keys where few wait
 * and together where many do.
 */
export const SIGNATURE_KINDS = ["each", "batch", "hybrid"] as const;
export type SignatureKind = (typeof SIGNATURE_KINDS)[number];

/** Bytes of a signature block where messages are signed so, at most. */
export function blockMaxOf(signature: SignatureKind = "batch"): number {
  return signature === "hybrid" ? ONE_TIME_BLOCK : BLOCK_MAX;
}

/** What protocols are told. Every number is the same at every replica and client of a cluster. */
export interface ProtocolConfig {
  /** Replicas, and how many of them may be faulty. */
  readonly n: number;
  readonly f: number;
  /** The leader or primary of a view; tests choose their own. */
  leader(view: number): Signer;
  /**
   * Views that one leader keeps, 1 if it is not given: where views change all the time, one that
   * fails is followed by the first view of the next tenure.
   */
  readonly tenure?: number;
  /**
   * Whether the blocks before a view tell who leads it, for protocols that have that: `leader` is
   * who does where they do not tell. The tenure is 1 then.
   */
  readonly reputation?: boolean;
  /** Addresses of the processes of the protocol's roles beside replica and client. */
  readonly roles?: ReadonlyMap<string, readonly Address[]>;
  /** Most operations in a batch or block. */
  readonly batchMax: number;
  /** Most bytes of requests in one; a request that is larger goes alone. */
  readonly batchBytesMax: number;
  /**
   * Closes a batch whenever the pipeline has room, instead of when it is full or `flushDelayMs`
   * old.
   */
  readonly adaptive: boolean;
  readonly flushDelayMs: number;
  /** The first view timeout; clients retry after a quarter of it. */
  readonly viewTimeoutMs: number;
  /** Whether clients send large requests to all replicas, and proposals name them by digest. */
  readonly broadcastsRequests?: boolean;
  /** Whether a leader is kept, however slow it is, until a view timer runs out for it. */
  readonly keepsSlowLeaders?: boolean;
  /** Slots or blocks between checkpoints. */
  readonly checkpointInterval: number;
  /** Bytes of a state that are hashed in one turn, about; tests choose their own. */
  readonly sliceBytes?: number;
  /**
   * Most sessions, and most bytes of cached replies, before the least recently executed is evicted.
   */
  readonly sessionsMax: number;
  readonly replyCacheBytesMax: number;
  /** Whether clients sign requests; none if it is not given. */
  readonly requestAuth?: RequestAuth;
  /** How replicas sign, which says how long a signature may be; by trees if it is not given. */
  readonly signature?: SignatureKind;
  /**
   * The name of a run, 32 bytes, which replicas are in from the start: for tests that begin
   * behind it.
   */
  readonly run?: Bytes;
}

/** An option of the command line that a protocol has for itself. */
export interface ProtocolOption {
  /** What it may be, the default first. */
  readonly values: readonly [string, ...string[]];
  /** A few words for -h, which names the protocol and the default. */
  readonly description: string;
  /** The configuration with what the value makes of it. */
  configure(value: string, config: ProtocolConfig): ProtocolConfig;
}

/** Values of such options, by name. */
export type OptionValues = ReadonlyMap<string, string>;

/** Options of the command line that protocols have unless they say otherwise. */
export type UsualOption = "batch" | "batch-bytes" | "adaptive" | "checkpoint" | RequestOption;

/** Of clients that sign. */
type RequestOption = "request-auth" | "client-key";

/** What `--batch-bytes` is unless told: the most, since smaller ones were not faster. */
export const BATCH_BYTES_DEFAULT = 1024 * 1024;

/** Most slots or blocks between checkpoints, if no more are usual in the protocol. */
const CHECKPOINT_MAX = 1024;

/** Defaults of every protocol that has no other ones as its `usual`. */
export const PROTOCOL_DEFAULTS = {
  batchMax: 1,
  batchBytesMax: BATCH_BYTES_DEFAULT,
  adaptive: false,
  flushDelayMs: 1,
  viewTimeoutMs: 500,
  checkpointInterval: 128,
  sessionsMax: 65_536,
  replyCacheBytesMax: 16 * 1024 * 1024,
} as const;

/** What a protocol has instead of PROTOCOL_DEFAULTS where nobody says otherwise. */
export type Usual = Partial<Pick<ProtocolConfig, "checkpointInterval">>;

/** What nobody has to say of a protocol. */
export function defaultsOf({ usual = {} }: { readonly usual?: Usual }) {
  return { ...PROTOCOL_DEFAULTS, ...usual };
}

/** The most that `--checkpoint` may be. */
export function checkpointMaxOf(protocol: { readonly usual?: Usual }): number {
  return Math.max(CHECKPOINT_MAX, defaultsOf(protocol).checkpointInterval);
}
