// Three drivers and a codec become a Host. The same class runs in the executables and in the
// simulator, so that encoding, signing and checking are what the simulator tests.

import {
  NO_PROOFS,
  UNNEEDED,
  type Actor,
  type Address,
  type BodiesMaker,
  type Bytes,
  type Codec,
  type Host,
  type Refusal,
  type Sealed,
  type Sizes,
  type Target,
} from "./actor.ts";
import { assert } from "./base/assert.ts";
import { copyLarge, giveLarge } from "./base/large-buffers.ts";
import { SMALL_ID_MAX } from "./config.ts";
import { CheckLanes } from "./check-lanes.ts";
import { NodeBodies } from "./node-bodies.ts";
import { Outbox } from "./outbox.ts";
import {
  countDrop,
  type Call,
  type Clock,
  type Drops,
  type Stage,
  type Transport,
} from "./driver.ts";
import { Queue } from "./base/queue.ts";
import { CHECK, DECODE, ENCODE, OTHER, PROTOCOL, RECEIVE, SECTION, SEND } from "./base/sections.ts";
import { MESSAGE_MAX, type Reader } from "./wire.ts";
import { NAMED } from "./base/body-form.ts";
import { CLIENT_KEY_LENGTH } from "./base/client-key.ts";
import { ANNOUNCEMENT, ANNOUNCEMENT_SIZE, ONE_TIME_BLOCK } from "./base/one-time-form.ts";

/** Of a message beyond MESSAGE_MAX. */
const TOO_LARGE = "larger than 4 MiB, and not sent";
const OUTBOX_FULL = "outbox full";
/** Why a message that an actor sends never leaves. */
export const UNSENT: ReadonlySet<string> = new Set([TOO_LARGE, OUTBOX_FULL]);
/** Bytes of messages that loop back in the next turn. */
const LOOPBACK_BYTES_MAX = 64 * 1024 * 1024;
/** Clients that are told of a batch of one-time keys. */
const TOLD_MAX = 64;
const SIGNATURE_SIZE = 64;

export interface NodeOptions<M> {
  /** The id that it listens on, of its host's address. */
  readonly id: number;
  /** Its own address if it is a replica, null if it is a client. */
  readonly self: Address | null;
  /** Replicas have the addresses 0..n-1. */
  readonly n: number;
  readonly codec: Codec<M>;
  readonly transport: Transport;
  readonly stage: Stage;
  readonly clock: Clock;
  /** A uniform integer in [0, bound). */
  readonly random: (bound: number) => number;
  /** Whether clients sign requests, so that replicas take no others. */
  readonly requestsSigned?: boolean;
  /** Of a replica where bodies travel apart from proposals. */
  readonly bodies?: BodiesMaker | null;
  /** Where this thread writes its section (sections.ts) for the profiler, if there is one. */
  readonly sections?: Int32Array;
  /** Where it counts what it drops, with others of its process. */
  readonly drops?: Drops;
}

interface Timer<T> {
  readonly name: T;
  /** When it goes off; Infinity when it is not set. */
  deadlineMs: number;
  /** When the clock was told to call next; Infinity when it was not. */
  armedMs: number;
  call: Call | null;
}

export class Node<M extends Sealed, T extends string> implements Host<M, T> {
  /** Messages dropped, by reason. */
  readonly drops: Drops;
  readonly #id: number;
  readonly #self: Address | null;
  readonly #codec: Codec<M>;
  readonly #transport: Transport;
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #random: (bound: number) => number;
  readonly #others: readonly Address[];
  #startMs: number;
  readonly #n: number;
  readonly #requestsSigned: boolean;
  readonly #sections: Int32Array;
  #actor: Actor<M, T> | null = null;
  #listens = false;
  /** Actors that it parted with. */
  #lives = 0;
  readonly #timers = new Map<T, Timer<T>>();
  /** That which was set or cleared last: a client has one, and thousands of them no cache holds. */
  #lastTimer: Timer<T> | null = null;
  readonly #loopback = new Queue<M>();
  #loopbackBytes = 0;
  readonly #outbox: Outbox<M>;
  readonly #bodies: NodeBodies<M> | null;
  /** Clients that got a one-time signature since it last told of a batch of keys. */
  readonly #oneTimeReceivers = new Set<Address>();
  /** A client's, for the same reason, only after a signature that was not known. */
  #lanes: CheckLanes<M> | null;
  /** The domain of the run that it is in; null: none. */
  #run: Bytes | null = null;
  #runName: Bytes | null = null;

