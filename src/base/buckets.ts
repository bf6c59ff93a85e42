// Items in buckets by their hash, with one bucket more or less at a time: linear hashing (Litwin,
// "Linear Hashing", VLDB '80). Where an item is follows from its hash and the number of buckets,
// whatever their history, and what a bucket's items were made into lasts until one of them changes.

interface Hashed {
  /** Of 32 bits, unsigned. */
  readonly hash: number;
}

interface Bucket<T, Made> {
  readonly items: Set<T>;
  /** What was made of the items as they are; null if that is out of date. */
  made: Made | null;
}

export class Buckets<T extends Hashed, Made> {
  readonly #make: (items: readonly T[]) => Made;
  readonly #buckets: Bucket<T, Made>[] = [emptyBucket()];
  /** The smallest power of two that is not below the number of buckets, less one. */
  #mask = 0;

  /** `make` gets all items of a bucket, of which there is one, or more, in any order. */
  constructor(make: (items: readonly T[]) => Made) {
    this.#make = make;
  }

  add(item: T): void {
    this.#put(this.#indexOf(item), item);
  }

  remove(item: T): void {
    const bucket = this.#buckets[this.#indexOf(item)];
    if (bucket?.items.delete(item) === true) bucket.made = null;
  }

  /** The item, which is in its bucket, is not what it was. */
  changed(item: T): void {
    const bucket = this.#buckets[this.#indexOf(item)];
    if (bucket !== undefined) bucket.made = null;
  }

  clear(): void {
    this.#buckets.length = 0;
    this.#buckets.push(emptyBucket());
    this.#mask = 0;
  }

  /** What is made of each bucket that is not empty, with so many of them, one at least. */
  made(count: number): readonly Made[] {
    while (this.#buckets.length < count) this.#split();
    while (this.#buckets.length > Math.max(1, count)) this.#merge();
    const all: Made[] = [];
    for (const bucket of this.#buckets) {
      if (bucket.items.size === 0) continue;
      bucket.made ??= this.#make([...bucket.items]);
      all.push(bucket.made);
    }
    return all;
  }

  #indexOf({ hash }: T): number {
    const index = (hash & this.#mask) >>> 0;
    return index < this.#buckets.length ? index : index & (this.#mask >>> 1);
  }

  #put(index: number, item: T): void {
    const bucket = this.#buckets[index];
    if (bucket === undefined) return;
    bucket.items.add(item);
    bucket.made = null;
  }

  /** Adds a bucket, with those items of another one that belong there from now on. */
  #split(): void {
    const index = this.#buckets.length;
    this.#buckets.push(emptyBucket());
    if (index > this.#mask) this.#mask = 2 * this.#mask + 1;
    const source = this.#buckets[index & (this.#mask >>> 1)];
    for (const item of source?.items ?? []) {
      if (this.#indexOf(item) !== index) continue;
      this.#put(index, item);
      source?.items.delete(item);
      if (source !== undefined) source.made = null;
    }
  }

  /** Takes the last bucket away, whose items go to the one that they came from. */
  #merge(): void {
    const last = this.#buckets.pop();
    if (this.#buckets.length <= (this.#mask >>> 1) + 1) this.#mask >>>= 1;
    for (const item of last?.items ?? []) this.#put(this.#indexOf(item), item);
  }
}

function emptyBucket<T, Made>(): Bucket<T, Made> {
  return { items: new Set(), made: null };
}
