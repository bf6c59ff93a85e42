// One-time signatures under batches of keys (docs/guarantees.md, G1 to G4), of replicas and of
// clients: a block
//
//   0x80 | number of the batch (8) | index of the key (1) | salt (16) | 68 x 16 bytes of elements |
//   7 x 16 bytes of siblings | root signature (64)
//
// leads from the message over its elements to the key, and from there to the root of the batch,
// whose ECDSA signature it holds: it convinces a stranger, and costs hashes alone where the root is
// known. What leads there is a scheme's: csrc/onetime.c, or a keyed hash in the simulator.

import type { Bytes, Signer } from "../actor.ts";
import { bytesOf } from "../wire.ts";
import type { Tree } from "./merkle.ts";

/** Of a signer's name in hashes: the beginning of SHA-256 of its key. */
export const WHO_SIZE = 12;
/** Bytes of the root of a batch, and of what announces one: number | root. */
export const BATCH_ROOT_SIZE = 16;
export const BATCH_SIZE = 8 + BATCH_ROOT_SIZE;

/** How one-time signatures lead to what is signed by ECDSA, for signers of one cluster. */
export interface OneTimeScheme {
  /**
   * What the root signature of the block signs if a key of that replica, or of the client with that
   * key, in that place signed this, a client's but for its domain; null: a malformed block.
   * Overwritten by the next call, of `digest` too.
   */
  climb(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null;
  /** What is signed for a batch (number | root). */
  digest(batch: Bytes): Bytes;
  /** Makes this process's keys; null: it has none. */
  readonly maker: KeyMaker | null;
  close(): void;
}

/** Keeps keys in batches, each in a place; what it returns is overwritten by its next call. */
export interface KeyMaker {
  /** Places for batches. */
  readonly places: number;
  /** Whether other threads make keys, and how many are made in one go. */
  readonly elsewhere: boolean;
  readonly atOnce: number;
  /** Empties a place for the batch of this number. */
  begin(place: number, number: number): void;
  /**
   * Makes so many keys from `first` on; `done` comes during this call or, elsewhere, later. False:
   * nobody has time for it.
   */
  make(place: number, first: number, count: number, done: () => void): boolean;
  /** The root of a batch all of whose keys are made. */
  root(place: number): Bytes;
  /** The signature of that root, from which on its keys sign. */
  seal(place: number, signature: Bytes): void;
  /** The block of a leaf of the tree, by the next key of the batch. */
  sign(place: number, tree: Tree, leaf: number): Bytes;
}

/** The first bytes of SHA-256 of a compressed key. */
export function whoIs(publicKey: Bytes): Bytes {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(publicKey, digest);
  return digest.slice(0, WHO_SIZE);
}

/** A batch as it is announced. */
export function batchBytes(number: number, root: Bytes): Bytes {
  return bytesOf((out) => {
    out.u53(number);
    out.bytes(root);
  });
}
