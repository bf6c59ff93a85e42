// A packet of the simulated network.

import { HELLO, WELCOME } from "../transport/proof.ts";
import type { PacketContent } from "./packet-content.ts";

/** The largest payload: a frame of 1,514 bytes without its Ethernet header and the ids. */
export const PAYLOAD_MAX = 1497;
/** The same where all hosts have jumbo frames, of 9,014 bytes. */
export const JUMBO_PAYLOAD_MAX = 8997;

/** The largest payload that the network of a plan carries, whatever its hosts send themselves. */
export function carriedMax({ payloadMax }: { readonly payloadMax: number }): number {
  return Math.max(PAYLOAD_MAX, payloadMax);
}

export interface Packet {
  readonly content: PacketContent;
  /** Whether it is a part of a larger message. */
  readonly part: boolean;
  readonly fromHigh: number;
  readonly fromHost: number;
  readonly fromId: number;
  readonly toHost: number;
  readonly toId: number;
  /** Whether it is for every replica but its sender. */
  readonly group: boolean;
  /** Whether it is what its sender sent. */
  readonly intact: boolean;
}

/** Whether it is of the proof that a host receives at its address, and no part of a message. */
export function isProof({ part, content: { bytes } }: Packet): boolean {
  const kind = bytes[0] ?? 0;
  return part && kind >= HELLO && kind <= WELCOME;
}
