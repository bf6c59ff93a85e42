// The one-time keys of a process: batches of 128, made ahead of use, each signed by ECDSA and
// announced before its keys sign.

import type { Bytes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import { ONE_TIME_KEYS } from "../base/one-time-form.ts";
import { SIGNATURE_SIZE, type Tree } from "./merkle.ts";
import { batchBytes, type KeyMaker } from "./one-time.ts";

/** Batches of a replica that are to be ready, that in use included; and of a client's process. */
export const READY_MAX = 4;
export const CLIENTS_READY_MAX = 2;

export interface OneTimeKeysOptions {
  readonly maker: KeyMaker;
  readonly readyMax: number;
  /** Of the first batch: no batch of an earlier start of this process has it, or a higher one. */
  readonly firstNumber: number;
  /** Signs a batch; `done` comes after it has returned. */
  readonly signBatch: (batch: Bytes, done: (signature: Bytes) => void) => void;
  /** Tells others of one, before any of its keys signs. */
  readonly announce: (batch: Bytes, signature: Bytes) => void;
}

interface Batch {
  readonly place: number;
  left: number;
}

interface Making {
  readonly place: number;
  readonly number: number;
  /** Keys that are made, or being made elsewhere. */
  begun: number;
  made: number;
}

export class OneTimeKeys {
  readonly #options: OneTimeKeysOptions;
  readonly #free: number[];
  /** In the order of use. */
  readonly #ready = new Queue<Batch>();
  #left = 0;
  #making: Making | null = null;
  #number: number;

  constructor(options: OneTimeKeysOptions) {
    const { maker, readyMax, firstNumber } = options;
    this.#options = options;
    this.#number = firstNumber;
    this.#free = Array.from({ length: maker.places }, (_, i) => i);
    assert(maker.places > readyMax, "a place for the batch that is being made");
  }

  /** Keys that may sign now. */
  get left(): number {
    return this.#left;
  }

  /** Signs a leaf with a key that has never signed, and never will again. */
  sign(tree: Tree, leaf: number): Bytes {
    const batch = this.#ready.peek();
    assert(batch !== undefined, "there are keys left");
    // Before anything leaves.
    this.#left--;
    if (--batch.left === 0) {
      this.#ready.shift();
      this.#free.push(batch.place);
    }
    return this.#options.maker.sign(batch.place, tree, leaf);
  }

  /**
   * Makes a few keys on this thread, if more are to be had; false: none are. Where other threads
   * make them, these are asked for some, and it is false.
   */
  work(): boolean {
    const { maker } = this.#options;
    const making = this.#making ?? this.#begin();
    if (making === null || making.begun === ONE_TIME_KEYS) return false;
    if (maker.elsewhere && making.begun > making.made) return false;
    const count = Math.min(maker.atOnce, ONE_TIME_KEYS - making.begun);
    const first = making.begun;
    making.begun += count;
    if (maker.make(making.place, first, count, () => this.#made(making, count))) {
      return !maker.elsewhere;
    }
    making.begun = first;
    return false;
  }

  #begin(): Making | null {
    if (this.#ready.length >= this.#options.readyMax) return null;
    const place = this.#free.pop();
    assert(place !== undefined, "places are free beside what is ready");
    const number = this.#number++;
    this.#options.maker.begin(place, number);
    this.#making = { place, number, begun: 0, made: 0 };
    return this.#making;
  }

  #made(making: Making, count: number): void {
    making.made += count;
    if (making.made < ONE_TIME_KEYS) return;
    const { maker, signBatch, announce } = this.#options;
    const { place, number } = making;
    const batch = batchBytes(number, maker.root(place));
    signBatch(batch, (signature) => {
      assert(signature.length === SIGNATURE_SIZE, "a root has a plain signature");
      announce(batch, signature);
      maker.seal(place, signature);
      this.#ready.push({ place, left: ONE_TIME_KEYS });
      this.#left += ONE_TIME_KEYS;
      this.#making = null;
    });
  }
}
