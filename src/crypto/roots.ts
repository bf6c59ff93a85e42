// Which root signatures are known to hold, and which are being checked, for each signer. Most
// blocks share their root with others, so most checks end here.

import type { Bytes, Signer } from "../actor.ts";
import { equal, latin1, u32At } from "../wire.ts";
import { HASH_SIZE, signatureAt, signatureIn, SIGNATURE_SIZE } from "./merkle.ts";

/** Verified roots remembered for each signer; the oldest is forgotten first. */
export const ROOTS_MAX = 1024;
/** Of each client's key, and of all of them together. */
export const CLIENT_ROOTS_MAX = 64;
export const ALL_CLIENT_ROOTS_MAX = 1024;
/** Keys that are to show a signature that holds; more than checks under way. */
const FRESH_KEYS_MAX = 64;

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
  readonly #max: number;
  readonly #grown: () => void;

  /** For signers 0..n-1, each with so many; `grown` is told of each that makes one more. */
  constructor(n: number, max = ROOTS_MAX, grown = (): void => {}) {
    this.#max = max;
    this.#grown = grown;
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
    const signature = signatureIn(block);
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

  /** Whether a root of the signer is being checked. */
  isChecking(signer: Signer): boolean {
    return (this.#pending[signer]?.size ?? 0) > 0;
  }

  #remember(signer: Signer, { digest, signature }: Root): void {
    const known = this.#known[signer];
    if (known === undefined) return;
    const key = keyOf(digest);
    const more = !known.has(key) && known.size < this.#max;
    if (known.size >= this.#max && !known.has(key)) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(key, { digest, signature });
    if (more) this.#grown();
  }
}

/**
 * The roots of clients' keys, apart from those of replicas, because keys cost nothing: those of the
 * keys that were used least recently are forgotten first.
 */
export class ClientRoots {
  readonly #byKey = new Map<string, Roots>();
  /** Of keys none of whose signatures held yet, which push out none of the others. */
  readonly #fresh = new Map<string, Roots>();
  /** Those that were asked for last: many requests of one process come in succession. */
  #last: { readonly key: Bytes; readonly roots: Roots } | null = null;
  #total = 0;

  /** Of this key, as those of signer 0. */
  of(key: Bytes): Roots {
    if (this.#last !== null && equal(this.#last.key, key)) return this.#last.roots;
    const roots = this.#find(key);
    this.#last = { key, roots };
    return roots;
  }

  #find(key: Bytes): Roots {
    const name = latin1(key);
    const known = this.#byKey.get(name);
    if (known !== undefined) {
      this.#byKey.delete(name);
      this.#byKey.set(name, known);
      return known;
    }
    const fresh = this.#fresh.get(name);
    if (fresh !== undefined) return fresh;
    const roots: Roots = new Roots(1, CLIENT_ROOTS_MAX, () => this.#grown(name, roots));
    this.#fresh.set(name, roots);
    if (this.#fresh.size > FRESH_KEYS_MAX) this.#forgetOne(this.#fresh);
    return roots;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#total;
  }

  #grown(name: string, roots: Roots): void {
    const before = this.#byKey.get(name);
    if (before !== roots) {
      // Of one that was forgotten while it was in use.
      this.#total -= before?.size(0) ?? 0;
      this.#fresh.delete(name);
      this.#byKey.set(name, roots);
    }
    this.#total++;
    while (this.#total > ALL_CLIENT_ROOTS_MAX && this.#forgetOne(this.#byKey));
  }

  /** False if every key has a root that is being checked. */
  #forgetOne(keys: Map<string, Roots>): boolean {
    for (const [name, roots] of keys) {
      if (roots.isChecking(0)) continue;
      this.#total -= roots.size(0);
      keys.delete(name);
      if (this.#last?.roots === roots) this.#last = null;
      return true;
    }
    return false;
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
  const at = signatureAt(block);
  for (let i = 0; i < SIGNATURE_SIZE; i++) {
    if (root.signature[i] !== block[at + i]) return false;
  }
  return true;
}
