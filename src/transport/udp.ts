// Packets over UDP, in bursts through memory that C owns. A datagram is: what it holds (1 byte: 0 a
// message, 1 a part of one), three id bytes, payload; or several messages, which C joins and
// divides, so that here each is alone.

import type { Pointer } from "bun:ffi";
import type { Address, Bytes } from "../actor.ts";
import { errnoName } from "../base/errno.ts";
import { countDrop } from "../driver.ts";
import { BURST, UDP, type NativeLibrary } from "../ffi/native.ts";
import { mapRegion } from "../ffi/region.ts";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { Reader, Writer } from "../wire.ts";
import { MTU_DEFAULT } from "./mtu.ts";
import {
  IDS_LENGTH,
  PacketTransport,
  readDestination,
  readSource,
  writeIds,
  type PacketTransportOptions,
} from "./packet.ts";

const HEADER = 1 + IDS_LENGTH;
/** Bytes of the headers of IPv4 and UDP, which an MTU counts as well. */
const UDP_HEADERS = 28;
/**
 * Fragments that leave in one poll: as many bytes of longer packets, because it is bytes that the
 * kernel bounds its buffers by, but some.
 */
const BURST_PACKETS = 32;
const BURST_PACKETS_MIN = 4;
const MESSAGE = 0;
const PART = 1;
const EAGAIN = -11;

export interface UdpTransportOptions extends PacketTransportOptions {
  readonly library: NativeLibrary;
  /** Six bytes, IPv4 address and port, to bind to; null takes any free port. */
  readonly local: Bytes | null;
}

export class UdpTransport extends PacketTransport {
  override readonly payloadMax: number;
  protected override readonly fragmentBurst: number;
  readonly #library: NativeLibrary;
  readonly #socket: Pointer | bigint;
  readonly #view: DataView;
  readonly #slotSize: number;
  /** Where the slots begin that packets are sent from. */
  readonly #slots: number;
  readonly #reader: Reader;
  readonly #writer: Writer;
  /** Six bytes for an address on its way from the table to the region. */
  readonly #host = new DataView(new ArrayBuffer(6));
  /** The slot that was begun last, packets to send, and the length of the last one. */
  #slot = -1;
  #packets = 0;
  #length = 0;

  /** Binds a socket; throws UsageError. */
  constructor(options: UdpTransportOptions) {
    super(options);
    const { library, local, mtu = MTU_DEFAULT } = options;
    this.payloadMax = mtu - UDP_HEADERS - HEADER;
    const packets = Math.floor((BURST_PACKETS * MTU_DEFAULT) / mtu);
    this.fragmentBurst = Math.max(BURST_PACKETS_MIN, packets);
    this.#library = library;
    const view = local === null ? null : new DataView(local.buffer, local.byteOffset, 6);
    const ip = view?.getUint32(0) ?? 0;
    const port = view?.getUint16(4) ?? 0;
    const socket = library.oskr_udp_open(ip, port, mtu);
    if (socket === null) {
      const where = `${[24, 16, 8, 0].map((bits) => (ip >>> bits) & 255).join(".")}:${port}`;
      throw new UsageError(`UDP ${where} cannot be bound: ${describeErrno(library.oskr_error())}`);
    }
    this.#socket = socket;
    const { bytes, view: words, slotSize } = mapRegion(library.oskr_udp_map(socket), UDP);
    this.#view = words;
    this.#slotSize = slotSize;
    this.#slots = UDP.slots + BURST * slotSize;
    this.#reader = new Reader(bytes, this.book);
    this.#writer = new Writer(bytes, this.book);
  }

  /** The port that it is bound to. */
  get port(): number {
    return this.#library.oskr_udp_port(this.#socket);
  }

  /** Sleeps until a packet comes, the doorbell is rung, or `us` microseconds are over. */
  wait(doorbell: Pointer, us: number): void {
    this.#library.oskr_doorbell_wait_udp(doorbell, this.#socket, us);
  }

