// The simulated transport: packets, ids and fragments are those of the real ones; instead of a port
// there is the Network.

import type { Address } from "../actor.ts";
import type { WireAddress } from "../config.ts";
import { countDrop } from "../driver.ts";
import type { AddressTable } from "../transport/address.ts";
import { PacketTransport, type PacketTransportOptions } from "../transport/packet.ts";
import { EMPTY, Reader, Writer, type AddressBook } from "../wire.ts";
import type { Network } from "./network.ts";
import { PacketContent, MAC_PREFIX } from "./packet-content.ts";
import { PAYLOAD_MAX, type Packet } from "./simulated-packet.ts";
import type { Process } from "./process.ts";

/**
 * One reader and one writer serve all processes, since only one of them runs at a time: a world of
 * twelve processes is built in microseconds. The book is that of the process that runs.
 */
class CurrentBook implements AddressBook {
  current: AddressTable | null = null;

  get lasting(): AddressTable | null {
    return this.current;
  }

  intern(high: number, low: number): Address {
    return this.current?.intern(high, low) ?? 0;
  }
  write(address: Address, view: DataView, at: number): void {
    this.current?.write(address, view, at);
  }
}

const book = new CurrentBook();
const inFrame = new Uint8Array(PAYLOAD_MAX);
const outFrame = new Uint8Array(PAYLOAD_MAX);
const reader = new Reader(inFrame, book);
const writer = new Writer(outFrame, book);
/** Whether it reads the packet that is being delivered. */
export function isOfPacket(input: Reader): boolean {
  return input === reader;
}

const hostBytes = new DataView(new ArrayBuffer(8));

const GROUP_HOST = 0xffff;

/** The address of an id at a host: a locally administered MAC that ends in the host's number. */
export function simulatedAddress(host: number, id: number): WireAddress {
  return { kind: "mac", host: Uint8Array.of(2, 0, 0, 0, host >> 8, host & 255), id };
}

/** The group of all replicas. */
export const GROUP_ADDRESS: WireAddress = {
  kind: "mac",
  host: Uint8Array.of(3, 0, 0, 0, GROUP_HOST >> 8, GROUP_HOST & 255),
  id: 0x7e,
};

export class SimulatedTransport extends PacketTransport {
  readonly payloadMax: number;
  protected readonly fragmentBurst = Infinity;
  readonly #network: Network;
  readonly #process: Process;
  /** What was sent last; it does not change any more. */
  #sent = new PacketContent(EMPTY);

  constructor(
    network: Network,
    process: Process,
    payloadMax: number,
    options: PacketTransportOptions,
  ) {
    super(options);
    this.#network = network;
    this.#process = process;
    this.payloadMax = payloadMax;
  }

  override transmit(to: Address | readonly Address[]): void {
    // What goes to all replicas may loop back, which the process delivers in a later turn.
    if (typeof to !== "number" || to === this.group) this.#process.pollSoon();
    const { watch } = this.#network;
    watch?.leaves(this.#process, this.source);
    super.transmit(to);
    watch?.left();
  }

  poll(): number {
    return this.pumpFragments();
  }

  close(): void {
    // Nothing to free.
  }

  /** Hands a packet that has arrived to the listener. */
  arrive(packet: Packet): void {
    book.current = this.book;
    const { bytes } = packet.content;
    if (bytes.length > PAYLOAD_MAX) {
      // A Byzantine replica's message that grew as it was altered: no network carries such a frame.
      countDrop(this.drops, "larger than a frame");
      return;
    }
    inFrame.set(bytes);
    const { toId, fromHigh, fromHost, fromId, part } = packet;
    const input = reader.reset(0, bytes.length);
    this.receivePacket(toId, fromHigh, fromHost, fromId, part, input);
    // Whoever asked for missing parts gets them in this turn, as from the run loop of an
    // executable.
    if (packet.part) this.pumpFragments();
  }

  protected beginPacket(): Writer {
    book.current = this.book;
    return writer.reset(0, this.payloadMax);
  }

  protected sendPacket(source: number, to: Address, part: boolean): void {
    this.#sent = new PacketContent(writer.copy());
    this.repeatPacket(source, to, part);
  }

  protected repeatPacket(source: number, to: Address, part: boolean): void {
    const id = this.book.writeHost(to, hostBytes, 0);
    if (id < 0) {
      this.countUnsent(id);
      return;
    }
    const host = hostBytes.getUint16(4);
    this.#network.send(this.#process, {
      content: this.#sent,
      part,
      fromHigh: MAC_PREFIX,
      fromHost: this.#process.host,
      fromId: source,
      toHost: host,
      toId: id,
      group: host === GROUP_HOST,
      intact: true,
    });
  }
}
