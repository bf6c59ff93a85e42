// Requests that their clients sign: each by the key of its client's process, in a tree over what
// waits there (docs/guarantees.md, A2). A batch has one proof for each tree, with the siblings that
// its requests lack (a Merkle multiproof).
//
//   signed = kind | key | session | tag | number | digest of the operation
//   seals  = for each request: number of its tree (1) | leaf index (2)
//            for each tree, in the order of first use: depth (1) | root signature (64) | siblings
//
// A one-time signature (crypto/one-time.ts) is a tree of its own, of depth 0x80 and with the index
// of its key; what else its block has stands in the place of siblings.

import { A_CLIENT, CLIENT_KEY_LENGTH } from "../../base/client-key.ts";
import { NO_PROOFS, type Bytes, type Proof } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import {
  areLeaves,
  copyHash,
  goUp,
  HASH_SIZE,
  hashInner,
  hashLeaf,
  NO_DOMAIN,
  type TreeLeaves,
} from "../../base/hash-tree.ts";
import {
  ONE_TIME_BLOCK,
  ONE_TIME_INDEX_AT,
  ONE_TIME_KEYS,
  ONE_TIME_TAG,
} from "../../base/one-time-form.ts";
import {
  BLOCK_DEPTH_MAX,
  BLOCK_MIN,
  EMPTY,
  equal,
  latin1,
  u32At,
  type Reader,
  type Writer,
} from "../../wire.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import {
  checkedKeyed,
  OPERATION_MAX,
  operationDigest,
  sameOperationDigest,
  type Request,
} from "./request.ts";

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
/** Of a one-time signature: where the rest begins behind its index, and the root signature. */
const REST_AT = ONE_TIME_INDEX_AT + 1;
const ROOT_AT = ONE_TIME_BLOCK - SIGNATURE_LENGTH;
/** Bytes of what stands in the place of its siblings: number, salt, elements, path. */
const ONE_TIME_SIBLINGS = ONE_TIME_INDEX_AT - 1 + ROOT_AT - REST_AT;

/** What no signature stands for. */
export const UNSIGNED: readonly Proof[] = [{ signer: A_CLIENT, signed: EMPTY, signature: EMPTY }];

/** One tree of a client process, as far as a batch needs it, or a one-time signature. */
export interface SealedTree {
  /** ONE_TIME_TAG: it is a one-time signature. */
  readonly depth: number;
  readonly signature: Bytes;
  /**
   * Those that do not follow from the requests: from the leaves up, from left to right; of a
   * one-time signature its number, salt, elements and path.
   */
  readonly siblings: Bytes;
}

/** The signatures of a batch's requests. */
export interface BatchSeals {
  readonly trees: readonly SealedTree[];
  /** Of each request, in order. */
  readonly places: readonly { readonly tree: number; readonly index: number }[];
}

const KEY_AT = 1;
const SESSION_AT = KEY_AT + CLIENT_KEY_LENGTH;
const TAG_AT = SESSION_AT + 8;
const NUMBER_AT = TAG_AT + 4;
const DIGEST_AT = NUMBER_AT + 8;
/** Bytes of what a client signs of a request. */
const SIGNED_LENGTH = DIGEST_AT + DIGEST_LENGTH;
const HIGH = 2 ** 32;

/** What a client signs of each of these requests, one after another. */
function signedOfAll(requests: readonly Request[]): Bytes {
  const out = new Uint8Array(SIGNED_LENGTH * requests.length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { key = EMPTY, session, tag, number, op } of requests) {
    const named = Number.isSafeInteger(session) && Number.isSafeInteger(number);
    assert(named && key.length === CLIENT_KEY_LENGTH, "a request that has no wire form");
    out[at] = SIGNED_REQUEST;
    out.set(key, at + KEY_AT);
    view.setUint32(at + SESSION_AT, session / HIGH);
    view.setUint32(at + SESSION_AT + 4, session);
    view.setUint32(at + TAG_AT, tag);
    view.setUint32(at + NUMBER_AT, number / HIGH);
    view.setUint32(at + NUMBER_AT + 4, number);
    copyHash(sameOperationDigest(op), 0, out, at + DIGEST_AT);
    at += SIGNED_LENGTH;
  }
  return out;
}

