// Signatures by @noble/curves on the calling thread: needs no native library, and is the reference
// that the native ones are tested against.

import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Bytes, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import { ReferenceHasher } from "./merkle.ts";
import type { SignatureKind } from "../protocol-config.ts";
import type { StageKeys } from "./keys.ts";
import { BlockStage, type BlockStageOptions, type RootSigner } from "./stage.ts";

/** RFC 6979 nonces; low-S made and required. */
const OPTIONS = { prehash: false, lowS: true } as const;

/** Runs one job a poll, and one a call for help. */
export class NobleSigner implements RootSigner {
  readonly verifyNow = null;
  readonly #secretKey: Bytes | null;
  /** Uncompressed, which saves a square root a check. */
  readonly #publicKeys: readonly Bytes[];
  readonly #jobs = new Queue<() => void>();

  /** Keys as in StageKeys. */
  constructor(secretKey: Bytes | null, publicKeys: readonly Bytes[]) {
    this.#secretKey = secretKey;
    this.#publicKeys = publicKeys.map((key) => secp256k1.Point.fromBytes(key).toBytes(false));
  }

  sign(digest: Bytes, done: (signature: Bytes) => void): void {
    const secretKey = this.#secretKey;
    assert(secretKey !== null, "no key to sign with");
    const copy = digest.slice();
    this.#jobs.push(() => done(secp256k1.sign(copy, secretKey, OPTIONS)));
  }

  verify(
    by: Signer | Bytes,
    digest: Bytes,
    signature: Bytes,
    done: (valid: boolean) => void,
  ): void {
    const publicKey = typeof by === "number" ? this.#publicKeys[by] : by.slice();
    assert(publicKey !== undefined, "no such signer");
    const message = digest.slice();
    const copy = signature.slice();
    const valid = (): boolean =>
      (typeof by === "number" || secp256k1.utils.isValidPublicKey(publicKey)) &&
      secp256k1.verify(copy, message, publicKey, OPTIONS);
    this.#jobs.push(() => done(valid()));
  }

  runJob(): boolean {
    const job = this.#jobs.shift();
    job?.();
    return job !== undefined;
  }

  poll(): number {
    return this.runJob() ? 1 : 0;
  }

  close(): void {
    // Nothing to free.
  }
}

export interface NobleStageOptions extends StageKeys, Pick<BlockStageOptions, "requests"> {
  readonly kind: SignatureKind;
  readonly domain: Bytes;
}

/** A stage whose signatures the polling thread makes and checks. Throws on a key that is none. */
export function openNobleStage(options: NobleStageOptions): BlockStage {
  const { kind, domain, self, secretKey, publicKeys, requests } = options;
  const hasher = new ReferenceHasher();
  const signer = new NobleSigner(secretKey, publicKeys);
  const asked = requests === undefined ? {} : { requests };
  return new BlockStage({ kind, self, n: publicKeys.length, domain, hasher, signer, ...asked });
}
