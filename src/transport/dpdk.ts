// Packets over a DPDK port, in bursts through memory that C owns: a packet is an offset, not an
// object.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { countDrop } from "../driver.ts";
import {
  BURST,
  ENTRIES_MAX,
  ENTRY,
  ETHER_FRAGMENT,
  ETHER_MESSAGE,
  HEADER_SIZE,
  MTU_BESIDE_PAYLOAD,
  REGION,
  STATISTICS,
  TEXT_SIZE,
  type DpdkLibrary,
} from "../ffi/dpdk.ts";
import { mapRegion } from "../ffi/region.ts";
import { UsageError } from "../base/errors.ts";
import { portsMissing, startFailure } from "./eal-failure.ts";
import { Reader, Writer } from "../wire.ts";
import { MTU_DEFAULT } from "./mtu.ts";
import {
  PacketTransport,
  readDestination,
  readSource,
  writeIds,
  type PacketTransportOptions,
} from "./packet.ts";

/** Offsets in a received frame. */
const DESTINATION_MAC = 0;
const SOURCE_MAC = 6;
const ETHER_TYPE = 12;
const IDS = 14;
/** In the first four bytes of a MAC address: it is a group's, or everybody's. */
const GROUP_BIT = 0x0100_0000;

/** A struct oskr_echo of csrc/oskr_dpdk.h. */
export interface EchoKinds {
  readonly requestKind: number;
  readonly replyKind: number;
  readonly keepFrom: number;
  readonly keep: number;
  readonly zeros: number;
  /** Of a request that comes in parts; a header of 0 bytes: none does. */
  readonly partKind: number;
  readonly partHeader: number;
}

/** EAL of this process, started once; a port of it carries a DpdkTransport. */
export class Eal {
  readonly #library: DpdkLibrary;
  readonly #runtimeDir: string | null;

  /**
   * Starts EAL with these arguments. Throws UsageError with EAL's reason, or if a port is missing.
   */
  constructor(library: DpdkLibrary, args: readonly string[], portsMin: number) {
    this.#library = library;
    this.#runtimeDir = runtimeDir(args);
    this.#writeText(args.join("\n"));
    const ports = library.oskr_dpdk_start();
    // Also where EAL started: it says why a device is no port.
    const failure = { reason: this.#readText(), args };
    if (ports < 0) throw new UsageError(`DPDK: ${startFailure(failure)}`);
    if (ports < portsMin) {
      this.stop();
      throw new UsageError(portsMissing(failure, ports, portsMin, process.geteuid?.() === 0));
    }
  }

  get library(): DpdkLibrary {
    return this.#library;
  }

  /** Passes on what a library call returned; throws UsageError with its reason if it failed. */
  checked(result: number): number {
    return this.#checked(result);
  }

  /** Closes all ports, and removes the directory that EAL leaves. */
  stop(): void {
    this.#library.oskr_dpdk_stop();
    if (this.#runtimeDir !== null) rmSync(this.#runtimeDir, { recursive: true, force: true });
  }

  /** A struct oskr_echo, in the text buffer. */
  echoKinds(kinds: EchoKinds): Pointer | bigint {
    const { requestKind, replyKind, keepFrom, keep, zeros, partKind, partHeader } = kinds;
    const ofReplies = [requestKind, replyKind, keepFrom, keep, zeros] as const;
    const words = Uint32Array.of(...ofReplies, partKind, partHeader);
    this.#text().set(new Uint8Array(words.buffer));
    const address = this.#library.oskr_dpdk_text();
    assert(address !== null, "the text buffer is static");
    return address;
  }

  #checked(result: number): number {
    if (result < 0) throw new UsageError(`DPDK: ${this.#readText()}`);
    return result;
  }

  #text(): Uint8Array {
    const address = this.#library.oskr_dpdk_text();
    assert(address !== null, "the text buffer is static");
    return new Uint8Array(toArrayBuffer(address, 0, TEXT_SIZE));
  }

