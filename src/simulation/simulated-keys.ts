// All replicas' keys: a keyed hash under the real signature blocks, which the adversary can compute
// for its own replicas only.

import { CLIENT_KEY_LENGTH } from "../base/client-key.ts";
import type { Bytes, Proof, Signer } from "../actor.ts";
import {
  HASH_SIZE,
  isOneTime,
  leafIndex,
  ReferenceHasher,
  SIGNATURE_AT,
  signatureAt,
  SIGNATURE_SIZE,
  singleBlock,
  type BlockHasher,
  type Tree,
} from "../crypto/merkle.ts";
import { hashLeaf, NO_DOMAIN, type TreeLeaves } from "../base/hash-tree.ts";
import { clientDigest, clientDomainOf, signedIn } from "../crypto/domain.ts";
import { BATCH_ROOT_SIZE, BATCH_SIZE } from "../crypto/one-time.ts";
import { latin1, u32At } from "../wire.ts";
import { ONE_TIME_BLOCK, ONE_TIME_INDEX_AT, ONE_TIME_KEYS } from "../base/one-time-form.ts";
import { batchNameOf, isFilled, junkRoot, keyNameOf, OneTimeClimbs } from "./one-time-blocks.ts";

/** Known to the world alone. */
export class SimulatedKeys {
  readonly n: number;
  /** Of the cluster. */
  readonly domain: Bytes;
  readonly hasher: RememberingHasher;
  readonly #oneTimes: OneTimeClimbs | null;
  /** What one-time keys signed, by their names. */
  readonly #signed = new Map<string, Bytes>();
  readonly #input = new Uint8Array(8 + HASH_SIZE);
  readonly #clientInput = new Uint8Array(4 + CLIENT_KEY_LENGTH + HASH_SIZE);
  readonly #view = new DataView(this.#input.buffer);
  readonly #hash = new Uint8Array(HASH_SIZE);

