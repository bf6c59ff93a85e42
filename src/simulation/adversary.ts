// Byzantine replicas: real ones whose packets pass through here on their way out. The adversary may
// send whatever the keys of its replicas allow, and works on decoded messages, so that it knows
// every protocol.

import type { Bytes, Sealed } from "../actor.ts";
import { assert, AssertionError } from "../base/assert.ts";
import { bodiesKindOf, NAMED } from "../base/body-form.ts";
import type { Random } from "../base/seeded-random.ts";
import { isOpen, type Request } from "../protocol/kit/request.ts";
import { bytesOf, Reader, Writer } from "../wire.ts";
import { ForgedKeys } from "./forged-keys.ts";
import { altered, ForgedRequests, requestIn, spoiled } from "./forged-requests.ts";
import { ADVERSARY_CLIENT, stamp } from "./judge.ts";
import { disown, mutate, Pool } from "./mutate.ts";
import type { Network } from "./network.ts";
import { PacketContent, wireBook } from "./packet-content.ts";
import { type Packet, PAYLOAD_MAX } from "./simulated-packet.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan, Trick } from "./seed-plan.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";
import type { Subject } from "./subject.ts";

const FLOOD_MAX = 150;
const FLOODS_MAX = 4;
/** How often a trick is played on a packet that could have it. */
const OFTEN = 0.25;

/** Bytes at the end of what names bodies, of which one is altered: digests and lengths. */
const MISNAMED_BYTES = 64;

/** How long a proposal is held back, in view timeouts. */
const JUST_IN_TIME = 0.8;

/** How much later a client's certificate may come again, in view timeouts: two views, or more. */
const CERTIFIED_LATER = 8;

/** What the adversary knows of the world that it is in, and may do to it. */
export interface AdversaryWorld {
  readonly plan: Plan;
  readonly subject: Pick<Subject, "protocol">;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly keys: Pick<
    SimulatedKeys,
    "block" | "clientKey" | "requestBlock" | "batchDigest" | "domain" | "sign" | "signAsClient"
  >;
  readonly network: Pick<Network, "deliver">;
  readonly replicas: readonly { readonly process: Process }[];
  /** Whether every correct replica has begun. */
  readonly started: boolean;
  /** Counts what was done, by name. */
  count(what: string): void;
}

export class Adversary {
  readonly #world: AdversaryWorld;
  readonly #random: Random;
  readonly #pool = new Pool();
  readonly #writer = new Writer(new Uint8Array(PAYLOAD_MAX), wireBook);
  /** Hosts that get the other story, and those that get nothing. */
  readonly #half: ReadonlySet<number>;
  readonly #shunned: ReadonlySet<number>;
  /** The two stories of the message sent last, which goes out once per receiver. */
  #told: Bytes | null = null;
  #other: Bytes | null = null;
  /** A client's certificate that was shown last, and the replica that it reaches; n: all. */
  #certified: { readonly bytes: Bytes; readonly holder: number } | null = null;
  readonly #forged: ForgedRequests;
  readonly #forgedKeys: ForgedKeys;
  /** The proposal sent last, and what all get in its place. */
  #proposed: Bytes | null = null;
  #beside: Bytes | null = null;
  #floods = 0;
  #misnamings = 0;
  #number = 0;

  constructor(world: AdversaryWorld) {
    this.#world = world;
    this.#random = world.random.stream("adversary");
    this.#forged = new ForgedRequests(world.keys);
    this.#forgedKeys = new ForgedKeys(world.keys);
    const hosts = Array.from({ length: world.plan.n + world.plan.clients }, (_, i) => i);
    this.#half = new Set(hosts.filter(() => this.#random.chance(0.5)));
    this.#shunned = new Set(hosts.filter(() => this.#random.chance(0.3)));
  }

