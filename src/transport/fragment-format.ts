// How messages larger than a packet travel, and what its two ends need of their transport.
//
// A fragment:  0 | number (8) | round (1) | index (2) | count (2) | length (4) | data
// A grant:     1 | number (8) | round (1) | limit (2) | first (2) | bitmap of missing indexes
// A receipt:   8 | number (8) of each of some messages that are complete
//
// All fragments of a message but the last fill a packet; numbers rise with each message. The first
// fragments of a message are sent unasked, so many bytes of all messages to one host at a time; the
// others as the receiver grants: those below `limit`, and once more those of the bitmap, which
// begins at the index `first` and of which the end may be left out. A fragment has the round of the
// last grant that its sender had for it, 0 for none, so that its receiver measures round trips.

import type { Address } from "../actor.ts";
import type { Clock } from "../driver.ts";
import type { AddressBook, Reader, Writer } from "../wire.ts";

/** The first byte of a part. */
export const FRAGMENT = 0;
export const GRANT = 1;
export const RECEIPT = 8;
export const FRAGMENT_HEADER = 1 + 8 + 1 + 2 + 2 + 4;
/** Bytes of a grant before its bitmap. */
export const GRANT_HEADER = 1 + 8 + 1 + 2 + 2;

/** How much may be on its way, in bytes. */
export interface FlowLimits {
  /** Of a message, sent unasked; the same in all processes of a cluster. */
  readonly unasked: number;
  /** Of all messages to one host, sent unasked and not yet received or granted more. */
  readonly unaskedOfHost: number;
  /** Of a message, granted or unasked and not yet received. */
  readonly ofMessage: number;
  /** Granted to all hosts of the configuration, and to all others, and not yet received. */
  readonly granted: number;
}

const MIB = 1024 * 1024;
/**
 * What may be on its way to one replica is what waits there: 12 MB in the fabric's queue of 8,192
 * frames, or in the buffer of a socket. So much of it is replicas', and so much a client's,
 * unasked. It is as much as may be, because a receiver that shares its processor answers after tens
 * of milliseconds: all that a sender may not send meanwhile waits as long once more.
 */
const UNASKED_OF_REPLICAS = 6 * MIB;
const UNASKED_OF_REPLICA_MAX = 2 * MIB;
const UNASKED_OF_CLIENT = 4 * MIB;

/** The limits of a process of a cluster: the replica `self`, or a client. */
export function flowLimits(replicas: number, self: Address | null): FlowLimits {
  const ofReplica = Math.floor(UNASKED_OF_REPLICAS / Math.max(1, replicas - 1));
  return {
    unasked: MIB + 64 * 1024,
    unaskedOfHost: self === null ? UNASKED_OF_CLIENT : Math.min(ofReplica, UNASKED_OF_REPLICA_MAX),
    ofMessage: MIB,
    granted: 2 * MIB,
  };
}

/**
 * Tells whom an address is charged to: a machine has as many ids, and as many UDP ports, as it
 * likes, but not as many hosts.
 */
export interface ShareBook extends AddressBook {
  /** A number of the host: negative if it is of the configuration, else a stranger's. */
  shareOf(address: Address): number;
  /** A number of the host and, of an IPv4 address, the port; 0 of a forgotten address. */
  hostOf(address: Address): number;
}

/** What Fragments needs of its transport. */
export interface FragmentPort {
  /** Largest payload of a packet. */
  payloadMax(): number;
  /** The next outgoing packet's payload. */
  beginPacket(): Writer;
  /** Sends what was begun as a part of a message. */
  sendPart(source: number, to: Address): void;
  /** Whether a message that begins with this byte is not to be had from its sender. */
  refuses(destination: number, from: Address, kind: number): boolean;
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
  /** The replica that this host is; null if it is none. */
  readonly self: Address | null;
  readonly limits: FlowLimits;
  /** Where numbers begin, so that a restarted sender is not taken for its former self. */
  readonly firstNumber: number;
}