  #writeText(text: string): void {
    const bytes = new TextEncoder().encode(`${text}\0`);
    if (bytes.length > TEXT_SIZE) throw new UsageError("too many EAL arguments");
    this.#text().set(bytes);
  }

  #readText(): string {
    const bytes = this.#text();
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}

/** Where EAL keeps the files of its --file-prefix (lib/eal/linux/eal.c, eal_create_runtime_dir). */
function runtimeDir(args: readonly string[]): string | null {
  const prefix = args[args.indexOf("--file-prefix") + 1];
  if (!args.includes("--file-prefix") || prefix === undefined) return null;
  const fallback =
    process.getuid?.() === 0 ? "/var/run" : (process.env["XDG_RUNTIME_DIR"] ?? "/tmp");
  return join(process.env["RUNTIME_DIRECTORY"] ?? fallback, "dpdk", prefix);
}

export interface DpdkTransportOptions extends PacketTransportOptions {
  readonly eal: Eal;
  readonly port: number;
  /** Flags of oskr_dpdk_open. */
  readonly flags: number;
  /** The address that the configuration gives this host; null keeps the port's own. */
  readonly mac: Uint8Array | null;
}

/** Where the library counts the frames that come in and are not handed on. */
const DROPPED = (["foreign", "malformed"] as const).map(
  (name) => REGION.statistics + 8 * STATISTICS.indexOf(name),
);

export class DpdkTransport extends PacketTransport {
  override readonly payloadMax: number;
  protected override readonly fragmentBurst = 32;
  readonly #library: DpdkLibrary;
  readonly #eal: Eal;
  readonly #port: number;
  readonly #view: DataView;
  readonly #slotSize: number;
  /** Where the slots begin with what came; those to send from are before. */
  readonly #received: number;
  #droppedSum = 0;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #macHigh: number;
  readonly #macLow: number;
  /** The slot that was begun last, and the entries to send. */
  #slot = -1;
  #entries = 0;
  #length = 0;

