// Keys of clients, which come and go: what is kept of them, and that both stages judge alike.

import { A_CLIENT } from "../../src/base/client-key.ts";
import { describe, expect, test } from "bun:test";
import { generateKeyPair } from "../../src/crypto/keys.ts";
import { ClientKeys, NO_KEY_SLOT } from "../../src/crypto/client-keys.ts";
import { openNativeStage } from "../../src/crypto/native.ts";
import { openNobleStage } from "../../src/crypto/noble.ts";
import { ALL_CLIENT_ROOTS_MAX, CLIENT_ROOTS_MAX, ClientRoots } from "../../src/crypto/roots.ts";
import type { BlockStage } from "../../src/crypto/stage.ts";
import type { SignatureKind } from "../../src/protocol-config.ts";
import { CLIENT_KEYS_MAX, KEYS_MAX } from "../../src/ffi/native.ts";
import { type Bytes, type Proof } from "../../src/wire.ts";
import { libraries, testUnless } from "../support/optional.ts";

const DOMAIN = new Uint8Array(32).fill(3);
const keyOf = (number: number): Bytes => {
  const key = new Uint8Array(33).fill(2);
  new DataView(key.buffer).setUint32(1, number);
  return key;
};
const digestOf = (number: number): Bytes => keyOf(number).slice(1);

describe("what is remembered of clients' keys", () => {
  test("so many roots of one key, and of all together; the key used least recently goes", () => {
    const roots = new ClientRoots();
    const signature = new Uint8Array(64);
    for (let i = 0; i < 2 * CLIENT_ROOTS_MAX; i++) {
      roots.of(keyOf(0)).add(0, digestOf(i << 8), signature);
    }
    expect(roots.size).toBe(CLIENT_ROOTS_MAX);
    for (let key = 1; key <= 2000; key++) {
      roots.of(keyOf(key)).add(0, digestOf(1 << 8), signature);
      roots.of(keyOf(0));
      expect(roots.size).toBeLessThanOrEqual(ALL_CLIENT_ROOTS_MAX);
    }
    expect(roots.of(keyOf(0)).size(0)).toBe(CLIENT_ROOTS_MAX);
    expect(roots.of(keyOf(2000)).has(0, digestOf(1 << 8), signature)).toBe(true);
    expect(roots.of(keyOf(1)).has(0, digestOf(1 << 8), signature)).toBe(false);
  });

  test("4,096 parsed keys, of which none gives way while a check of it is under way", () => {
    const parsed: number[] = [];
    const keys = new ClientKeys((slot, key) => {
      parsed.push(slot);
      return key[32] !== 9;
    });
    const first = keys.slotOf(keyOf(0));
    expect(first).toBe(KEYS_MAX);
    expect(keys.slotOf(keyOf(0))).toBe(first);
    keys.begin(first);
    const second = keys.slotOf(keyOf(1));
    for (let i = 2; i < CLIENT_KEYS_MAX; i++) keys.slotOf(keyOf(i));
    expect(parsed).toHaveLength(CLIENT_KEYS_MAX);
    // The first is in use, so that the second gives way.
    expect(keys.slotOf(keyOf(CLIENT_KEYS_MAX))).toBe(second);
    expect(keys.slotOf(keyOf(0))).toBe(first);
    keys.end(first);
    const none = keyOf(77_777);
    none[32] = 9;
    expect(keys.slotOf(none)).toBe(NO_KEY_SLOT);
    expect(Math.max(...parsed)).toBeLessThan(NO_KEY_SLOT);
  });
});

/** Signs with the stage; the proof. */
async function signedBy(stage: BlockStage, key: Bytes, signed: Bytes): Promise<Proof> {
  const block = await new Promise<Bytes>((resolve) => {
    stage.sign(signed, null, (made) => resolve(made.slice()));
    while (stage.runJob() || stage.poll() > 0);
  });
  return { signer: A_CLIENT, key, signed, signature: block };
}

function holdsBy(stage: BlockStage, proof: Proof): boolean {
  let verdict = false;
  stage.verify([proof], null, (valid) => {
    verdict = valid;
  });
  while (stage.runJob() || stage.poll() > 0);
  return verdict;
}

testUnless(libraries())("A2 both stages sign and check requests alike", async () => {
  const { publicKey, secretKey } = generateKeyPair();
  const own = { self: null, secretKey, publicKeys: [], domain: DOMAIN };
  const others = { ...own, secretKey: null, requests: { key: null } };
  const signed = new Uint8Array(118).fill(9);
  for (const kind of ["each", "batch"] as const satisfies readonly SignatureKind[]) {
    const requests = { key: publicKey };
    const makers = [
      openNobleStage({ ...own, kind, requests }),
      openNativeStage({ ...own, kind, requests, workers: 0 }),
    ];
    const checkers = [
      openNobleStage({ ...others, kind }),
      openNativeStage({ ...others, kind, workers: 0 }),
    ];
    for (const maker of makers) {
      const proof = await signedBy(maker, publicKey, signed);
      for (const checker of checkers) {
        expect(holdsBy(checker, proof)).toBe(true);
        expect(holdsBy(checker, { ...proof, signed: signed.slice(1) })).toBe(false);
        expect(holdsBy(checker, { ...proof, key: generateKeyPair().publicKey })).toBe(false);
        expect(holdsBy(checker, { ...proof, key: keyOf(5) })).toBe(false);
        expect(holdsBy(checker, { ...proof, key: new Uint8Array(33) })).toBe(false);
      }
      // Where clients do not sign, nothing of a client's holds.
      const { requests: _, ...plain } = { ...others, kind };
      expect(holdsBy(openNobleStage(plain), proof)).toBe(false);
    }
    for (const stage of [...makers, ...checkers]) stage.close();
  }
});
