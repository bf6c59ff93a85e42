// Requests that their clients sign: each by the key of its client's process, in a tree over what
// waits there (docs/guarantees.md, A2). A batch has one proof for each tree, with the siblings that
// its requests lack (a Merkle multiproof).
//
//   signed = kind | key | session | tag | number | digest of the operation
//   seals  = for each request: number of its tree (1) | leaf index (2)
//            for each tree, in the order of first use: depth (1) | root signature (64) | siblings

import { NO_PROOFS, type Bytes, type Proof } from "../../actor.ts";
import { HASH_SIZE, hashInner, hashLeaf, hashRoot, NO_DOMAIN } from "../../base/hash-tree.ts";
import {
  A_CLIENT,
  BLOCK_DEPTH_MAX,
  BLOCK_MIN,
  bytesOf,
  CLIENT_KEY_LENGTH,
  EMPTY,
  equal,
  latin1,
  u32At,
  type Reader,
  type Writer,
} from "../../wire.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { checkedKeyed, OPERATION_MAX, operationDigest, type Request } from "./request.ts";

/** The kinds of a REQUEST and a RELAY that are signed by the client. */
export const SIGNED_REQUEST = 9;
export const SIGNED_RELAY = 10;
/**
 * Most root signatures in a batch, which whoever is to vote for it checks: 7 ms of a thread's time.
 */
export const BATCH_ROOTS_MAX = 256;

const SIGNATURE_LENGTH = 64;
const SIGNATURE_AT = 5;
const SIBLINGS_AT = BLOCK_MIN;

/** What no signature stands for. */
export const UNSIGNED: readonly Proof[] = [{ signer: A_CLIENT, signed: EMPTY, signature: EMPTY }];

/** One tree of a client process, as far as a batch needs it. */
export interface SealedTree {
  readonly depth: number;
  readonly signature: Bytes;
  /** Those that do not follow from the requests: from the leaves up, from left to right. */
  readonly siblings: Bytes;
}

/** The signatures of a batch's requests. */
export interface BatchSeals {
  readonly trees: readonly SealedTree[];
  /** Of each request, in order. */
  readonly places: readonly { readonly tree: number; readonly index: number }[];
}

function writeSigned({ key = EMPTY, session, tag, number, op }: Request, out: Writer): void {
  out.u8(SIGNED_REQUEST);
  out.bytes(key);
  out.u53(session);
  out.u32(tag);
  out.u53(number);
  out.bytes(operationDigest(op));
}

/** What a client signs of a request. */
export function signedOf(request: Request): Bytes {
  return bytesOf((out) => writeSigned(request, out));
}

/** A signed REQUEST; without its seal the Node signs it on the way out. */
export function encodeSignedRequest(request: Request, out: Writer): void {
  writeSigned(request, out);
  if (request.seal === undefined) out.seal(undefined);
  else out.bytes(request.seal);
  out.blob(request.op);
}

/** Behind its kind; poisons the reader if it is malformed. */
export function decodeSignedRequest(input: Reader): Request {
  const key = input.bytes(CLIENT_KEY_LENGTH);
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const seal = input.block();
  const op = input.blob(OPERATION_MAX);
  if (!equal(digest, operationDigest(op))) input.poison();
  return checkedKeyed({ session, tag, number, op, key, seal }, input);
}

/** What has to hold for a request: nothing where clients do not sign. */
export function requestProofs(request: Request, signs: boolean): readonly Proof[] {
  const { key, seal } = request;
  if (key === undefined && !signs) return NO_PROOFS;
  if (key === undefined || seal === undefined || !signs) return UNSIGNED;
  return [{ signer: A_CLIENT, key, signed: signedOf(request), signature: seal }];
}

/** Tells a request's root signature from all others; of a request with a seal. */
export function rootName({ key = EMPTY, seal = EMPTY }: Request): string {
  return `${latin1(key)}${latin1(seal.subarray(0, 1))}${latin1(signatureOf(seal))}`;
}

function signatureOf(block: Bytes): Bytes {
  return block.slice(SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_LENGTH);
}

