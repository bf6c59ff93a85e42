// One-time signatures of the simulated world: blocks of the real form, over a keyed hash that only
// the world can compute. What no key made leads to a root that nobody signed.

import type { Bytes, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Random } from "../base/seeded-random.ts";
import type { Tree } from "../crypto/merkle.ts";
import { BATCH_ROOT_SIZE, type KeyMaker, type OneTimeScheme } from "../crypto/one-time.ts";
import {
  ONE_TIME_BLOCK,
  ONE_TIME_INDEX_AT,
  ONE_TIME_KEYS,
  ONE_TIME_TAG,
} from "../base/one-time-form.ts";
import {
  fillOneTime,
  keyNameOf,
  NUMBER_AT,
  SALT_AT,
  SIGNATURE_AT,
  START_SIZE,
} from "./one-time-blocks.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";

export interface SimulatedOneTimeOptions {
  readonly keys: SimulatedKeys;
  /** Whose keys it makes, a replica's or a client's with that key; null: none. */
  readonly self: Signer | Bytes | null;
  readonly random: Random;
  /** Told if a key signs a second message, which gives it away. */
  readonly signsTwice: () => void;
}

export class SimulatedOneTime implements OneTimeScheme {
  readonly maker: KeyMaker | null;
  readonly #keys: SimulatedKeys;

  constructor(options: SimulatedOneTimeOptions) {
    const { keys, self } = options;
    this.#keys = keys;
    this.maker = self === null ? null : new SimulatedKeyMaker(options, self);
  }

  climb(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    return this.#keys.climbOneTime(by, signed, block, domain);
  }

  digest(batch: Bytes): Bytes {
    return this.#keys.batchDigest(batch);
  }

  close(): void {
    // Nothing to free.
  }
}

interface Place {
  number: number;
  used: number;
  readonly signature: Bytes;
}

class SimulatedKeyMaker implements KeyMaker {
  readonly elsewhere = false;
  /** A batch takes no time: its signature does. */
  readonly atOnce = ONE_TIME_KEYS;
  readonly places = 6;
  readonly #keys: SimulatedKeys;
  readonly #signsTwice: () => void;
  readonly #self: Signer | Bytes;
  readonly #start = new Uint8Array(START_SIZE);
  readonly #places: readonly Place[];

  constructor({ keys, random, signsTwice }: SimulatedOneTimeOptions, self: Signer | Bytes) {
    this.#keys = keys;
    this.#signsTwice = signsTwice;
    this.#self = self;
    for (let i = 0; i < START_SIZE; i++) this.#start[i] = random.int(256);
    const place = (): Place => ({ number: 0, used: ONE_TIME_KEYS, signature: new Uint8Array(64) });
    this.#places = Array.from({ length: this.places }, place);
  }

  begin(place: number, number: number): void {
    const batch = this.#place(place);
    batch.number = number;
    batch.used = ONE_TIME_KEYS;
  }

  make(_place: number, _first: number, _count: number, done: () => void): boolean {
    done();
    return true;
  }

  root(place: number): Bytes {
    const block = this.#block(this.#place(place), 0);
    return this.#keys.oneTimeRoot(keyNameOf(this.#self, block)).slice(0, BATCH_ROOT_SIZE);
  }

  seal(place: number, signature: Bytes): void {
    const batch = this.#place(place);
    batch.signature.set(signature);
    batch.used = 0;
  }

  sign(place: number, tree: Tree, leaf: number): Bytes {
    const batch = this.#place(place);
    assert(batch.used < ONE_TIME_KEYS, "a key that has not signed");
    const block = this.#block(batch, batch.used++);
    const name = keyNameOf(this.#self, block);
    if (!this.#keys.signOnce(name, tree.leaf(leaf))) this.#signsTwice();
    fillOneTime(block, this.#keys.oneTimeHash(name, tree.leaf(leaf)));
    block.set(batch.signature, SIGNATURE_AT);
    return block;
  }

  #place(place: number): Place {
    return this.#places[place] ?? assert.fail("a place");
  }

  #block({ number }: Place, index: number): Bytes {
    const block = new Uint8Array(ONE_TIME_BLOCK);
    const view = new DataView(block.buffer);
    block[0] = ONE_TIME_TAG;
    view.setUint32(NUMBER_AT, Math.floor(number / 2 ** 32));
    view.setUint32(NUMBER_AT + 4, number >>> 0);
    block[ONE_TIME_INDEX_AT] = index;
    block.set(this.#start, SALT_AT);
    return block;
  }
}
