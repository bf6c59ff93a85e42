// Signatures by a keyed hash, which take random virtual time. Nobody who does not hold a key can compute
// them: the adversary is given the keys of its own replicas only.

import type { Bytes, Proof, Signer } from "../actor.ts";
import type { Stage } from "../driver.ts";
import { BLOCK_MIN } from "../wire.ts";
import type { Random } from "./random.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

const SIGNED_AT = 8;
const scratch = new Uint8Array(1 << 16);
const scratchView = new DataView(scratch.buffer);

/** The 64 bytes that the signer's key makes of `signed`: SHA-256 of the seed, the signer and the bytes, twice. */
function keyedHash(secret: number, signer: Signer, signed: Bytes, out: Bytes): void {
  const length = SIGNED_AT + signed.length;
  const fits = length <= scratch.length;
  const input = fits ? scratch : new Uint8Array(length);
  const view = fits ? scratchView : new DataView(input.buffer);
  view.setUint32(0, secret);
  view.setUint32(4, signer);
  input.set(signed, SIGNED_AT);
  const hash = out.subarray(5, 37);
  Bun.SHA256.hash(input.subarray(0, length), hash);
  out.copyWithin(37, 5, 37);
}

/** Makes a block of depth 0. */
export function simulatedBlock(secret: number, signer: Signer, signed: Bytes): Bytes {
  const block = new Uint8Array(BLOCK_MIN);
  keyedHash(secret, signer, signed, block);
  return block;
}

const expected = new Uint8Array(BLOCK_MIN);

/** Whether the proof's block is what its signer makes of what it signed, cold. */
export function proofHolds(secret: number, n: number, proof: Proof): boolean {
  if (proof.signer >= n || proof.signature.length !== BLOCK_MIN) return false;
  expected.fill(0, 0, 5);
  keyedHash(secret, proof.signer, proof.signed, expected);
  return Buffer.compare(expected, proof.signature) === 0;
}

export interface SimulatedStageOptions {
  readonly scheduler: Scheduler;
  readonly owner: Owner;
  readonly random: Random;
  /** Known to the world alone. */
  readonly secret: number;
  readonly n: number;
  /** Whose key it holds; null at clients. */
  readonly self: Signer | null;
  /** The longest time that a signature or a check takes now, in microseconds. */
  readonly signUs: () => number;
  readonly verifyUs: () => number;
  /** Told of every verdict: `proofs` as the codec gave them. */
  readonly judged: (proofs: readonly Proof[], valid: boolean) => void;
}

export class SimulatedStage implements Stage {
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };
  readonly #o: SimulatedStageOptions;

  constructor(options: SimulatedStageOptions) {
    this.#o = options;
  }

  sign(signed: Bytes, done: (block: Bytes) => void): void {
    const { scheduler, owner, random, secret, self, signUs } = this.#o;
    if (self === null) throw new Error("a client signs nothing");
    this.counts.signed++;
    scheduler.after(owner, 1 + random.int(signUs()), () => {
      done(simulatedBlock(secret, self, signed));
    });
  }

  verify(proofs: readonly Proof[], done: (valid: boolean) => void): void {
    const { scheduler, owner, random, secret, n, verifyUs, judged } = this.#o;
    this.counts.verified += proofs.length;
    const valid = proofs.every((proof) => proofHolds(secret, n, proof));
    judged(proofs, valid);
    // Now and then all is in the cache, and the answer comes at once.
    if (random.chance(0.25)) done(valid);
    else scheduler.after(owner, 1 + random.int(verifyUs()), () => done(valid));
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
