import type { Address, Bytes, Host, Refusal, Target } from "../../src/actor.ts";
import { countDrop, type Drops } from "../../src/driver.ts";
import type { Kinded, OfKind } from "./packets.ts";

export interface Sent<M> {
  readonly to: Target;
  readonly message: M;
}

/** A host that keeps what is sent, and when timers go off; the test sets the clock. */
export class FakeHost<M extends Kinded, T extends string> implements Host<M, T> {
  /** The test's time, in milliseconds, the same for all hosts. */
  clockMs: number;
  readonly drops: Drops = new Map();
  readonly sent: Sent<M>[] = [];
  /** When each timer that is set goes off, in the test's time. */
  readonly timers = new Map<T, number>();
  /** Addresses that mean nothing any more. */
  readonly forgotten = new Set<Address>();
  readonly #startMs: number;
  #random: number;

  /** Hosts of one seed draw the same numbers; the node starts at `startMs`. */
  constructor(seed = 0, startMs = 0) {
    this.#random = seed;
    this.#startMs = startMs;
    this.clockMs = startMs;
  }
  get now(): number {
    return this.clockMs - this.#startMs;
  }
  random(bound: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * bound);
  }
  send(to: Target, message: M): void {
    this.sent.push({ to, message });
  }
  setTimer(timer: T, delayMs: number): void {
    this.timers.set(timer, this.clockMs + delayMs);
  }
  clearTimer(timer: T): void {
    this.timers.delete(timer);
  }
  sourceOf(address: Address): number {
    return this.forgotten.has(address) ? 0 : 1 + address;
  }
  drop(reason: Refusal): void {
    countDrop(this.drops, reason);
  }
  /** The name of the run that the actor entered last. */
  run: Bytes | null = null;
  enterRun(name: Bytes | null): void {
    this.run = name;
  }

  /** What was sent since the last call. */
  take(): Sent<M>[] {
    return this.sent.splice(0);
  }
  /** What was sent since the last call, of one kind; the rest is forgotten. */
  takeKind<K extends M["kind"]>(kind: K): OfKind<M, K>[] {
    const found = this.take().filter(({ message }) => message.kind === kind);
    return found.map(({ message }) => message as OfKind<M, K>);
  }
}
