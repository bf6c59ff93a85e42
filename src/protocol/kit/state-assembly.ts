// A state that is put together from what is here and what others send: whatever its tree names that
// neither the own state nor an earlier attempt has, each checked against the digest above it.

import type { Bytes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { equal, latin1 } from "../../wire.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import type { PieceId } from "./messages.ts";
import {
  CHUNK_LENGTH,
  childDigests,
  chunksIn,
  firstChild,
  heightOf,
  leafDigest,
  nodeDigest,
  readRecord,
  readVersion,
  recordOf,
  StateTree,
  StateVersion,
  type ChunkDigests,
  type Told,
  type TreeNode,
  type TreeRoot,
} from "./state-tree.ts";

/** A piece of the state that was asked for, or is to be. */
export interface Wanted {
  readonly id: PieceId;
  readonly digest: Bytes;
}

/** Bytes that come in chunks. */
interface Pieced {
  readonly bytes: Bytes;
  readonly digests: Bytes;
  readonly missing: Set<number>;
}

/** A part of which chunks are missing. */
interface PartInPieces {
  readonly digest: Bytes;
  readonly told: readonly Told[];
}

export function keyOf({ tree, level, index, blob, chunk }: PieceId): string {
  return `${tree}.${level}.${index}.${blob}.${chunk}`;
}

const ROOT: PieceId = { tree: 0, level: 0, index: 0, blob: 0, chunk: 0 };
const NO_CHILDREN: readonly TreeNode[] = [];

/** A piece of a version; null if it has none of that name. */
export function pieceOf(version: StateVersion, id: PieceId, digests: ChunkDigests): Bytes | null {
  const { tree, level, index, blob, chunk } = id;
  if (tree === 0) return version.record;
  const node = version.trees[tree - 1]?.node(level, index);
  if (node === undefined) return null;
  if (node.part === null) return childDigests(node);
  if (blob === 0) return recordOf(node.part, digests);
  const bytes = node.part[blob - 1];
  if (bytes === undefined || chunk >= chunksIn(bytes.length)) return null;
  return bytes.subarray(chunk * CHUNK_LENGTH, (chunk + 1) * CHUNK_LENGTH);
}

/** What is here already: the trees of this replica's own state. */
export interface Own {
  readonly trees: readonly StateTree[];
  readonly digests: ChunkDigests;
}

export class StateAssembly {
  readonly #own: Own;
  /** The own trees as they were when it turned to its version: others may be there by its end. */
  #trees: readonly StateTree[] = [];
  #root: { readonly head: Bytes; readonly roots: readonly TreeRoot[] } | null = null;
  /** What is missing, by its key, and of that what was not asked for, the last one first. */
  readonly #open = new Map<string, Wanted>();
  readonly #unasked: Wanted[] = [];
  // What came, for whatever version, by its place.
  readonly #digests = new Map<string, { readonly digest: Bytes; readonly children: Bytes }>();
  readonly #parts = new Map<string, TreeNode>();
  readonly #inPieces = new Map<string, PartInPieces>();
  /** By nameOf. */
  readonly #pieced = new Map<string, Pieced>();

  constructor(own: Own) {
    this.#own = own;
  }

  /** Whether nothing is missing. */
  get complete(): boolean {
    return this.#root !== null && this.#open.size === 0;
  }

  /** Turns to the version of this digest: what came for another one is kept where it fits. */
  aim(digest: Bytes): void {
    this.#trees = this.#own.trees;
    this.#root = null;
    this.#open.clear();
    this.#unasked.length = 0;
    this.#want(ROOT, digest);
  }

  /** What to ask for next; undefined: all that is missing was asked for. */
  next(): Wanted | undefined {
    for (;;) {
      const wanted = this.#unasked.pop();
      if (wanted === undefined || this.#open.has(keyOf(wanted.id))) return wanted;
    }
  }

  /** It did not come: it is to be asked for again. */
  again(wanted: Wanted): void {
    this.#unasked.push(wanted);
  }

  /** Takes a piece; false if it is not missing, or not the one that the tree names. */
  take(id: PieceId, bytes: Bytes): boolean {
    const key = keyOf(id);
    const wanted = this.#open.get(key);
    if (wanted === undefined || !this.proves(wanted, bytes)) return false;
    this.#open.delete(key);
    if (id.tree === 0) this.#onRoot(bytes);
    else if (id.level > 0) this.#onNode(id, wanted.digest, bytes);
    else if (id.blob === 0) this.#onRecord(id, wanted.digest, bytes);
    else this.#onChunk(id, bytes);
    return true;
  }

  /** The version, of which nothing is missing. */
  finish(): StateVersion {
    assert(this.#root !== null && this.complete, "a state has all its parts");
    const { head, roots } = this.#root;
    const trees = roots.map(({ count, digest }, i) => {
      if (count === 0) return StateTree.EMPTY;
      return new StateTree(count, this.#made(i + 1, heightOf(count), 0, digest));
    });
    return new StateVersion(head, trees);
  }

  /** Whether these are the bytes that the digest is of. */
  protected proves({ id, digest }: Wanted, bytes: Bytes): boolean {
    if (id.level > 0) return equal(nodeDigest(bytes), digest);
    const isRecord = id.tree > 0 && id.blob === 0;
    return equal(isRecord ? leafDigest(bytes) : digestOf(bytes), digest);
  }

  /** Whether a part that came for another version is the one of this digest. */
  protected fits(part: TreeNode, digest: Bytes): boolean {
    return equal(part.digest, digest);
  }

  #want(id: PieceId, digest: Bytes): void {
    const wanted = { id, digest };
    this.#open.set(keyOf(id), wanted);
    this.#unasked.push(wanted);
  }

  #onRoot(record: Bytes): void {
    const root = readVersion(record);
    assert(root !== null, "a quorum signed a state that is malformed");
    this.#root = root;
    for (const [i, { count, digest }] of root.roots.entries()) {
      if (count > 0) this.#explore(i + 1, heightOf(count), 0, digest);
    }
  }

  /** Looks for what is missing of a node and all below it. */
  #explore(tree: number, level: number, index: number, digest: Bytes): void {
    const own = this.#trees[tree - 1]?.node(level, index);
    if (own !== undefined && equal(own.digest, digest)) return;
    const id = { tree, level, index, blob: 0, chunk: 0 };
    const key = keyOf(id);
    if (level > 0) {
      const known = this.#digests.get(key);
      if (known === undefined || !equal(known.digest, digest)) return this.#want(id, digest);
      return this.#exploreChildren(id, known.children);
    }
    const part = this.#parts.get(key);
    if (part !== undefined && this.fits(part, digest)) return;
    const pieces = this.#inPieces.get(key);
    if (pieces === undefined || !equal(pieces.digest, digest)) return this.#want(id, digest);
    this.#gather(id, pieces);
  }

  #exploreChildren({ tree, level, index }: PieceId, children: Bytes): void {
    for (let i = 0; i * DIGEST_LENGTH < children.length; i++) {
      this.#explore(tree, level - 1, firstChild(index) + i, digestAt(children, i));
    }
  }

  #onNode(id: PieceId, digest: Bytes, children: Bytes): void {
    this.#digests.set(keyOf(id), { digest, children });
    this.#exploreChildren(id, children);
  }

  #onRecord(id: PieceId, digest: Bytes, record: Bytes): void {
    const told = readRecord(record);
    assert(told !== null, "a quorum signed a part that is malformed");
    this.#gather(id, { digest, told });
  }

  /** Makes the part if all of it is here, or else asks for the chunks that are not. */
  #gather(id: PieceId, pieces: PartInPieces): void {
    const key = keyOf(id);
    const part: Bytes[] = [];
    for (const [i, told] of pieces.told.entries()) {
      const bytes = told.bytes ?? this.#ownBytes(id, i, told) ?? this.#wholeBytes(id, i, told);
      if (bytes !== null) part.push(bytes);
    }
    this.#inPieces.delete(key);
    if (part.length < pieces.told.length) this.#inPieces.set(key, pieces);
    else this.#parts.set(key, { digest: pieces.digest, part, children: NO_CHILDREN });
  }

  #ownBytes({ tree, index }: PieceId, i: number, { length, digests }: Told): Bytes | null {
    const bytes = this.#trees[tree - 1]?.part(index)[i];
    const known = bytes === undefined ? undefined : this.#own.digests.get(bytes);
    if (bytes?.length !== length || known === undefined) return null;
    return equal(known, digests) ? bytes : null;
  }

  /** Bytes whose chunks are all here; null, and those that are not are wanted. */
  #wholeBytes(id: PieceId, i: number, { length, digests }: Told): Bytes | null {
    const name = nameOf({ length, digests });
    let pieced = this.#pieced.get(name);
    if (pieced === undefined) {
      const missing = new Set(Array.from({ length: chunksIn(length) }, (_, chunk) => chunk));
      pieced = { bytes: new Uint8Array(length), digests, missing };
      this.#pieced.set(name, pieced);
    }
    for (const chunk of pieced.missing) {
      const one = { ...id, blob: i + 1, chunk };
      if (!this.#open.has(keyOf(one))) this.#want(one, digestAt(digests, chunk));
    }
    return pieced.missing.size === 0 ? pieced.bytes : null;
  }

  #onChunk(id: PieceId, bytes: Bytes): void {
    const place = { ...id, blob: 0, chunk: 0 };
    const pieces = this.#inPieces.get(keyOf(place));
    const told = pieces?.told[id.blob - 1];
    if (pieces === undefined || told === undefined) return;
    const pieced = this.#pieced.get(nameOf(told));
    if (pieced === undefined) return;
    pieced.bytes.set(bytes, id.chunk * CHUNK_LENGTH);
    pieced.missing.delete(id.chunk);
    if (pieced.missing.size > 0) return;
    this.#own.digests.set(pieced.bytes, pieced.digests);
    this.#gather(place, pieces);
  }

  #made(tree: number, level: number, index: number, digest: Bytes): TreeNode {
    const own = this.#trees[tree - 1]?.node(level, index);
    if (own !== undefined && equal(own.digest, digest)) return own;
    const key = keyOf({ tree, level, index, blob: 0, chunk: 0 });
    if (level === 0) return this.#parts.get(key) ?? assert.fail("a state has all its parts");
    const digests = this.#digests.get(key)?.children;
    assert(digests !== undefined, "a state has all its nodes");
    const children = Array.from({ length: digests.length / DIGEST_LENGTH }, (_, i) =>
      this.#made(tree, level - 1, firstChild(index) + i, digestAt(digests, i)),
    );
    return { digest, part: null, children };
  }
}

/** What tells bytes from others: their length, and the digest of the digests of their chunks. */
function nameOf({ length, digests }: Pick<Told, "length" | "digests">): string {
  return `${length} ${latin1(digestOf(digests))}`;
}

function digestAt(digests: Bytes, i: number): Bytes {
  return digests.subarray(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH);
}