/** What a client signs of a request. */
export function signedOf(request: Request): Bytes {
  return signedOfAll([request]);
}

/** A signed REQUEST; without its seal the Node signs it on the way out. */
export function encodeSignedRequest(request: Request, out: Writer): void {
  out.bytes(signedOf(request));
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

/**
 * Tells a request's root signature from all others, and a one-time signature from all others; of a
 * request with a seal.
 */
export function rootName({ key = EMPTY, seal = EMPTY }: Request): string {
  if (isOnce(seal)) return `${latin1(key)}${latin1(seal)}`;
  return `${latin1(key)}${latin1(seal.subarray(0, 1))}${latin1(signatureOf(seal))}`;
}

/** Whether a block is a one-time signature. */
function isOnce(block: Bytes): boolean {
  return block[0] === ONE_TIME_TAG && block.length === ONE_TIME_BLOCK;
}

function signatureOf(block: Bytes): Bytes {
  return block.slice(SIGNATURE_AT, SIGNATURE_AT + SIGNATURE_LENGTH);
}

/** A tree of which a batch has leaves. */
interface Growing {
  readonly number: number;
  readonly key: Bytes;
  /** The first block. */
  readonly block: Bytes;
  readonly leaves: { readonly index: number; readonly block: Bytes }[];
}

/** Whether a block is of this tree: the beginning tells most others from it. */
function isOf({ key, block }: Growing, other: Request, seal: Bytes): boolean {
  if (u32At(block, SIGNATURE_AT) !== u32At(seal, SIGNATURE_AT) || block[0] !== seal[0])
    return false;
  for (let i = SIGNATURE_AT; i < SIBLINGS_AT; i++) if (block[i] !== seal[i]) return false;
  return equal(key, other.key ?? EMPTY);
}

/** The seals of requests that have theirs; null if one has none, or two have one leaf. */
export function sealsOf(requests: readonly Request[]): BatchSeals | null {
  const trees: Growing[] = [];
  const places: { tree: number; index: number }[] = [];
  let last: Growing | undefined;
  for (const request of requests) {
    const { key = EMPTY, seal } = request;
    if (seal === undefined) return null;
    const once = isOnce(seal);
    // Those of one tree tend to come one after another; a one-time signature is of one request.
    if (once) last = undefined;
    else if (last === undefined || !isOf(last, request, seal)) {
      last = trees.find((tree) => isOf(tree, request, seal));
    }
    if (last === undefined) {
      last = { number: trees.length, key, block: seal, leaves: [] };
      trees.push(last);
    }
    const index = once ? (seal[ONE_TIME_INDEX_AT] ?? 0) : u32At(seal, 1);
    last.leaves.push({ index, block: seal });
    places.push({ tree: last.number, index });
  }
  const sealed: SealedTree[] = [];
  for (const { block, leaves } of trees) {
    const tree = treeOf(block, inOrder(leaves));
    if (tree === null) return null;
    sealed.push(tree);
  }
  return { trees: sealed, places };
}

/** By their indices; most are already. */
function inOrder<L extends { readonly index: number }>(leaves: readonly L[]): readonly L[] {
  const rise = leaves.every(({ index }, i) => i === 0 || index > (leaves[i - 1]?.index ?? 0));
  return rise ? leaves : leaves.toSorted((a, b) => a.index - b.index);
}

/** What a batch has of a tree, from blocks of it; null if two are of one leaf. */
function treeOf(
  block: Bytes,
  leaves: readonly { readonly index: number; readonly block: Bytes }[],
): SealedTree | null {
  if (isOnce(block)) return onceOf(block);
  const [depth = 0] = block;
  const indices = leaves.map(({ index }) => index);
  if (!areLeaves(indices, depth)) return null;
  const siblings = new Uint8Array(HASH_SIZE * lacking(indices, depth));
  // A node's sibling is in the block of any leaf below it.
  const below = leaves.map((leaf) => leaf.block);
  let at = 0;
  goUp(indices, depth, (node, paired, above, _, level) => {
    const from = below[node] ?? EMPTY;
    below[above] = from;
    if (paired) return;
    copyHash(from, SIBLINGS_AT + HASH_SIZE * level, siblings, at);
    at += HASH_SIZE;
  });
  return { depth, signature: signatureOf(block), siblings };
}

/** What a batch has of a one-time signature. */
function onceOf(block: Bytes): SealedTree {
  const siblings = new Uint8Array(ONE_TIME_SIBLINGS);
  siblings.set(block.subarray(1, ONE_TIME_INDEX_AT));
  siblings.set(block.subarray(REST_AT, ROOT_AT), ONE_TIME_INDEX_AT - 1);
  return { depth: ONE_TIME_TAG, signature: block.slice(ROOT_AT), siblings };
}

/** The block of a one-time signature by the key with this index. */
function blockOf({ signature, siblings }: SealedTree, index: number): Bytes {
  const block = new Uint8Array(ONE_TIME_BLOCK);
  block[0] = ONE_TIME_TAG;
  block.set(siblings.subarray(0, ONE_TIME_INDEX_AT - 1), 1);
  block[ONE_TIME_INDEX_AT] = index;
  block.set(siblings.subarray(ONE_TIME_INDEX_AT - 1), REST_AT);
  block.set(signature, ROOT_AT);
  return block;
}

/** Bytes of the seals of a batch, about. */
export function sealBytesOf({ trees, places }: BatchSeals): number {
  let bytes = PLACE_LENGTH * places.length;
  for (const { siblings } of trees) bytes += 1 + SIGNATURE_LENGTH + siblings.length;
  return bytes;
}

const PLACE_LENGTH = 3;

/** Bytes of the one-time signatures among them. */
export function oneTimeBytesOf({ trees }: BatchSeals): number {
  return ONE_TIME_BLOCK * trees.filter(({ depth }) => depth === ONE_TIME_TAG).length;
}

/** Bytes of the one-time signatures of a batch, at most. */
export const ONE_TIME_SEALS_MAX = BATCH_ROOTS_MAX * ONE_TIME_BLOCK;

/** How many siblings leaves with these indices lack, which rise. */
function lacking(indices: readonly number[], depth: number): number {
  let count = 0;
  goUp(indices, depth, (_, paired) => {
    if (!paired) count++;
  });
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
    if (depth === ONE_TIME_TAG) return decodeOnce(input, indices, signature);
    const sorted = areLeaves(indices, depth) ? indices : indices.toSorted((a, b) => a - b);
    if (depth > BLOCK_DEPTH_MAX || !areLeaves(sorted, depth)) input.poison();
    names.add(`${latin1(keys[i] ?? EMPTY)}${depth} ${latin1(signature)}`);
    const siblings = input.ok ? input.bytes(HASH_SIZE * lacking(sorted, depth)) : EMPTY;
    return { depth, signature, siblings };
  });
  const once = trees.filter(({ depth }) => depth === ONE_TIME_TAG).length;
  if (names.size + once < trees.length) input.poison();
  return { trees, places };
}

