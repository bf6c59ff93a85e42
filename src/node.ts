// Three drivers and a codec become a Host. The same class runs in the executables and in the
// simulator, so that encoding, signing and checking are what the simulator tests.

import type {
  Actor,
  Address,
  Bytes,
  Codec,
  Host,
  Refusal,
  Sealed,
  Sizes,
  Target,
} from "./actor.ts";
import { assert } from "./base/assert.ts";
import { SMALL_ID_MAX } from "./config.ts";
import { CheckLanes } from "./check-lanes.ts";
import { countDrop, type Clock, type Drops, type Stage, type Transport } from "./driver.ts";
import { Queue } from "./base/queue.ts";
import { CHECK, DECODE, ENCODE, OTHER, PROTOCOL, RECEIVE, SECTION, SEND } from "./base/sections.ts";
import { EMPTY, type Reader } from "./wire.ts";

/** Departures that wait for a signature, beyond which replies to single addresses are dropped. */
const OUTBOX_MAX = 65_536;

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
  /** Where this thread writes its section (sections.ts) for the profiler, if there is one. */
  readonly sections?: Int32Array;
}

/** A message on its way out that waits for its signature, or for that of one before it. */
interface Departure<M> {
  readonly to: Target;
  readonly message: M;
  /** What is signed, or all if nothing is; the block goes between it and the rest. */
  readonly head: Bytes;
  readonly rest: Bytes;
  readonly signed: boolean;
  block: Bytes | null;
}

interface Timer {
  /** When it goes off; Infinity when it is not set. */
  deadlineMs: number;
  /** When the clock was told to call next; Infinity when it was not. */
  armedMs: number;
  call: { cancel(): void } | null;
}

export class Node<M extends Sealed, T extends string> implements Host<M, T> {
  /** Messages dropped, by reason. */
  readonly drops: Drops = new Map();
  readonly #id: number;
  readonly #self: Address | null;
  readonly #codec: Codec<M>;
  readonly #transport: Transport;
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #random: (bound: number) => number;
  readonly #others: readonly Address[];
  readonly #startMs: number;
  readonly #n: number;
  readonly #sections: Int32Array;
  #actor: Actor<M, T> | null = null;
  readonly #timers = new Map<T, Timer>();
  readonly #loopback = new Queue<M>();
  readonly #outbox = new Queue<Departure<M>>();
  readonly #lanes: CheckLanes<M>;

