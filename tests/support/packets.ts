// Messages as bytes between the actors of a test. A signature is a hash of who signs and of what,
// so that only what was really signed, and by whom, holds.

import { UNNEEDED } from "../../src/actor.ts";
import type { Actor, Address, Bytes, Codec, Proof, Signer } from "../../src/actor.ts";
import { digestOf } from "../../src/protocol/kit/digest.ts";
import { BLOCK_MIN, equal, MESSAGE_MAX, Reader, Writer } from "../../src/wire.ts";

/** What every protocol's messages have. */
export interface Kinded {
  readonly kind: string;
}

export type OfKind<M extends Kinded, K extends M["kind"]> = M & { readonly kind: K };

const FRAME_LENGTH = 65_536;

const BOOK = {
  intern: (_high: number, low: number) => low,
  write: (address: Address, view: DataView, at: number) => {
    view.setUint32(at, 0);
    view.setUint32(at + 4, address);
  },
};

/** The signature block of `signer` over `signed`. */
export function signatureOf(signer: Signer, signed: Bytes): Bytes {
  const block = new Uint8Array(BLOCK_MIN);
  block.set(digestOf(Buffer.concat([Uint8Array.of(signer), signed])), 5);
  return block;
}

export function holds({ signer, signed, signature }: Proof): boolean {
  return equal(signature, signatureOf(signer, signed));
}

/** The wire of a protocol. */
export class Packets<M extends Kinded> {
  readonly #codec: Codec<M>;
  readonly #out = new Writer(new Uint8Array(FRAME_LENGTH), BOOK, MESSAGE_MAX);

  constructor(codec: Codec<M>) {
    this.#codec = codec;
  }

  /** The packet of a message that `signer` signs, if it is of a kind that is signed. */
  packetOf(message: M, signer: Signer): Bytes {
    const out = this.#out.reset(0, FRAME_LENGTH);
    this.#codec.encode(message, out);
    const { sealAt } = out;
    const bytes = out.copy();
    if (sealAt < 0) return bytes;
    const signed = bytes.subarray(0, sealAt);
    const parts = [signed, signatureOf(signer, signed), bytes.subarray(sealAt)];
    return new Uint8Array(Buffer.concat(parts));
  }

  /** null if it is malformed. */
  decoded(packet: Bytes): M | null {
    return this.#codec.decode(new Reader(packet, BOOK));
  }

  /** The message as its receiver gets it, signed by the replica that it names. */
  carried<S extends M>(message: S, from: Address = 0): S {
    const received = this.decoded(this.packetOf(message, signerOf(message, from)));
    if (received === null) throw new Error(`${message.kind} has no wire form`);
    return received as S;
  }

  /** What the actor takes of the message, as its Node asks before it checks; null if nothing. */
  taken(actor: Actor<M, never>, from: Address, message: M): M | null {
    const admission = actor.refuse?.(from, message) ?? null;
    if (admission === UNNEEDED) return this.#codec.bare?.(message) ?? null;
    return admission === null ? message : null;
  }

  /** Whether every signature in it holds. */
  genuine(message: M): boolean {
    return this.#codec.proofs(message).every(holds);
  }
}

/** The replica that a message names as its sender, else `from`. */
export function signerOf(message: Kinded, from: Address): Signer {
  return "replica" in message ? (message.replica as Signer) : from;
}
