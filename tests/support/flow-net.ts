// Senders and receivers of large messages on a network in virtual time: packets take a while, wait in
// queues that are as long as a fabric's, and are lost as a test says.

import type { Address, Bytes } from "../../src/actor.ts";
import { Random } from "../../src/base/seeded-random.ts";
import type { FlowLimits } from "../../src/transport/fragment-format.ts";
import { flowLimits } from "../../src/transport/fragment-format.ts";
import type { Fragments } from "../../src/transport/fragment.ts";
import { Reader, Writer } from "../../src/wire.ts";
import { FakeClock } from "./fakes.ts";

export const PAYLOAD = 1496;
const DELAY_MS = 1;
/** Frames that a fabric's port has room for. */
const QUEUE_MAX = 8192;

/** The group's id; all others are 0. */
const GROUP_ID = 1;

export interface Sent {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
  readonly atMs: number;
}

interface Packet extends Sent {
  readonly bytes: Bytes;
  /** Whether it is for the group's id, and whether it comes from that. */
  readonly toGroup: boolean;
  readonly fromGroup: boolean;
}

export interface Delivered {
  readonly at: number;
  readonly from: Address;
  readonly length: number;
  readonly atMs: number;
}

export interface NetOptions {
  readonly ends: number;
  /** How many of them are replicas; the others are clients. */
  readonly replicas: number;
  readonly grouped?: boolean;
  readonly limits?: FlowLimits;
  /** Packets that an end takes in each millisecond. */
  readonly perMs?: (end: number, nowMs: number) => number;
  readonly lost?: (packet: Sent, random: Random) => boolean;
}

export class FlowNet {
  readonly delivered: Delivered[] = [];
  readonly drops = new Map<string, number>();
  readonly ends: readonly Fragments[];
  packets = 0;
  fragments = 0;
  overflowed = 0;
  readonly #clock = new FakeClock();
  readonly #startMs = this.#clock.now;
  readonly #random = new Random(1, "flow");
  readonly #options: NetOptions;
  readonly #queues: Packet[][];
  #wire: Packet[] = [];

  constructor(make: typeof Fragments, options: NetOptions) {
    this.#options = options;
    this.#queues = Array.from({ length: options.ends }, () => []);
    this.ends = this.#queues.map((_, end) => this.#open(make, end));
  }

  get nowMs(): number {
    return this.#clock.now - this.#startMs;
  }

  #open(make: typeof Fragments, end: number): Fragments {
    const { replicas, grouped = false, limits } = this.#options;
    const group = grouped ? replicas : null;
    const writer = new Writer(new Uint8Array(PAYLOAD));
    const self = end < replicas ? end : null;
    let number = 1000 * end;
    // Addresses: replicas, the group, its members, others by their end.
    const port = {
      payloadMax: () => PAYLOAD,
      beginPacket: () => writer.reset(0, PAYLOAD),
      sendPart: (source: number, to: Address) => this.#send(end, source, to, writer.copy()),
      refuses: () => false,
      deliver: (_id: number, from: Address, input: Reader) =>
        this.delivered.push({ at: end, from, length: input.remaining, atMs: this.nowMs }),
      drop: (reason: string) => this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1),
      mayLeave: () => true,
      pump: () => void made.pump(32),
    };
    const endOf = (address: Address): number => this.#endOf(address);
    const made = new make({
      ...{ port, clock: this.#clock, replicas, group, self, newNumber: () => number++ },
      limits: limits ?? flowLimits(replicas, self),
      book: {
        intern: () => 0,
        write: () => undefined,
        shareOf: (address: Address) =>
          endOf(address) < replicas ? -2 - endOf(address) : endOf(address),
        hostOf: (address: Address) => 2 + endOf(address),
      },
    });
    return made;
  }

  /** The group is an end of its own that nobody is at. */
  #endOf(address: Address): number {
    const { replicas, grouped = false } = this.#options;
    if (!grouped || address < replicas) return address;
    return address === replicas ? -1 : address <= 2 * replicas ? address - replicas - 1 : address;
  }

  #send(from: number, source: number, address: Address, bytes: Bytes): void {
    const { replicas } = this.#options;
    const to = this.#endOf(address);
    const receivers = to >= 0 ? [to] : [...Array(replicas).keys()].filter((end) => end !== from);
    this.packets++;
    if (bytes[0] === 0) this.fragments++;
    for (const receiver of receivers) {
      const packet = {
        ...{ from, to: receiver, kind: bytes[0] ?? 0, atMs: this.nowMs, bytes },
        ...{ toGroup: to !== address, fromGroup: source === GROUP_ID },
      };
      if (this.#options.lost?.(packet, this.#random) !== true) this.#wire.push(packet);
    }
  }

  /** Lets so many milliseconds pass; stops early when `done` says so. Returns whether it did. */
  run(ms: number, done: () => boolean = () => false): boolean {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      if (done()) return true;
      this.#clock.now += 1;
      this.#arrive();
      for (const [end, queue] of this.#queues.entries()) this.#take(end, queue);
      this.#clock.poll();
    }
    return done();
  }

  #arrive(): void {
    const left: Packet[] = [];
    for (const packet of this.#wire) {
      const queue = this.#queues[packet.to];
      if (packet.atMs + DELAY_MS > this.nowMs) left.push(packet);
      else if (queue === undefined || queue.length >= QUEUE_MAX) this.overflowed++;
      else queue.push(packet);
    }
    this.#wire = left;
  }

  #take(end: number, queue: Packet[]): void {
    const fragments = this.ends[end];
    const most = this.#options.perMs?.(end, this.nowMs) ?? 500;
    for (const { from, bytes, toGroup, fromGroup } of queue.splice(0, most)) {
      const input = new Reader(bytes);
      const address = fromGroup ? this.#options.replicas + 1 + from : from;
      fragments?.receive(input.u8(), toGroup ? GROUP_ID : 0, address, input);
    }
    if (most > 0) for (let turns = 0; turns < 8; turns++) fragments?.pump(32);
  }
}
