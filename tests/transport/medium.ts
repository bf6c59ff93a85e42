// What the shared cases need of a transport under test: three hosts that are joined, a fourth that
// answers whatever it gets and can die, and a stranger who sends garbage.

import type { Address, Bytes } from "../../src/actor.ts";
import { RealClock } from "../../src/process/real-clock.ts";
import type { Transport } from "../../src/driver.ts";
import { CHALLENGE, HELLO, PROOF, WELCOME } from "../../src/transport/proof.ts";
import type { Reader } from "../../src/wire.ts";
import { PROGRAM_MS } from "../support/patience.ts";

/** Replicas 0 and 1 are endpoints of the test, replica 2 echoes. */
export const ECHO: Address = 2;
export const REPLICAS = 3;
/** Where there is a group, it has the next address. */
export const GROUP: Address = REPLICAS;

export type Handler = (from: Address, input: Reader) => void;

/** A host with the transport under test. */
export class Endpoint {
  readonly transport: Transport;
  /** What it does with messages for its id 0. */
  handler: Handler = () => {};
  /** Ids besides 0 that are not in use yet. */
  #nextId = 1;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.listen(0, (from, input) => this.handler(from, input));
  }

  /** Listens on an id that nobody uses, and returns it. */
  listen(handler: Handler): number {
    const id = this.#nextId++;
    this.transport.listen(id, handler);
    return id;
  }

  send(id: number, to: Address | readonly Address[], bytes: Bytes): void {
    this.transport.begin(id).bytes(bytes);
    this.transport.transmit(to);
  }

  drops(reason: string): number {
    return this.transport.drops.get(reason) ?? 0;
  }
}

/** Has a stranger prove its address to replica 0's host, with the payloads of parts. */
export function proveAddress(stranger: {
  send(payload: Uint8Array): void;
  receive(): Uint8Array | null;
  turn(): void;
}): void {
  const endMs = performance.now() + ARRIVAL_TIMEOUT_MS;
  let greeted = -Infinity;
  for (;;) {
    const now = performance.now();
    if (now > endMs) throw new Error("waited in vain for a welcome");
    if (now - greeted > 20) {
      stranger.send(Uint8Array.of(HELLO, 0, 0, 0, 0, 0, 0, 0, 0));
      greeted = now;
    }
    stranger.turn();
    const answer = stranger.receive();
    if (answer?.[0] === WELCOME) return;
    if (answer?.[0] === CHALLENGE) stranger.send(Uint8Array.of(PROOF, ...answer.subarray(1)));
  }
}

/** A packet as nobody honest sends it, from a stranger to replica 0's host. */
export interface Injected {
  readonly destination: number;
  readonly source: number;
  readonly part: boolean;
  readonly payload: Bytes;
}

export interface Medium {
  readonly name: string;
  /** Loses, and where it can reorders and repeats, packets. */
  readonly rough: boolean;
  readonly a: Endpoint;
  readonly b: Endpoint;
  readonly client: Endpoint;
  /** Lets everybody do something. */
  turn(): void;
  /** Milliseconds since some time, virtual where time is. */
  now(): number;
  /** How much faster the transports' clocks run than time does, where that is real. */
  hurry(factor: number): void;
  inject(packet: Injected): void;
  /** Things that are no packets at all, with the reason that counts them at replica 0's host. */
  readonly foreign: readonly { readonly what: string; readonly reason: string; send(): void }[];
  /** All drops of replica 0's host, those of its port included. */
  drops(): ReadonlyMap<string, number>;
  killEcho(): void;
  startEcho(): void;
  close(): void;
}

export const ARRIVAL_TIMEOUT_MS = PROGRAM_MS;

/**
 * Turns until the condition holds; throws an Error that says what was waited for, after a long
 * time.
 */
export function until(medium: Medium, what: string, condition: () => boolean): void {
  const endMs = medium.now() + ARRIVAL_TIMEOUT_MS;
  while (!condition()) {
    if (medium.now() > endMs) throw new Error(`waited in vain until ${what}`);
    medium.turn();
  }
}

/** Turns for so long, for what must not happen. */
export function pass(medium: Medium, ms: number): void {
  const endMs = medium.now() + ms;
  while (medium.now() < endMs) medium.turn();
}

/** Bytes that differ from place to place, and with `seed`. */
export function pattern(length: number, seed: number): Bytes {
  const bytes = new Uint8Array(length);
  let state = (seed + 1) * 0x9e3779b1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** All of the message, copied. */
export function all(input: Reader): Bytes {
  return input.bytes(input.remaining);
}

/** Real time, which a test that waits for a long delay lets run faster. */
export class HurriedClock extends RealClock {
  factor = 1;
  #real = performance.now();

  override update(): void {
    const real = performance.now();
    this.now += (real - this.#real) * this.factor;
    this.#real = real;
  }
}
