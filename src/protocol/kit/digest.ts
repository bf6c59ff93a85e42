import type { Bytes } from "../../actor.ts";

/** Bytes of a digest. */
export const DIGEST_LENGTH = 32;

/** CRC-32, begun with a number of 32 bits, unsigned. */
export function crc32Of(bytes: Bytes, seed: number): number {
  return Bun.hash.crc32(bytes, seed);
}

/** SHA-256. */
export function digestOf(bytes: Bytes): Bytes {
  const digest = new Uint8Array(DIGEST_LENGTH);
  Bun.SHA256.hash(bytes, digest);
  return digest;
}
