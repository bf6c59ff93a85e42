// The DER within key files: PKCS#8 (RFC 5208), ECPrivateKey (RFC 5915), SubjectPublicKeyInfo and
// the parameters of curves (RFC 5480, RFC 3279 section 2.3.5, SEC 1 appendix C).

import { DER } from "@noble/curves/abstract/der.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Bytes } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import { equal } from "../wire.ts";

export interface KeyPair {
  /** 32 bytes. */
  readonly secretKey: Bytes;
  /** 33 bytes, compressed. */
  readonly publicKey: Bytes;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT = 0x06;
const SEQUENCE = 0x30;
const PARAMETERS_TAG = 0xa0;
const PUBLIC_KEY_TAG = 0xa1;
/** 1.2.840.10045.2.1, 1.3.132.0.10 and 1.2.840.10045.1.1. */
const EC_PUBLIC_KEY = "2a8648ce3d0201";
const SECP256K1 = "2b8104000a";
const PRIME_FIELD = "2a8648ce3d0101";
/** Curves and algorithms that keys come with instead, by their object identifiers. */
const OTHERS: { readonly [oid: string]: string } = {
  "2a8648ce3d030107": "prime256v1",
  "2b81040021": "secp224r1",
  "2b81040022": "secp384r1",
  "2b81040023": "secp521r1",
  "2b2403030208010107": "brainpoolP256r1",
  "2a811ccf5501822d": "SM2",
  "2a864886f70d010101": "RSA",
  "2b656e": "X25519",
  "2b6570": "Ed25519",
  "2b6571": "Ed448",
};

/**
 * PrivateKeyInfo { 0, { ecPublicKey, curve }, ECPrivateKey { 1, key, [0] curve?, [1] point? } }.
 * Throws UsageError that begins with `path`, also where the public key is that of another secret.
 */
export function parsePrivateKey(path: string, der: Bytes): KeyPair {
  const { secret, point } = parsing(path, "PKCS#8 private key", () => {
    const info = take(SEQUENCE, der);
    const version = take(INTEGER, info.content);
    if (hex(version.content) !== "00" && hex(version.content) !== "01") malformed();
    const algorithm = take(SEQUENCE, version.rest);
    requireCurve(path, algorithm.content);
    return parseEcKey(path, take(OCTET_STRING, algorithm.rest).content);
  });
  const secretKey = secretOf(secret);
  if (secretKey === null) {
    throw new UsageError(`${path}: its secret key is not in the range of secp256k1`);
  }
  const publicKey = secp256k1.getPublicKey(secretKey);
  if (point !== null && !equal(point, publicKey)) {
    throw new UsageError(`${path}: its public key is not that of its secret key`);
  }
  return { secretKey, publicKey };
}

/** SubjectPublicKeyInfo { { ecPublicKey, curve }, point }. Throws UsageError. */
export function parsePublicKey(path: string, der: Bytes): Bytes {
  return parsing(path, "public key", () => {
    const algorithm = take(SEQUENCE, take(SEQUENCE, der).content);
    requireCurve(path, algorithm.content);
    return pointIn(take(BIT_STRING, algorithm.rest).content);
  });
}

/** The DER of a secret key, byte for byte what `openssl pkcs8 -topk8 -nocrypt` writes, in hex. */
export function encodePrivateKey({ secretKey, publicKey }: KeyPair): string {
  const point = `00${secp256k1.Point.fromBytes(publicKey).toHex(false)}`;
  const key = sequence(
    encode(INTEGER, "01"),
    encode(OCTET_STRING, hex(secretKey)),
    encode(PUBLIC_KEY_TAG, encode(BIT_STRING, point)),
  );
  const algorithm = sequence(encode(OBJECT, EC_PUBLIC_KEY), encode(OBJECT, SECP256K1));
  return sequence(encode(INTEGER, "00"), algorithm, encode(OCTET_STRING, key));
}

function parseEcKey(
  path: string,
  der: Bytes,
): { readonly secret: Bytes; readonly point: Bytes | null } {
  const key = take(SEQUENCE, der);
  const version = take(INTEGER, key.content);
  if (hex(version.content) !== "01") malformed();
  const secret = take(OCTET_STRING, version.rest);
  let { rest } = secret;
  if (rest[0] === PARAMETERS_TAG) {
    const parameters = take(PARAMETERS_TAG, rest);
    requireParameters(path, parameters.content);
    ({ rest } = parameters);
  }
  if (rest.length === 0) return { secret: secret.content, point: null };
  const bits = take(BIT_STRING, take(PUBLIC_KEY_TAG, rest).content);
  return { secret: secret.content, point: pointIn(bits.content) };
}

/** Padded to 32 bytes, because openssl reads it as a number of any length; null if out of range. */
function secretOf(bytes: Bytes): Bytes | null {
  const from = bytes.findIndex((byte) => byte !== 0);
  const digits = from < 0 ? new Uint8Array(0) : bytes.subarray(from);
  if (digits.length > 32) return null;
  const secret = new Uint8Array(32);
  secret.set(digits, 32 - digits.length);
  return secp256k1.utils.isValidSecretKey(secret) ? secret : null;
}

/** The point of a bit string, compressed. */
function pointIn(bits: Bytes): Bytes {
  if (bits[0] !== 0) malformed();
  return pointOf(bits.subarray(1));
}

/** A point in any of the three forms of SEC 1, section 2.3.3: hybrid has x, y and the sign of y. */
function pointOf(bytes: Bytes): Bytes {
  const [form = 0] = bytes;
  const hybrid = form === 6 || form === 7;
  if (hybrid && ((bytes.at(-1) ?? 0) & 1) !== (form & 1)) malformed();
  const plain = hybrid ? Uint8Array.of(4, ...bytes.subarray(1)) : bytes;
  return secp256k1.Point.fromBytes(plain).toBytes(true);
}

/** AlgorithmIdentifier { ecPublicKey, parameters }. */
function requireCurve(path: string, algorithm: Bytes): void {
  const type = take(OBJECT, algorithm);
  if (hex(type.content) !== EC_PUBLIC_KEY) {
    const name = OTHERS[hex(type.content)];
    const what = name === undefined ? "not an elliptic curve key" : `a key of ${name}`;
    throw new UsageError(`${path}: ${what}; expected secp256k1`);
  }
  requireParameters(path, type.rest);
}

/** The curve's name, or all of its numbers. */
function requireParameters(path: string, parameters: Bytes): void {
  const named = parameters[0] === OBJECT ? hex(take(OBJECT, parameters).content) : null;
  if (named === SECP256K1) return;
  if (named === null && parameters[0] === SEQUENCE && isExplicit(parameters)) return;
  const name = named === null ? undefined : OTHERS[named];
  const what = name === undefined ? "a key of another curve" : `a key of the curve ${name}`;
  throw new UsageError(`${path}: ${what}; expected secp256k1`);
}

/**
 * Whether explicit parameters are those of secp256k1: SpecifiedECDomain { 1, { primeField, p },
 * { a, b, seed? }, base, order, cofactor? }.
 */
function isExplicit(parameters: Bytes): boolean {
  const { p, n, a, b, h } = secp256k1.Point.CURVE();
  const version = take(INTEGER, take(SEQUENCE, parameters).content);
  const field = take(SEQUENCE, version.rest);
  const fieldType = take(OBJECT, field.content);
  if (hex(fieldType.content) !== PRIME_FIELD) return false;
  const curve = take(SEQUENCE, field.rest);
  const first = take(OCTET_STRING, curve.content);
  const second = take(OCTET_STRING, first.rest);
  const base = take(OCTET_STRING, curve.rest);
  const order = take(INTEGER, base.rest);
  const cofactor = order.rest.length === 0 ? h : number(take(INTEGER, order.rest).content);
  const same =
    number(take(INTEGER, fieldType.rest).content) === p &&
    number(first.content) === a &&
    number(second.content) === b &&
    number(order.content) === n &&
    cofactor === h;
  return same && equal(pointOf(base.content), secp256k1.Point.BASE.toBytes(true));
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

function sequence(...items: readonly string[]): string {
  return encode(SEQUENCE, items.join(""));
}

function encode(tag: number, content: string): string {
  return DER._tlv.encode(tag, content);
}

function malformed(): never {
  throw new DER.Err("unexpected value");
}

function number(bytes: Bytes): bigint {
  return BigInt(`0x0${hex(bytes)}`);
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString("hex");
}
