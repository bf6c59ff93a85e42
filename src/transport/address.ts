// Handles for addresses: an actor's Address is a small number, the wire has eight bytes.

import type { Address } from "../actor.ts";
import { ID_MAX, type WireAddress } from "../config.ts";
import type { AddressBook } from "../wire.ts";

/** Addresses remembered besides those of the configuration. */
const REMEMBERED_MAX = 65_536;

/** One MAC address, or IPv4 address and port, and the handles of its ids. */
interface HostEntry {
  readonly high: number;
  readonly low16: number;
  /** Handle + 1 by id, 0 where there is none; grows to the largest id seen. */
  handles: Float64Array;
  count: number;
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
  readonly #pinned: Entry[] = [];
  readonly #remembered: (Entry | undefined)[] = [];
  #next = 0;
  #lastHost: HostEntry | null = null;

  /** The first addresses to be interned are the configured ones. */
  constructor(pinned: readonly WireAddress[]) {
    for (const { host, id } of pinned) {
      const view = new DataView(host.buffer, host.byteOffset, host.byteLength);
      const entry = { host: this.#host(view.getUint32(0), view.getUint16(4)), id };
      this.#setHandle(entry, this.#pinned.length);
      this.#pinned.push(entry);
    }
    this.#next = this.#pinned.length;
  }

  intern(high: number, low: number): Address {
    return this.find(high, low >>> 16, low & 0xffff);
  }

  /** The handle of (48-bit host, id), a new one if need be. Ids above ID_MAX share that of ID_MAX. */
  find(high: number, low16: number, id: number): Address {
    const bounded = id > ID_MAX ? ID_MAX : id;
    const host = this.#host(high, low16);
    const handle = bounded < host.handles.length ? (host.handles[bounded] ?? 0) : 0;
    return handle > 0 ? handle - 1 : this.#remember({ host, id: bounded });
  }

  write(address: Address, view: DataView, at: number): void {
    const entry = this.#entry(address);
    view.setUint32(at, entry?.host.high ?? 0);
    view.setUint16(at + 4, entry?.host.low16 ?? 0);
    view.setUint16(at + 6, entry?.id ?? 0);
  }

  /** Writes the six bytes of the host and returns the id, or -1 if the address was forgotten. */
  writeHost(address: Address, view: DataView, at: number): number {
    const entry = this.#entry(address);
    if (entry === undefined) return -1;
    view.setUint32(at, entry.host.high);
    view.setUint16(at + 4, entry.host.low16);
    return entry.id;
  }

  #entry(address: Address): Entry | undefined {
    if (address < this.#pinned.length) return this.#pinned[address];
    if (address < this.#next - REMEMBERED_MAX || address >= this.#next) return undefined;
    return this.#remembered[address % REMEMBERED_MAX];
  }

  #host(high: number, low16: number): HostEntry {
    const last = this.#lastHost;
    if (last !== null && last.high === high && last.low16 === low16) return last;
    const key = high * 0x1_0000 + low16;
    let host = this.#hosts.get(key);
    if (host === undefined) {
      host = { high, low16, handles: new Float64Array(4), count: 0 };
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
    this.#setHandle(entry, handle);
    return handle;
  }

  #setHandle({ host, id }: Entry, handle: Address): void {
    if (id >= host.handles.length) {
      const length = Math.min(ID_MAX + 1, Math.max(id + 1, 2 * host.handles.length));
      const grown = new Float64Array(length);
      grown.set(host.handles);
      host.handles = grown;
    }
    host.handles[id] = handle + 1;
    host.count++;
  }

  #forget({ host, id }: Entry, keep: HostEntry): void {
    host.handles[id] = 0;
    host.count--;
    if (host.count > 0 || host === keep) return;
    this.#hosts.delete(host.high * 0x1_0000 + host.low16);
    if (this.#lastHost === host) this.#lastHost = null;
  }
}
