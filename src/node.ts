// Three drivers and a codec become a Host. The same class runs in the executables and in the
// simulator, so that encoding, signing and checking are what the simulator tests.

import type {
  Actor,
  Address,
  Bytes,
  Codec,
  Host,
  Proof,
  Refusal,
  Sealed,
  Sizes,
  Target,
} from "./actor.ts";
import { assert } from "./base/assert.ts";
import { SMALL_ID_MAX } from "./config.ts";
import { countDrop, type Clock, type Drops, type Stage, type Transport } from "./driver.ts";
import { Queue } from "./base/queue.ts";
import { CHECK, DECODE, ENCODE, OTHER, PROTOCOL, RECEIVE, SECTION, SEND } from "./base/sections.ts";
import { EMPTY, type Reader } from "./wire.ts";

/**
 * Signature checks of one node in the stage at a time; the others wait here, where `refuse` is
 * asked again.
 */
const CHECKS_MAX = 8;
/** Messages of one sender that wait for a check. */
const SENDER_MESSAGES_MAX = 256;
/** Bytes of such messages, beyond which no other one waits. */
const SENDER_BYTES_MAX = 16 * 1024 * 1024;
/** Senders with messages that wait. */
const SENDERS_MAX = 1024;
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

/** The messages of one sender, in order of arrival, the first of which may be with the stage. */
interface SenderQueue<M> {
  readonly from: Address;
  readonly waiting: Queue<Waiting<M>>;
  /** Of what waits. */
  bytes: number;
}

interface Waiting<M> {
  readonly message: M;
  readonly proofs: readonly Proof[];
  readonly bytes: number;
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
  readonly #sections: Int32Array;
  #actor: Actor<M, T> | null = null;
  readonly #timers = new Map<T, Timer>();
  readonly #loopback = new Queue<M>();
  readonly #outbox = new Queue<Departure<M>>();
  readonly #senders = new Map<Address, SenderQueue<M>>();
  /** Senders whose next check may start, in the order of their turns. */
  readonly #ready = new Queue<SenderQueue<M>>();
  #checking = 0;

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
    let waiting = 0;
    for (const queue of this.#senders.values()) waiting = Math.max(waiting, queue.waiting.length);
    return [
      { name: "node.senders", size: this.#senders.size, max: SENDERS_MAX },
      { name: "node.sender", size: waiting, max: SENDER_MESSAGES_MAX },
      { name: "node.checking", size: this.#checking, max: CHECKS_MAX },
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

  #deliver(actor: Actor<M, T>, from: Address, input: Reader): void {
    const bytes = input.remaining;
    this.#sections[SECTION] = DECODE;
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
    let queue = this.#senders.size === 0 ? undefined : this.#senders.get(from);
    if (queue === undefined) {
      if (proofs.length === 0) {
        this.#sections[SECTION] = PROTOCOL;
        actor.receive(from, message);
        return;
      }
      if (this.#senders.size >= SENDERS_MAX) {
        countDrop(this.drops, "too many senders to check");
        return;
      }
      // Most checks end at once, since the root is known, and then need no queue.
      const next = this.#ready.length === 0 && this.#checking < CHECKS_MAX;
      if (next && this.#check(actor, from, message, proofs)) return;
      queue = { from, waiting: new Queue(), bytes: 0 };
      this.#senders.set(from, queue);
      if (next) return;
      this.#ready.push(queue);
    } else if (queue.waiting.length >= SENDER_MESSAGES_MAX || queue.bytes >= SENDER_BYTES_MAX) {
      countDrop(this.drops, "too many to check");
      return;
    }
    queue.waiting.push({ message, proofs, bytes });
    queue.bytes += bytes;
    this.#serve(actor);
  }

  /** Starts checks, a sender after another, as many as may be with the stage at once. */
  #serve(actor: Actor<M, T>): void {
    while (this.#checking < CHECKS_MAX) {
      const queue = this.#ready.shift();
      if (queue === undefined) return;
      this.#advance(actor, queue);
    }
  }

  /** Passes on a sender's messages until one has to wait for its check. */
  #advance(actor: Actor<M, T>, queue: SenderQueue<M>): void {
    for (;;) {
      const head = queue.waiting.shift();
      if (head === undefined) {
        this.#senders.delete(queue.from);
        return;
      }
      const { message, proofs } = head;
      queue.bytes -= head.bytes;
      this.#sections[SECTION] = PROTOCOL;
      if (proofs.length === 0) {
        actor.receive(queue.from, message);
        continue;
      }
      const refusal = actor.refuse?.(queue.from, message) ?? null;
      if (refusal !== null) {
        countDrop(this.drops, refusal);
        continue;
      }
      this.#sections[SECTION] = CHECK;
      if (!this.#check(actor, queue.from, message, proofs)) return;
    }
  }

  /**
   * Has a message checked and passes it on if its signatures hold. False if that takes longer than
   * this call: then the sender's queue goes on afterwards.
   */
  #check(actor: Actor<M, T>, from: Address, message: M, proofs: readonly Proof[]): boolean {
    let atOnce = true;
    let finished = false;
    this.#checking++;
    this.#stage.verify(proofs, (valid) => {
      this.#checking--;
      finished = true;
      this.#sections[SECTION] = PROTOCOL;
      if (valid) actor.receive(from, message);
      else countDrop(this.drops, "forged");
      this.#sections[SECTION] = CHECK;
      if (atOnce) return;
      const queue = this.#senders.get(from);
      assert(queue !== undefined, "a queue lasts as long as its checks");
      this.#ready.push(queue);
      this.#serve(actor);
    });
    atOnce = false;
    return finished;
  }
}
