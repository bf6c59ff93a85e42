// A Merkle tree over the parts of a state (Merkle, CRYPTO '87). A tree is never changed: one that
// differs in some parts has new nodes above these, and shares all others with it.

import type { Bytes, Part, Snapshot, State } from "../../actor.ts";
import { bytesOf, EMPTY, Reader, Writer } from "../../wire.ts";
import { manyBytesOf } from "./many-bytes.ts";
import { DIGEST_LENGTH, digestOf, NO_DIGEST } from "./digest.ts";

/** Children of a node. */
const FANOUT_BITS = 4;
const FANOUT = 1 << FANOUT_BITS;
/** Bytes that are hashed, and sent, at once: some tens of packets. */
export const CHUNK_LENGTH = 32 * 1024;
/** What making a part, or a node, costs beside hashing its bytes, in bytes hashed. */
const NODE_COST = 512;

/** A part, or a node above parts; its digest covers all below it. */
export interface TreeNode {
  readonly digest: Bytes;
  /** Null above parts. */
  readonly part: Part | null;
  readonly children: readonly TreeNode[];
}

const NO_CHILDREN: readonly TreeNode[] = [];
const NO_PART: Part = [];

/** The digests of the chunks of bytes that stand by themselves, one behind the other. */
export type ChunkDigests = Pick<WeakMap<Bytes, Bytes>, "get" | "set">;

// What is hashed: 0 | record of a part, 1 | digests of children. The root names how many parts
// there are, so that no node is taken for another.

const scratch = new Uint8Array(2 * CHUNK_LENGTH);
const hashed = new Writer(scratch);

/** The digest of a part, whose record is given. */
export function leafDigest(record: Bytes): Bytes {
  const write = (out: Writer) => {
    out.u8(0);
    out.bytes(record);
  };
  if (record.length >= scratch.length) return digestOf(manyBytesOf(write, record.length + 1));
  hashed.reset(0, scratch.length);
  write(hashed);
  return digestOf(hashed.written());
}

/** The same of a part itself, the digests of whose chunks are known: without a copy of its own. */
function partDigest(part: Part, digests: ChunkDigests): Bytes {
  if (1 + recordLength(part) > scratch.length) return leafDigest(recordOf(part, digests));
  hashed.reset(0, scratch.length);
  hashed.u8(0);
  writeRecord(part, digests, hashed);
  return digestOf(hashed.written());
}

/** The digest of a node, whose children's are given one behind the other. */
export function nodeDigest(digests: Bytes): Bytes {
  hashed.reset(0, scratch.length);
  hashed.u8(1);
  hashed.bytes(digests);
  return digestOf(hashed.written());
}

function parentDigest(children: readonly TreeNode[]): Bytes {
  hashed.reset(0, scratch.length);
  hashed.u8(1);
  for (const { digest } of children) hashed.bytes(digest);
  return digestOf(hashed.written());
}

/** The digests of a node's children, one behind the other. */
export function childDigests({ children }: TreeNode): Bytes {
  const digests = new Uint8Array(DIGEST_LENGTH * children.length);
  for (const [i, child] of children.entries()) digests.set(child.digest, DIGEST_LENGTH * i);
  return digests;
}

/**
 * What a part is told by: how many byte strings it has, and of each its length and itself, if it is
 * the first and short, or the digests of its chunks, which must be known.
 */
export function recordOf(part: Part, digests: ChunkDigests): Bytes {
  return manyBytesOf((out) => writeRecord(part, digests, out), recordLength(part));
}

function recordLength(part: Part): number {
  let length = 4;
  for (let i = 0; i < part.length; i++) {
    const size = part[i]?.length ?? 0;
    length += 4 + (isInline(i, size) ? size : chunksIn(size) * DIGEST_LENGTH);
  }
  return length;
}