  /** Opens the port; throws UsageError. */
  constructor(options: DpdkTransportOptions) {
    super(options);
    const { eal, port, mtu = MTU_DEFAULT } = options;
    this.payloadMax = mtu - MTU_BESIDE_PAYLOAD;
    this.#eal = eal;
    this.#library = eal.library;
    this.#port = port;
    eal.checked(this.#library.oskr_dpdk_open(port, options.flags, mtu));
    const { bytes, view, slotSize } = mapRegion(this.#library.oskr_dpdk_region(port), REGION);
    this.#view = view;
    this.#slotSize = slotSize;
    this.#received = REGION.slots + BURST * slotSize;
    this.#reader = new Reader(bytes, this.book);
    this.#writer = new Writer(bytes, this.book);
    if (options.mac !== null) {
      bytes.set(options.mac, REGION.mac);
      // A port whose driver cannot change its address still sends from it, so it must be the same
      // one.
      eal.checked(this.#library.oskr_dpdk_set_mac(port));
    }
    this.#macHigh = this.#view.getUint32(REGION.mac);
    this.#macLow = this.#view.getUint16(REGION.mac + 4);
  }

  /** Whether the other end is there. A memif client connects only when asked this. */
  get linkUp(): boolean {
    return this.#library.oskr_dpdk_link(this.#port) === 1;
  }

  /** The NUMA node that the port's device is on; null if it is on none. */
  get numaNode(): number | null {
    const node = this.#library.oskr_dpdk_numa_node(this.#port);
    return node < 0 ? null : node;
  }

  /** Counts frames that are longer, without their Ethernet header, and sends none. */
  limit(mtu: number): void {
    this.#eal.checked(this.#library.oskr_dpdk_mtu(this.#port, mtu));
  }

  /** Has every send ring this doorbell, that of the process at the other end of a memif. */
  ring(doorbell: Pointer): void {
    this.#eal.checked(this.#library.oskr_dpdk_doorbell(this.#port, doorbell));
  }

  /** What the port counted since it was opened. */
  statistics(): ReadonlyMap<string, number> {
    this.#eal.checked(this.#library.oskr_dpdk_statistics(this.#port));
    return new Map(
      STATISTICS.map((name, i) => [name, this.#view.getFloat64(REGION.statistics + 8 * i, true)]),
    );
  }

  /** Answers as csrc/oskr_dpdk.h says of oskr_dpdk_echo until the word at `stop` is set. */
  echo(kinds: EchoKinds, stop: Pointer | bigint): void {
    this.#eal.checked(this.#library.oskr_dpdk_echo(this.#port, this.#eal.echoKinds(kinds), stop));
  }

  override poll(): number {
    const count = this.#library.oskr_dpdk_receive(this.#port);
    assert(count >= 0, "the port is open");
    for (let i = 0; i < count; i++) this.#receive(i);
    const parts = this.pumpFragments();
    if (this.#entries > 0) this.#flush();
    return count + parts > 0 ? count + parts : this.#dropped();
  }

  /**
   * Whether the library has dropped frames since it was asked last. The caller must
   * not sleep then, because more may lie behind them.
   */
  #dropped(): number {
    const sum = DROPPED.reduce((all, at) => all + this.#view.getFloat64(at, true), 0);
    if (sum === this.#droppedSum) return 0;
    this.#droppedSum = sum;
    return 1;
  }

  override close(): void {
    this.#library.oskr_dpdk_close(this.#port);
  }

  protected override flushPackets(): void {
    this.#flush();
  }

  protected override beginPacket(): Writer {
    if (this.#slot === BURST - 1) this.#flush();
    this.#slot++;
    const at = REGION.slots + this.#slot * this.#slotSize;
    return this.#writer.reset(at, at + this.payloadMax);
  }

  protected override sendPacket(source: number, to: Address, part: boolean): void {
    this.#length = this.#writer.length;
    this.repeatPacket(source, to, part);
  }

  protected override repeatPacket(source: number, to: Address, part: boolean): void {
    const view = this.#view;
    const at = REGION.entries + this.#entries * ENTRY.size;
    const id = this.book.writeHost(to, view, at + ENTRY.destination);
    if (id < 0) {
      this.countUnsent(id);
      return;
    }
    if (!writeIds(view, at + ENTRY.ids, id, source)) {
      countDrop(this.drops, "two large ids");
      return;
    }
    view.setUint16(at + ENTRY.etherType, part ? ETHER_FRAGMENT : ETHER_MESSAGE);
    view.setUint16(at + ENTRY.slot, this.#slot, true);
    view.setUint16(at + ENTRY.length, this.#length, true);
    if (++this.#entries === ENTRIES_MAX) this.#flushEntries();
  }

  #receive(index: number): void {
    const view = this.#view;
    const at = this.#received + index * this.#slotSize;
    const length = view.getUint32(REGION.lengths + 4 * index, true);
    const high = view.getUint32(at + DESTINATION_MAC);
    const own = high === this.#macHigh && view.getUint16(at + DESTINATION_MAC + 4) === this.#macLow;
    // The port is promiscuous, and a switch floods what it has not learned yet.
    if (!own && (high & GROUP_BIT) === 0) {
      countDrop(this.drops, "for another host");
      return;
    }
    const destination = readDestination(view, at + IDS);
    if (destination < 0) {
      countDrop(this.drops, "malformed ids");
      return;
    }
    const fromHigh = view.getUint32(at + SOURCE_MAC);
    const fromLow16 = view.getUint16(at + SOURCE_MAC + 4);
    const source = readSource(view, at + IDS);
    const part = view.getUint16(at + ETHER_TYPE) === ETHER_FRAGMENT;
    const input = this.#reader.reset(at + HEADER_SIZE, at + length);
    this.receivePacket(destination, fromHigh, fromLow16, source, part, input);
  }

  /** Sends all entries; every slot is free again. Nothing may be begun and not yet sent. */
  #flush(): void {
    if (this.#entries > 0) this.#flushEntries();
    this.#slot = -1;
  }

  /** Sends all entries; the slots stay as they are. The library counts what found no room. */
  #flushEntries(): void {
    const before = this.sending();
    this.#library.oskr_dpdk_send(this.#port, this.#entries);
    this.sent(before);
    this.#entries = 0;
  }
}
