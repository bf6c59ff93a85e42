// Strangers: hosts without keys, one that proves its address and one that never does. Before GST
// they send what they made of what they overheard, replay it, flood replicas with requests and
// parts whose sizes lie, and are clients like any other besides.

import type { Bytes, Client, Sealed } from "../actor.ts";
import { AssertionError } from "../base/assert.ts";
import type { Random } from "../base/seeded-random.ts";
import { FRAGMENT, FRAGMENT_HEADER, REQUEST } from "../transport/fragment-format.ts";
import { CHALLENGE, COOKIE_LENGTH, HELLO, PROOF, WELCOME } from "../transport/proof.ts";
import { MESSAGE_MAX, Reader, u32At, Writer } from "../wire.ts";
import { stamp } from "./judge.ts";
import { mutate, Pool } from "./mutate.ts";
import type { Network } from "./network.ts";
import { MAC_PREFIX, PacketContent, wireBook } from "./packet-content.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan, StrangerTrick } from "./seed-plan.ts";
import { carriedMax, JUMBO_PAYLOAD_MAX, type Packet } from "./simulated-packet.ts";
import type { Subject } from "./subject.ts";
import { drawOperation } from "./workload.ts";

/** The first client of a stranger in stamps. */
export const STRANGER_CLIENT = 0x8200;
/** Its clients that ask as they should, operations of each, and bytes of a value. */
const CLIENTS = 2;
const OPERATIONS_MAX = 20;
const VALUE_MAX = 4000;
/** Packets of one burst, bursts of a seed, and packets of all of them. */
const BURST_MAX = 24;
const BURSTS_MAX = 100;
const PACKETS_MAX = 1200;
/** Bytes of a large request of a burst, and of the sum of those: copies cost time. */
const LARGE_MAX = 24 * 1024;
/** How often what is overheard is answered by something, and packets that are kept of it. */
const OFTEN = 0.04;
const KEPT_MAX = 64;
const DEPTH_MAX = 4;
const NONCE_LENGTH = 13;

/** What strangers know of the world that they are in, and may do to it. */
export interface StrangerWorld {
  readonly plan: Plan;
  readonly subject: Pick<Subject, "protocol">;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Pick<Network, "deliver" | "overhear">;
  /** A process at a host of its own, without an actor. */
  addStranger(name: string): Process;
  /** A client that listens on an id there. */
  startClient(process: Process, id: number): Client<Sealed, string>;
  /** Counts what was done, by name. */
  count(what: string): void;
}

interface Source {
  readonly host: number;
  readonly id: number;
}

/** Has the strangers of the plan at it until GST. */
export function letStrangersIn(world: StrangerWorld): void {
  if (world.plan.strangers.length > 0) new Strangers(world).begin();
}

class Strangers {
  readonly #world: StrangerWorld;
  readonly #random: Random;
  readonly #tricks: ReadonlySet<StrangerTrick>;
  readonly #pool = new Pool();
  readonly #writer = new Writer(new Uint8Array(JUMBO_PAYLOAD_MAX), wireBook);
  /** One that receives and proves itself, if it asks operations, and one that does not. */
  readonly #proven: Process;
  readonly #mute: Process;
  readonly #kept: Packet[] = [];
  /** Messages with a request. */
  readonly #requests: Sealed[] = [];
  #packets = 0;

  constructor(world: StrangerWorld) {
    this.#world = world;
    this.#random = world.random.stream("strangers");
    this.#tricks = new Set(world.plan.strangers);
    this.#proven = world.addStranger("stranger");
    this.#mute = world.addStranger("mute stranger");
  }

