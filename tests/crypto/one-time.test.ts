// Shows that one-time signatures lead to the root that ECDSA signs, and nothing else does; that the
// library makes them as the reference does; and when a stage makes them, of which keys.

import { describe, expect, test } from "bun:test";
import type { Bytes, Proof } from "../../src/actor.ts";
import { Announcements, DOUBTED, WAITING_MAX } from "../../src/crypto/announcements.ts";
import { domainOf } from "../../src/crypto/domain.ts";
import { isOneTime } from "../../src/crypto/merkle.ts";
import { openNativeStage } from "../../src/crypto/native.ts";
import { batchBytes, whoIs } from "../../src/crypto/one-time.ts";
import { READY_MAX } from "../../src/crypto/one-time-keys.ts";
import { ONE_TIME_MAX, type BlockStage } from "../../src/crypto/stage.ts";
import { ONE_TIME_BLOCK, ONE_TIME_KEYS } from "../../src/base/one-time-form.ts";
import { BLOCK_MAX, Reader } from "../../src/wire.ts";
import {
  digitsOf,
  ELEMENTS_AT,
  levelsOf,
  makeKey,
  numberBytes,
  PATH_AT,
  rootOf,
  SIGNATURE_AT,
  signOnce,
} from "../support/one-time.ts";
import { describeUnless } from "../support/optional.ts";
import {
  check,
  domain,
  keysOf,
  message,
  nativeMissing,
  pairs,
  publicKeys,
  sha256,
  signAll,
  until,
} from "../support/signatures.ts";

const hex = (bytes: Bytes): string => Buffer.from(bytes).toString("hex");
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);

test("G1 G2 keys and digits are those of the vectors that csrc/tests has too", () => {
  const who = Uint8Array.of(1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const number = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 7);
  const found = [0, 127].map((index) => makeKey(seed, who, number, index));
  expect(found.map(({ salt }) => hex(salt))).toEqual([
    "9313158c55c0bfce0af378a9551c40d6",
    "6d979044dd24c6c3721aa4c96ed7d004",
  ]);
  expect(found.map((key) => hex(key.public))).toEqual([
    "fe7cee777da44f72e8b7299b294c4311",
    "6fe27fe3585a4ab8ff3591938f571af0",
  ]);
  const leaf = new Uint8Array(32).fill(0x5a);
  expect(digitsOf(new Uint8Array(16).fill(0xa5), leaf).join("")).toBe(
    "20312120130320221033233100033013021203130120231213222233302113221113",
  );
});

test("G10 leaves that are found to be of one digest differ under the salt of a key", () => {
  // Of digests cut to 24 bits, which can be searched: those without salt are the same for any key.
  const cut = (salt: Bytes, leaf: Bytes): string => digitsOf(salt, leaf).slice(0, 12).join("");
  const leafOf = (i: number): Bytes => sha256(i & 255, (i >> 8) & 255, i >> 16);
  const guess = new Uint8Array(16);
  const seen = new Map<string, Bytes>();
  const found: [Bytes, Bytes][] = [];
  for (let i = 0; i < 2 ** 15; i++) {
    const leaf = leafOf(i);
    const digest = cut(guess, leaf);
    const before = seen.get(digest);
    if (before !== undefined) found.push([before, leaf]);
    seen.set(digest, leaf);
  }
  expect(found.length).toBeGreaterThan(5);
  const { salt } = makeKey(seed, new Uint8Array(12), numberBytes(1), 0);
  const same = found.filter(([one, other]) => cut(salt, one) === cut(salt, other));
  expect(same).toEqual([]);
});

/** Stages whose signatures hold in one cluster. */
function open(self: number | null, workers = 0, firstNumber = 1000): BlockStage {
  return openNativeStage({ kind: "hybrid", domain, ...keysOf(self), workers, firstNumber });
}

/** Until all batches that it keeps are ready. */
async function fill(stage: BlockStage): Promise<BlockStage> {
  let announced = 0;
  stage.announcing(() => announced++);
  await until(stage, () => announced >= READY_MAX);
  return stage;
}

const proofOf = (signed: Bytes, signature: Bytes, signer = 0): Proof => ({
  signer,
  signed,
  signature,
});