/** The seals of requests that have theirs; null if one has none, or two have one leaf. */
export function sealsOf(requests: readonly Request[]): BatchSeals | null {
  const numbers = new Map<string, number>();
  const blocks: Map<number, Bytes>[] = [];
  const places: { tree: number; index: number }[] = [];
  for (const request of requests) {
    const { seal } = request;
    if (seal === undefined) return null;
    const name = rootName(request);
    const tree = numbers.get(name) ?? numbers.size;
    if (tree === numbers.size) {
      numbers.set(name, tree);
      blocks.push(new Map());
    }
    const index = u32At(seal, 1);
    if (blocks[tree]?.has(index) === true) return null;
    blocks[tree]?.set(index, seal);
    places.push({ tree, index });
  }
  return { trees: blocks.map(treeOf), places };
}

function treeOf(blocks: ReadonlyMap<number, Bytes>): SealedTree {
  const [first = EMPTY] = blocks.values();
  const [depth = 0] = first;
  const siblings: Bytes[] = [];
  // A node's sibling is in the block of any leaf below it.
  let below = [...blocks].sort(([a], [b]) => a - b);
  for (let level = 0; level < depth; level++) {
    const above: [number, Bytes][] = [];
    for (let i = 0; i < below.length; i++) {
      const [index, block] = below[i] ?? [0, EMPTY];
      const paired = (index & 1) === 0 && below[i + 1]?.[0] === index + 1;
      if (paired) i++;
      else siblings.push(block.subarray(...siblingAt(level)));
      above.push([index >> 1, block]);
    }
    below = above;
  }
  return { depth, signature: signatureOf(first), siblings: Buffer.concat(siblings) };
}

function siblingAt(level: number): [number, number] {
  return [SIBLINGS_AT + HASH_SIZE * level, SIBLINGS_AT + HASH_SIZE * (level + 1)];
}

/** How many siblings leaves with these indices lack, which rise. */
function lacking(indices: readonly number[], depth: number): number {
  let count = 0;
  let below = indices;
  for (let level = 0; level < depth; level++) {
    const above: number[] = [];
    for (let i = 0; i < below.length; i++) {
      const index = below[i] ?? 0;
      if ((index & 1) === 0 && below[i + 1] === index + 1) i++;
      else count++;
      above.push(index >> 1);
    }
    below = above;
  }
  return count;
}

export function encodeSeals({ trees, places }: BatchSeals, out: Writer): void {
  for (const { tree, index } of places) {
    out.u8(tree);
    out.u16(index);
  }
  for (const { depth, signature, siblings } of trees) {
    out.u8(depth);
    out.bytes(signature);
    out.bytes(siblings);
  }
}

/** Those of these requests. Poisons the reader if they are malformed, or have another form. */
export function decodeSeals(input: Reader, requests: readonly Request[]): BatchSeals {
  const places: { tree: number; index: number }[] = [];
  const leaves: number[][] = [];
  const keys: (Bytes | undefined)[] = [];
  for (const { key } of requests) {
    const tree = input.u8();
    const index = input.u16();
    // Trees are in the order of first use, and of one key.
    if (tree > leaves.length) input.poison();
    if (!input.ok) return { trees: [], places: [] };
    if (tree === leaves.length) {
      leaves.push([]);
      keys.push(key);
    }
    if (keys[tree] !== key) input.poison();
    leaves[tree]?.push(index);
    places.push({ tree, index });
  }
  const names = new Set<string>();
  const trees = leaves.map((indices, i): SealedTree => {
    const depth = input.u8();
    const signature = input.bytes(SIGNATURE_LENGTH);
    const sorted = indices.toSorted((a, b) => a - b);
    const repeated = sorted.some((index, at) => index === sorted[at - 1]);
    if (repeated || depth > BLOCK_DEPTH_MAX || (sorted.at(-1) ?? 0) >= 2 ** depth) input.poison();
    names.add(`${latin1(keys[i] ?? EMPTY)}${depth} ${latin1(signature)}`);
    const siblings = input.ok ? input.bytes(HASH_SIZE * lacking(sorted, depth)) : EMPTY;
    return { depth, signature, siblings };
  });
  if (names.size < trees.length) input.poison();
  return { trees, places };
}

