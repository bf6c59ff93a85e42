import type { Bytes } from "../../actor.ts";

/** Bytes of a digest. */
export const DIGEST_LENGTH = 32;
/** The digest of nothing that there is. */
export const NO_DIGEST: Bytes = new Uint8Array(DIGEST_LENGTH);

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

/** FNV-1a of 32 bits (Fowler, Noll and Vo): fast, and no protection from who seeks collisions. */
export const FNV_BASIS = 0x811c9dc5;
export const FNV_PRIME = 0x01000193;

/** Goes on from `hash`, signed, with the code units of a text. */
export function fnv1a(text: string, hash: number): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}
