// One-time signatures by csrc/onetime.c.

import { toArrayBuffer, type Pointer } from "bun:ffi";
import type { Bytes, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { ONE_TIME, opened, type NativeLibrary } from "../ffi/native.ts";
import { ONE_TIME_BLOCK } from "../base/one-time-form.ts";
import type { Tree } from "./merkle.ts";
import { BATCH_ROOT_SIZE, whoIs, type KeyMaker, type OneTimeScheme } from "./one-time.ts";

/** What climbs: the native hasher. */
export interface OneTimeHasher {
  climbOneTime(who: Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null;
  batchDigest(batch: Bytes): Bytes;
}

/** Threads that make keys: the native signer's. */
export interface KeyThreads {
  readonly hasThreads: boolean;
  useKeys(keys: Pointer): void;
  makeKeys(place: number, first: number, count: number, done: () => void): boolean;
}

export class NativeOneTime implements OneTimeScheme {
  readonly maker: NativeKeyMaker | null;
  readonly #hasher: OneTimeHasher;
  /** Of all replicas. */
  readonly #who: readonly Bytes[];

  /** With keys of its own if it signs: of that public key. Throws UsageError without memory. */
  constructor(
    library: NativeLibrary,
    hasher: OneTimeHasher,
    publicKeys: readonly Bytes[],
    own: { readonly key: Bytes; readonly threads: KeyThreads } | null,
  ) {
    this.#hasher = hasher;
    this.#who = publicKeys.map(whoIs);
    this.maker = own === null ? null : new NativeKeyMaker(library, whoIs(own.key), own.threads);
  }

  climb(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    const who = typeof by === "number" ? this.#who[by] : whoIs(by);
    return who === undefined ? null : this.#hasher.climbOneTime(who, signed, block, domain);
  }

  digest(batch: Bytes): Bytes {
    return this.#hasher.batchDigest(batch);
  }

  /** Once no thread makes keys any more. */
  close(): void {
    this.maker?.close();
  }
}

/** Keys that another thread makes in one go: about a tenth of a millisecond. */
const ELSEWHERE = 16;

/** The keys of a process, in memory of C that gives out nothing but signatures. */
class NativeKeyMaker implements KeyMaker {
  readonly places = ONE_TIME.batches;
  readonly elsewhere: boolean;
  readonly atOnce: number;
  readonly #library: NativeLibrary;
  readonly #threads: KeyThreads;
  readonly #keys: Pointer;
  readonly #region: Bytes;
  readonly #root: Bytes;
  readonly #block: Bytes;

  constructor(library: NativeLibrary, who: Bytes, threads: KeyThreads) {
    this.#library = library;
    this.#threads = threads;
    this.elsewhere = threads.hasThreads;
    this.atOnce = this.elsewhere ? ELSEWHERE : 1;
    this.#keys = opened(library.oskr_onetime_open(), library, "memory for one-time keys");
    this.#region = new Uint8Array(toArrayBuffer(this.#keys, 0, ONE_TIME.size));
    this.#root = this.#region.subarray(ONE_TIME.root, ONE_TIME.root + BATCH_ROOT_SIZE);
    this.#block = this.#region.subarray(ONE_TIME.block, ONE_TIME.block + ONE_TIME_BLOCK);
    this.#region.set(who, ONE_TIME.who);
    threads.useKeys(this.#keys);
  }

  begin(place: number, number: number): void {
    const result = this.#library.oskr_onetime_begin(this.#keys, place, number);
    assert(result === 0, "a place, and a number below 2^53");
  }

  make(place: number, first: number, count: number, done: () => void): boolean {
    if (this.elsewhere) return this.#threads.makeKeys(place, first, count, done);
    const result = this.#library.oskr_onetime_make(this.#keys, place, first, count);
    assert(result === 0, "keys of a batch that signs nothing yet");
    done();
    return true;
  }

  root(place: number): Bytes {
    const result = this.#library.oskr_onetime_root(this.#keys, place);
    assert(result === 0, "all keys of the batch are made");
    return this.#root;
  }

  seal(place: number, signature: Bytes): void {
    this.#region.set(signature, ONE_TIME.signature);
    this.#library.oskr_onetime_seal(this.#keys, place);
  }

  sign(place: number, tree: Tree, leaf: number): Bytes {
    this.#region.set(tree.leaf(leaf), ONE_TIME.leaf);
    const index = this.#library.oskr_onetime_sign(this.#keys, place);
    assert(index >= 0, "a key that has not signed");
    return this.#block;
  }

  close(): void {
    this.#library.oskr_onetime_close(this.#keys);
  }
}
