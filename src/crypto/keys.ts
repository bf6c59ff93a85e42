// Keys of replicas: PKCS#8 PEM files (RFC 5208, RFC 5915) of secp256k1, as openssl writes them.

import { closeSync, existsSync, fchmodSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { DER } from "@noble/curves/abstract/der.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Bytes, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { UsageError } from "../base/errors.ts";
import { equal } from "../wire.ts";

export interface KeyPair {
  /** 32 bytes. */
  readonly secretKey: Bytes;
  /** 33 bytes, compressed. */
  readonly publicKey: Bytes;
}

/** What a stage signs and checks with. */
export interface StageKeys {
  /** Whose secret key it is; null at clients, which only check. */
  readonly self: Signer | null;
  /** 32 bytes, or null with `self`. */
  readonly secretKey: Bytes | null;
  /** Compressed, 33 bytes each, by replica. */
  readonly publicKeys: readonly Bytes[];
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT = 0x06;
const SEQUENCE = 0x30;
const PUBLIC_KEY_TAG = 0xa1;
/** 1.2.840.10045.2.1 and 1.3.132.0.10. */
const EC_PUBLIC_KEY = "2a8648ce3d0201";
const SECP256K1 = "2b8104000a";

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

/** Reads a secret key. Throws UsageError. */
export function readKeyPair(path: string): KeyPair {
  const pem = readPem(path);
  if (pem.label === "PRIVATE KEY") return parsePrivateKey(path, pem.der);
  throw new UsageError(`${path}: ${wrongLabel(pem.label)}`);
}

/**
 * Reads a public key, compressed, from a file that may hold the secret key as well. Throws
 * UsageError.
 */
export function readPublicKey(path: string): Bytes {
  const pem = readPem(path);
  if (pem.label === "PUBLIC KEY") return parsePublicKey(path, pem.der);
  if (pem.label === "PRIVATE KEY") return parsePrivateKey(path, pem.der).publicKey;
  throw new UsageError(`${path}: ${wrongLabel(pem.label)}`);
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
export function formatPrivateKey({ secretKey, publicKey }: KeyPair): string {
  const point = `00${secp256k1.Point.fromBytes(publicKey).toHex(false)}`;
  const key = sequence(
    encode(INTEGER, "01"),
    encode(OCTET_STRING, Buffer.from(secretKey).toString("hex")),
    encode(PUBLIC_KEY_TAG, encode(BIT_STRING, point)),
  );
  const algorithm = sequence(encode(OBJECT, EC_PUBLIC_KEY), encode(OBJECT, SECP256K1));
  const der = sequence(encode(INTEGER, "00"), algorithm, encode(OCTET_STRING, key));
  const lines =
    Buffer.from(der, "hex")
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

/** Writes a new secret key that only its owner can read. Throws UsageError if the file is there. */
export function writeKeyPair(path: string, pair: KeyPair): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    const why = existsSync(path) ? "exists already; remove it first" : reason(error);
    throw new UsageError(`${path}: ${why}`);
  }
  fchmodSync(file, 0o600);
  writeSync(file, formatPrivateKey(pair));
  closeSync(file);
}

/**
 * Writes `n` new secret keys, and returns their paths. Throws UsageError before it writes any if
 * one is there, or if there is no directory for them.
 */
export function writeKeyPairs(prefix: string, n: number): readonly string[] {
  const paths = Array.from({ length: n }, (_, i) => keyPath(prefix, i));
  const taken = paths.find((path) => existsSync(path));
  if (taken !== undefined) throw new UsageError(`${taken}: exists already; remove it first`);
  if (!existsSync(dirname(prefix))) throw new UsageError(`${dirname(prefix)}: no such directory`);
  for (const path of paths) writeKeyPair(path, generateKeyPair());
  return paths;
}

function sequence(...items: readonly string[]): string {
  return encode(SEQUENCE, items.join(""));
}

function encode(tag: number, content: string): string {
  return DER._tlv.encode(tag, content);
}

interface Pem {
  readonly label: string;
  readonly der: Bytes;
}

/** The first PEM block that is no parameters; text around it is a comment, as for openssl. */
function readPem(path: string): Pem {
  if (!existsSync(path)) {
    throw new UsageError(`${path}: no such file; npm run keygen -- PREFIX N writes keys`);
  }
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    throw new UsageError(`${path}: ${reason(error)}`);
  }
  const block = /^-----BEGIN ([A-Z0-9 ]+)-----\s([\s\S]*?)^-----END \1-----\s*$/gm;
  for (const [, label = "", body = ""] of text.matchAll(block)) {
    if (label === "EC PARAMETERS") continue;
    const base64 = body.replace(/\s+/g, "");
    // Old formats put headers ("Proc-Type: …") first; their labels are refused anyway.
    const plain = /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
    return { label, der: plain ? Buffer.from(base64, "base64") : new Uint8Array(0) };
  }
  throw new UsageError(`${path}: not a PEM file with a key`);
}

function wrongLabel(label: string): string {
  switch (label) {
    case "EC PRIVATE KEY":
      return "a SEC1 key; convert it with: openssl pkcs8 -topk8 -nocrypt";
    case "ENCRYPTED PRIVATE KEY":
      return "an encrypted key; decrypt it with: openssl pkcs8 -topk8 -nocrypt";
    case "PUBLIC KEY":
      return "a public key; the replica needs its private key";
    default:
      return `a PEM block '${label}'; expected 'PRIVATE KEY' (PKCS#8)`;
  }
}

/** PrivateKeyInfo { 0, { ecPublicKey, secp256k1 }, ECPrivateKey { 1, key, [1] publicKey? } }. */
function parsePrivateKey(path: string, der: Bytes): KeyPair {
  const secretKey = parsing(path, "PKCS#8 private key", () => {
    const info = take(SEQUENCE, der);
    const version = take(INTEGER, info.content);
    if (hex(version.content) !== "00" && hex(version.content) !== "01") malformed();
    const algorithm = take(SEQUENCE, version.rest);
    requireCurve(path, algorithm.content);
    const ecKey = take(SEQUENCE, take(OCTET_STRING, algorithm.rest).content);
    const ecVersion = take(INTEGER, ecKey.content);
    if (hex(ecVersion.content) !== "01") malformed();
    return take(OCTET_STRING, ecVersion.rest).content.slice();
  });
  if (!secp256k1.utils.isValidSecretKey(secretKey)) {
    throw new UsageError(`${path}: its secret key is not in the range of secp256k1`);
  }
  return { secretKey, publicKey: publicKeyOf(secretKey) };
}

/** SubjectPublicKeyInfo { { ecPublicKey, secp256k1 }, point }. */
function parsePublicKey(path: string, der: Bytes): Bytes {
  return parsing(path, "public key", () => {
    const algorithm = take(SEQUENCE, take(SEQUENCE, der).content);
    requireCurve(path, algorithm.content);
    const bits = take(BIT_STRING, algorithm.rest).content;
    if (bits[0] !== 0) malformed();
    return secp256k1.Point.fromBytes(bits.subarray(1)).toBytes(true);
  });
}

function requireCurve(path: string, algorithm: Bytes): void {
  const type = take(OBJECT, algorithm);
  if (hex(type.content) !== EC_PUBLIC_KEY) {
    throw new UsageError(`${path}: not an elliptic curve key; expected secp256k1`);
  }
  if (type.rest[0] !== OBJECT || hex(take(OBJECT, type.rest).content) !== SECP256K1) {
    throw new UsageError(`${path}: a key of another curve; expected secp256k1`);
  }
}

/** Runs a parser of DER; what it throws becomes one line that names the file. */
function parsing<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path}: malformed ${what}`);
  }
}

function take(tag: number, der: Bytes): { readonly content: Bytes; readonly rest: Bytes } {
  const { v, l } = DER._tlv.decode(tag, der);
  return { content: v, rest: l };
}

function malformed(): never {
  throw new DER.Err("unexpected value");
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString("hex");
}

function reason(error: unknown): string {
  assert(error instanceof Error, "only errors are thrown");
  return error.message;
}