  constructor(options: NodeOptions<M>) {
    this.drops = options.drops ?? new Map();
    this.#id = options.id;
    this.#self = options.self;
    this.#codec = options.codec;
    this.#transport = options.transport;
    this.#stage = options.stage;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#startMs = options.clock.now;
    this.#sections = options.sections ?? new Int32Array(1);
    this.#n = options.n;
    this.#requestsSigned = options.requestsSigned ?? false;
    this.#outbox = new Outbox(options.n);
    this.#lanes = options.self === null ? null : this.#makeLanes();
    this.#bodies = this.#makeBodies(options);
    if (options.self !== null || this.clientKey !== null) {
      options.stage.announcing?.((batch, signature) => this.#announce(batch, signature));
    }
    const { group } = options.transport;
    const replicas = Array.from({ length: options.n }, (_, i) => i);
    // A packet has no room for two large ids, which a client's and the group's may be.
    const apart = group === null || options.id > SMALL_ID_MAX;
    this.#others = apart ? replicas.filter((i) => i !== options.self) : [group];
  }

  /** From here on the actor gets what arrives. */
  start(actor: Actor<M, T>): void {
    assert(this.#actor === null, "a node has one actor");
    this.#actor = actor;
    if (this.#listens) return;
    this.#listens = true;
    const deliver = (from: Address, input: Reader): void => {
      if (this.#actor !== null) this.#deliver(this.#actor, from, input);
      this.#sections[SECTION] = RECEIVE;
    };
    const refuses = (from: Address, input: Reader, bytes: number): string | null =>
      this.#actor === null ? null : this.#refusesBytes(this.#actor, from, input, bytes);
    this.#transport.listen(this.#id, deliver, refuses);
  }

  /** Parts with its actor, with all that it has set: another one may be made, and started. */
  stop(): void {
    this.#actor = null;
    this.#lives++;
    this.enterRun(null);
    for (const { call } of this.#timers.values()) call?.cancel();
    this.#timers.clear();
    this.#lastTimer = null;
    this.#bodies?.stop();
    this.#loopback.clear();
    this.#loopbackBytes = 0;
    this.#startMs = this.#clock.now;
  }

  /** Delivers the loopback of earlier turns; returns how much. */
  poll(): number {
    const count = this.#loopback.length;
    if (count === 0) return 0;
    this.#sections[SECTION] = PROTOCOL;
    this.#loopbackBytes = 0;
    for (let i = 0; i < count; i++) {
      const message = this.#loopback.shift();
      if (message !== undefined) this.#actor?.receive(this.#self ?? 0, message);
    }
    this.#sections[SECTION] = OTHER;
    return count;
  }

  /** Queues with their maxima, for the simulator's census. */
  get sizes(): Sizes {
    const name = "node.loopback.bytes";
    const loopback = { name, size: this.#loopbackBytes, max: LOOPBACK_BYTES_MAX };
    const queues = [...(this.#lanes?.sizes ?? []), ...this.#outbox.sizes, loopback];
    return this.#bodies === null ? queues : [...queues, ...this.#bodies.sizes];
  }

  /** The domain of the run that it is in, or null. */
  get run(): Bytes | null {
    return this.#run;
  }

  /** The name of that run. */
  get runName(): Bytes | null {
    return this.#runName;
  }

  get clientKey(): Bytes | null {
    return this.#stage.clientKey ?? null;
  }

  get now(): number {
    return this.#clock.now - this.#startMs;
  }

  random(bound: number): number {
    return this.#random(bound);
  }

  send(to: Target, message: M): void {
    this.#send(to, message);
    this.#sections[SECTION] = PROTOCOL;
  }

  #send(to: Target, message: M): void {
    this.#sections[SECTION] = ENCODE;
    const out = this.#transport.begin(this.#id);
    this.#bodies?.begin(to, out);
    this.#codec.encode(message, out);
    this.#sections[SECTION] = SEND;
    if (out.overflowed) {
      countDrop(this.drops, TOO_LARGE);
      return;
    }
    const { sealAt } = out;
    const loopsBack = to === "all" && this.#self !== null;
    const named = this.#bodies?.name(out, () => out.written()) ?? null;
    if (sealAt < 0 && (this.#self === null || this.#outbox.isEmpty)) {
      const bytes = out.length;
      if (named !== null) this.#bodies?.write(named);
      this.#leave(to, loopsBack ? message : null, bytes);
      return;
    }
    if (!this.#outbox.hasRoom(to, out.length)) {
      countDrop(this.drops, OUTBOX_FULL);
      return;
    }
    const loop = loopsBack ? { message, life: this.#lives } : null;
    const cut = named === null ? -1 : out.length - named.length;
    const departure = this.#outbox.push(to, loop, named ?? copyLarge(out), sealAt, cut);
    if (sealAt < 0) return;
    this.#sections[SECTION] = CHECK;
    this.#stage.sign(departure.head, this.#run, (block) => {
      // What leaves at once needs no copy of its own.
      const leaves = typeof to === "number" && this.#outbox.peek() === departure;
      departure.block = leaves ? block : block.slice();
      this.#sections[SECTION] = SEND;
      this.#depart();
      this.#sections[SECTION] = CHECK;
    });
  }

  setTimer(name: T, delayMs: number): void {
    let timer = this.#timer(name);
    if (timer === undefined) {
      timer = { name, deadlineMs: Infinity, armedMs: Infinity, call: null };
      this.#timers.set(name, timer);
    }
    timer.deadlineMs = this.#clock.now + delayMs;
    if (timer.armedMs <= timer.deadlineMs) return;
    timer.call?.cancel();
    this.#arm(timer);
  }

  clearTimer(name: T): void {
    const timer = this.#timer(name);
    if (timer !== undefined) timer.deadlineMs = Infinity;
  }

  #timer(name: T): Timer<T> | undefined {
    const last = this.#lastTimer;
    if (last !== null && last.name === name) return last;
    const timer = this.#timers.get(name);
    if (timer !== undefined) this.#lastTimer = timer;
    return timer;
  }

  sourceOf(address: Address): number {
    return this.#transport.sourceOf(address);
  }

  drop(reason: Refusal): void {
    countDrop(this.drops, reason);
  }

  enterRun(name: Bytes | null): void {
    this.#runName = name;
    this.#run = name === null ? null : this.#stage.runDomain(name);
  }

  /**
   * Has the clock call at the timer's deadline: there is one call at most, and it re-arms when it
   * comes early.
   */
  #arm(timer: Timer<T>): void {
    timer.armedMs = timer.deadlineMs;
    const call = this.#clock.after(timer.deadlineMs - this.#clock.now, () => {
      const leftMs = timer.deadlineMs - this.#clock.now;
      if (leftMs > 0 && leftMs < Infinity) {
        timer.armedMs = timer.deadlineMs;
        call.again(leftMs);
        return;
      }
      timer.armedMs = Infinity;
      timer.call = null;
      if (timer.deadlineMs === Infinity) return;
      timer.deadlineMs = Infinity;
      this.#sections[SECTION] = PROTOCOL;
      this.#actor?.timeout(timer.name);
      this.#sections[SECTION] = OTHER;
    });
    timer.call = call;
  }

  /** Sends what the transport's writer holds, and loops a message of so many bytes back. */
  #leave(to: Target, message: M | null, bytes: number): void {
    this.#transport.transmit(typeof to === "number" ? to : this.#others);
    if (message === null) return;
    if (this.#loopbackBytes + bytes > LOOPBACK_BYTES_MAX) {
      countDrop(this.drops, "loopback full");
      return;
    }
    this.#loopback.push(message);
    this.#loopbackBytes += bytes;
  }

  /** Lets go, in the order of `send`, of what has its signature. */
  #depart(): void {
    for (;;) {
      const next = this.#outbox.shift();
      if (next === undefined) return;
      const out = this.#transport.begin(this.#id);
      // What one actor sent is nothing to the next one: that may be in another run.
      let message = next.loop?.life === this.#lives ? next.loop.message : null;
      if (next.named >= 0) out.u8(NAMED);
      out.bytes(next.head);
      if (next.block !== null) {
        out.bytes(next.block);
        out.range(next.bytes, next.restAt, next.bytes.length);
        if (next.block.length === ONE_TIME_BLOCK) this.#noteReceiver(next.to);
        if (message !== null && this.#self !== null) {
          const { head: signed, block: signature } = next;
          message = { ...message, seal: { signer: this.#self, signed, signature } };
        }
      }
      // What is heard at home has its signed part.
      if (message === null || next.head !== next.bytes) giveLarge(next.bytes);
      if (out.overflowed) countDrop(this.drops, TOO_LARGE);
      else this.#leave(next.to, message, out.length + Math.max(0, next.named));
    }
  }

  /**
   * Tells others of a batch of one-time keys, a client's with its key: all replicas, and who got a
   * one-time signature since the last batch, because they will get those of the next ones.
   */
  #announce(batch: Bytes, signature: Bytes): void {
    const to: readonly (readonly Address[])[] = [this.#others, [...this.#oneTimeReceivers]];
    this.#oneTimeReceivers.clear();
    for (const addresses of to) {
      if (addresses.length === 0) continue;
      const out = this.#transport.begin(this.#id);
      out.u8(ANNOUNCEMENT);
      out.bytes(batch);
      out.bytes(signature);
      if (this.clientKey !== null) out.bytes(this.clientKey);
      this.#transport.transmit(addresses);
    }
  }

  #noteReceiver(to: Target): void {
    if (typeof to !== "number" || to < this.#n || this.#oneTimeReceivers.size >= TOLD_MAX) return;
    this.#oneTimeReceivers.add(to);
  }

  /** Has the stage keep an announcement; false: it is none. */
  #hears(from: Address, input: Reader): boolean {
    if (this.#stage.hears !== true || kindOf(input) !== ANNOUNCEMENT) return false;
    input.skip(1);
    const batch = input.bytes(ANNOUNCEMENT_SIZE - 1 - SIGNATURE_SIZE);
    const signature = input.bytes(SIGNATURE_SIZE);
    const ofClient = from >= this.#n && this.#self !== null && this.#requestsSigned;
    const key = ofClient ? input.bytes(CLIENT_KEY_LENGTH) : null;
    if (!input.done || (from >= this.#n && key === null)) countDrop(this.drops, "malformed");
    else if (key === null) this.#stage.hear?.(from, batch, signature);
    else this.#stage.hearClient?.(this.sourceOf(from), key, batch, signature);
    return true;
  }

  /** Why the message of so many bytes that begins so is dropped undecoded; reads `input`. */
  #refusesBytes(actor: Actor<M, T>, from: Address, input: Reader, bytes: number): string | null {
    if (from >= this.#n && this.#codec.openKinds?.has(kindOf(input)) === false) {
      return "from a stranger";
    }
    if (this.#bodies?.isOf(kindOf(input)) === true) {
      // What names bodies begins as the message that it stands for, which may be large.
      if (input.u8() !== NAMED) return null;
      return actor.refuseBytes?.(from, input, MESSAGE_MAX) ?? null;
    }
    return actor.refuseBytes?.(from, input, bytes) ?? null;
  }

  #deliver(actor: Actor<M, T>, from: Address, input: Reader): void {
    const bytes = input.remaining;
    this.#sections[SECTION] = DECODE;
    if (this.#hears(from, input)) return;
    const start = input.position;
    const early = this.#refusesBytes(actor, from, input, bytes);
    if (early !== null) {
      countDrop(this.drops, early);
      return;
    }
    input.reset(start, start + bytes);
    if (this.#bodies?.isOf(kindOf(input)) === true) {
      this.#sections[SECTION] = PROTOCOL;
      return this.#bodies.take(from, input);
    }
    this.#take(actor, from, input, bytes);
  }

  /** Goes on with a whole message of so many bytes. */
  #take(actor: Actor<M, T>, from: Address, input: Reader, bytes: number): void {
    const message = this.#codec.decode(input);
    this.#sections[SECTION] = PROTOCOL;
    if (message === null) {
      countDrop(this.drops, "malformed");
      return;
    }
    const admission = actor.refuse?.(from, message) ?? null;
    if (admission !== null && admission !== UNNEEDED) {
      countDrop(this.drops, admission);
      return;
    }
    this.#sections[SECTION] = CHECK;
    const unneeded = admission === UNNEEDED;
    const taken = unneeded ? this.#bare(message) : message;
    const proofs = unneeded ? NO_PROOFS : this.#codec.proofs(message, this.#requestsSigned);
    if (this.#self === null && this.#lanes?.asNew === true) this.#lanes = null;
    const lanes = this.#lanes;
    // Most signatures are known, since many messages share one: they need no turn, nor a callback.
    if ((lanes === null || lanes.idle) && this.#stage.knows(proofs, this.#run)) {
      this.#sections[SECTION] = PROTOCOL;
      this.#receive(actor, from, taken);
      return;
    }
    this.#lanes ??= this.#makeLanes();
    this.#lanes.take(from, taken, proofs, bytes);
  }

  #receive(actor: Actor<M, T> | null, from: Address, message: M): void {
    actor?.receive(from, message);
    this.#bodies?.hear(from, message);
  }

  #makeBodies({ id, codec, transport, clock, bodies = null }: NodeOptions<M>) {
    if (bodies === null) return null;
    const deliver = (from: Address, message: Reader): void => {
      if (this.#actor !== null) this.#take(this.#actor, from, message, message.remaining);
    };
    const { drops } = this;
    return new NodeBodies<M>(bodies, { id, codec, transport, clock, drops, deliver });
  }

  #bare(message: M): M {
    assert(this.#codec.bare !== undefined, "messages that may need no check can be made bare");
    return this.#codec.bare(message);
  }

  #makeLanes(): CheckLanes<M> {
    return new CheckLanes({
      n: this.#n,
      stage: this.#stage,
      sourceOf: (address) => this.sourceOf(address),
      requestsSigned: this.#requestsSigned,
      run: () => this.#run,
      clock: this.#clock,
      drops: this.drops,
      sections: this.#sections,
      admits: (from, message) => this.#actor?.refuse?.(from, message) ?? null,
      bare: (message) => this.#bare(message),
      receive: (from, message) => this.#receive(this.#actor, from, message),
    });
  }
}

/** The byte that a message begins with, left where it is. */
function kindOf(input: Reader): number {
  const start = input.position;
  const end = start + input.remaining;
  const kind = input.u8();
  input.reset(start, end);
  return kind;
}
