// What all transports share: ids, delivery, messages that do not fit one packet, and proofs of
// addresses. A subclass moves packets. Every packet says whether it holds a message or a part of
// one (or a proof), has three bytes for its two ids (destination, source, extension), and then the
// payload.

import type { Address, Sizes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { ID_MAX, SMALL_ID_MAX, type WireAddress } from "../config.ts";
import { copyLarge } from "../base/large-buffers.ts";
import { countDrop, type Clock, type Drops, type RefusesPart } from "../driver.ts";
import type { Transport } from "../driver.ts";
import { OTHER, SECTION, SEND } from "../base/sections.ts";
import type { Reader, Writer } from "../wire.ts";
import { AddressTable, FORGOTTEN } from "./address.ts";
import { Fragments } from "./fragment.ts";
import { ANSWER, Inquiries, INQUIRY } from "./inquiry.ts";
import { Challenger, CHALLENGE, HELLO, PROOF, WELCOME } from "./proof.ts";
import { Prover } from "./prover.ts";

type Deliver = (from: Address, input: Reader) => void;

/** Bytes of the two ids and their extension. */
export const IDS_LENGTH = 3;

/**
 * Writes the three id bytes. An id's low seven bits are in its own byte; if it needs more, the top
 * bit there is set and the extension holds the high eight. False if both would need the extension.
 */
export function writeIds(view: DataView, at: number, destination: number, source: number): boolean {
  const far = destination > SMALL_ID_MAX;
  const farSource = source > SMALL_ID_MAX;
  if (far && farSource) return false;
  view.setUint8(at, far ? 0x80 | (destination & 0x7f) : destination);
  view.setUint8(at + 1, farSource ? 0x80 | (source & 0x7f) : source);
  view.setUint8(at + 2, far ? destination >> 7 : farSource ? source >> 7 : 0);
  return true;
}

/** The destination id of the three bytes at `at`, or -1 if they are malformed. */
export function readDestination(view: DataView, at: number): number {
  const low = view.getUint8(at);
  if (low < 0x80) return low;
  if (view.getUint8(at + 1) >= 0x80) return -1;
  return (view.getUint8(at + 2) << 7) | (low & 0x7f);
}

/** The source id, if `readDestination` found the bytes well formed. */
export function readSource(view: DataView, at: number): number {
  const low = view.getUint8(at + 1);
  return low < 0x80 ? low : (view.getUint8(at + 2) << 7) | (low & 0x7f);
}

export interface PacketTransportOptions {
  /** Get the addresses 0..n-1. */
  readonly replicas: readonly WireAddress[];
  /** Get the next ones: processes that are neither replicas nor clients. */
  readonly others?: readonly WireAddress[];
  /** Gets the address behind those. */
  readonly multicast: WireAddress | null;
  /**
   * Whether what is sent to the multicast address is for the actors here, as it is for replicas.
   */
  readonly member: boolean;
  /**
   * Whether it is one of `replicas` or `others`, whose addresses everybody knows, so that it has
   * none to prove (default: as `member`).
   */
  readonly configured?: boolean;
  readonly clock: Clock;
  readonly random: (bound: number) => number;
  /** Bytes that a packet holds behind the Ethernet header, all of the network's included. */
  readonly mtu?: number;
  /** The share of arriving packets to lose on purpose, 0 to 1. */
  readonly dropRate?: number;
  /** As of Node: is told when packets leave. */
  readonly sections?: Int32Array;
}

/**
 * Replicas; other processes; the group; and, with the group's id, the replicas once more: its
 * members ask for fragments so.
 */
function pinnedAddresses(
  replicas: readonly WireAddress[],
  others: readonly WireAddress[],
  multicast: WireAddress | null,
): readonly WireAddress[] {
  if (multicast === null) return [...replicas, ...others];
  const { id } = multicast;
  return [...replicas, ...others, multicast, ...replicas.map((replica) => ({ ...replica, id }))];
}

export abstract class PacketTransport implements Transport {
  abstract readonly payloadMax: number;
  readonly group: Address | null;
  readonly drops: Drops = new Map();
  /** What replicas run: told by them, and asked for by clients. */
  readonly inquiries: Inquiries;
  protected readonly book: AddressTable;
  readonly #sections: Int32Array;
  readonly #listeners: (Deliver | undefined)[] = [];
  /** All listeners, for packets to the group. */
  readonly #members: Deliver[] = [];
  readonly #refuses: (RefusesPart | undefined)[] = [];
  /** The group's id if its messages are for the actors here, else -1. */
  readonly #groupId: number;
  /**
   * The same, with ids of processes that are neither replicas nor clients: a sequencer in the
   * network passes on what it gets to all replicas, as it is addressed.
   */
  readonly #memberIds: ReadonlySet<number>;
  readonly #fragments: Fragments;
  readonly #challenger: Challenger;
  /** Null in a replica, which is configured everywhere. */
  readonly #prover: Prover | null;
  readonly #dropBelow: number;
  readonly #random: (bound: number) => number;
  /** The id that the message which is being written is from. */
  protected source = 0;
  #writer: Writer | null = null;

  constructor(options: PacketTransportOptions) {
    const { replicas, others = [], multicast, member, clock, random } = options;
    const { configured = member } = options;
    this.book = new AddressTable(pinnedAddresses(replicas, others, multicast));
    this.group = multicast === null ? null : replicas.length + others.length;
    this.#groupId = multicast !== null && member ? multicast.id : -1;
    this.#memberIds = new Set(member ? [this.#groupId, ...others.map(({ id }) => id)] : []);
    this.#dropBelow = (options.dropRate ?? 0) * 2 ** 32;
    this.#random = random;
    this.#sections = options.sections ?? new Int32Array(1);
    const port = {
      payloadMax: () => this.payloadMax,
      beginPacket: () => this.beginPacket(),
      sendPart: (source: number, to: Address) => this.sendPacket(source, to, true),
      refuses: (id: number, from: Address, input: Reader, bytes: number) =>
        this.#refuses[id]?.(from, input, bytes) ?? null,
      deliver: (id: number, from: Address, input: Reader) => this.#deliver(id, from, input),
      drop: (reason: string) => countDrop(this.drops, reason),
      pump: () => void this.pumpFragments(),
      mayLeave: (to: Address) => this.#prover === null || this.#prover.mayLeave(to),
      send: (source: number, to: Address, part: boolean) => this.sendPacket(source, to, part),
      flush: () => this.flushPackets(),
    };
    const { group } = this;
    this.#fragments = new Fragments({
      ...{ port, clock, book: this.book, replicas: replicas.length, group },
      firstNumber: random(2 ** 48),
    });
    this.inquiries = new Inquiries(port);
    this.#challenger = new Challenger(port, this.book, clock, random);
    const peers = replicas.length + others.length;
    this.#prover = configured
      ? null
      : new Prover({ port, clock, peers, replicas: replicas.length, group, pump: port.pump });
  }

  get sizes(): Sizes {
    const kept = this.#prover?.sizes ?? [];
    return [...this.#fragments.sizes, ...this.book.sizes, ...kept];
  }

  /** Configured hosts from which nothing ever came; none of those that a replica has. */
  get silentPeers(): readonly Address[] {
    return this.#prover?.silent ?? [];
  }

  abstract poll(): number;
  abstract close(): void;

  /** The next outgoing packet's payload, at most payloadMax bytes of it in place. */
  protected abstract beginPacket(): Writer;
  /** Sends what was begun. A forgotten or impossible address is counted and goes nowhere. */
  protected abstract sendPacket(source: number, to: Address, part: boolean): void;
  /** Sends the payload of the last packet once more. */
  protected abstract repeatPacket(source: number, to: Address, part: boolean): void;
  /** Lets go of what waits for company, so that nothing that is sent later overtakes it. */
  protected flushPackets(): void {
    // Nothing waits in a transport that sends at once.
  }
  /**
   * Packets of large messages to send in one go, so that they do not fill the queues of the
   * network.
   */
  protected abstract readonly fragmentBurst: number;

  /** Sends more of the large messages under way; a subclass's `poll` calls it. */
  protected pumpFragments(): number {
    return this.#fragments.pump(this.fragmentBurst);
  }

  /** Whatever it interrupts: from here on packets leave. Returns what to give to `sent`. */
  protected sending(): number {
    const before = this.#sections[SECTION] ?? OTHER;
    this.#sections[SECTION] = SEND;
    return before;
  }
  protected sent(before: number): void {
    this.#sections[SECTION] = before;
  }

  /**
   * A subclass's `poll` calls it for each packet, with the six bytes of the host and the id that it
   * came from.
   */
  protected receivePacket(
    destination: number,
    high: number,
    low16: number,
    source: number,
    part: boolean,
    input: Reader,
  ): void {
    if (this.#dropBelow > 0 && this.#random(2 ** 32) < this.#dropBelow) {
      countDrop(this.drops, "lost on purpose");
      return;
    }
    const from = this.book.find(high, low16, source);
    if (from < 0) {
      this.#challenger.meet(from, { destination, high, low16, source, part }, input);
      return;
    }
    if (part) {
      this.#receivePart(destination, from, input);
      return;
    }
    if (this.#prover?.waits === true) this.#prover.heard(from);
    this.#deliver(destination, from, input);
  }

  /** Counts why a packet cannot leave, by what `writeHost` returned instead of an id. */
  protected countUnsent(id: number): void {
    countDrop(this.drops, id === FORGOTTEN ? "forgotten address" : "to an unproven address");
  }

  #receivePart(destination: number, from: Address, input: Reader): void {
    const kind = input.u8();
    const prover = this.#prover;
    if (kind === CHALLENGE && prover !== null) {
      prover.onChallenge(from, input);
      return;
    }
    if (prover?.waits === true) prover.heard(from);
    if (kind === HELLO) this.#challenger.onHello(destination, from);
    else if (kind === PROOF || kind === WELCOME) return;
    else if (kind === INQUIRY || kind === ANSWER) {
      this.inquiries.receive(kind, destination, from, input);
    } else this.#fragments.receive(kind, destination, from, input);
  }

  listen(id: number, deliver: Deliver, refuses?: RefusesPart): void {
    assert(id >= 0 && id <= ID_MAX && id !== this.#groupId, `id ${id} is out of range`);
    assert(this.#listeners[id] === undefined, `id ${id} is in use`);
    this.#listeners[id] = deliver;
    this.#refuses[id] = refuses;
    this.#members.push(deliver);
    // Members of the group are replicas of one protocol, which take alike.
    if (this.#groupId >= 0) this.#refuses[this.#groupId] ??= refuses;
  }

  sourceOf(address: Address): number {
    return this.book.sourceOf(address);
  }

  begin(id: number): Writer {
    this.source = id;
    this.#writer = this.beginPacket();
    return this.#writer;
  }

  transmit(to: Address | readonly Address[]): void {
    const writer = this.#writer;
    assert(writer !== null, "transmit without begin");
    this.#writer = null;
    if (writer.large) {
      const receivers = typeof to === "number" ? [to] : to;
      this.#fragments.transmit(this.source, receivers, copyLarge(writer));
      this.pumpFragments();
      return;
    }
    if (this.#prover?.waits === true) {
      this.#prover.keep(this.source, typeof to === "number" ? [to] : to, writer);
    }
    if (typeof to === "number") {
      this.sendPacket(this.source, to, false);
      return;
    }
    for (let i = 0; i < to.length; i++) {
      const address = to[i] ?? 0;
      if (i === 0) this.sendPacket(this.source, address, false);
      else this.repeatPacket(this.source, address, false);
    }
  }

  #deliver(destination: number, from: Address, input: Reader): void {
    const listener = this.#listeners[destination];
    if (listener !== undefined) {
      listener(from, input);
    } else if (this.#memberIds.has(destination)) {
      const start = input.position;
      const end = start + input.remaining;
      for (const member of this.#members) member(from, input.reset(start, end));
    } else {
      countDrop(this.drops, "unknown id");
    }
  }
}
