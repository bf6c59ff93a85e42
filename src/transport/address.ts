// Handles for addresses: an actor's Address is a small number, the wire has eight bytes.

import type { Address } from "../actor.ts";
import { ID_MAX, type WireAddress } from "../config.ts";
import type { AddressBook } from "../wire.ts";

/** Addresses remembered besides those of the configuration. */
const REMEMBERED_MAX = 65_536;

/**
 * One MAC address, or IPv4 address and port, and the handles of its ids. A Map, though an array
 * would be two nanoseconds faster: packets forged from 65,536 hosts with the largest id would ask
 * for 16 GiB of them.
 */
interface HostEntry {
  readonly high: number;
  readonly low16: number;
  /** Whom it is charged to. */
  readonly share: number;
  readonly handles: Map<number, Address>;
}

interface Entry {
  readonly host: HostEntry;
  readonly id: number;
}

/**
 * Interns addresses. Handles 0..pinned-1 stay for ever; of the others the newest REMEMBERED_MAX are
 * kept, and no handle is used twice: sending to a forgotten one goes nowhere, and its owner gets a
 * new one with its next packet.
 */
export class AddressTable implements AddressBook {
  readonly #hosts = new Map<number, HostEntry>();
  /** Whether hosts are IPv4 addresses and ports. */
  readonly #ports: boolean;
  readonly #pinned: Entry[] = [];
  readonly #remembered: (Entry | undefined)[] = [];
  #next = 0;
  #lastHost: HostEntry | null = null;

  /** The first addresses to be interned are the configured ones. */
  constructor(pinned: readonly WireAddress[]) {
    this.#ports = pinned[0]?.kind === "ipv4";
    for (const { host, id } of pinned) {
      const view = new DataView(host.buffer, host.byteOffset, host.byteLength);
      const share = -1 - this.#pinned.length;
      const entry = { host: this.#host(view.getUint32(0), view.getUint16(4), share), id };
      entry.host.handles.set(id, this.#pinned.length);
      this.#pinned.push(entry);
    }
    this.#next = this.#pinned.length;
  }

  intern(high: number, low: number): Address {
    return this.find(high, low >>> 16, low & 0xffff);
  }

  /**
   * The handle of (48-bit host, id), a new one if need be. Ids above ID_MAX share that of ID_MAX.
   */
  find(high: number, low16: number, id: number): Address {
    const bounded = id > ID_MAX ? ID_MAX : id;
    const host = this.#host(high, low16);
    return host.handles.get(bounded) ?? this.#remember({ host, id: bounded });
  }

  write(address: Address, view: DataView, at: number): void {
    const entry = this.#entry(address);
    view.setUint32(at, entry?.host.high ?? 0);
    view.setUint16(at + 4, entry?.host.low16 ?? 0);
    view.setUint16(at + 6, entry?.id ?? 0);
  }

  /**
   * Whom an address is charged to: of a configured one its host, as a negative number; of others
   * the MAC or IPv4 address, whose ids and ports anybody has as many of as he likes.
   */
  shareOf(address: Address): number {
    return this.#entry(address)?.host.share ?? 0;
  }

  /** Writes the six bytes of the host and returns the id, or -1 if the address was forgotten. */
  writeHost(address: Address, view: DataView, at: number): number {
    const entry = this.#entry(address);
    if (entry === undefined) return -1;
    view.setUint32(at, entry.host.high);
    view.setUint16(at + 4, entry.host.low16);
    return entry.id;
  }

  /**
   * The host of an address: the IPv4 address without the port, or a hash of the MAC address, never
   * 0; 0 if the address was forgotten.
   */
  sourceOf(address: Address): number {
    const host = this.#entry(address)?.host;
    if (host === undefined) return 0;
    return (this.#ports ? host.high : mix(host) >>> 0) || 1;
  }

  #entry(address: Address): Entry | undefined {
    if (address < this.#pinned.length) return this.#pinned[address];
    if (address < this.#next - REMEMBERED_MAX || address >= this.#next) return undefined;
    return this.#remembered[address % REMEMBERED_MAX];
  }

  #host(high: number, low16: number, ownShare?: number): HostEntry {
    const last = this.#lastHost;
    if (last !== null && last.high === high && last.low16 === low16) return last;
    const key = high * 0x1_0000 + low16;
    let host = this.#hosts.get(key);
    if (host === undefined) {
      const share = ownShare ?? (this.#ports ? high : key);
      host = { high, low16, share, handles: new Map() };
      this.#hosts.set(key, host);
    }
    this.#lastHost = host;
    return host;
  }

  #remember(entry: Entry): Address {
    const handle = this.#next++;
    const at = handle % REMEMBERED_MAX;
    const old = this.#remembered[at];
    if (old !== undefined) this.#forget(old, entry.host);
    this.#remembered[at] = entry;
    entry.host.handles.set(entry.id, handle);
    return handle;
  }

  #forget({ host, id }: Entry, keep: HostEntry): void {
    host.handles.delete(id);
    if (host.handles.size > 0 || host === keep) return;
    this.#hosts.delete(host.high * 0x1_0000 + host.low16);
    if (this.#lastHost === host) this.#lastHost = null;
  }
}

/** A hash of a MAC address. */
function mix({ high, low16 }: HostEntry): number {
  return Math.imul(Math.imul(high, 0x9e3779b1) ^ low16, 0x85ebca6b);
}