/** A one-time signature behind its root's; poisons the reader unless it is of one request. */
function decodeOnce(input: Reader, indices: readonly number[], signature: Bytes): SealedTree {
  if (indices.length !== 1 || (indices[0] ?? 0) >= ONE_TIME_KEYS) input.poison();
  return { depth: ONE_TIME_TAG, signature, siblings: input.bytes(ONE_TIME_SIBLINGS) };
}

/** The requests of each tree, by their indices. */
function leavesOf(
  requests: readonly Request[],
  { trees, places }: BatchSeals,
): readonly (readonly { readonly index: number; readonly request: Request }[])[] {
  const leaves = trees.map((): { index: number; request: Request }[] => []);
  for (const [i, request] of requests.entries()) {
    const { tree = 0, index = 0 } = places[i] ?? {};
    leaves[tree]?.push({ index, request });
  }
  return leaves.map(inOrder);
}

/**
 * One proof for each tree, which holds if all its requests were signed. These are put together when
 * they are asked for: the proposer's own seal is checked before.
 */
export function sealProofs(requests: readonly Request[], seals: BatchSeals): readonly Proof[] {
  const firsts: number[] = [];
  for (const [i, { tree }] of seals.places.entries()) firsts[tree] ??= i;
  let packed: readonly TreeLeaves[] | null = null;
  const leavesOfTree = (tree: number): TreeLeaves =>
    (packed ??= packedOf(requests, seals))[tree] ?? NO_LEAVES;
  return seals.trees.map((sealed, tree) => {
    const { depth, signature } = sealed;
    const at = firsts[tree] ?? 0;
    const first = requests[at] ?? assert.fail("a tree has a request");
    const by = { signer: A_CLIENT, key: first.key ?? EMPTY };
    if (depth === ONE_TIME_TAG) return onceProof(by, first, sealed, seals.places[at]?.index ?? 0);
    return {
      ...{ ...by, signed: EMPTY, signature },
      get leaves() {
        return leavesOfTree(tree);
      },
    };
  });
}

