// What tests of signatures share: a cluster's keys, and stages driven until they have answered.

import type { Bytes, Proof } from "../../src/actor.ts";
import type { KeyPair } from "../../src/crypto/key-der.ts";
import { generateKeyPair } from "../../src/crypto/keys.ts";
import type { RootSigner } from "../../src/crypto/stage.ts";
import type { Stage } from "../../src/driver.ts";
import { libraries } from "./optional.ts";

/** Why there is no native library, or null. */
export const nativeMissing = libraries();

export const REPLICAS = 4;
export const pairs: readonly KeyPair[] = Array.from({ length: REPLICAS }, generateKeyPair);
export const publicKeys: readonly Bytes[] = pairs.map((pair) => pair.publicKey);
export const domain: Bytes = new Uint8Array(32).fill(0xd0);

export function keysOf(self: number | null) {
  return { self, secretKey: self === null ? null : pairs[self]!.secretKey, publicKeys };
}

export function message(i: number, length = 40): Bytes {
  const bytes = new Uint8Array(length).fill(i);
  new DataView(bytes.buffer).setUint32(0, i);
  return bytes;
}

/** The digest of bytes and single bytes one after another. */
export function sha256(...parts: readonly (Bytes | number)[]) {
  const bytes = parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part));
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(Buffer.concat(bytes)).digest());
}

/** Turns of a run loop until the condition holds; native threads need real time, so it yields to them. */
export async function until(stage: Stage | RootSigner, holds: () => boolean): Promise<void> {
  while (!holds()) {
    if (stage.poll() === 0 && !stage.runJob()) await Bun.sleep(0);
  }
}

/** The blocks of messages that were waiting together. */
export async function signAll(stage: Stage, messages: readonly Bytes[]): Promise<readonly Bytes[]> {
  const blocks: Bytes[] = [];
  let count = 0;
  for (const [i, signed] of messages.entries()) {
    stage.sign(signed, null, (block) => {
      blocks[i] = block.slice();
      count++;
    });
  }
  await until(stage, () => count === messages.length);
  return blocks;
}

export async function check(stage: Stage, proofs: readonly Proof[]): Promise<boolean> {
  let answer: boolean | null = null;
  stage.verify(proofs, null, (valid) => (answer = valid));
  await until(stage, () => answer !== null);
  return answer === true;
}

export async function checkDigest(
  signer: RootSigner,
  key: number,
  digest: Bytes,
  signature: Bytes,
): Promise<boolean> {
  let answer: boolean | null = null;
  signer.verify(key, digest, signature, (valid) => (answer = valid));
  await until(signer, () => answer !== null);
  return answer === true;
}

export async function signDigest(signer: RootSigner, digest: Bytes): Promise<Bytes> {
  let made: Bytes | null = null;
  signer.sign(digest, (signature) => (made = signature.slice()));
  await until(signer, () => made !== null);
  return made!;
}
