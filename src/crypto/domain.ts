// What a signature is made for: nothing signed in one cluster, protocol or run holds in another. A
// cluster has a domain, and within it each of its runs has one of its own.

import type { Bytes } from "../actor.ts";
import { bytesOf, RUNLESS_KINDS_END, RUNLESS_KINDS_START } from "../wire.ts";

/**
 * Changes whenever the bytes that are signed, or the form of signature blocks, change their
 * meaning.
 */
const FORMAT_VERSION = 4;

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
  return hash(input);
}

/** The domain of the run of this name in the cluster with that domain (docs/guarantees.md, X15). */
export function runDomainOf(domain: Bytes, name: Bytes): Bytes {
  return hash(
    bytesOf((out) => {
      out.blob(new TextEncoder().encode("oskr in run"));
      out.bytes(domain);
      out.bytes(name);
    }),
  );
}

/**
 * The domain in which clients sign requests to the cluster with that domain. It stands before a
 * root, not before each leaf, so that whoever reads a batch can hash what is in it without knowing
 * for which cluster it is.
 */
export function clientDomainOf(domain: Bytes): Bytes {
  return hash(
    bytesOf((out) => {
      out.blob(new TextEncoder().encode("oskr client"));
      out.bytes(domain);
    }),
  );
}

/** The first byte of what a client's key signs: no kind of a message. */
const CLIENT_ROOT = 0xff;
const clientRoot = new Uint8Array(1 + 32).fill(CLIENT_ROOT);

/** What a client's key signs for what a tree of requests comes to, in a client domain. */
export function clientDigest(
  hasher: { single(signed: Bytes, domain: Bytes): Bytes },
  root: Bytes,
  domain: Bytes,
): Bytes {
  clientRoot.set(root, 1);
  return hasher.single(clientRoot, domain);
}

/**
 * The domain of a message that begins so, in a run with that domain or in none: its kind decides
 * alone, so that no message holds in two.
 */
export function signedIn(signed: Bytes, cluster: Bytes, run: Bytes | null): Bytes {
  return run === null || isRunless(signed) ? cluster : run;
}

/** Whether what begins so is signed for the cluster, whichever run its signer is in. */
export function isRunless(signed: Bytes): boolean {
  const kind = signed[0] ?? 0;
  return kind >= RUNLESS_KINDS_START && kind < RUNLESS_KINDS_END;
}

function hash(input: Bytes): Bytes {
  const digest = new Uint8Array(32);
  Bun.SHA256.hash(input, digest);
  return digest;
}
