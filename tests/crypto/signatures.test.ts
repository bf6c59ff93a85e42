// Shows that noble and libsecp256k1 accept the same signatures of digests: those of each other,
// those that Project Wycheproof calls valid if they are low-S, and none that is malformed, altered
// or someone else's.

import { afterAll, expect, test } from "bun:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import type { Bytes } from "../../src/actor.ts";
import { NativeSigner } from "../../src/crypto/native.ts";
import { NobleSigner } from "../../src/crypto/noble.ts";
import type { RootSigner } from "../../src/crypto/stage.ts";
import type { Lack } from "../support/lack.ts";
import { describeUnless } from "../support/optional.ts";
import {
  checkDigest,
  message,
  nativeMissing,
  pairs,
  publicKeys,
  sha256,
  signDigest,
} from "../support/signatures.ts";
import wycheproof from "../vectors/wycheproof-secp256k1.json" with { type: "json" };
import { PATIENCE_MS } from "../support/patience.ts";

const order = secp256k1.Point.Fn.ORDER;
const secretKey = pairs[0]!.secretKey;

type Open = (keys: readonly Bytes[]) => RootSigner;
const engines: readonly (readonly [string, Open, Lack | null])[] = [
  ["noble", (keys) => new NobleSigner(secretKey, keys), null],
  ["native", (keys) => new NativeSigner(secretKey, keys, 0), nativeMissing],
];

function digestOf(i: number): Bytes {
  return sha256(message(i));
}

function scalar(value: bigint): Bytes {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

function joined(r: bigint, s: bigint): Bytes {
  return new Uint8Array(Buffer.concat([scalar(r), scalar(s)]));
}

function parts(signature: Bytes): { r: bigint; s: bigint } {
  const hex = Buffer.from(signature).toString("hex");
  return { r: BigInt(`0x${hex.slice(0, 64)}`), s: BigInt(`0x${hex.slice(64)}`) };
}

for (const [name, open, lack] of engines) {
  describeUnless(lack)(`signatures by ${name}`, () => {
    const engine = lack !== null ? null! : open(publicKeys);
    const reference = new NobleSigner(secretKey, publicKeys);
    afterAll(() => engine?.close());

    test("are those of RFC 6979, so the same by all, and low-S", async () => {
      for (let i = 0; i < 20; i++) {
        const made = await signDigest(engine, digestOf(i));
        expect(made).toEqual(await signDigest(reference, digestOf(i)));
        expect(parts(made).s <= order / 2n).toBe(true);
        expect(await checkDigest(engine, 0, digestOf(i), made)).toBe(true);
      }
    });

    test("with other scalars do not hold", async () => {
      const digest = digestOf(1);
      const { r, s } = parts(await signDigest(reference, digest));
      const all = 2n ** 256n - 1n;
      const bad: readonly (readonly [string, bigint, bigint])[] = [
        ["high s", r, order - s],
        ["r = 0", 0n, s],
        ["s = 0", r, 0n],
        ["both 0", 0n, 0n],
        ["r = n", order, s],
        ["s = n", r, order],
        ["s + n, if it fits", r, s + order <= all ? s + order : order + 1n],
        ["r = 2^256 - 1", all, s],
        ["s = 2^256 - 1", r, all],
        ["r = n - r", order - r, s],
        ["r and s exchanged", s, r],
        ["1 and 1", 1n, 1n],
      ];
      for (const [what, badR, badS] of bad) {
        const held = await checkDigest(engine, 0, digest, joined(badR, badS));
        expect(`${what}: ${held}`).toBe(`${what}: false`);
      }
    });

    test("with any bit flipped, of the signature or the digest, do not hold", async () => {
      const digest = digestOf(2);
      const made = await signDigest(reference, digest);
      const flipped = (bytes: Bytes, bit: number): Bytes => {
        const copy = bytes.slice();
        copy[bit >> 3]! ^= 1 << (bit & 7);
        return copy;
      };
      await fc.assert(
        fc.asyncProperty(fc.nat(511), fc.nat(255), async (inSignature, inDigest) => {
          expect(await checkDigest(engine, 0, digest, flipped(made, inSignature))).toBe(false);
          expect(await checkDigest(engine, 0, flipped(digest, inDigest), made)).toBe(false);
        }),
        { numRuns: 40 },
      );
    });

    test("do not hold for another key", async () => {
      const made = await signDigest(reference, digestOf(3));
      for (const key of [1, 2, 3]) {
        expect(await checkDigest(engine, key, digestOf(3), made)).toBe(false);
      }
    });

    test(
      "of Project Wycheproof hold exactly if they are valid and low-S",
      async () => {
        const bytes = (text: string): Bytes => new Uint8Array(Buffer.from(text, "hex"));
        const keys = [...new Set(wycheproof.tests.map((one) => one.key))];
        const compressed = keys.map((key) => secp256k1.Point.fromBytes(bytes(key)).toBytes(true));
        const checker = open(compressed);
        let held = 0;
        let highS = 0;
        let otherSizes = 0;
        for (const one of wycheproof.tests) {
          const signature = bytes(one.signature);
          // Blocks have 64 bytes for it: other sizes never get this far.
          if (signature.length !== 64) {
            expect(one.result).toBe("invalid");
            otherSizes++;
            continue;
          }
          const key = keys.indexOf(one.key);
          const digest = sha256(bytes(one.message));
          const { r, s } = parts(signature);
          const low = s <= order / 2n;
          const valid = one.result === "valid";
          const name = `${one.id} ${one.comment}`;
          const answer = await checkDigest(checker, key, digest, signature);
          expect(`${name}: ${answer}`).toBe(`${name}: ${valid && low}`);
          if (answer) held++;
          if (!valid || low) continue;
          highS++;
          expect(await checkDigest(checker, key, digest, joined(r, order - s))).toBe(true);
        }
        checker.close();
        expect(wycheproof.tests.length).toBe(252);
        expect(held + highS).toBe(167);
        expect(highS).toBeGreaterThan(0);
        expect(otherSizes).toBeGreaterThan(0);
      },
      PATIENCE_MS,
    );
  });
}