function writeRecord(part: Part, digests: ChunkDigests, out: Writer): void {
  out.u32(part.length);
  for (let i = 0; i < part.length; i++) {
    const bytes = part[i] ?? EMPTY;
    out.u32(bytes.length);
    out.bytes(isInline(i, bytes.length) ? bytes : (digests.get(bytes) ?? EMPTY));
  }
}

/** One byte string of a part, as its record tells it. */
export interface Told {
  readonly length: number;
  /** Itself, or null, and the digests of its chunks. */
  readonly bytes: Bytes | null;
  readonly digests: Bytes;
}

/** What a record tells; null if it is malformed. */
export function readRecord(record: Bytes): readonly Told[] | null {
  const input = new Reader(record);
  const told: Told[] = [];
  for (let i = 0, count = input.u32(); i < count && input.ok; i++) {
    const length = input.u32();
    const inline = isInline(i, length);
    const bytes = input.bytes(inline ? length : chunksIn(length) * DIGEST_LENGTH);
    told.push({ length, bytes: inline ? bytes : null, digests: inline ? EMPTY : bytes });
  }
  return input.done ? told : null;
}

export function chunksIn(length: number): number {
  return Math.max(1, Math.ceil(length / CHUNK_LENGTH));
}

function isInline(index: number, length: number): boolean {
  return index === 0 && length <= CHUNK_LENGTH;
}

export class StateTree implements State {
  static readonly EMPTY = new StateTree(0, null);
  readonly count: number;
  /** Null without parts. */
  readonly root: TreeNode | null;

  constructor(count: number, root: TreeNode | null) {
    this.count = count;
    this.root = root;
  }

  get digest(): Bytes {
    return this.root?.digest ?? NO_DIGEST;
  }

  part(index: number): Part {
    return this.node(0, index)?.part ?? NO_PART;
  }

  /** The node of a level, parts being at level 0, that is the one of this index there. */
  node(level: number, index: number): TreeNode | undefined {
    let at = heightOf(this.count);
    if (level > at || index >= widthOf(this.count, level)) return undefined;
    let node = this.root ?? undefined;
    for (; at > level; at--) {
      const child = Math.floor(index / FANOUT ** (at - 1 - level)) % FANOUT;
      node = node?.children[child];
    }
    return node;
  }
}

/** The level of the root of a tree of so many parts. */
export function heightOf(count: number): number {
  let height = 0;
  while (FANOUT ** height < count) height++;
  return height;
}

/** How many nodes there are in a level. */
export function widthOf(count: number, level: number): number {
  return Math.ceil(count / FANOUT ** level);
}

/** The index of the first child of a node, one level below. */
export function firstChild(index: number): number {
  return index * FANOUT;
}

/**
 * Makes the tree of a snapshot from the one before it, piece by piece: gives the cost of each, in
 * bytes hashed, and at last the tree.
 */
export function* updated(
  before: StateTree,
  snapshot: Snapshot,
  digests: ChunkDigests,
  leafOf: (index: number, leaf: TreeNode) => TreeNode = (_index, leaf) => leaf,
): Generator<number, StateTree> {
  const { count } = snapshot;
  let level = new Map<number, TreeNode>();
  for (const index of snapshot.changed) {
    const part = snapshot.part(index);
    for (const [i, bytes] of part.entries()) {
      if (!isInline(i, bytes.length) && digests.get(bytes) === undefined) {
        yield* hashChunks(bytes, digests);
      }
    }
    const leaf = { digest: partDigest(part, digests), part, children: NO_CHILDREN };
    level.set(index, leafOf(index, leaf));
    yield recordLength(part) + NODE_COST;
  }
  const height = heightOf(count);
  for (let at = 1; at <= height; at++) {
    const above = new Map<number, TreeNode>();
    for (const index of parentsOf(level.keys(), before, count, at)) {
      above.set(index, parentAt(index, at, { before, count, below: level }));
      yield FANOUT * DIGEST_LENGTH + NODE_COST;
    }
    level = above;
  }
  if (count === 0) return StateTree.EMPTY;
  return new StateTree(count, level.get(0) ?? before.node(height, 0) ?? null);
}

