// Claims in an honest client's name: last fragments of messages that are never sent, with numbers
// of its own messages. Whoever sends them reads the network and forges addresses.

import type { Bytes } from "../actor.ts";
import { systemRandom } from "../base/system-random.ts";
import { IP_HEADER, RawSocket, UDP_HEADER } from "../ffi/raw-socket.ts";
import { FRAGMENT, FRAGMENT_HEADER } from "../transport/fragment-format.ts";
import type { Arms, Stranger } from "./arms.ts";

/** What a datagram holds, and two ids. */
const DATAGRAM_HEADER = 4;
const PART = 1;
const PAYLOAD = IP_HEADER + UDP_HEADER;
const HEADERS = PAYLOAD + DATAGRAM_HEADER + FRAGMENT_HEADER;
/** Of a fragment: where its number is, and, from its end, index, count and length. */
const NUMBER_AT = PAYLOAD + DATAGRAM_HEADER + 1;
const INDEX_AT = HEADERS - 8;
const COUNT_AT = HEADERS - 6;
const LENGTH_AT = HEADERS - 4;
/** Packets read in a round, numbers claimed of each client at each replica, and as many guessed. */
const READ_MAX = 2000;
const CLAIMED = 8;
const DATA_BYTES = 8;
const COUNT_MAX = 2000;

/** The claim of a number, made of a fragment that its client sent; null: that was none. */
export function claimOf(
  packet: Bytes,
  chunk: number,
  count: number,
  number: (latest: bigint) => bigint,
): Bytes | null {
  if (packet.length < HEADERS || packet[PAYLOAD] !== PART) return null;
  if (packet[PAYLOAD + DATAGRAM_HEADER] !== FRAGMENT) return null;
  const claim = new Uint8Array(HEADERS + DATA_BYTES);
  claim.set(packet.subarray(0, HEADERS));
  const view = new DataView(claim.buffer);
  view.setBigUint64(NUMBER_AT, number(view.getBigUint64(NUMBER_AT)));
  view.setUint16(INDEX_AT, count - 1);
  view.setUint16(COUNT_AT, count);
  view.setUint32(LENGTH_AT, chunk * (count - 1) + DATA_BYTES);
  return claim;
}

/** Claims the next numbers of clients, with lengths that their messages do not have, and others. */
export const spoofedFragments: Stranger = {
  perSecond: 100,
  prepare(arms: Arms, ready) {
    const socket = new RawSocket();
    const chunk = arms.own.payloadMax - FRAGMENT_HEADER;
    const replicas = new Set(arms.replicaPorts);
    /** The last fragment of a client to each replica, by the replica's port. */
    const latest = new Map<number, Bytes>();
    ready(() => {
      socket.receive(READ_MAX, (packet) => {
        const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
        const [from, to] = [view.getUint16(IP_HEADER), view.getUint16(IP_HEADER + 2)];
        if (!replicas.has(to) || replicas.has(from)) return;
        if (claimOf(packet, chunk, 2, (number) => number) !== null) latest.set(to, packet.slice());
      });
      for (const packet of latest.values()) {
        for (let i = 1; i <= CLAIMED; i++) {
          const count = 3 + systemRandom(COUNT_MAX);
          const next = claimOf(packet, chunk, count, (number) => number + BigInt(i));
          const other = claimOf(packet, chunk, count, () => BigInt(systemRandom(2 ** 48)));
          if (next !== null) socket.send(next);
          if (other !== null) socket.send(other);
        }
      }
    });
  },
};
