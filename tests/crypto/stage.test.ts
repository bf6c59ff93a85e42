// Shows what every signature stage does alike, each kind by each implementation: what it signs
// holds elsewhere, what is altered does not, roots are checked once, and no input makes it throw.

import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes, Proof } from "../../src/actor.ts";
import { ReferenceHasher, SIGNATURE_AT } from "../../src/crypto/merkle.ts";
import { domainOf, type Domain } from "../../src/crypto/domain.ts";
import { generateKeyPair } from "../../src/crypto/keys.ts";
import { NativeSigner, openNativeStage } from "../../src/crypto/native.ts";
import { openNobleStage } from "../../src/crypto/noble.ts";
import { ROOTS_MAX, Roots } from "../../src/crypto/roots.ts";
import { BlockStage, type RootSigner } from "../../src/crypto/stage.ts";
import type { SignatureKind } from "../../src/protocol-config.ts";
import { BLOCK_MIN } from "../../src/wire.ts";
import type { Lack } from "../support/lack.ts";
import { describeUnless } from "../support/optional.ts";
import {
  check,
  domain,
  keysOf,
  message,
  nativeMissing,
  publicKeys,
  REPLICAS,
  sha256,
  signAll,
} from "../support/signatures.ts";

const opened: BlockStage[] = [];
afterAll(() => {
  for (const stage of opened) stage.close();
});

type Open = (kind: SignatureKind, self: number | null, inDomain?: Bytes) => BlockStage;

function remembered(stage: BlockStage): BlockStage {
  opened.push(stage);
  return stage;
}

const noble: Open = (kind, self, inDomain = domain) =>
  remembered(openNobleStage({ kind, domain: inDomain, ...keysOf(self) }));
const nativeWith =
  (workers: number): Open =>
  (kind, self, inDomain = domain) =>
    remembered(openNativeStage({ kind, domain: inDomain, ...keysOf(self), workers }));

const stages: readonly { name: string; open: Open; other: Open; lack: Lack | null }[] = [
  { name: "noble", open: noble, other: noble, lack: null },
  { name: "native", open: nativeWith(2), other: noble, lack: nativeMissing },
  { name: "native -w 0", open: nativeWith(0), other: noble, lack: nativeMissing },
  { name: "noble to native", open: noble, other: nativeWith(1), lack: nativeMissing },
  { name: "noble to native -w 0", open: noble, other: nativeWith(0), lack: nativeMissing },
];

for (const { name, open, other, lack } of stages) {
  for (const kind of ["each", "batch"] as const) {
    describeUnless(lack)(`${name}, ${kind}`, () => {
      const messages = Array.from({ length: 9 }, (_, i) => message(i));

      test("what it signs holds elsewhere, with a cold cache", async () => {
        const blocks = await signAll(open(kind, 2), messages);
        const verifier = other(kind, null);
        for (const [i, signature] of blocks.entries()) {
          const signed = messages[i]!;
          expect(await check(verifier, [{ signer: 2, signed, signature }])).toBe(true);
          expect(await check(verifier, [{ signer: 1, signed, signature }])).toBe(false);
          expect(await check(verifier, [{ signer: 2, signed: message(99), signature }])).toBe(
            false,
          );
        }
      });

      test("its signatures do not hold in another domain", async () => {
        const [signature] = await signAll(open(kind, 0), [message(1)]);
        const elsewhere = other(kind, null, new Uint8Array(32));
        const proof = { signer: 0, signed: message(1), signature: signature! };
        expect(await check(elsewhere, [proof])).toBe(false);
      });

      test("its own signatures cost nothing to check", async () => {
        const stage = open(kind, 0);
        const blocks = await signAll(stage, messages);
        for (const [i, signature] of blocks.entries()) {
          let answer: boolean | null = null;
          const proof = { signer: 0, signed: messages[i]!, signature };
          stage.verify([proof], null, (valid) => (answer = valid));
          expect(answer as boolean | null).toBe(true);
        }
        expect(stage.counts).toEqual({
          signed: 9,
          roots: kind === "each" ? 9 : 1,
          verified: 0,
          cached: 9,
        });
      });

      test("one altered byte of a block is refused, also when its root is known", async () => {
        const [first, second] = await signAll(open(kind, 0), messages.slice(0, 2));
        const verifier = other(kind, null);
        const good = { signer: 0, signed: messages[1]!, signature: second! };
        expect(await check(verifier, [good])).toBe(true);
        for (const at of [0, 1, 4, 5, 36, 37, 68, second!.length - 1]) {
          const signature = second!.slice();
          signature[at]! ^= 1;
          expect(await check(verifier, [{ ...good, signature }])).toBe(false);
        }
        expect(await check(verifier, [good])).toBe(true);
        expect(await check(verifier, [{ ...good, signature: first! }])).toBe(false);
      });

      test("verify answers for any bytes and any signer", async () => {
        const verifier = other(kind, null);
        const bytes = fc.uint8Array({ maxLength: 120 });
        const signers = fc.constantFrom(0, 3, 4, -1, 1.5, NaN, 2 ** 31, 2 ** 53, Infinity);
        const proofs = fc.record({ signer: signers, signed: bytes, signature: bytes });
        await fc.assert(
          fc.asyncProperty(fc.array(proofs, { minLength: 1, maxLength: 3 }), async (all) => {
            expect(await check(verifier, all)).toBe(false);
          }),
          { numRuns: 50 },
        );
      });

      test("a list holds when all proofs do; checking stops at the first that does not", async () => {
        const proofs: Proof[] = [];
        for (const signer of [0, 1, 2]) {
          const [signature] = await signAll(open(kind, signer), [message(signer)]);
          proofs.push({ signer, signed: message(signer), signature: signature! });
        }
        const verifier = other(kind, null);
        expect(await check(verifier, [])).toBe(true);
        const broken = [proofs[0]!, { ...proofs[1]!, signer: 3 }, proofs[2]!];
        expect(await check(verifier, broken)).toBe(false);
        expect(verifier.counts.verified).toBe(2);
        expect(await check(verifier, proofs)).toBe(true);
        expect(verifier.counts.verified).toBe(4);
      });
    });
  }
}