  /** Those of one seed. `cold` keys remember nothing: whatever is asked, they compute. */
  constructor(secret: number, n: number, cold = false) {
    this.n = n;
    this.#view.setUint32(0, secret);
    this.domain = new Uint8Array(HASH_SIZE);
    this.domain.set(this.#input.subarray(0, 4));
    this.hasher = new RememberingHasher(cold);
    this.#oneTimes = cold ? null : new OneTimeClimbs();
  }

  /** The same keys, which remember nothing. */
  cold(): SimulatedKeys {
    return new SimulatedKeys(this.#view.getUint32(0), this.n, true);
  }

  /** The signature that the signer's key makes of a digest, into 64 bytes of `out`. */
  sign(by: Signer | Bytes, digest: Bytes, out: Bytes): void {
    this.#compute(by, digest);
    out.set(this.#hash);
    out.set(this.#hash, HASH_SIZE);
  }

  /** Whether `signature` has its 64 bytes at `at`. */
  verify(by: Signer | Bytes, digest: Bytes, signature: Bytes, at = 0): boolean {
    this.#compute(by, digest);
    for (let i = 0; i < HASH_SIZE; i++) {
      const byte = this.#hash[i];
      if (signature[at + i] !== byte || signature[at + HASH_SIZE + i] !== byte) return false;
    }
    return true;
  }

  /** A block of depth 0 for what a replica of the adversary signs in a run. */
  block(signer: Signer, signed: Bytes, run: Bytes | null): Bytes {
    const signature = new Uint8Array(SIGNATURE_SIZE);
    const digest = this.hasher.single(signed, signedIn(signed, this.domain, run));
    this.sign(signer, digest.slice(), signature);
    return singleBlock(signature);
  }

  /** Whether the proof holds in a run for a stranger, whose cache is cold. */
  holds({ signer, signed, signature }: Proof, run: Bytes | null): boolean {
    if (signer < 0 || signer >= this.n) return false;
    if (isOneTime(signature)) return this.#holdsOnce(signer, signed, signature, run);
    const climbed = this.hasher.remember(signed, signature, signedIn(signed, this.domain, run));
    const { digest } = climbed;
    if (digest === null) return false;
    if (climbed.signer === signer) return true;
    if (!this.verify(signer, digest, signature, SIGNATURE_AT)) return false;
    climbed.signer = signer;
    return true;
  }

  #holdsOnce(signer: Signer, signed: Bytes, block: Bytes, run: Bytes | null): boolean {
    const domain = signedIn(signed, this.domain, run);
    const digest = this.climbOneTime(signer, signed, block, domain);
    return digest !== null && this.verify(signer, digest, block, signatureAt(block));
  }

  /** The key of a client process, by a number that no other has. */
  clientKey(process: number): Bytes {
    const key = new Uint8Array(CLIENT_KEY_LENGTH).fill(2);
    new DataView(key.buffer).setUint32(1, this.#view.getUint32(0));
    new DataView(key.buffer).setUint32(5, process);
    return key;
  }

  /** The block of a request that is signed alone by a client's key. */
  requestBlock(key: Bytes, signed: Bytes): Bytes {
    const signature = new Uint8Array(SIGNATURE_SIZE);
    const root = this.hasher.single(signed, NO_DOMAIN).slice();
    this.signAsClient(key, root, signature);
    return singleBlock(signature);
  }

  /** As `sign`, of what a client's tree, or its batch of one-time keys, comes to. */
  signAsClient(key: Bytes, digest: Bytes, out: Bytes): void {
    this.sign(key, clientDigest(this.hasher, digest, clientDomainOf(this.domain)), out);
  }

  /**
   * What the root signature of a one-time signature signs: if its key did not make it for this
   * message, it leads to a root that follows from its bytes.
   */
  climbOneTime(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    const known = this.#oneTimes?.find(by, signed, block, domain) ?? null;
    if (known !== null) return known;
    if ((block[ONE_TIME_INDEX_AT] ?? 0) >= ONE_TIME_KEYS || block.length !== ONE_TIME_BLOCK) {
      return null;
    }
    const leaf = new Uint8Array(HASH_SIZE);
    hashLeaf(signed, domain, leaf);
    const name = keyNameOf(by, block);
    const genuine = isFilled(block, this.oneTimeHash(name, leaf));
    const root = genuine ? this.oneTimeRoot(name) : junkRoot(block, leaf);
    const batch = new Uint8Array(BATCH_SIZE);
    batch.set(block.subarray(1, ONE_TIME_INDEX_AT));
    batch.set(root.subarray(0, BATCH_ROOT_SIZE), ONE_TIME_INDEX_AT - 1);
    const digest = this.batchDigest(batch);
    this.#oneTimes?.keep({ by, signed, block, domain, digest });
    return digest;
  }

  /** What is signed for a batch (number | root) of one-time keys. */
  batchDigest(batch: Bytes): Bytes {
    return sha256(Uint8Array.of(3), this.domain, batch);
  }

  /** The key of that name signs a leaf; whether it never signed another one. */
  signOnce(name: Bytes, leaf: Bytes): boolean {
    const key = latin1(name);
    const before = this.#signed.get(key);
    this.#signed.set(key, leaf.slice());
    return before === undefined || same(before, leaf);
  }

  /** What the key of that name shows for a leaf. */
  oneTimeHash(name: Bytes, leaf: Bytes): Bytes {
    return sha256(this.#input.subarray(0, 4), Uint8Array.of(1), name, leaf);
  }

  /** The root of its batch, whichever of its keys it is. */
  oneTimeRoot(name: Bytes): Bytes {
    return sha256(this.#input.subarray(0, 4), Uint8Array.of(2), batchNameOf(name));
  }

  #compute(by: Signer | Bytes, digest: Bytes): void {
    if (typeof by !== "number") {
      this.#clientInput.set(this.#input.subarray(0, 4));
      this.#clientInput.set(by, 4);
      this.#clientInput.set(digest, 4 + CLIENT_KEY_LENGTH);
      Bun.SHA256.hash(this.#clientInput, this.#hash);
      return;
    }
    const signer = by;
    this.#view.setUint32(4, signer);
    this.#input.set(digest, 8);
    Bun.SHA256.hash(this.#input, this.#hash);
  }
}

/** What came of a block for the bytes it is said to sign. */
interface Climbed {
  readonly domain: Bytes;
  readonly signed: Bytes;
  readonly block: Bytes;
  /** null: the block is malformed. */
  readonly digest: Bytes | null;
  /** Whose signature it is known to have, or -1. */
  signer: Signer;
}

/** Climbs remembered, beyond which all are forgotten. */
const CLIMBS_MAX = 8192;

/**
 * The hasher of all processes. Each message is checked by all who get it, and its signature again
 * in every certificate that it becomes part of: the same bytes give the same digest, so that all
 * but the first find it here. Results are found by content, whichever process asks.
 */
class RememberingHasher implements BlockHasher {
  readonly #hasher = new ReferenceHasher();
  readonly #cold: boolean;
  readonly #climbed = new Map<number, Climbed>();

  constructor(cold: boolean) {
    this.#cold = cold;
  }

  single(signed: Bytes, domain: Bytes): Bytes {
    return this.#hasher.single(signed, domain);
  }

  /** As `ReferenceHasher` has it, but what it returns stays. */
  climb(signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    return this.remember(signed, block, domain).digest;
  }

  /** The climb, done now or remembered. Keeps what it is given, which never changes. */
  remember(signed: Bytes, block: Bytes, domain: Bytes): Climbed {
    const key = keyOf(block);
    const known = this.#climbed.get(key);
    if (known !== undefined && same(known.block, block) && same(known.signed, signed)) {
      if (same(known.domain, domain)) return known;
    }
    const digest = this.#hasher.climb(signed, block, domain)?.slice() ?? null;
    const climbed: Climbed = { domain, signed, block, digest, signer: -1 };
    if (this.#cold) return climbed;
    if (this.#climbed.size >= CLIMBS_MAX) this.#climbed.clear();
    this.#climbed.set(key, climbed);
    return climbed;
  }

  climbAll(leaves: TreeLeaves, domain: Bytes): Bytes | null {
    return this.#hasher.climbAll(leaves, domain);
  }

  tree(): Tree {
    return this.#hasher.tree();
  }

  close(): void {
    // Nothing to free.
  }
}

function sha256(...parts: readonly Bytes[]): Bytes {
  const digest = new Uint8Array(HASH_SIZE);
  Bun.SHA256.hash(Buffer.concat(parts), digest);
  return digest;
}

function same(a: Bytes, b: Bytes): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}

/** The leaf's index and the beginning of the signature, which differ from block to block. */
function keyOf(block: Bytes): number {
  return u32At(block, SIGNATURE_AT) ^ Math.imul(leafIndex(block), 0x9e3779b1);
}
