// What a signature is made for: nothing signed in one cluster, protocol or run holds in another.

import type { Bytes } from "../actor.ts";
import { bytesOf } from "../wire.ts";

/**
 * Changes whenever the bytes that are signed, or the form of signature blocks, change their
 * meaning.
 */
const FORMAT_VERSION = 1;

export interface Domain {
  /** The protocol's name, in lower case. */
  readonly mode: string;
  readonly n: number;
  readonly f: number;
  /** Every replica's public key, compressed (33 bytes), in the order of their indices. */
  readonly publicKeys: readonly Bytes[];
  /** `--instance`: empty unless told. */
  readonly instance: string;
}

/**
 * The 32 bytes that stand before everything that is signed; SHA-256 over all fields behind their
 * lengths.
 */
export function domainOf(domain: Domain): Bytes {
  const text = new TextEncoder();
  const input = bytesOf((out) => {
    out.blob(text.encode("oskr"));
    out.u32(FORMAT_VERSION);
    out.blob(text.encode(domain.mode));
    out.u32(domain.n);
    out.u32(domain.f);
    out.u32(domain.publicKeys.length);
    for (const key of domain.publicKeys) out.blob(key);
    out.blob(text.encode(domain.instance));
  });
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(input, digest);
  return digest;
}