function onceProof(
  by: { readonly signer: number; readonly key: Bytes },
  request: Request,
  sealed: SealedTree,
  index: number,
): Proof {
  let signed: Bytes | null = null;
  let block: Bytes | null = null;
  return {
    ...by,
    get signed() {
      return (signed ??= signedOf(request));
    },
    get signature() {
      return (block ??= blockOf(sealed, index));
    },
  };
}

const NO_LEAVES: TreeLeaves = { bytes: EMPTY, indices: [], depth: 0, siblings: EMPTY };

/** What was signed with each root. */
function packedOf(requests: readonly Request[], seals: BatchSeals): readonly TreeLeaves[] {
  return leavesOf(requests, seals).map((leaves, i) => {
    const { depth, siblings } = seals.trees[i] ?? NO_LEAVES;
    if (depth === ONE_TIME_TAG) return NO_LEAVES;
    const bytes = signedOfAll(leaves.map(({ request }) => request));
    return { bytes, indices: leaves.map(({ index }) => index), depth, siblings };
  });
}

/** The nodes of a tree that are known, level by level from the leaves up, by index. */
type Levels = readonly ReadonlyMap<number, Bytes>[];

/** Climbs from all leaves of a tree at once. */
function climb(
  leaves: readonly { readonly index: number; readonly request: Request }[],
  { depth, siblings }: SealedTree,
): Levels {
  const levels = Array.from({ length: depth }, () => new Map<number, Bytes>());
  const nodes = leaves.map(({ request }) => {
    const leaf = new Uint8Array(HASH_SIZE);
    hashLeaf(signedOf(request), NO_DOMAIN, leaf);
    return leaf;
  });
  let at = 0;
  const indices = leaves.map(({ index }) => index);
  goUp(indices, depth, (node, paired, above, place, level) => {
    const one = nodes[node] ?? EMPTY;
    const other = paired ? (nodes[node + 1] ?? EMPTY) : siblings.subarray(at, at + HASH_SIZE);
    if (!paired) at += HASH_SIZE;
    levels[level]?.set(place, one).set(place ^ 1, other);
    const [left, right] = (place & 1) === 0 ? [one, other] : [other, one];
    const into = new Uint8Array(HASH_SIZE);
    hashInner(left, 0, right, 0, into);
    nodes[above] = into;
  });
  return levels;
}

/** The requests, each with its own block. */
export function unsealed(requests: readonly Request[], seals: BatchSeals): readonly Request[] {
  const leaves = leavesOf(requests, seals);
  const levels = seals.trees.map((tree, i) =>
    tree.depth === ONE_TIME_TAG ? [] : climb(leaves[i] ?? [], tree),
  );
  return requests.map((request, i) => {
    const { tree = 0, index = 0 } = seals.places[i] ?? {};
    const sealed = seals.trees[tree] ?? assert.fail("each request has a tree");
    const { depth, signature } = sealed;
    if (depth === ONE_TIME_TAG) return { ...request, seal: blockOf(sealed, index) };
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