  /** What arrives at one of its replicas, it knows; what that replica gets. */
  learn(packet: Packet): Packet {
    if (packet.part) return packet;
    const message = packet.content.read(this.#world.subject.protocol);
    if (message === null) return packet;
    this.#pool.learn(this.#random, message);
    if (!this.#world.started) return packet;
    if (this.#world.plan.requestAuth === "none") return packet;
    const proposal = this.#world.subject.protocol.simulation?.proposes?.(message) === true;
    if (proposal && this.#plays("spoil signatures", OFTEN)) this.#spoil(packet, message);
    const request = requestIn(message);
    if (request === null) return packet;
    if (this.#mayForge(packet, request) && this.#plays("forge keys", OFTEN)) {
      this.#forgeClientKey(packet, request);
    }
    if (request.key !== undefined && this.#plays("squat", 1)) return this.#squat(packet, request);
    return this.#alter(packet, message);
  }

  /**
   * What its replica gets in the place of a packet: where clients sign and it invents, a request
   * that is none, which the replica, who believes all of them, proposes and relays as it should.
   */
  #alter(packet: Packet, message: Sealed): Packet {
    if (this.#world.plan.kind !== "invent" || !this.#random.chance(OFTEN)) return packet;
    const changed = mutate(this.#random, this.#pool, message, true);
    const bytes = changed === null ? null : this.#encode(this.#own, changed, false);
    if (bytes === null) return packet;
    this.#world.count("trick: alters a signed request");
    return { ...packet, content: new PacketContent(bytes), intact: false };
  }

  /** One of its replicas. */
  get #own(): Process {
    const { plan, replicas } = this.#world;
    const own = replicas[plan.byzantine[0] ?? 0]?.process;
    assert(own !== undefined, "an adversary has a replica");
    return own;
  }

  /** Copies of another's proposal with a client's signature that does not hold, in its name. */
  #spoil(packet: Packet, message: Sealed): void {
    const bytes = this.#encode(this.#own, spoiled(message) as Sealed, false);
    if (bytes !== null) this.#toOthers(packet, bytes);
  }

  /**
   * Sends all a request of another client's session, or its `open`, that its own client's key
   * signed; its replica gets no other, so that it orders nothing else.
   */
  #squat(packet: Packet, request: Request): Packet {
    // An operation of the other client, if anything may be invented.
    const op = this.#world.plan.kind === "invent" ? altered(request.op) : this.#operation();
    const number = request.number + this.#random.int(2) * 1000;
    const stolen = this.#forged.underOwnKey(request, isOpen(request) ? {} : { op, number });
    const sent = { kind: "request", request: stolen };
    const bytes = this.#encode(this.#own, sent as Sealed, false);
    if (bytes === null) return packet;
    this.#toOthers(packet, bytes);
    return { ...packet, content: new PacketContent(bytes), intact: false };
  }

  /**
   * Sends all a request that its client never asked, under a one-time key that this never made, and
   * whose batch is announced in its name; its root is signed by the adversary's own client, or by
   * nobody.
   */
  #forgeClientKey(packet: Packet, asked: Request): void {
    const { plan, scheduler } = this.#world;
    if (asked.key === undefined) return;
    const { request, signed } = this.#forged.unasked(asked);
    const by = this.#random.chance(0.5) ? this.#forged.ownKey : null;
    const { block, announcement } = this.#forgedKeys.ofClient(
      ...([this.#random, signed, asked.key, by] as const),
    );
    const sent = { kind: "request", request: { ...request, seal: block } };
    const bytes = this.#encode(this.#own, sent as Sealed, false);
    if (bytes === null) return;
    this.#toOthers(packet, announcement);
    const delayUs = 1 + plan.network.delayMaxUs;
    scheduler.after(null, delayUs, () => this.#toOthers(packet, bytes));
  }

  /** Whether it came from a client that signs, and anything may be invented. */
  #mayForge({ fromHost }: Packet, request: Request): boolean {
    const { n, kind } = this.#world.plan;
    return kind === "invent" && fromHost >= n && request.key !== undefined && !isOpen(request);
  }

  /** Sends the bytes to all other replicas from where the packet came. */
  #toOthers(packet: Packet, bytes: Bytes): void {
    const { network, plan } = this.#world;
    for (let host = 0; host < plan.n; host++) {
      if (host === packet.fromHost || plan.byzantine.includes(host)) continue;
      network.deliver(this.#own, {
        ...packet,
        content: new PacketContent(bytes),
        ...{ toHost: host, toId: host, group: false, intact: false },
      });
    }
  }

  /**
   * Sends the packet of one of its replicas, or something else, or nothing; that of others as it
   * is, but for certificates of clients.
   */
  tamper(from: Process, packet: Packet): void {
    const random = this.#random;
    if (!from.byzantine) return this.#passOn(from, packet);
    if (!this.#world.started) {
      this.#world.network.deliver(from, packet);
      return;
    }
    if (this.#plays("silence", 0.1)) return;
    if (this.#knows("selective silence") && this.#shunned.has(packet.toHost)) {
      this.#world.count("trick: selective silence");
      return;
    }
    if (this.#plays("late", 0.1)) {
      const delayUs = random.int(this.#world.plan.viewTimeoutMs * 3000);
      this.#world.scheduler.after(null, delayUs, () =>
        this.#send(from, packet, packet.content.bytes),
      );
      return;
    }
    if (this.#knows("slow proposals") && this.#mayPropose(packet)) {
      this.#world.count("trick: slow proposals");
      const delayUs = Math.floor(this.#world.plan.viewTimeoutMs * 1000 * JUST_IN_TIME);
      this.#world.scheduler.after(null, delayUs, () =>
        this.#send(from, packet, packet.content.bytes),
      );
      return;
    }
    if (this.#plays("flood", 0.02)) this.#flood(from, packet);
    const names = !packet.part && packet.content.bytes[0] === NAMED;
    if (names && this.#plays("unknown bodies", OFTEN)) this.#nameUnknown(from, packet);
    if (this.#plays("forge keys", OFTEN)) this.#forgeKey(from, packet);
    if (this.#plays("old messages", 0.1) && this.#pool.messages.length > 0) {
      const old = this.#encode(from, random.pick(this.#pool.messages), false);
      if (old !== null) this.#send(from, packet, old);
    }
    this.#send(this.#spoof(from), packet, this.#story(from, packet));
  }

  /**
   * Something that another replica signed, changed, under a key of that replica that it never made,
   * whose batch is announced in its name, or in one's own, or not at all.
   */
  #forgeKey(from: Process, packet: Packet): void {
    const { plan, replicas } = this.#world;
    const ofOthers = this.#pool.messages.filter(({ seal }) => isAnothers(plan, seal?.signer));
    if (ofOthers.length === 0) return;
    const message = this.#random.pick(ofOthers);
    const signer = message.seal?.signer ?? 0;
    const victim = replicas[signer]?.process;
    const changed = mutate(this.#random, this.#pool, message, plan.kind === "invent");
    const parts = changed === null ? null : this.#unsigned(changed);
    if (victim === undefined || parts === null) return;
    const run = from.hosted[0]?.node.run ?? null;
    const own = this.#random.chance(0.5);
    const announcer = own ? from : victim;
    const { block, announcement } = this.#forgedKeys.make(
      ...([this.#random, parts.signed, run, own ? from.host : null] as const),
    );
    const bytes = Buffer.concat([parts.signed, block, parts.rest]);
    const whole = { ...packet, part: false };
    if (this.#random.chance(0.7)) this.#send(announcer, whole, announcement);
    // By then the announcement has come, if it is not lost.
    const delayUs = 1 + plan.network.delayMaxUs;
    this.#world.scheduler.after(null, delayUs, () => this.#send(victim, whole, bytes));
  }

  /**
   * What a correct process sends. Of a client's certificates some reach one replica alone, now or
   * two views later, again and again, or changed: a client that lies may do so with its own.
   */
  #passOn(from: Process, packet: Packet): void {
    const { plan, network, scheduler, subject, started } = this.#world;
    const may = started && from.host >= plan.n && scheduler.nowUs < plan.gstUs && !packet.part;
    if (!may || !this.#knows("client certificates")) return network.deliver(from, packet);
    const { protocol } = subject;
    const message = packet.content.read(protocol);
    const view = message === null ? 0 : (protocol.simulation?.certifies?.(message) ?? 0);
    if (message === null || view === 0) return network.deliver(from, packet);
    this.#world.count("trick: client certificates");
    const { bytes } = packet.content;
    if (this.#certified === null || Buffer.compare(this.#certified.bytes, bytes) !== 0) {
      this.#certified = { bytes, holder: this.#random.int(plan.n + 1) };
    }
    const { holder } = this.#certified;
    const only = (host: number): Packet => ({ ...packet, group: false, toHost: host, toId: host });
    if (this.#random.chance(OFTEN)) {
      const delayUs = this.#random.int(CERTIFIED_LATER * plan.viewTimeoutMs * 1000);
      const later = only(this.#random.int(plan.n));
      scheduler.after(null, delayUs, () => network.deliver(from, later));
    }
    if (this.#random.chance(OFTEN)) {
      const changed = mutate(this.#random, this.#pool, message, false);
      const other = changed === null ? null : this.#encode(from, changed, false);
      if (other !== null) this.#send(from, packet, other);
    }
    if (holder === plan.n) network.deliver(from, packet);
    else if (packet.group) network.deliver(from, only(holder));
    else if (packet.toHost === holder) network.deliver(from, packet);
  }

  /** A part of a message may be one of a proposal, which are the large ones. */
  #mayPropose({ content, part }: Packet): boolean {
    if (part || content.bytes[0] === NAMED) return true;
    const { protocol } = this.#world.subject;
    const message = content.read(protocol);
    return message !== null && protocol.simulation?.proposes?.(message) === true;
  }

  /** The bytes that this receiver gets. */
  #story(from: Process, packet: Packet): Bytes {
    const { plan } = this.#world;
    const toClient = packet.toHost >= plan.n;
    const lies = toClient && this.#plays("lie to clients", OFTEN);
    const message = packet.content.read(this.#world.subject.protocol);
    const { bytes } = packet.content;
    if (!packet.part && bodiesKindOf(bytes[0]) !== null) {
      return this.#plays("mutate", OFTEN) ? this.#misnamed(bytes) : bytes;
    }
    if (packet.part || message === null) return bytes;
    if (this.#plays("cross-type", 0.05)) {
      return this.#crossType(from, message) ?? bytes;
    }
    const forged = this.#forgedProposal(from, packet, message);
    if (forged !== null) return forged;
    if (this.#knows("equivocate") && !toClient && this.#half.has(packet.toHost)) {
      if (this.#told === null || Buffer.compare(this.#told, bytes) !== 0) {
        this.#told = bytes;
        this.#other = this.#random.chance(0.5) ? this.#mutated(from, message) : null;
        if (this.#other !== null) this.#world.count("trick: equivocate");
      }
      if (this.#other !== null) return this.#other;
    }
    // Pieces of a state are few, and whoever takes them has nothing else to go by.
    if (lies || this.#plays("mutate", "pieces" in message ? 0.5 : 0.1)) {
      return this.#mutated(from, message) ?? bytes;
    }
    return bytes;
  }

  /** Where clients sign: a proposal that tells one half other keys, or all of one request more. */
  #forgedProposal(from: Process, { content, toHost }: Packet, message: Sealed): Bytes | null {
    const { plan } = this.#world;
    if (plan.requestAuth === "none") return null;
    if (this.#knows("two keys") && this.#half.has(toHost)) {
      const other = this.#forged.proposalUnderOwnKey(message);
      // Its seal covers the digest alone.
      if (other !== null) return this.#played("two keys", this.#encode(from, other, false));
    }
    if (plan.kind !== "invent" || !this.#knows("one request more")) return null;
    if (this.#proposed !== content.bytes) {
      this.#proposed = content.bytes;
      const more = this.#random.chance(OFTEN) ? this.#forged.proposalBeside(message) : null;
      this.#beside = more === null ? null : this.#encode(from, more, true);
    }
    return this.#played("one request more", this.#beside);
  }

  #played(trick: Trick, bytes: Bytes | null): Bytes | null {
    if (bytes !== null) this.#world.count(`trick: ${trick}`);
    return bytes;
  }

  /** What names other bodies than there are, or has others than were asked for. */
  #misnamed(bytes: Bytes): Bytes {
    const other = bytes.slice();
    const at = bytes.length - 1 - this.#random.int(Math.min(bytes.length - 1, MISNAMED_BYTES));
    other[at] = (other[at] ?? 0) ^ (1 + this.#random.int(255));
    return other;
  }

  #mutated(from: Process, message: Sealed): Bytes | null {
    const invent = this.#world.plan.kind === "invent";
    const changed = mutate(this.#random, this.#pool, message, invent);
    return changed === null ? null : this.#encode(from, changed, true);
  }

  /** The same bytes under another kind, signed anew. */
  #crossType(from: Process, message: Sealed): Bytes | null {
    const { seal, ...unsigned } = message;
    const bytes = this.#encode(from, unsigned, false);
    if (bytes === null || bytes.length === 0) return null;
    const crossed = new Uint8Array(bytes);
    crossed[0] = this.#random.int(16);
    const other = this.#decode(crossed);
    if (other === null) return seal === undefined ? null : crossed;
    return this.#encode(from, other, true);
  }

  /** Floods a replica with proposals whose bodies nobody has. */
  #nameUnknown(from: Process, packet: Packet): void {
    const { bytes } = packet.content;
    if (this.#misnamings++ >= FLOODS_MAX) return;
    for (let i = 0; i < FLOOD_MAX; i++) this.#send(from, packet, this.#misnamed(bytes));
  }

  #flood(from: Process, packet: Packet): void {
    const { plan, scheduler } = this.#world;
    if (this.#floods++ >= FLOODS_MAX || scheduler.nowUs > plan.gstUs) return;
    const { messages } = this.#pool;
    if (messages.length === 0) return;
    const template = this.#random.pick(messages);
    for (let i = 0; i < FLOOD_MAX; i++) {
      const own = disown(this.#random, template, () => this.#operation());
      const changed = mutate(this.#random, this.#pool, own, plan.kind === "invent") ?? own;
      const bytes = this.#encode(from, changed, true);
      if (bytes !== null) this.#send(from, packet, bytes);
    }
  }

  /** An operation of its own client, which is like any other. */
  #operation(): Bytes {
    const number = this.#number++;
    return stamp(
      ADVERSARY_CLIENT,
      number,
      bytesOf((out) => out.u32(number)),
    );
  }

  /** Another sender's address, as far as a packet can have it. */
  #spoof(from: Process): Process {
    if (!this.#plays("forge ids", 0.1)) return from;
    const { replicas } = this.#world;
    return this.#random.pick(replicas).process;
  }

  /** It may learn further ones as the run goes on. */
  #knows(trick: Trick): boolean {
    return this.#world.plan.tricks.includes(trick);
  }

  #plays(trick: Trick, probability: number): boolean {
    if (!this.#knows(trick) || !this.#random.chance(probability)) return false;
    this.#world.count(`trick: ${trick}`);
    return true;
  }

  #send(from: Process, packet: Packet, bytes: Bytes): void {
    const fromHost = from.host;
    this.#world.network.deliver(from, {
      ...packet,
      content: bytes === packet.content.bytes ? packet.content : new PacketContent(bytes),
      fromHost,
      // A replica's id is that of its host, so that the packet bears the other one's very address.
      fromId: fromHost === packet.fromHost ? packet.fromId : fromHost,
      intact: false,
    });
  }

  #decode(bytes: Bytes): Sealed | null {
    return this.#world.subject.protocol.codec.decode(new Reader(bytes, wireBook));
  }

  /** What a message signs, and what stands behind its signature; null: it has no such form. */
  #unsigned(message: Sealed): { readonly signed: Bytes; readonly rest: Bytes } | null {
    const { seal: _, ...unsigned } = message;
    const written = this.#write(unsigned);
    if (written === null || written.sealAt < 0) return null;
    const { bytes, sealAt } = written;
    return { signed: bytes.slice(0, sealAt), rest: bytes.slice(sealAt) };
  }

  /**
   * The bytes of a message, signed by the sender if `sign` and it has a seal; null if it has no
   * wire form.
   */
  #encode(from: Process, message: Sealed, sign: boolean): Bytes | null {
    const { seal, ...unsigned } = message;
    const written = this.#write(sign ? unsigned : message);
    if (written === null || written.sealAt < 0) return written?.bytes ?? null;
    const { bytes, sealAt: at } = written;
    const run = from.hosted[0]?.node.run ?? null;
    const block = this.#world.keys.block(from.host, bytes.subarray(0, at), run);
    return Buffer.concat([bytes.subarray(0, at), block, bytes.subarray(at)]);
  }

  /** A message's bytes, and where its signature is to stand; null if it has no wire form. */
  #write(message: Sealed): { readonly bytes: Bytes; readonly sealAt: number } | null {
    const out = this.#writer.reset(0, PAYLOAD_MAX);
    try {
      this.#world.subject.protocol.codec.encode(message, out);
    } catch (error) {
      // A mutated message may have no wire form; what the codec does with good ones is judged
      // elsewhere.
      if (error instanceof AssertionError || error instanceof TypeError) return null;
      throw error;
    }
    if (out.overflowed || out.length > PAYLOAD_MAX) return null;
    return { bytes: out.copy(), sealAt: out.sealAt };
  }
}

/** Whether a correct replica has this index. */
function isAnothers({ n, byzantine }: Plan, signer = -1): boolean {
  return signer >= 0 && signer < n && !byzantine.includes(signer);
}