/** Answers when told to: the base by itself, without curves or threads. */
class HeldSigner implements RootSigner {
  readonly verifyNow: RootSigner["verifyNow"] = null;
  readonly jobs: (() => void)[] = [];
  digests: Bytes[] = [];
  sign(digest: Bytes, done: (signature: Bytes) => void): void {
    const signature = new Uint8Array(64);
    signature.set(digest);
    this.digests.push(digest.slice());
    this.jobs.push(() => done(signature));
  }
  verify(_: number, digest: Bytes, signature: Bytes, done: (valid: boolean) => void): void {
    const valid = Buffer.compare(digest, signature.subarray(0, 32)) === 0;
    this.jobs.push(() => done(valid));
  }
  runJob(): boolean {
    const job = this.jobs.shift();
    job?.();
    return job !== undefined;
  }
  poll(): number {
    return 0;
  }
  close(): void {
    // Nothing to free.
  }
}

/** Checks at once, as a thread without others does. */
class PromptSigner extends HeldSigner {
  override readonly verifyNow = (_: number | Bytes, digest: Bytes, signature: Bytes): boolean =>
    Buffer.compare(digest, signature.subarray(0, 32)) === 0;
}

function held(kind: SignatureKind, self: number | null, signer = new HeldSigner()) {
  const hasher = new ReferenceHasher();
  const stage = new BlockStage({ kind, self, n: REPLICAS, domain, hasher, signer });
  return { stage, signer };
}

describe("batches", () => {
  test("what one turn signs shares a root, what comes meanwhile the next", () => {
    const { stage, signer } = held("batch", 0);
    const depths: number[] = [];
    const sign = (count: number): void => {
      for (let i = 0; i < count; i++)
        stage.sign(message(i), null, (block) => depths.push(block[0]!));
    };
    sign(5);
    expect(signer.jobs.length).toBe(0);
    stage.poll();
    sign(2);
    stage.poll();
    sign(1);
    expect(signer.jobs.length).toBe(1);
    stage.runJob();
    expect(depths).toEqual([3, 3, 3, 3, 3]);
    expect(signer.jobs.length).toBe(1);
    stage.runJob();
    expect(depths.slice(5)).toEqual([2, 2, 2]);
    expect(stage.counts).toMatchObject({ signed: 8, roots: 2 });
    expect(stage.runJob()).toBe(false);
  });

  test("more than 1,024 make several trees, in order", () => {
    const { stage } = held("batch", 0);
    const order: number[] = [];
    for (let i = 0; i < 2500; i++) stage.sign(message(i), null, () => order.push(i));
    stage.poll();
    while (stage.runJob());
    expect(stage.counts).toMatchObject({ signed: 2500, roots: 3 });
    expect(order).toEqual(Array.from({ length: 2500 }, (_, i) => i));
  });

  test("signing again from within `done` is a later batch", () => {
    const { stage } = held("batch", 0);
    let again = 0;
    stage.sign(message(0), null, () => stage.sign(message(1), null, () => again++));
    stage.poll();
    while (stage.runJob());
    expect(again).toBe(1);
    expect(stage.counts.roots).toBe(2);
  });

  test("a stage without a key does not sign", () => {
    const { stage } = held("batch", null);
    expect(() => stage.sign(message(0), null, () => {})).toThrow("no key");
  });
});

