import type { Bytes } from "../../actor.ts";

/** Bytes of a digest. */
export const DIGEST_LENGTH = 32;

/** SHA-256. */
export function digestOf(bytes: Bytes): Bytes {
  const digest = new Uint8Array(DIGEST_LENGTH);
  Bun.SHA256.hash(bytes, digest);
  return digest;
}
