// The receiver of fragments: puts messages together and asks for what is missing. Whoever sends
// fragments has others hold memory, so that each host has a share of it.

import type { Address, Bytes, Sizes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Call, Clock } from "../driver.ts";
import { EMPTY, MESSAGE_MAX, Reader } from "../wire.ts";
import {
  assemblyOf,
  dueMs,
  mayOpen,
  newAssembly,
  newHolder,
  remember,
  silentMs,
  type Assembly,
  type Header,
  type Holder,
  type Pool,
} from "./assembly.ts";
import {
  FRAGMENT_HEADER,
  REQUEST,
  REQUEST_HEADER,
  TURN,
  type FragmentOptions,
  type FragmentPort,
  type ShareBook,
} from "./fragment-format.ts";
import { PartPool } from "./part-pool.ts";

/** Bytes held for incomplete messages of one host of the configuration, and of all others. */
const CONFIGURED_BYTES_MAX = 32 * 1024 * 1024;
const STRANGER_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of memory that an incomplete message, and each fragment, need besides their data. */
const ASSEMBLY_BYTES = 512;
const PART_BYTES = 64;
/** Silence after which a message gives way to others of its own host. */
const STALE_MS = 100;
/** The longest time that a message may take. */
const LIFETIME_MS = 30_000;
/** How often all incomplete messages are looked at. */
const CHECK_MS = 20;
/** How soon those of configured hosts are looked at again, and how many of each host. */
const REPAIR_MS = 0.25;
const REPAIRED_MAX = 64;
const REQUESTS_MAX = 8;
/** Messages of one host with a single fragment that are asked for at a time. */
const CLAIMS_ASKED_MAX = 64;
/** Hosts that are not of the configuration and are remembered. */
const STRANGERS_MAX = 4096;

export class FragmentAssembler {
  readonly #port: FragmentPort;
  readonly #book: ShareBook;
  readonly #clock: Clock;
  readonly #holders = new Map<number, Holder>();
  #strangers = 0;
  readonly #strangerPool: Pool = { max: STRANGER_BYTES_MAX, bytes: 0 };
  #checking = false;
  /** Of the configuration. */
  readonly #configured: Holder[] = [];
  /** When their messages are looked at next. */
  #repair: Call | null = null;
  #repairMs = Infinity;
  /** Null before the first fragment, since a transport knows its payload late. */
  #pool: PartPool | null = null;
  /** Where messages are put together: as large as the largest so far, a power of two. */
  #assembled: Bytes = EMPTY;
  #reader: Reader;

  constructor({ port, book, clock }: Pick<FragmentOptions, "port" | "book" | "clock">) {
    this.#port = port;
    this.#book = book;
    this.#clock = clock;
    this.#reader = new Reader(EMPTY, book);
  }

  get sizes(): Sizes {
    let configured = 0;
    for (const { share, bytes } of this.#holders.values()) {
      if (share < 0) configured = Math.max(configured, bytes);
    }
    const { bytes, max } = this.#strangerPool;
    return [
      {
        name: "transport.bytes of a replica's fragments",
        size: configured,
        max: CONFIGURED_BYTES_MAX,
      },
      { name: "transport.bytes of strangers' fragments", size: bytes, max },
      { name: "transport.strangers with fragments", size: this.#strangers, max: STRANGERS_MAX },
    ];
  }

  /** The rest of a fragment, behind its number. */
  receive(destination: number, from: Address, number: number, input: Reader): void {
    const index = input.u16();
    const count = input.u16();
    const length = input.u32();
    const size = input.remaining;
    const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
    const expected = index + 1 < count ? chunk : length - chunk * (count - 1);
    if (
      !input.ok ||
      count < 2 ||
      index >= count ||
      length > MESSAGE_MAX ||
      count !== Math.ceil(length / chunk) ||
      size !== expected
    ) {
      this.#port.drop("malformed fragment");
      return;
    }
    const holder = this.#holder(from);
    if (holder.completed.get(number) === length) return;
    const header: Header = { from, number, destination, length, count };
    const known = assemblyOf(holder, header);
    if (known === undefined && !mayOpen(holder, header)) {
      this.#port.drop("malformed fragment");
      return;
    }
    if (known?.parts.has(index) === true) return;
    const refusal = index === 0 ? this.#refusalOf(header, input) : null;
    if (refusal !== null) {
      if (known !== undefined) this.#close(known);
      remember(holder, header);
      this.#port.drop(refusal);
      return;
    }
    const pool = (this.#pool ??= new PartPool(chunk));
    const needed = PART_BYTES + chunk + (known === undefined ? ASSEMBLY_BYTES : 0);
    if (!this.#makeRoom(holder, needed)) {
      this.#port.drop("too many fragments");
      return;
    }
    // Its own former fragments may have made the room.
    const assembly = assemblyOf(holder, header) ?? this.#open(holder, header);
    assembly.parts.set(index, pool.take(input));
    this.#hold(assembly, PART_BYTES + chunk);
    assembly.came += FRAGMENT_HEADER + size;
    assembly.heardMs = this.#clock.now;
    assembly.requests = 0;
    holder.silence.remove(assembly);
    holder.silence.push(assembly);
    if (holder.share < 0) this.#advance(assembly, index);
    if (assembly.parts.size === count) this.#complete(assembly);
  }

  /** A fragment of a configured host came: those before it have left, and may be missing. */
  #advance(assembly: Assembly, index: number): void {
    const { holder, parts, askedMs, firstAskedMs, askedBelow } = assembly;
    const { now } = this.#clock;
    if (index < askedBelow && firstAskedMs !== Infinity) {
      holder.trip.measured(now - firstAskedMs, now - askedMs);
      assembly.firstAskedMs = Infinity;
    }
    while (parts.has(assembly.missing)) assembly.missing++;
    if (assembly.missing >= assembly.left) assembly.gapMs = Infinity;
    this.#noteLeft(assembly, index);
    this.#watch(assembly);
  }

  /** So many fragments of the message have left: which of them did not come is lost, or late. */
  #noteLeft(assembly: Assembly, count: number): void {
    assembly.left = Math.max(assembly.left, count);
    if (assembly.missing >= assembly.left || assembly.gapMs !== Infinity) return;
    assembly.gapMs = this.#clock.now;
  }

