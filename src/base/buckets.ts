// Items in buckets by their hash (linear-hashing.ts), each of which is a part of a state.

import { bucketOf, sourceOf } from "./linear-hashing.ts";
import { Parts, type Part, type Snapshot } from "./parts.ts";

interface Hashed {
  /** Of 32 bits, unsigned. */
  readonly hash: number;
}

export class Buckets<T extends Hashed> {
  readonly #buckets: Set<T>[] = [new Set()];
  readonly #parts: Parts;

  /** `make` gets all items of a bucket, in any order. */
  constructor(make: (items: readonly T[]) => Part) {
    this.#parts = new Parts((index) => make([...this.itemsOf(index)]), 1);
  }

  /** How many buckets there are. */
  get count(): number {
    return this.#buckets.length;
  }

  itemsOf(index: number): ReadonlySet<T> {
    return this.#buckets[index] ?? new Set();
  }

  add(item: T): void {
    this.touch(item);
    this.#buckets[this.#indexOf(item)]?.add(item);
  }

  remove(item: T): void {
    this.touch(item);
    this.#buckets[this.#indexOf(item)]?.delete(item);
  }

  /** The item is about to change: to be called before, because a snapshot keeps what it was. */
  touch(item: T): void {
    this.#parts.touch(this.#indexOf(item));
  }

  /** Has so many buckets from now on, one at least. */
  resize(count: number): void {
    while (this.#buckets.length < count) this.#split();
    while (this.#buckets.length > Math.max(1, count)) this.#merge();
  }

  /** The items as they are, with the parts that changed since the last snapshot. */
  snapshot(): Snapshot {
    return this.#parts.snapshot();
  }

  /** What there is was restored from a snapshot: nothing of it changed since. */
  restored(): void {
    this.#parts.restored(this.#buckets.length);
  }

  #indexOf({ hash }: T): number {
    return bucketOf(hash, this.#buckets.length);
  }

  /** Adds a bucket, with those items of another one that belong there from now on. */
  #split(): void {
    const index = this.#buckets.length;
    const added = new Set<T>();
    const source = this.#buckets[sourceOf(index)] ?? added;
    this.#parts.touch(sourceOf(index));
    this.#buckets.push(added);
    this.#parts.resize(index + 1);
    for (const item of source)
      if (this.#indexOf(item) === index && source.delete(item)) added.add(item);
  }

  /** Takes the last bucket away, whose items go to the one that they came from. */
  #merge(): void {
    const index = this.#buckets.length - 1;
    this.#parts.touch(sourceOf(index));
    this.#parts.resize(index);
    for (const item of this.#buckets.pop() ?? []) this.#buckets[sourceOf(index)]?.add(item);
  }
}
