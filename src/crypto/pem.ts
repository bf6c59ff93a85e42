// PEM files (RFC 7468), read as openssl does: blocks, with any text around them.

import { existsSync } from "node:fs";
import type { Bytes } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import { decodeText, readBytes } from "../base/text-file.ts";

export interface PemBlock {
  /** What is between BEGIN and the dashes. */
  readonly label: string;
  /** Empty if it is no base64. */
  readonly der: Bytes;
}

const INTEGER = 0x02;
const OBJECT = 0x06;
const SEQUENCE = 0x30;

/** All blocks of a file, one at least. Throws UsageError. */
export function readPem(path: string): readonly PemBlock[] {
  if (!existsSync(path)) {
    throw new UsageError(`${path}: no such file; npm run keygen -- PREFIX N writes keys`);
  }
  const bytes = readBytes(path);
  if (bytes[0] === SEQUENCE) throw new UsageError(`${path}: ${describeDer(path, bytes)}`);
  const pattern = /^-----BEGIN ([A-Z0-9 ]+)-----\s([\s\S]*?)^-----END \1-----\s*$/gm;
  const blocks = [...decodeText(path, bytes).matchAll(pattern)].map(
    ([, label = "", body = ""]): PemBlock => {
      const base64 = body.replace(/\s+/g, "");
      // Old formats put headers ("Proc-Type: …") first; their labels are refused anyway.
      const plain = /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
      return { label, der: plain ? Buffer.from(base64, "base64") : new Uint8Array(0) };
    },
  );
  if (blocks.length === 0) throw new UsageError(`${path}: not a PEM file with a key`);
  return blocks;
}

/** What is in a file that has no key as it is wanted, and how to make one of it. */
export function describeBlocks(path: string, blocks: readonly PemBlock[]): string {
  const [label = ""] = blocks.map((block) => block.label).filter((one) => one !== "EC PARAMETERS");
  switch (label) {
    case "":
      return (
        "parameters of a curve, and no key: openssl genpkey -algorithm EC " +
        `-pkeyopt ec_paramgen_curve:secp256k1 -out ${path}`
      );
    case "EC PRIVATE KEY":
      return `a SEC1 key; convert it with: openssl pkcs8 -topk8 -nocrypt ${inOut(path)}`;
    case "ENCRYPTED PRIVATE KEY":
      return `an encrypted key; decrypt it with: openssl pkcs8 -topk8 -nocrypt ${inOut(path)}`;
    case "PUBLIC KEY":
      return "a public key; the replica needs its private key";
    case "CERTIFICATE":
    case "X509 CERTIFICATE":
    case "TRUSTED CERTIFICATE":
      return `a certificate; its public key: openssl x509 -noout -pubkey ${inOut(path)}`;
    case "CERTIFICATE REQUEST":
    case "NEW CERTIFICATE REQUEST":
      return `a certificate request; its public key: openssl req -noout -pubkey ${inOut(path)}`;
    case "OPENSSH PRIVATE KEY":
    case "RSA PRIVATE KEY":
    case "RSA PUBLIC KEY":
    case "DSA PRIVATE KEY":
      return `an ${label.split(" ")[0]} key; expected secp256k1`;
    default:
      return `a PEM block '${label}'; expected 'PRIVATE KEY' (PKCS#8)`;
  }
}

/** What a file is that begins with the DER of a sequence instead, and the command that converts. */
function describeDer(path: string, bytes: Bytes): string {
  const [tag, version] = firstOf(bytes);
  if (tag === SEQUENCE) {
    const key = firstOf(bytes.subarray(contentAt(bytes)))[0] === OBJECT;
    return key
      ? `a public key in DER; convert it with: openssl pkey -pubin -inform DER ${inOut(path)}`
      : `a certificate in DER; its key: openssl x509 -inform DER -noout -pubkey ${inOut(path)}`;
  }
  if (tag === INTEGER && version === 3) {
    return `PKCS#12; its key: openssl pkcs12 -nocerts -nodes ${inOut(path)}`;
  }
  return `a key in DER; convert it with: openssl pkey -inform DER ${inOut(path)}`;
}

function inOut(path: string): string {
  return `-in ${path} -out NEW`;
}

/** The tag of the first item in a sequence, and the first byte of that item's content. */
function firstOf(sequence: Bytes): readonly [number, number] {
  const at = contentAt(sequence);
  const item = sequence.subarray(at);
  return [item[0] ?? 0, item[contentAt(item)] ?? 0];
}

/** Where the content of an item begins: behind its tag and its length. */
function contentAt(item: Bytes): number {
  const length = item[1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}
