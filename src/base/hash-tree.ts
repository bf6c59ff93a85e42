// The hashes of Merkle trees over what is signed: those of csrc/merkle.c.
//
//   leaf   = SHA-256(0 | domain | kind | body)
//   inner  = SHA-256(1 | left | right); missing leaves are 32 zero bytes
//   signed = SHA-256(2 | depth | root), what the root signature signs

type Bytes = Uint8Array;

export const HASH_SIZE = 32;

/** What stands in the leaf of a client's request in place of a domain (crypto/domain.ts). */
export const NO_DOMAIN: Bytes = new Uint8Array(HASH_SIZE);

/** Byte by byte: a view of a small array would cost more than the copy. */
export function copyHash(from: Bytes, at: number, to: Bytes, toAt: number): void {
  for (let i = 0; i < HASH_SIZE; i++) to[toAt + i] = from[at + i] ?? 0;
}

let leafInput = new Uint8Array(4096);

/** The leaf of `signed` in a domain of 32 bytes, into `out`. */
export function hashLeaf(signed: Bytes, domain: Bytes, out: Bytes): void {
  const length = 1 + HASH_SIZE + signed.length;
  if (length > leafInput.length) leafInput = new Uint8Array(2 * length);
  leafInput[0] = 0;
  leafInput.set(domain, 1);
  leafInput.set(signed, 1 + HASH_SIZE);
  Bun.SHA256.hash(leafInput.subarray(0, length), out);
}

const innerInput = new Uint8Array(1 + 2 * HASH_SIZE);
innerInput[0] = 1;

/** The node over the hashes at `leftAt` of `left` and at `rightAt` of `right`, into `out`. */
export function hashInner(
  left: Bytes,
  leftAt: number,
  right: Bytes,
  rightAt: number,
  out: Bytes,
): void {
  copyHash(left, leftAt, innerInput, 1);
  copyHash(right, rightAt, innerInput, 1 + HASH_SIZE);
  Bun.SHA256.hash(innerInput, out);
}

const signedInput = new Uint8Array(2 + HASH_SIZE);
signedInput[0] = 2;

/** What the root signature of a tree signs, into `out`. */
export function hashRoot(depth: number, root: Bytes, out: Bytes): Bytes {
  signedInput[1] = depth;
  signedInput.set(root, 2);
  Bun.SHA256.hash(signedInput, out);
  return out;
}

/** Leaves of one tree, and the nodes that do not follow from them (a Merkle multiproof). */
export interface TreeLeaves {
  /** One after another, of one length, by their indices, which rise. */
  readonly bytes: Bytes;
  readonly indices: readonly number[];
  readonly depth: number;
  /** From the leaves up, from left to right. */
  readonly siblings: Bytes;
}

/**
 * Makes the node that stands at `above` in the list of nodes out of that at `node`, which has this
 * place in its level, and of the next one in the list if they are paired, else of a sibling.
 */
type Join = (node: number, paired: boolean, above: number, place: number, level: number) => void;

/** Goes up a tree from the leaves at these places, which rise, to the root, which is node 0. */
export function goUp(leaves: readonly number[], depth: number, join: Join): void {
  const places = leaves.slice();
  let count = places.length;
  for (let level = 0; level < depth; level++) {
    let above = 0;
    for (let node = 0; node < count; node++) {
      const place = places[node] ?? 0;
      const paired = (place & 1) === 0 && node + 1 < count && places[node + 1] === place + 1;
      join(node, paired, above, place, level);
      if (paired) node++;
      places[above++] = place >> 1;
    }
    count = above;
  }
}

/** Whether these are leaves of a tree of this depth, each once and in order. */
export function areLeaves(leaves: readonly number[], depth: number): boolean {
  return (
    (leaves.at(-1) ?? 0) < 2 ** depth &&
    leaves.every((leaf, i) => i === 0 || leaf > (leaves[i - 1] ?? 0))
  );
}