  begin(): void {
    const { plan, scheduler, network } = this.#world;
    if (this.#tricks.has("strange sessions")) {
      // It is a client like any other, whose operations are in nobody's history.
      this.#proven.byzantine = false;
      for (let i = 0; i < CLIENTS; i++) {
        this.#ask(this.#world.startClient(this.#proven, i + 1), STRANGER_CLIENT + i, 1);
      }
    }
    network.overhear((packet) => this.#overhear(packet));
    const bursts = Math.min(BURSTS_MAX, Math.ceil(plan.gstUs / (plan.viewTimeoutMs * 1000)));
    for (let i = 0; i < bursts; i++) {
      const atUs = Math.floor(((i + this.#random.int(100) / 100) * plan.gstUs) / bursts);
      scheduler.after(null, atUs, () => this.#burst());
    }
  }

  /** Asks one operation after another, as large as they come. */
  #ask(client: Client<Sealed, string>, id: number, number: number): void {
    const { plan, scheduler } = this.#world;
    if (scheduler.nowUs >= plan.gstUs || number > OPERATIONS_MAX) return;
    const valueMax = this.#random.chance(0.2) ? VALUE_MAX : 16;
    const given = { client: id, number, keys: plan.keys, valueMax, seen: null };
    const op = stamp(id, number, drawOperation(this.#random, given));
    this.#world.count("stranger: asks");
    client.invoke(op, () => {
      this.#world.count("stranger: answers");
      const pauseUs = this.#random.int(2 * plan.thinkUs + 1);
      scheduler.after(this.#proven, pauseUs, () => this.#ask(client, id, number + 1));
    });
  }

  #overhear(packet: Packet): void {
    const { plan, scheduler, subject } = this.#world;
    if (scheduler.nowUs >= plan.gstUs || !this.#random.chance(0.25)) return;
    const random = this.#random;
    if (this.#kept.length < KEPT_MAX) this.#kept.push(packet);
    else this.#kept[random.int(KEPT_MAX)] = packet;
    const message = packet.part ? null : packet.content.read(subject.protocol);
    if (message !== null) {
      this.#pool.learn(random, message);
      const held = mapRequests(message, (request) => ({ ...request }), 0) !== message;
      if (held && this.#requests.length < KEPT_MAX) this.#requests.push(message);
    }
    if (this.#plays("strange messages", 4 * OFTEN)) this.#sendMutated(packet);
    if (this.#plays("strange replays", 4 * OFTEN)) this.#replay();
  }

  /** What was overheard, with one field changed, and its signature or another. */
  #sendMutated({ toHost, toId }: Packet): void {
    const random = this.#random;
    const { messages } = this.#pool;
    if (messages.length === 0) return;
    const changed = mutate(random, this.#pool, random.pick(messages), false);
    if (changed === null) return;
    const { seal } = changed;
    const forged = seal !== undefined && random.chance(0.5);
    const signature = forged ? random.bytes(seal.signature.length) : null;
    const sent = signature === null ? changed : { ...changed, seal: { ...seal, signature } };
    const bytes = this.#encode(sent as Sealed);
    if (bytes !== null) this.#send({ host: toHost, id: toId }, this.#source(), bytes, false);
  }

  /** What was overheard, to whom it was for or to somebody else, from its source or another. */
  #replay(): void {
    const random = this.#random;
    const old = random.pick(this.#kept);
    const { content, part, fromHost, fromId, toHost, toId } = old;
    const to = random.chance(0.5) ? { host: toHost, id: toId } : this.#replica();
    const from = random.chance(0.5) && this.#mayForge(fromHost);
    this.#send(to, from ? { host: fromHost, id: fromId } : this.#source(), content.bytes, part);
  }

  #burst(): void {
    const random = this.#random;
    const to = this.#replica();
    const from = this.#source();
    const count = random.between(1, BURST_MAX);
    if (this.#plays("strange requests", 0.7)) {
      const large = random.chance(0.2);
      for (let i = 0; i < (large ? 2 : count); i++) this.#sendRequest(to, from, large);
    }
    if (this.#plays("strange parts", 0.5)) {
      for (let i = 0; i < count; i++) this.#send(to, from, this.#part(), true);
    }
    if (this.#plays("strange proofs", 0.3)) {
      for (let i = 0; i < count; i++) {
        const kind = random.pick([HELLO, CHALLENGE, PROOF, WELCOME]);
        const length = random.chance(0.8) ? COOKIE_LENGTH : random.int(20);
        const packet = random.chance(0.3) ? random.pick(this.#kept) : undefined;
        const target = packet === undefined ? to : { host: packet.toHost, id: packet.toId };
        this.#send(
          target,
          this.#source(),
          Buffer.concat([Uint8Array.of(kind), random.bytes(length)]),
          true,
        );
      }
    }
  }

  /** A request of a session that is guessed, or an `open`; a large one goes in fragments. */
  #sendRequest(to: Source, from: Source, large: boolean): void {
    const random = this.#random;
    if (this.#requests.length === 0) return;
    const opens = random.chance(0.2);
    const made = mapRequests(
      random.pick(this.#requests),
      () => {
        const op = random.bytes(NONCE_LENGTH);
        if (opens) return { session: 0, tag: u32At(op, 0), number: 0, op };
        const session = random.chance(0.5) ? 1 + random.int(40) : 2 ** 40 + random.int(2 ** 40);
        const bytes = random.bytes(large ? random.int(LARGE_MAX) : random.int(40));
        const number = random.between(1, 9);
        return { session, tag: random.u32(), number, op: stamp(STRANGER_CLIENT, number, bytes) };
      },
      0,
    );
    const bytes = this.#encode(made as Sealed);
    if (bytes === null) return;
    const { payloadMax } = this.#world.plan;
    if (bytes.length <= payloadMax) return this.#send(to, from, bytes, false);
    const chunk = payloadMax - FRAGMENT_HEADER;
    const count = Math.ceil(bytes.length / chunk);
    const number = random.int(2 ** 48);
    const lost = random.chance(0.5) ? random.int(count) : -1;
    for (let index = 0; index < count; index++) {
      const data = bytes.subarray(index * chunk, (index + 1) * chunk);
      const part = fragment(number, index, count, bytes.length, data);
      if (index !== lost) this.#send(to, from, part, true);
    }
  }

  /** The first, a middle or the last part of a message that is not sent, or a request for parts. */
  #part(): Bytes {
    const random = this.#random;
    const number = this.#messageNumber();
    if (random.chance(0.25)) {
      const bitmap = random.bytes(random.pick([1, 8, 200]));
      return Buffer.concat([Uint8Array.of(REQUEST), u53(number), bitmap]);
    }
    const chunk = this.#world.plan.payloadMax - FRAGMENT_HEADER;
    const length = random.chance(0.3) ? MESSAGE_MAX : random.between(chunk + 1, MESSAGE_MAX);
    const count = Math.ceil(length / chunk);
    const index = random.pick([0, 0, count >> 1, count - 1]);
    const size = index === count - 1 ? length - chunk * (count - 1) : chunk;
    const data = new Uint8Array(size);
    data[0] = random.int(8);
    switch (random.int(6)) {
      case 0:
        return fragment(number, index, random.int(65_536), length, data);
      case 1:
        return fragment(number, index, count, random.u32(), data);
      case 2:
        return fragment(number, index, count, length, data.subarray(0, random.int(size)));
      default:
        return fragment(number, index, count, length, data);
    }
  }

  /** Of a message that somebody sends, or of none. */
  #messageNumber(): number {
    const random = this.#random;
    const packet = random.chance(0.3) ? random.pick(this.#kept) : undefined;
    const input = new Reader(packet?.part === true ? packet.content.bytes : random.bytes(9));
    input.u8();
    return input.u53() + random.int(4);
  }

  #replica(): Source {
    const host = this.#random.int(this.#world.plan.n);
    return { host, id: host };
  }

  /** Its own address, proven or not, or that of a client or a replica. */
  #source(): Source {
    const random = this.#random;
    const { plan } = this.#world;
    const { n, clients } = plan;
    const own = [this.#proven.host, this.#proven.host, this.#mute.host];
    const forged = random.chance(0.3) ? random.int(n + clients) : -1;
    if (!this.#mayForge(forged)) return { host: random.pick(own), id: random.between(1, 600) };
    return { host: forged, id: forged < n ? forged : random.between(1, 600) };
  }

  /** Where nothing is signed, a replica's address is all that its replies are known by. */
  #mayForge(host: number): boolean {
    if (host < 0) return false;
    return host >= this.#world.plan.n || this.#world.subject.protocol.signed;
  }

  #plays(trick: StrangerTrick, probability: number): boolean {
    return this.#tricks.has(trick) && this.#kept.length > 0 && this.#random.chance(probability);
  }

  #send(to: Source, from: Source, bytes: Bytes, part: boolean): void {
    const { network, plan } = this.#world;
    if (this.#packets++ >= PACKETS_MAX || bytes.length > plan.payloadMax) return;
    this.#world.count(part ? "stranger: parts" : "stranger: messages");
    network.deliver(this.#mute, {
      content: new PacketContent(bytes),
      part,
      fromHigh: MAC_PREFIX,
      ...{ fromHost: from.host, fromId: from.id, toHost: to.host, toId: to.id },
      group: false,
      intact: false,
    });
  }

  /** The bytes of a message as it is; null if it has no wire form. */
  #encode(message: Sealed): Bytes | null {
    const out = this.#writer.reset(0, carriedMax(this.#world.plan));
    try {
      this.#world.subject.protocol.codec.encode(message, out);
    } catch (error) {
      if (error instanceof AssertionError || error instanceof TypeError) return null;
      throw error;
    }
    return out.overflowed ? null : out.copy();
  }
}

function fragment(number: number, index: number, count: number, length: number, data: Bytes) {
  const out = new Writer(new Uint8Array(FRAGMENT_HEADER));
  out.u8(FRAGMENT);
  out.u53(number);
  out.u16(index);
  out.u16(count);
  out.u32(length);
  return Buffer.concat([out.written(), data]);
}

function u53(value: number): Bytes {
  const out = new Writer(new Uint8Array(8));
  out.u53(value);
  return out.copy();
}

/** A copy with other requests, or the message itself if it has none. */
function mapRequests(value: unknown, change: (request: object) => object, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if ("session" in value && "tag" in value && "op" in value) return change(value);
  const entries = Object.entries(value);
  const mapped = entries.map(([name, field]): [string, unknown] => [
    name,
    name === "seal" ? field : mapRequests(field, change, depth + 1),
  ]);
  const same = mapped.every(([, field], i) => field === entries[i]?.[1]);
  return same ? value : Object.fromEntries(mapped);
}