async function signOne(stage: BlockStage, signed: Bytes): Promise<Bytes> {
  const [block] = await signAll(stage, [signed]);
  return block!;
}

describeUnless(nativeMissing)("of the library", () => {
  test("G2 G3 G4 a block leads to the root that ECDSA signs, as by the reference", async () => {
    const batches = new Map<string, Bytes>();
    const stage = open(0);
    stage.announcing((batch, signature) => batches.set(hex(signature), batch.slice()));
    await until(stage, () => batches.size === READY_MAX);
    const signed = message(1);
    const block = await signOne(stage, signed);
    expect([block.length, block[0], block[9]]).toEqual([1290, 0x80, 0]);
    const leaf = sha256(0, domain, signed);
    const root = rootOf(whoIs(pairs[0]!.publicKey), block, leaf);
    expect(batches.get(hex(block.slice(SIGNATURE_AT)))).toEqual(batchBytes(1000, root));
    const other = rootOf(whoIs(pairs[1]!.publicKey), block, leaf);
    expect(hex(other)).not.toBe(hex(root));
    stage.close();
  });

  test("G2 what the reference signs holds, by a root that the signer's key signed", async () => {
    const who = whoIs(pairs[0]!.publicKey);
    const number = numberBytes(2 ** 52 + 1);
    const keys = Array.from({ length: 128 }, (_, i) => makeKey(seed, who, number, i));
    const levels = levelsOf(
      who,
      number,
      keys.map((key) => key.public),
    );
    const root = levels[7]![0]!;
    const digest = sha256(3, domain, number, root);
    // A stage signs nothing but trees and batches; this is the plain signature.
    const { NativeSigner } = await import("../../src/crypto/native.ts");
    const signer = new NativeSigner(pairs[0]!.secretKey, publicKeys, 0);
    let signature: Bytes | null = null;
    signer.sign(digest, (made) => (signature = made.slice()));
    await until(signer, () => signature !== null);
    signer.close();
    const signed = message(3);
    const leaf = sha256(0, domain, signed);
    const verifier = open(null);
    for (const index of [0, 1, 77, 127]) {
      const block = signOnce({ keys, index, number, levels, signature: signature! }, leaf);
      expect(await check(verifier, [proofOf(signed, block)])).toBe(true);
      expect(await check(verifier, [proofOf(message(4), block)])).toBe(false);
      // As if the signature of the batch were that of a tree, or of another number.
      const renumbered = block.slice();
      renumbered[8]! ^= 1;
      expect(await check(verifier, [proofOf(signed, renumbered)])).toBe(false);
    }
    verifier.close();
  });

  for (const workers of [0, 2]) {
    test(`G4 G10 forgeries are refused, cold and by a known root, ${workers} workers`, async () => {
      const stage = await fill(open(0, workers));
      const [signed, elsewhere] = [message(1), message(2)];
      const block = await signOne(stage, signed);
      const next = await signOne(stage, elsewhere);
      for (const known of [false, true]) {
        const verifier = open(null, workers);
        if (known) expect(await check(verifier, [proofOf(elsewhere, next)])).toBe(true);
        for (const at of [1, 8, 9, 10, ELEMENTS_AT, PATH_AT - 1, PATH_AT, SIGNATURE_AT]) {
          const forged = block.slice();
          forged[at]! ^= 1;
          expect({ at, holds: await check(verifier, [proofOf(signed, forged)]) }).toEqual({
            at,
            holds: false,
          });
        }
        expect(await check(verifier, [proofOf(elsewhere, block)])).toBe(false);
        expect(await check(verifier, [proofOf(signed, next)])).toBe(false);
        expect(await check(verifier, [proofOf(signed, block, 1)])).toBe(false);
        expect(await check(verifier, [proofOf(signed, block.slice(0, -1))])).toBe(false);
        expect(await check(verifier, [proofOf(signed, block)])).toBe(true);
        verifier.close();
      }
      const foreign = domainOf({ mode: "pbft", n: 4, f: 1, publicKeys, instance: "other" });
      const other = openNativeStage({
        ...{ kind: "hybrid", domain: foreign, ...keysOf(null), workers },
      });
      expect(await check(other, [proofOf(signed, block)])).toBe(false);
      other.close();
      stage.close();
    });
  }

  test("G4 junk in the place of a known root's signature is refused", async () => {
    const stage = await fill(open(0));
    const verifier = open(null);
    const first = await signOne(stage, message(1));
    const second = await signOne(stage, message(2));
    expect(await check(verifier, [proofOf(message(1), first)])).toBe(true);
    const junk = second.slice();
    junk.set(sha256(1), SIGNATURE_AT);
    expect(await check(verifier, [proofOf(message(2), junk)])).toBe(false);
    expect(await check(verifier, [proofOf(message(2), second)])).toBe(true);
    expect(verifier.oneTimeCounts).toMatchObject({ known: 1, cold: 2 });
    stage.close();
    verifier.close();
  });

  test("G5 G7 the first message under a root teaches it, its announcement ahead", async () => {
    const told: (readonly [Bytes, Bytes])[] = [];
    const stage = open(0);
    stage.announcing((batch, signature) => told.push([batch.slice(), signature.slice()]));
    await until(stage, () => told.length === READY_MAX);
    expect(stage.oneTimeCounts.announced).toBe(READY_MAX);
    const blocks = [await signOne(stage, message(1)), await signOne(stage, message(2))];
    const stranger = open(null);
    for (const [i, block] of blocks.entries()) {
      expect(await check(stranger, [proofOf(message(i + 1), block)])).toBe(true);
    }
    expect(stranger.oneTimeCounts).toMatchObject({ known: 1, cold: 1, heard: 0 });
    const peer = open(1);
    for (const [batch, signature] of told) expect(peer.hear(0, batch, signature)).toBe(true);
    await until(peer, () => peer.oneTimeCounts.heard === READY_MAX);
    expect(peer.counts.verified).toBe(READY_MAX);
    for (const [i, block] of blocks.entries()) {
      expect(peer.knows([proofOf(message(i + 1), block)], null)).toBe(true);
    }
    expect(peer.oneTimeCounts).toMatchObject({ known: 2, cold: 0 });
    expect(peer.hear(0, ...told[0]!)).toBe(false);
    for (const one of [stage, stranger, peer]) one.close();
  });

  test("G5 an announcement that its signer did not sign teaches nothing", async () => {
    const told: (readonly [Bytes, Bytes])[] = [];
    const stage = open(0);
    stage.announcing((batch, signature) => told.push([batch.slice(), signature.slice()]));
    await until(stage, () => told.length === 1);
    const [batch, signature] = told[0]!;
    const block = await signOne(stage, message(1));
    const peer = open(1);
    const forged = signature.slice();
    forged[0]! ^= 1;
    expect(peer.hear(0, batch, forged)).toBe(true);
    expect(peer.hear(2, batch, signature)).toBe(true);
    expect(peer.hear(4, batch, signature)).toBe(false);
    await until(peer, () => peer.counts.verified === 2);
    expect(peer.oneTimeCounts.heard).toBe(0);
    expect(peer.knows([proofOf(message(1), block)], null)).toBe(false);
    expect(peer.knows([proofOf(message(1), block, 2)], null)).toBe(false);
    stage.close();
    peer.close();
  });

  test("G6 few that wait get a key each, more share a tree, as do those without keys", async () => {
    const stage = open(0);
    const shapes = async (count: number): Promise<readonly boolean[]> => {
      const messages = Array.from({ length: count }, (_, i) => message(i));
      const blocks = await signAll(stage, messages);
      const verifier = open(null);
      for (const [i, block] of blocks.entries()) {
        expect(await check(verifier, [proofOf(messages[i]!, block)])).toBe(true);
      }
      verifier.close();
      return blocks.map((block) => isOneTime(block));
    };
    expect(await shapes(1)).toEqual([false]);
    await fill(stage);
    expect(await shapes(1)).toEqual([true]);
    expect(await shapes(ONE_TIME_MAX)).toEqual(new Array<boolean>(ONE_TIME_MAX).fill(true));
    expect(await shapes(ONE_TIME_MAX + 1)).toEqual(
      new Array<boolean>(ONE_TIME_MAX + 1).fill(false),
    );
    stage.close();
  });

  test("G6 G10 no key signs twice, by three threads and two starts of a process", async () => {
    const used = new Set<string>();
    let signatures = 0;
    for (const start of [1000, 1000]) {
      const stage = await fill(open(0, 3, start));
      while (stage.oneTimeCounts.signed < 20 * ONE_TIME_KEYS) {
        const block = await signOne(stage, message(signatures));
        if (!isOneTime(block)) continue;
        signatures++;
        used.add(hex(block.slice(1, ELEMENTS_AT)));
      }
      stage.close();
    }
    expect(signatures).toBe(2 * 20 * ONE_TIME_KEYS);
    expect(used.size).toBe(signatures);
  });

  test("G7 keys are made in turns that have nothing else to do, one a turn", () => {
    const stage = open(0);
    let announced = 0;
    stage.announcing(() => announced++);
    let turns = 0;
    while (announced === 0) {
      stage.poll();
      expect(stage.runJob()).toBe(true);
      turns++;
    }
    // One more signs the root, and the next one finds that it did.
    expect(turns).toBe(ONE_TIME_KEYS + 2);
    stage.close();
  });

  test("G4 who signs otherwise takes no one-time signatures, nor a client told so", async () => {
    const stage = await fill(open(0));
    const signed = message(1);
    const block = await signOne(stage, signed);
    const replica = openNativeStage({ kind: "batch", domain, ...keysOf(1), workers: 0 });
    expect(await check(replica, [proofOf(signed, block)])).toBe(false);
    expect(replica.hears).toBe(false);
    const client = openNativeStage({ kind: "batch", domain, ...keysOf(null), workers: 0 });
    expect(await check(client, [proofOf(signed, block)])).toBe(true);
    client.settle("each");
    expect(await check(client, [proofOf(signed, block)])).toBe(false);
    client.settle("hybrid");
    expect(await check(client, [proofOf(signed, block)])).toBe(true);
    for (const one of [stage, replica, client]) one.close();
  });
});

