// Where things are by their hash when there is one bucket more or less at a time: linear hashing
// (Litwin, "Linear Hashing", VLDB '80). It follows from the hash and the number of buckets alone,
// whatever their history.

/** The bucket of a hash of 32 bits, unsigned, where there are `count` buckets, one at least. */
export function bucketOf(hash: number, count: number): number {
  const bits = 32 - Math.clz32(count - 1);
  const index = bits === 0 ? 0 : (hash >>> 0) & (2 ** bits - 1);
  return index < count ? index : index - 2 ** (bits - 1);
}

/** The share of all hashes whose bucket this is. */
export function shareOf(index: number, count: number): number {
  const level = 2 ** (31 - Math.clz32(count));
  return index < count - level || index >= level ? 1 / (2 * level) : 1 / level;
}

/** The bucket that is split to make this one, from 1 on, and that it goes back to. */
export function sourceOf(index: number): number {
  return index - 2 ** (31 - Math.clz32(index));
}