function* hashChunks(bytes: Bytes, digests: ChunkDigests): Generator<number> {
  const all = new Uint8Array(DIGEST_LENGTH * chunksIn(bytes.length));
  for (let i = 0; i * DIGEST_LENGTH < all.length; i++) {
    const chunk = bytes.subarray(i * CHUNK_LENGTH, (i + 1) * CHUNK_LENGTH);
    all.set(digestOf(chunk), i * DIGEST_LENGTH);
    yield chunk.length + NODE_COST;
  }
  digests.set(bytes, all);
}

/** Nodes of a level that have a changed child, or have no longer, or at last, all that they had. */
function parentsOf(
  changed: Iterable<number>,
  before: StateTree,
  count: number,
  level: number,
): ReadonlySet<number> {
  const parents = new Set<number>();
  for (const index of changed) parents.add(index >>> FANOUT_BITS);
  if (count !== before.count) parents.add(widthOf(count, level) - 1);
  return parents;
}

function parentAt(
  index: number,
  level: number,
  {
    before,
    count,
    below,
  }: {
    readonly before: StateTree;
    readonly count: number;
    readonly below: ReadonlyMap<number, TreeNode>;
  },
): TreeNode {
  const old = before.node(level, index)?.children ?? NO_CHILDREN;
  const first = firstChild(index);
  const length = Math.min(FANOUT, widthOf(count, level - 1) - first);
  const children: TreeNode[] = [];
  for (let i = 0; i < length; i++) {
    // A tree that grew higher has the old root below its own.
    const child = below.get(first + i) ?? old[i] ?? before.node(level - 1, first + i);
    if (child !== undefined) children.push(child);
  }
  return { digest: parentDigest(children), part: null, children };
}

/** Parts of a tree that are not as they are in the other one, or not there. */
export function differences(tree: StateTree, other: StateTree): readonly number[] {
  const found: number[] = [];
  const visit = (level: number, index: number, node: TreeNode | undefined) => {
    const same = other.node(level, index);
    if (node === undefined || (same !== undefined && sameDigest(same, node))) return;
    if (level === 0) found.push(index);
    for (const [i, child] of node.children.entries())
      visit(level - 1, firstChild(index) + i, child);
  };
  if (tree.root !== null) visit(heightOf(tree.count), 0, tree.root);
  return found;
}

function sameDigest(a: TreeNode, b: TreeNode): boolean {
  return a === b || Buffer.compare(a.digest, b.digest) === 0;
}

/** A state after a slot: what is not in parts, and trees over what is. */
export class StateVersion {
  readonly head: Bytes;
  readonly trees: readonly StateTree[];
  /** What its digest is of: the head, and of each tree the parts' number and the root. */
  readonly record: Bytes;
  /** What a CHECKPOINT names. */
  readonly digest: Bytes;

  constructor(head: Bytes, trees: readonly StateTree[]) {
    this.head = head;
    this.trees = trees;
    this.record = bytesOf((out) => {
      out.blob(head);
      out.u8(trees.length);
      for (const { count, digest } of trees) {
        out.u32(count);
        out.bytes(digest);
      }
    });
    this.digest = digestOf(this.record);
  }
}

/** The root of a tree that is not here. */
export interface TreeRoot {
  readonly count: number;
  readonly digest: Bytes;
}

const HEAD_MAX = 65_536;

/** What the record of a version tells; null if it is malformed. */
export function readVersion(
  record: Bytes,
): { readonly head: Bytes; readonly roots: readonly TreeRoot[] } | null {
  const input = new Reader(record);
  const head = input.blob(HEAD_MAX);
  const roots: TreeRoot[] = [];
  for (let count = input.u8(); count > 0 && input.ok; count--) {
    roots.push({ count: input.u32(), digest: input.bytes(DIGEST_LENGTH) });
  }
  return input.done ? { head, roots } : null;
}
