// Messages on their way out that wait for their signature, or for that of one before them.

import type { Address, Bytes, Sizes, Target } from "./actor.ts";
import { Queue } from "./base/queue.ts";

/** Bytes that wait for strangers, clients included, all together: replies, beyond which drop. */
const STRANGERS_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes that wait for one replica alone: answers to what it asked. */
const REPLICA_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes that wait for all replicas, such as votes: more than a window of slots has. */
const ALL_BYTES_MAX = 64 * 1024 * 1024;
/** What is charged for a departure beside its bytes: its objects, and its place in a tree. */
const OVERHEAD_BYTES = 256;

interface Loop<M> {
  readonly message: M;
  readonly life: number;
}

/** A message that waits. */
export interface Departure<M> {
  readonly to: Target;
  /** What loops back once it leaves, and to which of the node's actors; null: nothing does. */
  readonly loop: Loop<M> | null;
  readonly bytes: Bytes;
  /** What is signed, or all if nothing is; and where the rest begins, behind the block. */
  readonly head: Bytes;
  readonly restAt: number;
  readonly signed: boolean;
  /** Bytes of the bodies that it names (Bodies); -1: it names none. */
  readonly named: number;
  block: Bytes | null;
}

/** First in, first out, with a bound in bytes for each kind of receivers. */
export class Outbox<M> {
  readonly #n: number;
  readonly #queue = new Queue<Departure<M>>();
  /** Of those to each replica alone, to all others alone, and to all replicas. */
  readonly #replicaBytes: number[];
  #strangerBytes = 0;
  #allBytes = 0;

  /** Replicas have the addresses 0..n-1. */
  constructor(n: number) {
    this.#n = n;
    this.#replicaBytes = Array.from({ length: n }, () => 0);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  get sizes(): Sizes {
    const replica = Math.max(0, ...this.#replicaBytes);
    return [
      { name: "node.outbox.strangers.bytes", size: this.#strangerBytes, max: STRANGERS_BYTES_MAX },
      { name: "node.outbox.replica.bytes", size: replica, max: REPLICA_BYTES_MAX },
      { name: "node.outbox.all.bytes", size: this.#allBytes, max: ALL_BYTES_MAX },
    ];
  }

  /** Whether a message of `length` bytes may wait; one alone always may. */
  hasRoom(to: Target, length: number): boolean {
    const charge = length + OVERHEAD_BYTES;
    if (typeof to !== "number") return this.#allBytes + charge <= ALL_BYTES_MAX;
    if (to >= this.#n) return this.#strangerBytes + charge <= STRANGERS_BYTES_MAX;
    return (this.#replicaBytes[to] ?? 0) + charge <= REPLICA_BYTES_MAX;
  }

  /**
   * Has a message wait, of which it takes the bytes over; its signature stands at `sealAt`, or it
   * has none.
   */
  push(
    to: Target,
    loop: Loop<M> | null,
    bytes: Bytes,
    sealAt: number,
    named: number,
  ): Departure<M> {
    const signed = sealAt >= 0;
    const restAt = signed ? sealAt : bytes.length;
    // A copy: a view of a small array costs more. Most messages end with their signature.
    const head = restAt === bytes.length ? bytes : bytes.slice(0, restAt);
    const departure: Departure<M> = { to, loop, bytes, head, restAt, signed, named, block: null };
    this.#queue.push(departure);
    this.#charge(to, bytes.length + OVERHEAD_BYTES);
    return departure;
  }

  /** The oldest. */
  peek(): Departure<M> | undefined {
    return this.#queue.peek();
  }

  /** Takes the oldest if it need not wait any more. */
  shift(): Departure<M> | undefined {
    const next = this.#queue.peek();
    if (next === undefined || (next.signed && next.block === null)) return undefined;
    this.#queue.shift();
    this.#charge(next.to, -(next.bytes.length + OVERHEAD_BYTES));
    return next;
  }

  #charge(to: Target, bytes: number): void {
    if (typeof to !== "number") this.#allBytes += bytes;
    else if (to < this.#n) this.#chargeReplica(to, bytes);
    else this.#strangerBytes += bytes;
  }

  #chargeReplica(to: Address, bytes: number): void {
    this.#replicaBytes[to] = (this.#replicaBytes[to] ?? 0) + bytes;
  }
}