  override poll(): number {
    const count = this.#library.oskr_udp_receive(this.#socket);
    if (count < 0) countDrop(this.drops, "receive errors");
    const malformed = this.#view.getUint32(UDP.malformed, true);
    if (malformed > 0) countDrop(this.drops, "malformed packet", malformed);
    const dropped = this.#view.getUint32(UDP.dropped, true);
    if (dropped > 0) countDrop(this.drops, "dropped by the kernel", dropped);
    for (let i = 0; i < count; i++) this.#receive(i);
    const parts = this.pumpFragments();
    this.#flush();
    // Malformed ones count as work, because more may lie behind them: the thread must not sleep.
    return Math.max(0, count) + malformed + parts;
  }

  override close(): void {
    this.#library.oskr_udp_close(this.#socket);
  }

  protected override flushPackets(): void {
    this.#flush();
  }

  protected override beginPacket(): Writer {
    if (this.#slot === BURST - 1) this.#flush();
    this.#slot++;
    const at = this.#slots + this.#slot * this.#slotSize + HEADER;
    return this.#writer.reset(at, at + this.payloadMax);
  }

  protected override sendPacket(source: number, to: Address, part: boolean): void {
    this.#length = this.#writer.length;
    this.#queue(source, to, part);
  }

  /** The ids differ with the destination, so the payload is copied to a slot of its own. */
  protected override repeatPacket(source: number, to: Address, part: boolean): void {
    const from = this.#slots + this.#slot * this.#slotSize + HEADER;
    if (this.#slot === BURST - 1) this.#flush();
    this.#slot++;
    const at = this.#slots + this.#slot * this.#slotSize + HEADER;
    new Uint8Array(this.#view.buffer).copyWithin(at, from, from + this.#length);
    this.#queue(source, to, part);
  }

  #queue(source: number, to: Address, part: boolean): void {
    const id = this.book.writeHost(to, this.#host, 0);
    const at = this.#slots + this.#slot * this.#slotSize;
    if (id < 0) {
      this.countUnsent(id);
      return;
    }
    if (!writeIds(this.#view, at + 1, id, source)) {
      countDrop(this.drops, "two large ids");
      return;
    }
    const view = this.#view;
    view.setUint8(at, part ? PART : MESSAGE);
    const word = 4 * this.#packets++;
    view.setUint32(UDP.sendOffset + word, at - this.#slots, true);
    view.setUint32(UDP.sendLength + word, this.#length + HEADER, true);
    view.setUint32(UDP.sendIp + word, this.#host.getUint32(0), true);
    view.setUint32(UDP.sendPort + word, this.#host.getUint16(4), true);
  }

  #receive(index: number): void {
    const view = this.#view;
    const word = 4 * index;
    const at = UDP.slots + view.getUint32(UDP.receivedOffset + word, true);
    const destination = readDestination(view, at);
    if (destination < 0) {
      countDrop(this.drops, "malformed ids");
      return;
    }
    const ip = view.getUint32(UDP.receivedIp + word, true);
    const port = view.getUint32(UDP.receivedPort + word, true);
    const source = readSource(view, at);
    const part = view.getUint32(UDP.receivedPart + word, true) === 1;
    const end = at + view.getUint32(UDP.receivedLength + word, true);
    const input = this.#reader.reset(at + IDS_LENGTH, end);
    this.receivePacket(destination, ip, port, source, part, input);
  }

  /**
   * Sends all packets; every slot is free again. What a full socket does not take is dropped, as by
   * the network.
   */
  #flush(): void {
    this.#slot = -1;
    const count = this.#packets;
    if (count === 0) return;
    this.#packets = 0;
    const before = this.sending();
    const sent = this.#library.oskr_udp_send(this.#socket, count);
    this.sent(before);
    if (sent === count) return;
    for (let i = 0; i < count; i++) {
      const status = this.#view.getInt32(UDP.sendStatus + 4 * i, true);
      if (status === EAGAIN) countDrop(this.drops, "socket full");
      else if (status < 0) countDrop(this.drops, `not sent (${errnoName(status)})`);
    }
  }
}
