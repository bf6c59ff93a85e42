// What an operation costs in messages, packets, bytes and signatures, as the simulator counts it
// and the cost model prices it.

import type { SignatureKind } from "../protocol-config.ts";

/** What one party did. Bytes are those of whole Ethernet frames, without preamble and checksum. */
export interface Tally {
  /** Messages encoded and handed to the transport; one to many receivers counts once. */
  readonly sends: number;
  /** Messages sent, once for each receiver: what papers count. Loopback is not among them. */
  readonly messages: number;
  /** Messages that came in whole and were decoded, needed or not. */
  readonly received: number;
  readonly packetsOut: number;
  readonly packetsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Messages signed, and the root signatures made for them. */
  readonly signed: number;
  readonly roots: number;
  /** Signatures checked in full, and those whose root was known already. */
  readonly verified: number;
  readonly cached: number;
}

/** The names of a tally's figures, in the order in which they are shown. */
export const TALLY_KEYS = [
  "sends",
  "messages",
  "received",
  "packetsOut",
  "packetsIn",
  "bytesOut",
  "bytesIn",
  "signed",
  "roots",
  "verified",
  "cached",
] as const satisfies readonly (keyof Tally)[];

/** A tally with each figure computed from its name. */
export function tallyOf(figure: (key: keyof Tally) => number): Tally {
  const entries = TALLY_KEYS.map((key) => [key, figure(key)] as const);
  return Object.fromEntries(entries) as unknown as Tally;
}

/** What was counted of one protocol in one configuration, in the steady state, without faults. */
export interface Counts {
  readonly mode: string;
  readonly n: number;
  readonly f: number;
  readonly signature: SignatureKind;
  /** Operations in a batch; every batch was full. */
  readonly batch: number;
  /** Whether a message to all replicas is one packet that the network copies. */
  readonly multicast: boolean;
  /** Whether one leader stays; without it every view has another. */
  readonly fixedLeader: boolean;
  readonly opSize: number;
  /** Operations counted, and closed-loop clients that issued them. */
  readonly operations: number;
  readonly clients: number;
  /** An operation's share of what they did. Without a fixed leader both are the mean replica. */
  readonly leader: Tally;
  readonly follower: Tally;
  /** All clients together, in one process. */
  readonly client: Tally;
  /** All processes together, those of other roles than replica and client included. */
  readonly total: Tally;
  /** Messages an operation by kind, once for each receiver, of all replicas and clients. */
  readonly kinds: { readonly [kind: string]: number };
}
