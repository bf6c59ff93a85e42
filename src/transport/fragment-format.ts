// How messages larger than a packet travel, and what its two ends need of their transport.
//
// A fragment:  0 | number (8) | index (2) | count (2) | length (4) | data
// A request:   1 | number (8) | bitmap of missing indexes, of which the end may be left out
// All fragments of a message but the last fill a packet; numbers rise with each message.

import type { Address } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { AddressBook, Reader, Writer } from "../wire.ts";

/** The first byte of a part. */
export const FRAGMENT = 0;
export const REQUEST = 1;
/** Fragments that one message takes its turn with, before the next one's turn. */
export const TURN = 8;
export const FRAGMENT_HEADER = 1 + 8 + 2 + 2 + 4;
/** Bytes of a request before its bitmap. */
export const REQUEST_HEADER = 1 + 8;

/**
 * Tells whom an address is charged to: a machine has as many ids, and as many UDP ports, as it
 * likes, but not as many hosts.
 */
export interface ShareBook extends AddressBook {
  /** A number of the host: negative if it is of the configuration, else a stranger's. */
  shareOf(address: Address): number;
}

/** What Fragments needs of its transport. */
export interface FragmentPort {
  /** Largest payload of a packet. */
  payloadMax(): number;
  /** The next outgoing packet's payload. */
  beginPacket(): Writer;
  /** Sends what was begun as a part of a message. */
  sendPart(source: number, to: Address): void;
  /** As RefusesPart, of what is for that id. */
  refuses(destination: number, from: Address, input: Reader, bytes: number): string | null;
  /** A message is complete. */
  deliver(destination: number, from: Address, input: Reader): void;
  drop(reason: string): void;
  /** Whether parts may leave for this address yet. */
  mayLeave(to: Address): boolean;
  /** Has more of the large messages under way sent, outside of a poll. */
  pump(): void;
}

export interface FragmentOptions {
  readonly port: FragmentPort;
  readonly book: ShareBook;
  readonly clock: Clock;
  /** How many replicas there are. */
  readonly replicas: number;
  /**
   * The group's address. Behind it come those from which its members, the replicas, ask for what
   * was sent to it.
   */
  readonly group: Address | null;
  /** Where numbers begin, so that a restarted sender is not taken for its former self. */
  readonly firstNumber: number;
}
