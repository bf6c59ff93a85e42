// Handles for addresses: an actor's Address is a small number, the wire has eight bytes. Addresses
// cost nothing to invent: one gets a handle only if its host has proven to receive there
// (proof.ts), or in a message.

import type { Address } from "../actor.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import { ID_MAX, type WireAddress } from "../config.ts";
import type { ShareBook } from "./fragment-format.ts";

/** Handles of addresses that packets came from, and of those that only messages named. */
const HEARD_MAX = 65_536;
const NAMED_MAX = 16_384;
const SLOTS = HEARD_MAX + NAMED_MAX;
/** Hosts that have proven themselves, and how long without a greeting they are believed. */
const PROVEN_MAX = 4096;
const PROVEN_MS = 60_000;

/** Instead of a handle: the packet's host has not proven itself; it may not be a client at all. */
export const UNPROVEN = -1;
export const REFUSED = -2;
/** Instead of an id: the address was forgotten; its host has not proven itself. */
export const FORGOTTEN = -1;
export const UNREACHABLE = -2;
/** What an address that nobody can have becomes; and that of `meet`. */
const NOWHERE: Address = Number.MAX_SAFE_INTEGER;
const MET: Address = NOWHERE - 1;

/** configured: for ever; group: cannot send; proven: a client's; named: not proven yet. */
type Standing = "configured" | "group" | "proven" | "named";

/** One MAC address, or IPv4 address and port. A Map, because ids may be forged. */
interface Host extends Linked<Host> {
  readonly high: number;
  readonly low16: number;
  readonly share: Share;
  standing: Standing;
  /** Whether packets go there. */
  reachable: boolean;
  readonly entries: Map<number, Entry>;
  /** Those heard from, the oldest first. */
  readonly heard: LinkedList<Entry>;
  heardCount: number;
  greetedMs: number;
}

/** Hosts that are charged together: of ports, and of ids, a machine has as many as it likes. */
interface Share {
  readonly key: number;
  /** Hosts, and the proven ones among them. */
  members: number;
  hosts: number;
  heard: number;
  /** The one with most ids heard from, as far as that was looked at. */
  greatest: Host | null;
}

interface Entry extends Linked<Entry> {
  readonly host: Host;
  readonly id: number;
  readonly handle: Address;
  heard: boolean;
}

/**
 * Interns addresses. Handles 0..pinned-1 stay for ever; of the others those of proven hosts give
 * way to each other only, and those that were named likewise. No handle is used twice: sending to a
 * forgotten one goes nowhere, and its owner gets a new one with its next packet.
 */
export class AddressTable implements ShareBook {
  readonly #hosts = new Map<number, Host>();
  readonly #pinned: Entry[] = [];
  readonly #slots: (Entry | undefined)[] = [];
  /** The last handles of slots that are free. */
  readonly #free: Address[] = [];
  readonly #shares = new Map<number, Share>();
  /** That with most handles heard from, and with most hosts, as far as that was looked at. */
  #greatest: Share | null = null;
  #widest: Share | null = null;
  /** Proven hosts, that which greeted longest ago first. */
  readonly #proven = new LinkedList<Host>();
  #provenCount = 0;
  readonly #named = new LinkedList<Entry>();
  #namedCount = 0;
  #heardCount = 0;
  /** Whether hosts are IPv4 addresses and ports. */
  readonly #ports: boolean;
  #lastHost: Host | null = null;
  #metHigh = 0;
  #metLow16 = 0;
  #metId = 0;

  /** The first addresses to be interned are the configured ones. */
  constructor(pinned: readonly WireAddress[]) {
    this.#ports = pinned[0]?.kind === "ipv4";
    for (const { host, id } of pinned) {
      const view = new DataView(host.buffer, host.byteOffset, host.byteLength);
      const [high, low16] = [view.getUint32(0), view.getUint16(4)];
      const handle = this.#pinned.length;
      let entry = this.#hosts.get(keyOf(high, low16));
      if (entry === undefined) {
        const share: Share = { key: -1 - handle, members: 0, hosts: 0, heard: 0, greatest: null };
        entry = this.#addHost(high, low16, share);
        entry.standing = this.isHost(high, low16) ? "configured" : "group";
        entry.reachable = true;
      }
      const pin: Entry = { host: entry, id, handle, heard: true, before: null, after: null };
      entry.entries.set(id, pin);
      this.#pinned.push(pin);
    }
  }

