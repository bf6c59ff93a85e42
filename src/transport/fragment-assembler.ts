// The receiver of fragments: puts messages together and asks for what is missing. Whoever sends
// fragments has others hold memory, so that each host has a share of it.

import type { Address, Bytes, Sizes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { LinkedList, type Linked } from "../base/linked-list.ts";
import type { Clock } from "../driver.ts";
import { EMPTY, MESSAGE_MAX, Reader } from "../wire.ts";
import {
  FRAGMENT_HEADER,
  REQUEST,
  REQUEST_HEADER,
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
/** A request follows when nothing came for this long; the delay doubles each time. */
const REQUEST_DELAY_MS = 20;
const REQUESTS_MAX = 8;
/** Messages of one host with a single fragment that are asked for at a time. */
const CLAIMS_ASKED_MAX = 64;
/** Hosts that are not of the configuration and are remembered. */
const STRANGERS_MAX = 4096;
/** Numbers of messages of one host that are known to be complete. */
const COMPLETED_MAX = 256;

/** Memory that some hosts share. */
interface Pool {
  readonly max: number;
  bytes: number;
}

/** A host that sends fragments. */
interface Holder {
  readonly share: number;
  readonly pool: Pool;
  bytes: number;
  /** By number. */
  readonly assemblies: Map<number, Assembly>;
  /** The same, that of which nothing came for longest first. */
  readonly silence: LinkedList<Assembly>;
  /** The newest COMPLETED_MAX. */
  readonly completed: Set<number>;
}

interface Assembly extends Linked<Assembly> {
  readonly holder: Holder;
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly count: number;
  /** Slots of what came, by index: memory grows with that, not with what was announced. */
  readonly parts: Map<number, number>;
  /** Bytes of memory. */
  bytes: number;
  /** Bytes of fragments that came, and of requests that left. */
  came: number;
  asked: number;
  readonly openedMs: number;
  heardMs: number;
  requests: number;
}

interface Header {
  readonly from: Address;
  readonly number: number;
  readonly destination: number;
  readonly length: number;
  readonly count: number;
}

export class FragmentAssembler {
  readonly #port: FragmentPort;
  readonly #book: ShareBook;
  readonly #clock: Clock;
  readonly #holders = new Map<number, Holder>();
  #strangers = 0;
  readonly #strangerPool: Pool = { max: STRANGER_BYTES_MAX, bytes: 0 };
  #checking = false;
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
    if (holder.completed.has(number)) return;
    const header: Header = { from, number, destination, length, count };
    const known = holder.assemblies.get(number);
    if (known !== undefined && !fits(known, header)) {
      this.#port.drop("malformed fragment");
      return;
    }
    if (known?.parts.has(index) === true) return;
    const refusal = index === 0 ? this.#refusalOf(header, input) : null;
    if (refusal !== null) {
      if (known !== undefined) this.#close(known);
      remember(holder, number);
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
    const assembly = holder.assemblies.get(number) ?? this.#open(holder, header);
    assembly.parts.set(index, pool.take(input));
    this.#hold(assembly, PART_BYTES + chunk);
    assembly.came += FRAGMENT_HEADER + size;
    assembly.heardMs = this.#clock.now;
    assembly.requests = 0;
    holder.silence.remove(assembly);
    holder.silence.push(assembly);
    if (assembly.parts.size === count) this.#complete(assembly);
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
    holder = {
      share,
      pool,
      bytes: 0,
      assemblies: new Map(),
      silence: new LinkedList(),
      completed: new Set(),
    };
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
    const { from, number, destination, length, count } = header;
    const { now } = this.#clock;
    const assembly: Assembly = {
      from,
      number,
      destination,
      length,
      count,
      holder,
      parts: new Map(),
      bytes: 0,
      came: 0,
      asked: 0,
      openedMs: now,
      heardMs: now,
      requests: 0,
      before: null,
      after: null,
    };
    this.#hold(assembly, ASSEMBLY_BYTES);
    holder.assemblies.set(number, assembly);
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
    assembly.holder.assemblies.delete(assembly.number);
    assembly.holder.silence.remove(assembly);
  }

  #complete(assembly: Assembly): void {
    const { holder, number, count, length, parts } = assembly;
    const chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
    remember(holder, number);
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

  #scheduleCheck(): void {
    if (this.#checking) return;
    this.#checking = true;
    this.#clock.after(REQUEST_DELAY_MS, () => {
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
      else if (now - assembly.heardMs < REQUEST_DELAY_MS * 2 ** assembly.requests) continue;
      else if (assembly.requests >= REQUESTS_MAX) this.#abandon(assembly);
      else if (assembly.parts.size > 1 || claims++ < CLAIMS_ASKED_MAX) {
        assembly.requests++;
        this.#request(assembly);
      }
    }
    return holder.assemblies.size;
  }

  /**
   * Asks for the missing fragments; of a stranger's for no more of the first ones than fit as many
   * bytes as came, because whoever forges a source would have them sent to it.
   */
  #request(assembly: Assembly): void {
    const { holder, came, asked, count, parts } = assembly;
    let bytes = Math.ceil(count / 8);
    if (holder.share >= 0) bytes = Math.min(bytes, came - asked - REQUEST_HEADER);
    if (bytes < 1) return;
    const bitmap = new Uint8Array(bytes);
    for (let index = 0; index < Math.min(count, 8 * bytes); index++) {
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

/** What comes of this message from now on is dropped. */
function remember({ completed }: Holder, number: number): void {
  completed.add(number);
  if (completed.size <= COMPLETED_MAX) return;
  const [first] = completed;
  if (first !== undefined) completed.delete(first);
}

function fits(assembly: Assembly, { from, destination, length }: Header): boolean {
  const { from: sender, destination: receiver, length: whole } = assembly;
  return sender === from && receiver === destination && whole === length;
}
