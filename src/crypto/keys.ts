// Keys of replicas: PKCS#8 PEM files (RFC 5208, RFC 5915) of secp256k1, as openssl writes them.

import { closeSync, existsSync, fchmodSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Bytes, Signer } from "../actor.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import { equal } from "../wire.ts";
import { encodePrivateKey, parsePrivateKey, parsePublicKey, type KeyPair } from "./key-der.ts";
import { describeBlocks, readPem, type PemBlock } from "./pem.ts";

/** What a stage signs and checks with. */
export interface StageKeys {
  /** Whose secret key it is; null at clients, which only check. */
  readonly self: Signer | null;
  /** 32 bytes, or null with `self`. */
  readonly secretKey: Bytes | null;
  /** Compressed, 33 bytes each, by replica. */
  readonly publicKeys: readonly Bytes[];
}

/** The file of a replica's key. */
export function keyPath(prefix: string, replica: Signer): string {
  return `${prefix}-${replica}.pem`;
}

/**
 * Reads PREFIX-0.pem to PREFIX-(n-1).pem: of replica `self` the secret key, of the others the
 * public one, from which their files may hold no more (`openssl pkey -pubout`). Throws UsageError
 * on a file that is missing or holds something else, and on two replicas with one key.
 */
export function readStageKeys(prefix: string, n: number, self: Signer | null): StageKeys {
  const publicKeys = Array.from({ length: n }, (_, i) => readPublicKey(keyPath(prefix, i)));
  for (const [i, key] of publicKeys.entries()) {
    const twin = publicKeys.findIndex((other) => equal(other, key));
    if (twin === i) continue;
    throw new UsageError(`${keyPath(prefix, i)} is the same key as ${keyPath(prefix, twin)}`);
  }
  const secretKey = self === null ? null : readKeyPair(keyPath(prefix, self)).secretKey;
  return { self, secretKey, publicKeys };
}

/**
 * Reads a secret key: the first of its file, as openssl does. Throws UsageError, also where a
 * public key in the file is that of another.
 */
export function readKeyPair(path: string): KeyPair {
  const blocks = readPem(path);
  const pair = privateKeyIn(path, blocks);
  if (pair === null) throw new UsageError(`${path}: ${describeBlocks(path, blocks)}`);
  return pair;
}

/**
 * Reads a public key, compressed, from a file that may hold the secret key as well. Throws
 * UsageError.
 */
export function readPublicKey(path: string): Bytes {
  const blocks = readPem(path);
  const pair = privateKeyIn(path, blocks);
  const key = pair === null ? publicKeysIn(path, blocks)[0] : pair.publicKey;
  if (key === undefined) throw new UsageError(`${path}: ${describeBlocks(path, blocks)}`);
  return key;
}

function privateKeyIn(path: string, blocks: readonly PemBlock[]): KeyPair | null {
  const block = blocks.find(({ label }) => label === "PRIVATE KEY");
  if (block === undefined) return null;
  const pair = parsePrivateKey(path, block.der);
  if (publicKeysIn(path, blocks).every((key) => equal(key, pair.publicKey))) return pair;
  throw new UsageError(`${path}: its public key is not that of its secret key`);
}

function publicKeysIn(path: string, blocks: readonly PemBlock[]): readonly Bytes[] {
  return blocks
    .filter(({ label }) => label === "PUBLIC KEY")
    .map(({ der }) => parsePublicKey(path, der));
}

/** A new key pair from the system's randomness. */
export function generateKeyPair(): KeyPair {
  return secp256k1.keygen();
}

/** The public key of a secret one, compressed. */
export function publicKeyOf(secretKey: Bytes): Bytes {
  return secp256k1.getPublicKey(secretKey);
}

/** The PEM text of a secret key, byte for byte what `openssl pkcs8 -topk8 -nocrypt` writes. */
export function formatPrivateKey(pair: KeyPair): string {
  const base64 = Buffer.from(encodePrivateKey(pair), "hex").toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

/**
 * Writes a new secret key that only its owner can read. Throws UsageError if the file is there, or
 * cannot be written to its end, and is gone then.
 */
export function writeKeyPair(path: string, pair: KeyPair): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    const why = existsSync(path) ? "exists already; remove it first" : reasonOf(error);
    throw new UsageError(`${path}: ${why}`);
  }
  try {
    fchmodSync(file, 0o600);
    const bytes = Buffer.from(formatPrivateKey(pair));
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
  } catch (error) {
    rmSync(path);
    throw new UsageError(`${path}: cannot be written: ${reasonOf(error)}`);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes `n` new secret keys, and returns their paths. Throws UsageError, and leaves none, if one
 * is there, if there is no directory for them, or no room.
 */
export function writeKeyPairs(prefix: string, n: number): readonly string[] {
  const paths = Array.from({ length: n }, (_, i) => keyPath(prefix, i));
  const taken = paths.find((path) => existsSync(path));
  if (taken !== undefined) throw new UsageError(`${taken}: exists already; remove it first`);
  if (!existsSync(dirname(prefix))) throw new UsageError(`${dirname(prefix)}: no such directory`);
  const written: string[] = [];
  try {
    for (const path of paths) {
      writeKeyPair(path, generateKeyPair());
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path);
    throw error;
  }
  return paths;
}
