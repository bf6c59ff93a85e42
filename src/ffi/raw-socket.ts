// Raw IPv4 sockets of the kernel: all UDP datagrams that come to this host, and datagrams with any
// source. For attackers only, who need root for them.

import { dlopen, FFIType } from "bun:ffi";
import type { Bytes } from "../actor.ts";
import { UsageError } from "../base/errors.ts";

const { i32, u32, ptr, u64, i64 } = FFIType;
const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_UDP = 17;
/** Of packets that begin with their IPv4 header. */
const IPPROTO_RAW = 255;
const MSG_DONTWAIT = 0x40;
const PACKET_MAX = 65_536;
/** Bytes of the headers of IPv4 without options, and of UDP. */
export const IP_HEADER = 20;
export const UDP_HEADER = 8;

const SYMBOLS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  recv: { args: [i32, ptr, u64, i32], returns: i64 },
  sendto: { args: [i32, ptr, u64, i32, ptr, u32], returns: i64 },
  close: { args: [i32], returns: i32 },
} as const;

export class RawSocket {
  readonly #libc = dlopen("libc.so.6", SYMBOLS).symbols;
  readonly #incoming: number;
  readonly #outgoing: number;
  readonly #packet = new Uint8Array(PACKET_MAX);
  /** struct sockaddr_in. */
  readonly #to = new Uint8Array(16);

  /** Throws UsageError for an ordinary user. */
  constructor() {
    this.#incoming = this.#libc.socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    this.#outgoing = this.#libc.socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (this.#incoming >= 0 && this.#outgoing >= 0) return;
    this.close();
    throw new UsageError("raw sockets need root");
  }

  /** Hands over packets that came, valid during the call only, at most `most`; returns how many. */
  receive(most: number, each: (packet: Bytes) => void): number {
    for (let count = 0; count < most; count++) {
      const length = Number(
        this.#libc.recv(this.#incoming, this.#packet, PACKET_MAX, MSG_DONTWAIT),
      );
      if (length < IP_HEADER + UDP_HEADER) return count;
      each(this.#packet.subarray(0, length));
    }
    return most;
  }

  /** Sends an IPv4 packet with UDP in it, whose lengths and checksums this fills in. */
  send(packet: Bytes): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    view.setUint16(2, packet.length);
    view.setUint16(10, 0);
    view.setUint16(IP_HEADER + 4, packet.length - IP_HEADER);
    view.setUint16(IP_HEADER + 6, 0);
    new DataView(this.#to.buffer).setUint16(0, AF_INET, true);
    this.#to.set(packet.subarray(16, 20), 4);
    this.#libc.sendto(this.#outgoing, packet, packet.length, 0, this.#to, this.#to.length);
  }

  close(): void {
    for (const socket of [this.#incoming, this.#outgoing]) {
      if (socket >= 0) this.#libc.close(socket);
    }
  }
}