  constructor(options: NodeOptions<M>) {
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
    this.#lanes = new CheckLanes({
      n: options.n,
      stage: options.stage,
      drops: this.drops,
      sections: this.#sections,
      refuse: (from, message) => this.#actor?.refuse?.(from, message) ?? null,
      receive: (from, message) => this.#actor?.receive(from, message),
    });
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
    this.#transport.listen(this.#id, (from, input) => {
      this.#deliver(actor, from, input);
      this.#sections[SECTION] = RECEIVE;
    });
  }

  /** Delivers the loopback of earlier turns; returns how much. */
  poll(): number {
    const count = this.#loopback.length;
    if (count === 0) return 0;
    this.#sections[SECTION] = PROTOCOL;
    for (let i = 0; i < count; i++) {
      const message = this.#loopback.shift();
      if (message !== undefined) this.#actor?.receive(this.#self ?? 0, message);
    }
    this.#sections[SECTION] = OTHER;
    return count;
  }

  /** Queues with their maxima, for the simulator's census. */
  get sizes(): Sizes {
    return [
      ...this.#lanes.sizes,
      { name: "node.outbox", size: this.#outbox.length, max: 2 * OUTBOX_MAX },
    ];
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
    this.#codec.encode(message, out);
    this.#sections[SECTION] = SEND;
    if (out.overflowed) {
      countDrop(this.drops, "too large to send");
      return;
    }
    const { sealAt } = out;
    if (sealAt < 0 && this.#outbox.length === 0) {
      this.#leave(to, message);
      return;
    }
    if (this.#outbox.length >= OUTBOX_MAX && typeof to === "number") {
      countDrop(this.drops, "outbox full");
      return;
    }
    const bytes = out.copy();
    const signed = sealAt >= 0;
    // Copies: a view of a small array costs more. Most messages end with their signature.
    const whole = !signed || sealAt === bytes.length;
    const head = whole ? bytes : bytes.slice(0, sealAt);
    const rest = whole ? EMPTY : bytes.slice(sealAt);
    const departure: Departure<M> = { to, message, head, rest, signed, block: null };
    this.#outbox.push(departure);
    if (!signed) return;
    this.#sections[SECTION] = CHECK;
    this.#stage.sign(head, (block) => {
      // What leaves at once needs no copy of its own.
      const leaves = typeof to === "number" && this.#outbox.peek() === departure;
      departure.block = leaves ? block : block.slice();
      this.#sections[SECTION] = SEND;
      this.#depart();
      this.#sections[SECTION] = CHECK;
    });
  }

  setTimer(name: T, delayMs: number): void {
    let timer = this.#timers.get(name);
    if (timer === undefined) {
      timer = { deadlineMs: Infinity, armedMs: Infinity, call: null };
      this.#timers.set(name, timer);
    }
    timer.deadlineMs = this.#clock.now + delayMs;
    if (timer.armedMs <= timer.deadlineMs) return;
    timer.call?.cancel();
    this.#arm(name, timer);
  }

  clearTimer(name: T): void {
    const timer = this.#timers.get(name);
    if (timer !== undefined) timer.deadlineMs = Infinity;
  }

  drop(reason: Refusal): void {
    countDrop(this.drops, reason);
  }

  /**
   * Has the clock call at the timer's deadline: there is one call at most, and it re-arms when it
   * comes early.
   */
  #arm(name: T, timer: Timer): void {
    timer.armedMs = timer.deadlineMs;
    timer.call = this.#clock.after(timer.deadlineMs - this.#clock.now, () => {
      timer.armedMs = Infinity;
      timer.call = null;
      if (timer.deadlineMs === Infinity) return;
      if (timer.deadlineMs > this.#clock.now) {
        this.#arm(name, timer);
        return;
      }
      timer.deadlineMs = Infinity;
      this.#sections[SECTION] = PROTOCOL;
      this.#actor?.timeout(name);
      this.#sections[SECTION] = OTHER;
    });
  }

  /** Sends what the transport's writer holds, and loops `message` back if it is for all. */
  #leave(to: Target, message: M): void {
    this.#transport.transmit(typeof to === "number" ? to : this.#others);
    if (to === "all" && this.#self !== null) this.#loopback.push(message);
  }

  /** Lets go, in the order of `send`, of what has its signature. */
  #depart(): void {
    for (;;) {
      const next = this.#outbox.peek();
      if (next === undefined || (next.signed && next.block === null)) return;
      this.#outbox.shift();
      const out = this.#transport.begin(this.#id);
      let { message } = next;
      out.bytes(next.head);
      if (next.block !== null) {
        out.bytes(next.block);
        out.bytes(next.rest);
        if (next.to === "all" && this.#self !== null) {
          const { head: signed, block: signature } = next;
          message = { ...message, seal: { signer: this.#self, signed, signature } };
        }
      }
      if (out.overflowed) countDrop(this.drops, "too large to send");
      else this.#leave(next.to, message);
    }
  }

  /** Whether anybody may send a message that begins as this one does. */
  #admits(input: Reader): boolean {
    const { openKinds } = this.#codec;
    if (openKinds === undefined) return true;
    const start = input.position;
    const end = start + input.remaining;
    const kind = input.u8();
    input.reset(start, end);
    return openKinds.has(kind);
  }

  #deliver(actor: Actor<M, T>, from: Address, input: Reader): void {
    const bytes = input.remaining;
    this.#sections[SECTION] = DECODE;
    if (from >= this.#n && !this.#admits(input)) {
      countDrop(this.drops, "from a stranger");
      return;
    }
    if (actor.refuseBytes !== undefined) {
      const start = input.position;
      const refusal = actor.refuseBytes(from, input);
      if (refusal !== null) {
        countDrop(this.drops, refusal);
        return;
      }
      input.reset(start, start + bytes);
    }
    const message = this.#codec.decode(input);
    this.#sections[SECTION] = PROTOCOL;
    if (message === null) {
      countDrop(this.drops, "malformed");
      return;
    }
    const refusal = actor.refuse?.(from, message) ?? null;
    if (refusal !== null) {
      countDrop(this.drops, refusal);
      return;
    }
    this.#sections[SECTION] = CHECK;
    const proofs = this.#codec.proofs(message);
    if (proofs.length > 0 || !this.#lanes.idle) {
      this.#lanes.take(from, message, proofs, bytes);
      return;
    }
    this.#sections[SECTION] = PROTOCOL;
    actor.receive(from, message);
  }
}