describe("a thread that signs alone", () => {
  /** A good proof of each message, and for each a forgery. */
  async function proofsOf(count: number) {
    const messages = Array.from({ length: count }, (_, i) => message(i));
    const good: Proof[] = [];
    for (const signed of messages) {
      // A root each, so that none is known from another's check.
      const [signature] = await signAll(held("batch", 0).stage, [signed]);
      good.push({ signer: 0, signed, signature: signature! });
    }
    const forged = good.map((proof) => {
      const signature = proof.signature.slice();
      signature[SIGNATURE_AT]! ^= 1;
      return { ...proof, signature };
    });
    return { good, forged };
  }

  /** What becomes of a check; null while it is queued. */
  function ask(stage: BlockStage, proof: Proof, doubted = false): { valid: boolean | null } {
    const answer: { valid: boolean | null } = { valid: null };
    stage.verify([proof], null, (valid) => (answer.valid = valid), doubted);
    return answer;
  }

  test("checks at once, and again what failed", async () => {
    const { good, forged } = await proofsOf(2);
    const { stage, signer } = held("batch", null, new PromptSigner());
    expect(ask(stage, good[0]!).valid).toBe(true);
    expect(ask(stage, good[0]!).valid).toBe(true);
    expect(stage.counts).toMatchObject({ verified: 1, cached: 1 });
    expect(ask(stage, forged[0]!).valid).toBe(false);
    expect(signer.jobs).toHaveLength(0);
    expect(await check(stage, [forged[0]!])).toBe(false);
    expect(stage.counts).toMatchObject({ verified: 3, cached: 1 });
  });

  test("queues checks that are doubted, a job a turn, and those alone", async () => {
    const { good, forged } = await proofsOf(3);
    const { stage, signer } = held("batch", null, new PromptSigner());
    const second = ask(stage, forged[1]!, true);
    const honest = ask(stage, good[1]!, true);
    expect([second.valid, honest.valid, signer.jobs.length]).toEqual([null, null, 2]);
    expect([ask(stage, good[2]!).valid, ask(stage, forged[2]!).valid]).toEqual([true, false]);
    expect(ask(stage, good[2]!, true).valid).toBe(true);
    stage.poll();
    expect([second.valid, honest.valid]).toEqual([false, null]);
    stage.poll();
    expect(honest.valid).toBe(true);
    expect(signer.jobs).toHaveLength(0);
  });

  test("knows what held, without a check", async () => {
    const { good, forged } = await proofsOf(2);
    const { stage } = held("batch", null, new PromptSigner());
    ask(stage, good[0]!);
    const { verified } = stage.counts;
    const known = [
      [],
      [good[0]!],
      [good[0]!, good[1]!],
      [forged[0]!],
      [{ ...good[0]!, signer: 9 }],
    ];
    expect(known.map((proofs) => stage.knows(proofs, null))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(stage.counts.verified).toBe(verified);
  });

  test("signs though forgeries never end", async () => {
    const { forged } = await proofsOf(1);
    const { stage } = held("batch", 0, new PromptSigner());
    let signed = 0;
    stage.sign(message(0), null, () => signed++);
    for (let turn = 0; turn < 10; turn++) {
      for (let i = 0; i < 2; i++) ask(stage, forged[0]!, true);
      stage.poll();
    }
    expect(signed).toBe(1);
  });

  test("signs once it has nothing else to do, what several turns left together", () => {
    const { stage, signer } = held("batch", 0, new PromptSigner());
    const depths: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      stage.sign(message(turn), null, (block) => depths.push(block[0]!));
      stage.poll();
    }
    expect(signer.jobs).toHaveLength(0);
    expect(stage.runJob()).toBe(true);
    expect(depths).toEqual([2, 2, 2]);
    expect(stage.counts).toMatchObject({ signed: 3, roots: 1 });
    expect(stage.runJob()).toBe(false);
  });

  test("signs each alone at once, when that is how it signs", () => {
    const { stage, signer } = held("each", 0, new PromptSigner());
    for (let i = 0; i < 3; i++) stage.sign(message(i), null, () => {});
    expect(signer.jobs).toHaveLength(3);
    while (stage.runJob());
    expect(stage.counts).toMatchObject({ signed: 3, roots: 3 });
  });
});