  /** Queues and what they hold, with their maxima. */
  get sizes(): { readonly name: string; readonly size: number; readonly max: number }[] {
    return [
      { name: "transport.proven hosts", size: this.#provenCount, max: PROVEN_MAX },
      { name: "transport.addresses heard from", size: this.#heardCount, max: HEARD_MAX },
      { name: "transport.addresses named", size: this.#namedCount, max: NAMED_MAX },
    ];
  }

  /** A client's address in a message; what cannot be one is nowhere. */
  intern(high: number, low: number): Address {
    const low16 = low >>> 16;
    const id = Math.min(low & 0xffff, ID_MAX);
    const known = this.#lookup(high, low16);
    if (known === undefined ? !this.isHost(high, low16) : isPinned(known)) return NOWHERE;
    const host = known ?? this.#addHost(high, low16, this.#share(high, low16));
    return (host.entries.get(id) ?? this.#name(host, id)).handle;
  }

  /**
   * The handle of (48-bit host, id) that a packet came from, a new one if need be; UNPROVEN or
   * REFUSED if it gets none. Ids above ID_MAX share that of ID_MAX.
   */
  find(high: number, low16: number, id: number): Address {
    const last = this.#lastHost;
    const host =
      last !== null && last.high === high && last.low16 === low16
        ? last
        : this.#lookup(high, low16);
    if (host === undefined || host.standing === "named") return UNPROVEN;
    const entry = host.entries.get(id > ID_MAX ? ID_MAX : id);
    if (entry === undefined || !entry.heard) return this.#hear(host, id, entry);
    return host.standing === "group" ? REFUSED : entry.handle;
  }

  write(address: Address, view: DataView, at: number): void {
    const entry = this.#entry(address);
    view.setUint32(at, entry?.host.high ?? 0);
    view.setUint16(at + 4, entry?.host.low16 ?? 0);
    view.setUint16(at + 6, entry?.id ?? 0);
  }

  /** Writes the six bytes of the host and returns the id, or FORGOTTEN or UNREACHABLE. */
  writeHost(address: Address, view: DataView, at: number): number {
    const entry = this.#entry(address);
    if (entry === undefined) {
      if (address !== MET) return FORGOTTEN;
      view.setUint32(at, this.#metHigh);
      view.setUint16(at + 4, this.#metLow16);
      return this.#metId;
    }
    const { host, id } = entry;
    if (!host.reachable) return UNREACHABLE;
    view.setUint32(at, host.high);
    view.setUint16(at + 4, host.low16);
    return id;
  }

  /** An address for one packet, until the next call. */
  meet(high: number, low16: number, id: number): Address {
    this.#metHigh = high;
    this.#metLow16 = low16;
    this.#metId = id;
    return MET;
  }

  /** Whether a process can have this address: it is no group's, nobody's or everybody's. */
  isHost(high: number, low16: number): boolean {
    if (!this.#ports) return (high & 0x0100_0000) === 0 && (high !== 0 || low16 !== 0);
    const first = high >>> 24;
    return low16 !== 0 && first !== 0 && first < 224;
  }

  shareOf(address: Address): number {
    return this.#entry(address)?.host.share.key ?? 0;
  }

  /**
   * Believes that the host receives where it sends from, for a while. False if there is no room:
   * the share with most hosts gives way, but hosts in use do not give way to as many others.
   */
  prove(high: number, low16: number, nowMs: number): boolean {
    const known = this.#lookup(high, low16);
    if (known !== undefined && known.standing !== "named") {
      this.#greet(known, nowMs);
      return true;
    }
    if (known === undefined && !this.isHost(high, low16)) return false;
    this.#expire(nowMs);
    const share = known?.share ?? this.#share(high, low16);
    if (this.#provenCount >= PROVEN_MAX && !this.#makeRoom(share)) return false;
    const host = this.#lookup(high, low16) ?? this.#addHost(high, low16, share);
    host.standing = "proven";
    host.reachable = true;
    host.greetedMs = nowMs;
    this.#proven.push(host);
    this.#provenCount++;
    share.hosts++;
    if (this.#widest === null || share.hosts >= this.#widest.hosts) this.#widest = share;
    return true;
  }

  /** The host of this address is there. */
  greet(address: Address, nowMs: number): void {
    const host = this.#entry(address)?.host;
    if (host !== undefined) this.#greet(host, nowMs);
    this.#expire(nowMs);
  }

  #greet(host: Host, nowMs: number): void {
    if (host.standing !== "proven") return;
    host.greetedMs = nowMs;
    this.#proven.remove(host);
    this.#proven.push(host);
  }

  #expire(nowMs: number): void {
    for (;;) {
      const { first } = this.#proven;
      if (first === null || nowMs - first.greetedMs < PROVEN_MS) return;
      this.#disown(first);
    }
  }

  /** Takes a proven host's place for one of `share`, if that is fair. */
  #makeRoom(share: Share): boolean {
    const widest = this.#widest;
    const from = widest !== null && widest.hosts > share.hosts + 1 ? widest : share;
    for (let host = this.#proven.first; host !== null; host = host.after) {
      if (host.share !== from) continue;
      this.#disown(host);
      return true;
    }
    return false;
  }

  /** Forgets a proven host and all its addresses. */
  #disown(host: Host): void {
    for (const entry of host.entries.values()) this.#forget(entry);
    this.#proven.remove(host);
    this.#provenCount--;
    host.share.hosts--;
    host.standing = "named";
    host.reachable = false;
    this.#dropHost(host);
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
    const entry = this.#slots[(address - this.#pinned.length) % SLOTS];
    return entry?.handle === address ? entry : undefined;
  }

  #lookup(high: number, low16: number): Host | undefined {
    const host = this.#hosts.get(keyOf(high, low16));
    if (host !== undefined) this.#lastHost = host;
    return host;
  }

  #share(high: number, low16: number): Share {
    const key = this.#ports ? high : keyOf(high, low16);
    let share = this.#shares.get(key);
    if (share === undefined) {
      share = { key, members: 0, hosts: 0, heard: 0, greatest: null };
      this.#shares.set(key, share);
    }
    return share;
  }

  #addHost(high: number, low16: number, share: Share): Host {
    const host: Host = {
      high,
      low16,
      share,
      standing: "named",
      reachable: false,
      greetedMs: 0,
      entries: new Map(),
      heard: new LinkedList(),
      heardCount: 0,
      before: null,
      after: null,
    };
    this.#hosts.set(keyOf(high, low16), host);
    share.members++;
    return host;
  }

  /** Forgets a host that is not proven once nothing of it is remembered. */
  #dropHost(host: Host): void {
    if (host.standing !== "named" || host.entries.size > 0) return;
    this.#hosts.delete(keyOf(host.high, host.low16));
    if (this.#lastHost === host) this.#lastHost = null;
    const { share } = host;
    if (share.greatest === host) share.greatest = null;
    if (--share.members === 0) this.#shares.delete(share.key);
  }

  /** A packet came from an id that none came from before. */
  #hear(host: Host, id: number, named: Entry | undefined): Address {
    if (host.standing !== "proven") return REFUSED;
    if (this.#heardCount >= HEARD_MAX) this.#forgetHeard();
    const entry = named ?? this.#addEntry(host, Math.min(id, ID_MAX));
    if (named !== undefined) {
      this.#named.remove(named);
      this.#namedCount--;
    }
    entry.heard = true;
    host.heard.push(entry);
    host.heardCount++;
    this.#heardCount++;
    const { share } = host;
    share.heard++;
    if (share.greatest === null || host.heardCount >= share.greatest.heardCount) {
      share.greatest = host;
    }
    if (this.#greatest === null || share.heard >= this.#greatest.heard) this.#greatest = share;
    return entry.handle;
  }

  /** Of the share, and there of the host, with most addresses the oldest one. */
  #forgetHeard(): void {
    let share = this.#greatest;
    if (share === null || share.heard === 0) {
      for (const other of this.#shares.values()) {
        if (share === null || other.heard > share.heard) share = other;
      }
      this.#greatest = share;
    }
    if (share === null) return;
    let host = share.greatest;
    if (host === null || host.heardCount === 0) {
      for (let other = this.#proven.first; other !== null; other = other.after) {
        if (other.share !== share) continue;
        if (host === null || other.heardCount > host.heardCount) host = other;
      }
      share.greatest = host;
    }
    const oldest = host?.heard.first ?? null;
    if (oldest !== null) this.#forget(oldest);
  }

  #name(host: Host, id: number): Entry {
    const oldest = this.#namedCount >= NAMED_MAX ? this.#named.first : null;
    const entry = this.#addEntry(host, id);
    this.#named.push(entry);
    this.#namedCount++;
    if (oldest !== null) {
      this.#forget(oldest);
      this.#dropHost(oldest.host);
    }
    return entry;
  }

  #addEntry(host: Host, id: number): Entry {
    const free = this.#free.pop();
    const handle = free === undefined ? this.#pinned.length + this.#slots.length : free + SLOTS;
    const entry: Entry = { host, id, handle, heard: false, before: null, after: null };
    this.#slots[(handle - this.#pinned.length) % SLOTS] = entry;
    host.entries.set(id, entry);
    return entry;
  }

  #forget(entry: Entry): void {
    const { host, id, handle } = entry;
    host.entries.delete(id);
    this.#slots[(handle - this.#pinned.length) % SLOTS] = undefined;
    this.#free.push(handle);
    if (entry.heard) {
      host.heard.remove(entry);
      host.heardCount--;
      host.share.heard--;
      this.#heardCount--;
    } else {
      this.#named.remove(entry);
      this.#namedCount--;
    }
  }
}

function keyOf(high: number, low16: number): number {
  return high * 0x1_0000 + low16;
}

function isPinned({ standing }: Host): boolean {
  return standing === "configured" || standing === "group";
}

/** A hash of a MAC address. */
function mix({ high, low16 }: Pick<Host, "high" | "low16">): number {
  return Math.imul(Math.imul(high, 0x9e3779b1) ^ low16, 0x85ebca6b);
}