  /** Why the message that begins here is not to be had from its sender. */
  #refusalOf({ destination, from, length }: Header, input: Reader): string | null {
    const start = input.position;
    const end = start + input.remaining;
    const refusal = this.#port.refuses(destination, from, input, length);
    input.reset(start, end);
    return refusal;
  }

  #holder(from: Address): Holder {
    const share = this.#book.shareOf(from);
    let holder = this.#holders.get(share);
    if (holder !== undefined) return holder;
    const pool = share < 0 ? { max: CONFIGURED_BYTES_MAX, bytes: 0 } : this.#strangerPool;
    holder = newHolder(share, pool);
    if (share < 0) this.#configured.push(holder);
    if (share >= 0) {
      if (this.#strangers >= STRANGERS_MAX) this.#forgetOldest();
      this.#strangers++;
    }
    this.#holders.set(share, holder);
    return holder;
  }

  /** Forgets the oldest stranger, one without incomplete messages if there is one. */
  #forgetOldest(): void {
    let oldest: Holder | null = null;
    for (const holder of this.#holders.values()) {
      if (holder.share < 0) continue;
      oldest ??= holder;
      if (holder.assemblies.size > 0) continue;
      oldest = holder;
      break;
    }
    if (oldest === null) return;
    for (const assembly of oldest.assemblies.values()) this.#abandon(assembly);
    this.#holders.delete(oldest.share);
    this.#strangers--;
  }

  /**
   * Whether there is room for so many bytes more. If there is not, the host that holds most gives
   * way, with the message that was silent for longest; but no host displaces what is still coming
   * from itself, because its messages would displace each other for ever.
   */
  #makeRoom(holder: Holder, bytes: number): boolean {
    const { pool } = holder;
    while (pool.bytes + bytes > pool.max) {
      const greatest = this.#greatest(holder);
      const victim = greatest.silence.first;
      if (victim === null) return false;
      if (greatest === holder && this.#clock.now - victim.heardMs < STALE_MS) return false;
      this.#abandon(victim);
    }
    return true;
  }

  /** Of the holders that share a pool with this one, that which holds most. */
  #greatest(holder: Holder): Holder {
    let greatest = holder;
    if (holder.share < 0) return greatest;
    for (const other of this.#holders.values()) {
      if (other.share >= 0 && other.bytes > greatest.bytes) greatest = other;
    }
    return greatest;
  }

  #hold(assembly: Assembly, bytes: number): void {
    const { holder } = assembly;
    assembly.bytes += bytes;
    holder.bytes += bytes;
    holder.pool.bytes += bytes;
  }

  #open(holder: Holder, header: Header): Assembly {
    const assembly = newAssembly(holder, header, this.#clock.now);
    this.#hold(assembly, ASSEMBLY_BYTES);
    if (holder.share < 0) this.#noteTurns(holder);
    holder.assemblies.set(assembly.key, assembly);
    holder.silence.push(assembly);
    this.#scheduleCheck();
    return assembly;
  }

  #abandon(assembly: Assembly): void {
    this.#close(assembly);
    this.#port.drop("incomplete message");
  }

  #close(assembly: Assembly): void {
    this.#hold(assembly, -assembly.bytes);
    for (const slot of assembly.parts.values()) this.#pool?.give(slot);
    assembly.holder.assemblies.delete(assembly.key);
    assembly.holder.silence.remove(assembly);
  }

  #complete(assembly: Assembly): void {
    const { holder, count, length, parts } = assembly;
    const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
    remember(holder, assembly);
    if (this.#assembled.length < length) {
      this.#assembled = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
      this.#reader = new Reader(this.#assembled, this.#book);
    }
    for (let index = 0; index < count; index++) {
      const slot = parts.get(index);
      assert(slot !== undefined, "a complete message has all its fragments");
      const at = index * chunk;
      this.#pool?.copy(slot, Math.min(chunk, length - at), this.#assembled, at);
    }
    this.#close(assembly);
    this.#port.deliver(assembly.destination, assembly.from, this.#reader.reset(0, length));
  }

  /** A message begins once those before it have had a turn. */
  #noteTurns({ assemblies }: Holder): void {
    let looked = 0;
    for (const earlier of assemblies.values()) {
      if (looked++ >= REPAIRED_MAX) return;
      this.#noteLeft(earlier, Math.min(TURN, earlier.count));
      this.#watch(earlier);
    }
  }

  #scheduleCheck(): void {
    if (this.#checking) return;
    this.#checking = true;
    this.#clock.after(CHECK_MS, () => {
      this.#checking = false;
      let open = 0;
      for (const holder of this.#holders.values()) open += this.#check(holder);
      if (open > 0) this.#scheduleCheck();
      else this.#pool?.clear();
    });
  }

  /**
   * Asks for what is missing of every message of which nothing came for a while, but for few at a
   * time of those that are one fragment so far; gives up what takes too long. Returns how many are
   * left.
   */
  #check(holder: Holder): number {
    const { now } = this.#clock;
    let claims = 0;
    for (const assembly of holder.assemblies.values()) {
      if (now - assembly.openedMs > LIFETIME_MS) this.#abandon(assembly);
      else if (now < dueMs(assembly)) continue;
      else if (assembly.requests >= REQUESTS_MAX) this.#abandon(assembly);
      else if (assembly.parts.size > 1 || claims++ < CLAIMS_ASKED_MAX) this.#request(assembly);
    }
    return holder.assemblies.size;
  }

  /** Has a message looked at when it is due, where that is known better than for any host. */
  #watch(assembly: Assembly): void {
    if (!assembly.holder.trip.known) return;
    const atMs = dueMs(assembly);
    if (atMs < this.#repairMs) this.#scheduleRepair(atMs);
  }

  #scheduleRepair(atMs: number): void {
    this.#repair?.cancel();
    this.#repairMs = atMs;
    const delayMs = Math.max(REPAIR_MS, atMs - this.#clock.now);
    this.#repair = this.#clock.after(delayMs, () => this.#repairAll());
  }

  /** As #check, of the oldest messages of configured hosts, when they are due. */
  #repairAll(): void {
    this.#repair = null;
    this.#repairMs = Infinity;
    const { now } = this.#clock;
    let nextMs = Infinity;
    for (const { trip, assemblies } of this.#configured) {
      if (!trip.known) continue;
      let looked = 0;
      for (const assembly of assemblies.values()) {
        if (looked++ >= REPAIRED_MAX) break;
        if (assembly.requests >= REQUESTS_MAX) continue;
        if (dueMs(assembly) <= now) this.#request(assembly);
        nextMs = Math.min(nextMs, dueMs(assembly));
      }
    }
    if (nextMs < Infinity) this.#scheduleRepair(nextMs);
  }

  /**
   * Asks for the missing fragments, for those that are known to have left as long as others come;
   * of a stranger's for no more of the first ones than fit as many bytes as came, because whoever
   * forges a source would have them sent to it.
   */
  #request(assembly: Assembly): void {
    const { holder, came, asked, count, parts, left } = assembly;
    const { now } = this.#clock;
    const end = now < silentMs(assembly) ? left : count;
    assembly.requests++;
    let bytes = Math.ceil(end / 8);
    if (holder.share >= 0) bytes = Math.min(bytes, came - asked - REQUEST_HEADER);
    if (bytes < 1) return;
    assembly.askedMs = now;
    assembly.firstAskedMs = Math.min(assembly.firstAskedMs, now);
    assembly.askedBelow = end;
    const bitmap = new Uint8Array(bytes);
    for (let index = 0; index < Math.min(end, 8 * bytes); index++) {
      const at = index >> 3;
      if (!parts.has(index)) bitmap[at] = (bitmap[at] ?? 0) | (1 << (index & 7));
    }
    assembly.asked += REQUEST_HEADER + bytes;
    const out = this.#port.beginPacket();
    out.u8(REQUEST);
    out.u53(assembly.number);
    out.bytes(bitmap);
    this.#port.sendPart(assembly.destination, assembly.from);
  }
}