describe("known roots", () => {
  test("checks of one root at a time are one; all of them are told", async () => {
    const { stage: maker } = held("batch", 0);
    const blocks = await signAll(maker, [message(0), message(1), message(2)]);
    const { stage, signer } = held("batch", null);
    const answers: number[] = [];
    for (const [i, signature] of blocks.entries()) {
      const proof = { signer: 0, signed: message(i), signature };
      stage.verify([proof], null, (valid) => answers.push(valid ? i : -1));
    }
    expect(signer.jobs.length).toBe(1);
    expect(answers).toEqual([]);
    stage.runJob();
    expect(answers).toEqual([0, 1, 2]);
    expect(stage.counts).toMatchObject({ verified: 1, cached: 2 });
  });

  test("a junk signature on a root under check is not taken for the good one", async () => {
    const { stage: maker } = held("batch", 0);
    const [good] = await signAll(maker, [message(0)]);
    const junk = good!.slice();
    junk[SIGNATURE_AT]! ^= 1;
    for (const order of [
      [good!, junk],
      [junk, good!],
    ]) {
      const { stage, signer } = held("batch", null);
      const answers = new Map<Bytes, boolean>();
      for (const signature of order) {
        const proof = { signer: 0, signed: message(0), signature };
        stage.verify([proof], null, (valid) => answers.set(signature, valid));
      }
      expect(signer.jobs.length).toBe(2);
      while (stage.runJob());
      expect(answers.get(good!)).toBe(true);
      expect(answers.get(junk)).toBe(false);
      let later: boolean | null = null;
      const proof = { signer: 0, signed: message(0), signature: junk };
      stage.verify([proof], null, (valid) => (later = valid));
      expect(later).toBeNull();
      stage.runJob();
      expect(later as boolean | null).toBe(false);
    }
  });

  test("what failed is checked again, not remembered", async () => {
    const { stage } = held("batch", null);
    const proof = { signer: 0, signed: message(0), signature: new Uint8Array(BLOCK_MIN) };
    expect(await check(stage, [proof])).toBe(false);
    expect(await check(stage, [proof])).toBe(false);
    expect(stage.counts).toMatchObject({ verified: 2, cached: 0 });
  });

  test("each signer has its own, of which the oldest are forgotten", () => {
    const roots = new Roots(2);
    const digest = (i: number): Bytes => sha256(message(i));
    const signature = new Uint8Array(64).fill(1);
    const block = new Uint8Array(BLOCK_MIN);
    block.set(signature, SIGNATURE_AT);
    for (let i = 0; i < ROOTS_MAX + 10; i++) roots.add(0, digest(i), signature);
    expect(roots.size(0)).toBeLessThanOrEqual(ROOTS_MAX);
    expect(roots.size(0)).toBeGreaterThan(ROOTS_MAX - 10);
    expect(roots.has(0, digest(ROOTS_MAX + 9), block)).toBe(true);
    expect(roots.has(0, digest(0), block)).toBe(false);
    expect(roots.has(1, digest(ROOTS_MAX + 9), block)).toBe(false);
    expect(roots.size(1)).toBe(0);
  });
});

describeUnless(nativeMissing)("native", () => {
  test("more jobs than the ring holds all finish", async () => {
    const stage = nativeWith(1)("each", 0);
    const blocks = await signAll(
      stage,
      Array.from({ length: 1500 }, (_, i) => message(i)),
    );
    expect(new Set(blocks.map((block) => Buffer.from(block).toString("hex"))).size).toBe(1500);
  });

  test("closing while jobs are under way ends the threads", () => {
    for (let round = 0; round < 20; round++) {
      const stage = openNativeStage({ kind: "batch", domain, ...keysOf(0), workers: 2 });
      for (let i = 0; i < 100; i++) stage.sign(message(i), null, () => {});
      stage.poll();
      stage.close();
    }
  });

  test("a key or a processor that is none gets one line", () => {
    const off = publicKeys[0]!.slice().fill(0xff, 1);
    expect(() => new NativeSigner(null, [off], 0)).toThrow(
      "the public key of replica 0 is not on secp256k1",
    );
    expect(() => new NativeSigner(new Uint8Array(32), publicKeys, 0)).toThrow("secret key");
    expect(() => new NativeSigner(null, publicKeys, 1, [5000])).toThrow("on processor 5000");
  });
});

describe("domains", () => {
  const base: Domain = { mode: "pbft", n: 4, f: 1, publicKeys, instance: "" };

  test("are equal for equal settings, and differ with each of them", () => {
    const others: Domain[] = [
      { ...base, mode: "hotstuff" },
      { ...base, n: 5 },
      { ...base, f: 0 },
      { ...base, instance: "run 7" },
      { ...base, publicKeys: publicKeys.toReversed() },
      { ...base, publicKeys: [...publicKeys.slice(1), generateKeyPair().publicKey] },
      { ...base, mode: "pbf", instance: "t" },
    ];
    const all = [base, ...others].map((one) => Buffer.from(domainOf(one)).toString("hex"));
    expect(new Set(all).size).toBe(all.length);
    expect(domainOf({ ...base })).toEqual(domainOf(base));
  });
});
