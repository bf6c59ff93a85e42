// Which root signatures are known to hold, and which are being checked, for each signer. Most
// blocks share their root with others, so most checks end here.

import type { Bytes, Signer } from "../actor.ts";
import { u32At } from "../wire.ts";
import { HASH_SIZE, SIGNATURE_AT, SIGNATURE_SIZE } from "./merkle.ts";

/** Verified roots remembered for each signer; the oldest is forgotten first. */
export const ROOTS_MAX = 1024;

interface Root {
  /** What was signed: it binds the root and the depth. */
  readonly digest: Bytes;
  readonly signature: Bytes;
}

/** A root signature under check, and the callbacks that wait for it. */
export interface PendingRoot extends Root {
  readonly waiting: ((valid: boolean) => void)[];
}

/**
 * A root is known together with the very bytes of its signature. A block with other signature bytes
 * is checked in full: accepted by its root alone, it would enter certificates that others reject.
 */
export class Roots {
  /**
   * By the first 31 bits of the digest. Two digests that share them evict each other; only their
   * signer can make such a pair, and it evicts its own roots only.
   */
  readonly #known: readonly Map<number, Root>[];
  readonly #pending: readonly Map<number, PendingRoot>[];

  /** For signers 0..n-1. */
  constructor(n: number) {
    this.#known = Array.from({ length: n }, () => new Map());
    this.#pending = Array.from({ length: n }, () => new Map());
  }

  /** Whether the signature in `block` was verified for this digest. */
  has(signer: Signer, digest: Bytes, block: Bytes): boolean {
    const root = this.#known[signer]?.get(keyOf(digest));
    return root !== undefined && isSame(root, digest, block);
  }

  /** The check under way for the digest and the signature in `block`. */
  pending(signer: Signer, digest: Bytes, block: Bytes): PendingRoot | undefined {
    const root = this.#pending[signer]?.get(keyOf(digest));
    return root !== undefined && isSame(root, digest, block) ? root : undefined;
  }

  /** Begins a check; others of the same root may wait for it. */
  begin(signer: Signer, digest: Bytes, block: Bytes): PendingRoot {
    const signature = block.slice(SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_SIZE);
    const root: PendingRoot = { digest: digest.slice(), signature, waiting: [] };
    // While another signature for the digest is being checked, this one is on its own.
    const pending = this.#pending[signer];
    if (pending?.has(keyOf(digest)) === false) pending.set(keyOf(digest), root);
    return root;
  }

  /** Ends a check: remembers a root that holds, and calls those callbacks. */
  end(signer: Signer, root: PendingRoot, valid: boolean): void {
    const key = keyOf(root.digest);
    const pending = this.#pending[signer];
    if (pending?.get(key) === root) pending.delete(key);
    if (valid) this.#remember(signer, root);
    for (const tell of root.waiting) tell(valid);
  }

  /** Remembers that the signature holds for the digest. Copies. */
  add(signer: Signer, digest: Bytes, signature: Bytes): void {
    this.#remember(signer, { digest: digest.slice(), signature: signature.slice() });
  }

  /** How many are remembered for the signer. */
  size(signer: Signer): number {
    return this.#known[signer]?.size ?? 0;
  }

  #remember(signer: Signer, { digest, signature }: Root): void {
    const known = this.#known[signer];
    if (known === undefined) return;
    const key = keyOf(digest);
    if (known.size >= ROOTS_MAX && !known.has(key)) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(key, { digest, signature });
  }
}

function keyOf(digest: Bytes): number {
  return u32At(digest, 0) & 0x7fff_ffff;
}

/**
 * In place, byte by byte: nothing here is secret, and views would cost more than the comparison.
 */
function isSame(root: Root, digest: Bytes, block: Bytes): boolean {
  for (let i = 0; i < HASH_SIZE; i++) {
    if (root.digest[i] !== digest[i]) return false;
  }
  for (let i = 0; i < SIGNATURE_SIZE; i++) {
    if (root.signature[i] !== block[SIGNATURE_AT + i]) return false;
  }
  return true;
}
