// A UDP socket of whole datagrams, for a switch: what is in them is not looked at.

import type { Pointer } from "bun:ffi";
import type { Bytes } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import { BURST, UDP, type NativeLibrary } from "../ffi/native.ts";
import { mapRegion } from "../ffi/region.ts";
import { UDP_MTU_MAX } from "./mtu.ts";

/** IPv4 address and port, as numbers. */
export interface Endpoint {
  readonly ip: number;
  readonly port: number;
}

export class DatagramSocket {
  readonly endpoint: Endpoint;
  readonly #library: NativeLibrary;
  readonly #socket: Pointer | bigint;
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #slotSize: number;
  #queued = 0;

  /** Port 0 is any that is free. Throws UsageError. */
  constructor(library: NativeLibrary, { ip, port }: Endpoint) {
    const socket = library.oskr_udp_open(ip, port, UDP_MTU_MAX);
    if (socket === null) throw new UsageError(`UDP port ${port} cannot be bound`);
    library.oskr_udp_whole(socket);
    this.#library = library;
    this.#socket = socket;
    this.endpoint = { ip, port: library.oskr_udp_port(socket) };
    const { bytes, view, slotSize } = mapRegion(library.oskr_udp_map(socket), UDP);
    this.#bytes = bytes;
    this.#view = view;
    this.#slotSize = slotSize;
  }

  /** Hands over what came, valid during the call only; returns how many. */
  receive(each: (bytes: Bytes, ip: number, port: number) => void): number {
    const count = Math.max(0, this.#library.oskr_udp_receive(this.#socket));
    const view = this.#view;
    for (let i = 0; i < count; i++) {
      const at = UDP.slots + view.getUint32(UDP.receivedOffset + 4 * i, true);
      const length = view.getUint32(UDP.receivedLength + 4 * i, true);
      const ip = view.getUint32(UDP.receivedIp + 4 * i, true);
      const port = view.getUint32(UDP.receivedPort + 4 * i, true);
      each(this.#bytes.subarray(at, at + length), ip, port);
    }
    return count;
  }

  /** Queues a datagram; returns where its bytes lie until `flush`. */
  send(bytes: Bytes, to: Endpoint): Bytes {
    if (this.#queued === BURST) this.flush();
    const i = this.#queued++;
    const offset = i * this.#slotSize;
    const at = UDP.slots + BURST * this.#slotSize + offset;
    this.#bytes.set(bytes, at);
    const view = this.#view;
    view.setUint32(UDP.sendOffset + 4 * i, offset, true);
    view.setUint32(UDP.sendLength + 4 * i, bytes.length, true);
    view.setUint32(UDP.sendIp + 4 * i, to.ip, true);
    view.setUint32(UDP.sendPort + 4 * i, to.port, true);
    return this.#bytes.subarray(at, at + bytes.length);
  }

  /** Sends what was queued; what a full socket does not take is lost, as by any network. */
  flush(): void {
    if (this.#queued > 0) this.#library.oskr_udp_send(this.#socket, this.#queued);
    this.#queued = 0;
  }

  close(): void {
    this.#library.oskr_udp_close(this.#socket);
  }
}