/** The nodes of a tree that are known, level by level from the leaves up, by index. */
type Levels = readonly ReadonlyMap<number, Bytes>[];

/** Climbs from all leaves of a tree at once. */
function climb(leaves: Map<number, Bytes>, { depth, siblings }: SealedTree): Levels {
  const levels = [leaves];
  let at = 0;
  let below = leaves;
  for (let level = 0; level < depth; level++) {
    const above = new Map<number, Bytes>();
    const indices = [...below.keys()].sort((a, b) => a - b);
    for (const index of indices) {
      if (above.has(index >> 1)) continue;
      if (!below.has(index ^ 1)) {
        below.set(index ^ 1, siblings.subarray(at, at + HASH_SIZE));
        at += HASH_SIZE;
      }
      const left = below.get(index & ~1) ?? EMPTY;
      const right = below.get(index | 1) ?? EMPTY;
      const node = new Uint8Array(HASH_SIZE);
      hashInner(left, 0, right, 0, node);
      above.set(index >> 1, node);
    }
    levels.push(above);
    below = above;
  }
  return levels;
}

function levelsOf(requests: readonly Request[], { trees, places }: BatchSeals): Levels[] {
  const leaves = trees.map(() => new Map<number, Bytes>());
  for (const [i, request] of requests.entries()) {
    const { tree = 0, index = 0 } = places[i] ?? {};
    const leaf = new Uint8Array(HASH_SIZE);
    hashLeaf(signedOf(request), NO_DOMAIN, leaf);
    leaves[tree]?.set(index, leaf);
  }
  return trees.map((tree, i) => climb(leaves[i] ?? new Map<number, Bytes>(), tree));
}

/**
 * One proof for each tree, which holds if all its requests were signed. What was signed is hashed
 * when it is asked for: the proposer's own seal is checked before.
 */
export function sealProofs(requests: readonly Request[], seals: BatchSeals): readonly Proof[] {
  const keys: Bytes[] = [];
  for (const [i, { key = EMPTY }] of requests.entries()) keys[seals.places[i]?.tree ?? 0] ??= key;
  let digests: readonly Bytes[] | null = null;
  const digestOf = (tree: number): Bytes => (digests ??= rootsOf(requests, seals))[tree] ?? EMPTY;
  return seals.trees.map(({ signature }, tree) => ({
    ...{ signer: A_CLIENT, key: keys[tree] ?? EMPTY, signature },
    get signed() {
      return digestOf(tree);
    },
  }));
}

/** What the root signature of each tree signs. */
function rootsOf(requests: readonly Request[], seals: BatchSeals): readonly Bytes[] {
  const levels = levelsOf(requests, seals);
  return seals.trees.map(({ depth }, tree) => {
    const root = levels[tree]?.[depth]?.get(0) ?? EMPTY;
    return hashRoot(depth, root, new Uint8Array(HASH_SIZE));
  });
}

/** The requests, each with its own block. */
export function unsealed(requests: readonly Request[], seals: BatchSeals): readonly Request[] {
  const levels = levelsOf(requests, seals);
  return requests.map((request, i) => {
    const { tree = 0, index = 0 } = seals.places[i] ?? {};
    const { depth = 0, signature = EMPTY } = seals.trees[tree] ?? {};
    const seal = new Uint8Array(BLOCK_MIN + HASH_SIZE * depth);
    seal[0] = depth;
    seal[3] = index >> 8;
    seal[4] = index;
    seal.set(signature, SIGNATURE_AT);
    for (let level = 0; level < depth; level++) {
      const sibling = levels[tree]?.[level]?.get((index >> level) ^ 1) ?? EMPTY;
      seal.set(sibling, SIBLINGS_AT + HASH_SIZE * level);
    }
    return { ...request, seal };
  });
}
