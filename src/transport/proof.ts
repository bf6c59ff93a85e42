// Proofs that a host receives at the address that it sends from. Without one it could have others
// flooded, by forging their address: so a message from a host without proof is not delivered, and
// answered by a challenge that is no larger than it; and nothing is sent to such a host besides.
//
// HELLO      2 | 8 zeros       to every replica, when a client's process starts and again and again
// CHALLENGE  3 | cookie (8)    to whoever sends anything without having proven itself
// PROOF      4 | cookie (8)    back
// WELCOME    5                 to a HELLO or a PROOF of a host that is proven now
//
// They travel as parts of messages do. A cookie is a keyed hash of the address and the time, so
// that challenging needs no memory. A proof is the host's, whatever ids it has.

import type { Address } from "../actor.ts";
import { EMPTY, type Bytes, type Reader, type Writer } from "../wire.ts";
import { REFUSED, type AddressTable } from "./address.ts";

export const HELLO = 2;
export const CHALLENGE = 3;
export const PROOF = 4;
export const WELCOME = 5;
export const COOKIE_LENGTH = 8;
/** Bytes of a HELLO, a CHALLENGE and a PROOF. */
const LENGTH = 1 + COOKIE_LENGTH;
/** Where HELLOs and PROOFs come from: any id would do, since they are of the whole process. */
export const PROVER_ID = 0;
/** How long a cookie holds at least; at most it does for twice that. */
const COOKIE_MS = 10_000;
/** Within it one host is challenged once, if no other one was in between. */
const AGAIN_MS = 10;

/** What both sides need of their transport. */
export interface ProofPort {
  beginPacket(): Writer;
  /** Sends what was begun, as a part or as a message. */
  send(source: number, to: Address, part: boolean): void;
  /** What is sent from here on does not overtake what was sent before. */
  flush(): void;
  drop(reason: string): void;
}

/** A packet that came. */
export interface Arrival {
  readonly destination: number;
  readonly high: number;
  readonly low16: number;
  readonly source: number;
  readonly part: boolean;
}

/** Sends a packet of this file's, from an id. */
export function sendProof(
  port: ProofPort,
  source: number,
  to: Address,
  kind: number,
  cookie: Bytes = EMPTY,
): void {
  const out = port.beginPacket();
  out.u8(kind);
  out.bytes(cookie);
  port.send(source, to, true);
}

/** The side that wants proofs. */
export class Challenger {
  readonly #port: ProofPort;
  readonly #book: AddressTable;
  readonly #clock: { readonly now: number };
  /** What cookies are hashes of: secret (16), time (8), host (6). */
  readonly #hashed = new Uint8Array(30);
  readonly #view = new DataView(this.#hashed.buffer);
  readonly #hash = new Uint8Array(32);
  /** Whom the last challenge went to, and when. */
  #lastHigh = 0;
  #lastLow16 = 0;
  #lastMs = -Infinity;

  constructor(
    port: ProofPort,
    book: AddressTable,
    clock: { readonly now: number },
    random: (bound: number) => number,
  ) {
    this.#port = port;
    this.#book = book;
    this.#clock = clock;
    for (let at = 0; at < 16; at += 4) this.#view.setUint32(at, random(2 ** 32));
  }

  /** A packet of a host that has not proven itself, or that may send nothing (`from`). */
  meet(from: Address, arrival: Arrival, input: Reader): void {
    const { destination, high, low16, source, part } = arrival;
    if (from === REFUSED || !this.#book.isHost(high, low16)) {
      this.#port.drop("from an address that no client can have");
      return;
    }
    const size = input.remaining;
    const kind = part ? input.u8() : HELLO;
    if (kind === PROOF) {
      this.#onProof(arrival, input);
      return;
    }
    this.#port.drop("from an unproven address");
    // What answers a challenge or a proof is none, because two strangers would go on for ever.
    if (kind === CHALLENGE || kind === WELCOME || size < LENGTH) return;
    const again = high === this.#lastHigh && low16 === this.#lastLow16;
    // One datagram may hold many messages; they pay for one challenge.
    if (again && this.#clock.now - this.#lastMs < AGAIN_MS) return;
    this.#lastHigh = high;
    this.#lastLow16 = low16;
    this.#lastMs = this.#clock.now;
    const to = this.#book.meet(high, low16, source);
    sendProof(this.#port, destination, to, CHALLENGE, this.#cookie(high, low16, 0));
  }

  /** Answers a HELLO of a host that is proven. */
  onHello(destination: number, from: Address): void {
    this.#book.greet(from, this.#clock.now);
    sendProof(this.#port, destination, from, WELCOME);
  }

  #onProof({ destination, high, low16, source }: Arrival, input: Reader): void {
    const cookie = input.bytes(COOKIE_LENGTH);
    const holds = [0, 1].some((ago) => equal(cookie, this.#cookie(high, low16, ago)));
    if (!input.done || !holds) {
      this.#port.drop("wrong proof of an address");
      return;
    }
    if (!this.#book.prove(high, low16, this.#clock.now)) {
      this.#port.drop("too many proven addresses");
      return;
    }
    sendProof(this.#port, destination, this.#book.meet(high, low16, source), WELCOME);
  }

  /** The cookie of an address, as of so many times COOKIE_MS ago; valid until the next call. */
  #cookie(high: number, low16: number, ago: number): Bytes {
    const time = Math.floor(this.#clock.now / COOKIE_MS) - ago;
    this.#view.setFloat64(16, time);
    this.#view.setUint32(24, high);
    this.#view.setUint16(28, low16);
    Bun.SHA256.hash(this.#hashed, this.#hash);
    return this.#hash.subarray(0, COOKIE_LENGTH);
  }
}

/** Compares all bytes, so that the time it takes tells nothing. */
function equal(a: Bytes, b: Bytes): boolean {
  let differences = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) differences |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return differences === 0;
}
