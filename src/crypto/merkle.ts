// Signature blocks: one root signature for up to 1,024 messages, by a Merkle tree over them.
//
//   block  = depth (1 byte) | leaf index (4) | root signature (64) | depth x 32 bytes of siblings
//   leaf   = SHA-256(0 | domain | kind | body)
//   inner  = SHA-256(1 | left | right); missing leaves are 32 zero bytes
//   signed = SHA-256(2 | depth | root), what the root signature signs
//
// Here in TypeScript: for the noble stage, the simulator, and as the reference for csrc/merkle.c.

import type { Bytes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import {
  areLeaves,
  copyHash,
  goUp,
  HASH_SIZE,
  hashInner,
  hashLeaf,
  hashRoot,
  type TreeLeaves,
} from "../base/hash-tree.ts";
import { BLOCK_DEPTH_MAX, BLOCK_MIN, EMPTY, MESSAGE_MAX, u32At } from "../wire.ts";
import { ONE_TIME_BLOCK, ONE_TIME_TAG } from "../base/one-time-form.ts";

export const LEAVES_MAX = 1 << BLOCK_DEPTH_MAX;
export { HASH_SIZE };
export const SIGNATURE_SIZE = 64;
/** Where the root signature stands in a block, and in one that is a one-time signature. */
export const SIGNATURE_AT = 5;
const ONE_TIME_SIGNATURE_AT = ONE_TIME_BLOCK - SIGNATURE_SIZE;
const SIBLINGS_AT = BLOCK_MIN;

/**
 * Hashes messages, each in a domain of 32 bytes, which no caller changes. What it returns is
 * overwritten by its next call.
 */
export interface BlockHasher {
  /** What a root signature signs for one message alone, in a block of depth 0. */
  single(signed: Bytes, domain: Bytes): Bytes;
  /**
   * What the root signature of the block signs if `signed` is the leaf it names; null: a malformed
   * block.
   */
  climb(signed: Bytes, block: Bytes, domain: Bytes): Bytes | null;
  /** What the root signature over these leaves signs; null: no tree has them so. */
  climbAll(leaves: TreeLeaves, domain: Bytes): Bytes | null;
  /** An empty tree. */
  tree(): Tree;
  close(): void;
}

/** Messages that will share a root signature. */
export interface Tree {
  /** Leaves so far, at most LEAVES_MAX. */
  readonly count: number;
  /** Adds a leaf; the tree must not be full. Leaves may be of different domains. */
  add(signed: Bytes, domain: Bytes): void;
  /** The hash of leaf `index`, valid until another one is asked for. */
  leaf(index: number): Bytes;
  /** What to sign; no leaf is added after it. */
  digest(): Bytes;
  /** The root signature, from which on there are blocks. */
  seal(signature: Bytes): void;
  /** The block of leaf `index`, valid until the next one is asked for. */
  block(index: number): Bytes;
  /** Empties it. */
  reset(): void;
  close(): void;
}

/** A block of depth 0. */
export function singleBlock(signature: Bytes): Bytes {
  const block = new Uint8Array(BLOCK_MIN);
  block.set(signature, SIGNATURE_AT);
  return block;
}

/** Whether a block is a one-time signature, of a key under that root. */
export function isOneTime(block: Bytes): boolean {
  return block[0] === ONE_TIME_TAG && block.length === ONE_TIME_BLOCK;
}

/** Where the root signature is in a block, or in that signature alone. */
export function signatureAt(block: Bytes): number {
  if (block.length === SIGNATURE_SIZE) return 0;
  return block.length === ONE_TIME_BLOCK ? ONE_TIME_SIGNATURE_AT : SIGNATURE_AT;
}

/** A copy of it. */
export function signatureIn(block: Bytes): Bytes {
  const at = signatureAt(block);
  return block.slice(at, at + SIGNATURE_SIZE);
}

/** The depth of a well-formed block, or -1. */
export function blockDepth(block: Bytes): number {
  const depth = block[0] ?? -1;
  if (depth < 0 || depth > BLOCK_DEPTH_MAX) return -1;
  if (block.length !== BLOCK_MIN + HASH_SIZE * depth) return -1;
  return leafIndex(block) < 2 ** depth ? depth : -1;
}

/** The leaf index of a block that has one. */
export function leafIndex(block: Bytes): number {
  return u32At(block, 1);
}

/** How deep a tree over `count` leaves is. */
export function treeDepth(count: number): number {
  return 32 - Math.clz32(count - 1);
}

/** The hasher in TypeScript. */
export class ReferenceHasher implements BlockHasher {
  readonly #digest = new Uint8Array(HASH_SIZE);
  readonly #node = new Uint8Array(HASH_SIZE);

  single(signed: Bytes, domain: Bytes): Bytes {
    this.leaf(signed, domain, this.#node);
    return hashRoot(0, this.#node, this.#digest);
  }

  climb(signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    const depth = blockDepth(block);
    if (depth < 0 || signed.length > MESSAGE_MAX) return null;
    const index = leafIndex(block);
    const node = this.#node;
    this.leaf(signed, domain, node);
    for (let level = 0; level < depth; level++) {
      const at = SIBLINGS_AT + HASH_SIZE * level;
      if (((index >> level) & 1) === 1) hashInner(block, at, node, 0, node);
      else hashInner(node, 0, block, at, node);
    }
    return hashRoot(depth, node, this.#digest);
  }

  climbAll({ bytes, indices, depth, siblings }: TreeLeaves, domain: Bytes): Bytes | null {
    const length = bytes.length / indices.length;
    if (indices.length === 0 || !areLeaves(indices, depth)) return null;
    const nodes = indices.map((_, i) => {
      const node = new Uint8Array(HASH_SIZE);
      this.leaf(bytes.subarray(length * i, length * (i + 1)), domain, node);
      return node;
    });
    let at = 0;
    goUp(indices, depth, (node, paired, above, place) => {
      const [one = siblings, next = siblings] = [nodes[node], nodes[node + 1]];
      const into = new Uint8Array(HASH_SIZE);
      if (paired) hashInner(one, 0, next, 0, into);
      else if ((place & 1) === 0) hashInner(one, 0, siblings, at, into);
      else hashInner(siblings, at, one, 0, into);
      if (!paired) at += HASH_SIZE;
      nodes[above] = into;
    });
    if (at !== siblings.length) return null;
    return hashRoot(depth, nodes[0] ?? siblings, this.#digest);
  }

  tree(): Tree {
    return new ReferenceTree(this);
  }

  close(): void {
    // Nothing to free.
  }

  /** Hashes a leaf into `out`. */
  leaf(signed: Bytes, domain: Bytes, out: Bytes): void {
    assert(domain.length === HASH_SIZE, "a domain has 32 bytes");
    hashLeaf(signed, domain, out);
  }
}

class ReferenceTree implements Tree {
  count = 0;
  readonly #hasher: ReferenceHasher;
  readonly #digest = new Uint8Array(HASH_SIZE);
  readonly #node = new Uint8Array(HASH_SIZE);
  readonly #signature = new Uint8Array(SIGNATURE_SIZE);
  /** From the leaves up. */
  #levels: Bytes[] = [new Uint8Array(0)];

  constructor(hasher: ReferenceHasher) {
    this.#hasher = hasher;
  }

  add(signed: Bytes, domain: Bytes): void {
    assert(this.count < LEAVES_MAX, "the tree is full");
    let leaves = this.#levels[0] ?? assert.fail("a tree has leaves");
    const at = HASH_SIZE * this.count;
    if (at === leaves.length) {
      const larger = new Uint8Array(Math.max(HASH_SIZE, 2 * at));
      larger.set(leaves);
      leaves = larger;
      this.#levels[0] = leaves;
    }
    this.#hasher.leaf(signed, domain, this.#node);
    leaves.set(this.#node, at);
    this.count++;
  }

  leaf(index: number): Bytes {
    assert(index < this.count, "no such leaf");
    return (this.#levels[0] ?? EMPTY).subarray(HASH_SIZE * index, HASH_SIZE * (index + 1));
  }

  digest(): Bytes {
    const leaves = this.#levels[0];
    assert(leaves !== undefined && this.count > 0, "a tree has leaves");
    const depth = treeDepth(this.count);
    let below = leaves.subarray(0, HASH_SIZE << depth).fill(0, HASH_SIZE * this.count);
    for (let level = 1; level <= depth; level++) {
      const nodes = new Uint8Array(below.length / 2);
      for (let at = 0; at < nodes.length; at += HASH_SIZE) {
        hashInner(below, 2 * at, below, 2 * at + HASH_SIZE, this.#node);
        nodes.set(this.#node, at);
      }
      this.#levels[level] = nodes;
      below = nodes;
    }
    return hashRoot(depth, below, this.#digest);
  }

  seal(signature: Bytes): void {
    this.#signature.set(signature);
  }

  block(index: number): Bytes {
    assert(index < this.count, "no such leaf");
    const depth = treeDepth(this.count);
    const block = new Uint8Array(BLOCK_MIN + HASH_SIZE * depth);
    block[0] = depth;
    block[3] = index >> 8;
    block[4] = index;
    block.set(this.#signature, SIGNATURE_AT);
    for (let level = 0; level < depth; level++) {
      const nodes = this.#levels[level] ?? assert.fail("the tree was not built");
      const sibling = HASH_SIZE * ((index >> level) ^ 1);
      copyHash(nodes, sibling, block, SIBLINGS_AT + HASH_SIZE * level);
    }
    return block;
  }

  reset(): void {
    this.count = 0;
  }

  close(): void {
    // Nothing to free.
  }
}
