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