describe("announcements that wait", () => {
  const batch = (number: number): Bytes => batchBytes(number, new Uint8Array(16));
  const signature = new Uint8Array(64);

  test("G5 are of signers, few of each, and newer than what held; signers take turns", () => {
    const waiting = new Announcements(2);
    const add = (signer: number, number: number): boolean =>
      waiting.add({ signer, batch: batch(number), signature });
    expect([add(2, 1), add(-1, 1), add(0.5, 1)]).toEqual([false, false, false]);
    for (let i = 0; i < WAITING_MAX; i++) expect(add(0, 10 + i)).toBe(true);
    expect(add(0, 99)).toBe(false);
    expect(add(1, 5)).toBe(true);
    expect(waiting.size).toBe(WAITING_MAX + 1);
    const order = [waiting.shift()!, waiting.shift()!, waiting.shift()!];
    expect(order.map(({ signer }) => signer)).toEqual([0, 1, 0]);
    waiting.end(order[2]!, true);
    expect([add(0, 11), add(0, 12)]).toEqual([false, true]);
    expect(waiting.add({ signer: 1, batch: batch(6).slice(1), signature })).toBe(false);
  });

  test("G5 one that does not hold costs its signer's name the next ones, and no other's", () => {
    const waiting = new Announcements(2);
    const add = (signer: number, number: number): boolean =>
      waiting.add({ signer, batch: batch(number), signature });
    add(0, 1);
    waiting.end(waiting.shift()!, false);
    for (let i = 0; i < DOUBTED; i++) expect(add(0, 2 + i)).toBe(false);
    expect([add(0, 2), add(1, 2)]).toEqual([true, true]);
  });
});

test("G4 a block is read as it is, unless it is short or names a key that is none", () => {
  expect(ONE_TIME_BLOCK).toBeGreaterThan(BLOCK_MAX);
  const block = new Uint8Array(ONE_TIME_BLOCK + 1).fill(7);
  block[0] = 0x80;
  block[9] = ONE_TIME_KEYS - 1;
  const reader = new Reader(block);
  expect(reader.block()).toEqual(block.slice(0, ONE_TIME_BLOCK));
  expect([reader.ok, reader.remaining]).toEqual([true, 1]);
  const short = new Reader(block.slice(0, ONE_TIME_BLOCK - 1));
  expect([short.block().length, short.ok]).toEqual([0, false]);
  block[9] = ONE_TIME_KEYS;
  const beyond = new Reader(block);
  expect([beyond.block().length, beyond.ok]).toEqual([0, false]);
});
