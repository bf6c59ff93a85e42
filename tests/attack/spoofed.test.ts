// Claims in an honest client's name are what a receiver of fragments takes for the client's own.

import { expect, test } from "bun:test";
import { claimOf } from "../../src/attack/spoofed.ts";
import { IP_HEADER, UDP_HEADER } from "../../src/ffi/raw-socket.ts";
import { FRAGMENT, FRAGMENT_HEADER } from "../../src/transport/fragment-format.ts";

const CHUNK = 1000;
const PAYLOAD = IP_HEADER + UDP_HEADER;

/** An IPv4 packet with a fragment, or a message, of a number. */
function packetOf(part: number, kind: number, number: bigint): Uint8Array {
  const packet = new Uint8Array(PAYLOAD + 4 + FRAGMENT_HEADER + 100).fill(7);
  packet[PAYLOAD] = part;
  packet[PAYLOAD + 4] = kind;
  new DataView(packet.buffer).setBigUint64(PAYLOAD + 5, number);
  return packet;
}

test("a claim has the addresses of its client's fragment, another number and another length", () => {
  const packet = packetOf(1, FRAGMENT, 41n);
  const claim = claimOf(packet, CHUNK, 6, (number) => number + 1n);
  if (claim === null) throw new Error("it is a fragment");
  const same = PAYLOAD + 5;
  expect(claim.subarray(0, same)).toEqual(packet.subarray(0, same));
  const view = new DataView(claim.buffer);
  expect(view.getBigUint64(same)).toBe(42n);
  const end = PAYLOAD + 4 + FRAGMENT_HEADER;
  const [index, count] = [view.getUint16(end - 8), view.getUint16(end - 6)];
  expect([index, count, view.getUint32(end - 4)]).toEqual([5, 6, 5 * CHUNK + claim.length - end]);
});

test("nothing is claimed of what is no fragment", () => {
  const next = (number: bigint): bigint => number;
  expect(claimOf(packetOf(0, FRAGMENT, 1n), CHUNK, 2, next)).toBe(null);
  expect(claimOf(packetOf(1, 1, 1n), CHUNK, 2, next)).toBe(null);
  expect(claimOf(new Uint8Array(PAYLOAD), CHUNK, 2, next)).toBe(null);
});
