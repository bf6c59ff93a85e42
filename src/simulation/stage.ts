// The real signature blocks over a keyed hash that takes random virtual time. Nobody who does not
// hold a key can compute it: the adversary is given those of its own replicas only.

import type { Bytes, Proof, Signer } from "../actor.ts";
import { assert } from "../assert.ts";
import {
  HASH_SIZE,
  ReferenceHasher,
  SIGNATURE_AT,
  SIGNATURE_SIZE,
  singleBlock,
} from "../crypto/batch.ts";
import { BlockStage, type RootSigner, type SignatureKind } from "../crypto/stage.ts";
import type { Random } from "./random.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

/** The keys of all replicas, known to the world alone. */
export class Keys {
  readonly n: number;
  readonly hasher: ReferenceHasher;
  readonly #input = new Uint8Array(8 + HASH_SIZE);
  readonly #view = new DataView(this.#input.buffer);
  readonly #expected = new Uint8Array(SIGNATURE_SIZE);

  constructor(secret: number, n: number) {
    this.n = n;
    this.#view.setUint32(0, secret);
    const domain = new Uint8Array(HASH_SIZE);
    domain.set(this.#input.subarray(0, 4));
    this.hasher = new ReferenceHasher(domain);
  }

  /** The signature that the signer's key makes of a digest, into 64 bytes of `out`. */
  sign(signer: Signer, digest: Bytes, out: Bytes): void {
    this.#view.setUint32(4, signer);
    this.#input.set(digest, 8);
    Bun.SHA256.hash(this.#input, out.subarray(0, HASH_SIZE));
    out.copyWithin(HASH_SIZE, 0, HASH_SIZE);
  }

  /** Whether `signature` has its 64 bytes at `at`. */
  verify(signer: Signer, digest: Bytes, signature: Bytes, at = 0): boolean {
    this.sign(signer, digest, this.#expected);
    return Buffer.compare(this.#expected, signature.subarray(at, at + SIGNATURE_SIZE)) === 0;
  }

  /** A block of depth 0 for what a replica of the adversary signs. */
  block(signer: Signer, signed: Bytes): Bytes {
    const signature = new Uint8Array(SIGNATURE_SIZE);
    this.sign(signer, this.hasher.single(signed).slice(), signature);
    return singleBlock(signature);
  }

  /** Whether the proof holds for a stranger, whose cache is cold. */
  holds({ signer, signed, signature }: Proof): boolean {
    if (signer < 0 || signer >= this.n) return false;
    const digest = this.hasher.climb(signed, signature);
    return digest !== null && this.verify(signer, digest, signature, SIGNATURE_AT);
  }
}

export interface SimulatedStageOptions {
  readonly scheduler: Scheduler;
  readonly owner: Owner;
  readonly random: Random;
  readonly keys: Keys;
  readonly kind: SignatureKind;
  /** Whose key it holds; null at clients. */
  readonly self: Signer | null;
  /** The longest time that a signature or a check takes now, in microseconds. */
  readonly signUs: () => number;
  readonly verifyUs: () => number;
  /** Told of every verdict: `proofs` as the codec gave them. */
  readonly judged: (proofs: readonly Proof[], valid: boolean) => void;
}

export class SimulatedStage extends BlockStage {
  readonly #o: SimulatedStageOptions;
  #turn = false;

  constructor(options: SimulatedStageOptions) {
    const { keys, kind, self } = options;
    super({ kind, self, n: keys.n, hasher: keys.hasher, signer: new SlowSigner(options) });
    this.#o = options;
  }

  override sign(signed: Bytes, done: (block: Bytes) => void): void {
    super.sign(signed, done);
    if (this.#turn || this.#o.kind === "each") return;
    // Batches are closed at the end of a turn, as in the run loop of an executable.
    this.#turn = true;
    this.#o.scheduler.after(this.#o.owner, 1, () => {
      this.#turn = false;
      this.poll();
    });
  }

  override verify(proofs: readonly Proof[], done: (valid: boolean) => void): void {
    super.verify(proofs, (valid) => {
      this.#o.judged(proofs, valid);
      done(valid);
    });
  }
}

class SlowSigner implements RootSigner {
  readonly verifyNow = null;
  readonly #o: SimulatedStageOptions;

  constructor(options: SimulatedStageOptions) {
    this.#o = options;
  }

  sign(digest: Bytes, done: (signature: Bytes) => void): void {
    const { scheduler, owner, random, keys, self, signUs } = this.#o;
    assert(self !== null, "a client signs nothing");
    const signature = new Uint8Array(SIGNATURE_SIZE);
    keys.sign(self, digest, signature);
    scheduler.after(owner, 1 + random.int(Math.ceil(signUs())), () => done(signature));
  }

  verify(signer: Signer, digest: Bytes, signature: Bytes, done: (valid: boolean) => void): void {
    const { scheduler, owner, random, keys, verifyUs } = this.#o;
    const valid = keys.verify(signer, digest, signature);
    scheduler.after(owner, 1 + random.int(Math.ceil(verifyUs())), () => done(valid));
  }

  help(): boolean {
    return false;
  }
  poll(): number {
    return 0;
  }
  close(): void {
    // Nothing to free.
  }
}
