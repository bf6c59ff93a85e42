// Requests that clients sign by one-time keys: alone, and in batches beside trees (A5, G4, G6).

import { beforeAll, expect, test } from "bun:test";
import type { Proof } from "../../../src/actor.ts";
import { ONE_TIME_BLOCK, ONE_TIME_KEYS, ONE_TIME_TAG } from "../../../src/base/one-time-form.ts";
import {
  batchProofs,
  FOOTPRINT_MAX,
  footprintOf,
  lengthOf,
  requestsOf,
  type Batch,
} from "../../../src/protocol/kit/batch.ts";
import { Batcher } from "../../../src/protocol/kit/batcher.ts";
import { Pending } from "../../../src/protocol/kit/pending.ts";
import { BATCH_ROOTS_MAX, requestProofs } from "../../../src/protocol/kit/request-auth.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { batchOf, decoded, encoded } from "../../support/encoded-batches.ts";
import { onceOf, OneTimeProcess, replicaStage } from "../../support/one-time-requests.ts";
import { describeUnless } from "../../support/optional.ts";
import { check, nativeMissing } from "../../support/signatures.ts";

/** Whether a replica that never heard of their keys takes them. */
async function hold(proofs: readonly Proof[]): Promise<boolean> {
  const stage = replicaStage();
  const valid = await check(stage, proofs);
  stage.close();
  return valid;
}

describeUnless(nativeMissing)("signed by one-time keys", () => {
  let one: OneTimeProcess;
  let other: OneTimeProcess;
  /** Of a tree, of a key each, and of another process. */
  let together: readonly Request[];
  let few: readonly Request[];
  let others: readonly Request[];

  beforeAll(async () => {
    one = await new OneTimeProcess().settle();
    other = await new OneTimeProcess().settle();
    const many = Array.from({ length: 6 }, (_, i) => one.asks(i + 1));
    together = await one.sign(many);
    few = await one.sign([one.asks(10), one.asks(11, 2, new Uint8Array(20)), one.asks(12)]);
    others = await other.sign([other.asks(20)]);
  });

  const mixed = (): readonly Request[] => [
    ...[together[3]!, few[0]!, others[0]!, together[1]!],
    ...[few[2]!, few[1]!, together[5]!],
  ];

  test("G6 requests alone have one-time signatures, many that wait share a tree", async () => {
    expect(onceOf(together)).toEqual(new Array<boolean>(6).fill(false));
    expect(onceOf([...few, ...others])).toEqual(new Array<boolean>(4).fill(true));
    for (const request of [...few, ...others]) {
      expect(await hold(requestProofs(request, true))).toBe(true);
      for (const change of [{ session: 77 }, { number: 77 }, { key: together[0]!.key! }]) {
        const changed = { ...request, ...change };
        const same = request.key === together[0]!.key && "key" in change;
        expect(await hold(requestProofs(changed, true))).toBe(same);
      }
    }
  });

  test("A5 a batch has each of them beside trees, in one form, and gives each its block", async () => {
    const batch = decoded(encoded(batchOf(mixed())))!;
    expect(encoded(batch)).toEqual(encoded(batchOf(mixed())));
    expect(batchProofs(batch, true)).toHaveLength(5);
    expect(await hold(batchProofs(batch, true))).toBe(true);
    expect(requestsOf(batch).map(({ seal }) => seal)).toEqual(mixed().map(({ seal }) => seal));
    const { digest } = batchOf(await one.sign([one.asks(10)]));
    expect(batchOf([few[0]!]).digest).toEqual(digest);
  });

  test("A5 their bytes are those of their blocks, and are counted", () => {
    const { key: _, seal: __, ...bare } = few[0]!;
    const [signed, unsigned] = [batchOf([few[0]!]), batchOf([bare])];
    const more = encoded(signed).length - encoded(unsigned).length;
    // The key and its number, how many keys; the place, and all of the block but the index.
    expect(more).toBe(3 + 33 + 1 + 1 + 3 + ONE_TIME_BLOCK - 1);
    const length = (batch: Batch): number => lengthOf(batch) - batch.bytes.length;
    expect([length(signed), length(unsigned)]).toEqual([3 + ONE_TIME_BLOCK - 1, 0]);
    expect(footprintOf(signed) - footprintOf(unsigned)).toBeGreaterThan(ONE_TIME_BLOCK);
    expect(FOOTPRINT_MAX).toBeGreaterThan(BATCH_ROOTS_MAX * ONE_TIME_BLOCK);
  });

  test("A5 any flipped bit is malformed, or does not hold, or is no request's", async () => {
    const bytes = encoded(batchOf([few[1]!]));
    const clients = bytes.length - (1 + 3 + ONE_TIME_BLOCK - 1) - 8;
    const stage = replicaStage();
    for (let bit = 0; bit < 8 * bytes.length; bit += 13) {
      const at = bit >> 3;
      if (at >= clients && at < clients + 8) continue;
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (bit & 7);
      const batch = decoded(flipped);
      if (batch !== null) expect(await check(stage, batchProofs(batch, true))).toBe(false);
    }
    stage.close();
  });

  test("A5 one of two requests, or by a key that is none, is malformed", () => {
    const batch = batchOf([few[0]!, few[1]!]);
    const [tree, next] = batch.seals!.trees;
    const place = (at: number, index: number) => ({ tree: at, index });
    const good = [place(0, 1), place(1, 2)];
    expect(decoded(encoded({ ...batch, seals: { trees: [tree!, next!], places: good } }))).toEqual(
      expect.anything(),
    );
    const forms = [
      { trees: [tree!], places: [place(0, 1), place(0, 2)] },
      { trees: [tree!, next!], places: [place(0, ONE_TIME_KEYS), place(1, 2)] },
      { trees: [tree!, next!], places: [place(1, 1), place(0, 2)] },
      { trees: [tree!, { ...next!, siblings: next!.siblings.slice(1) }], places: good },
    ];
    for (const seals of forms) expect(decoded(encoded({ ...batch, seals }))).toBeNull();
  });

  test("A5 one client that signs twice by a key has two signatures in a batch", async () => {
    // Its own secret alone is given away, which is no reason to refuse what others propose.
    const twice = { ...few[0]!, session: 13 };
    const batch = decoded(encoded(batchOf([few[0]!, twice])))!;
    expect(batch.seals?.trees).toHaveLength(2);
    expect(await hold(batchProofs(batch, true))).toBe(false);
  });

  test(`A5 a batch closes at ${BATCH_ROOTS_MAX} of them`, () => {
    const limits = { batchMax: 1000, batchBytesMax: 1024 * 1024, adaptive: true };
    const batcher = new Batcher({ ...limits, flushDelayMs: 1, viewTimeoutMs: 500 });
    const pending = new Pending(
      () => true,
      () => 1,
    );
    for (let i = 0; i < 300; i++) {
      const seal = new Uint8Array(ONE_TIME_BLOCK);
      seal[0] = ONE_TIME_TAG;
      // They differ in what they show alone.
      seal.set([i >> 8, i & 255], 30);
      batcher.push(pending.add({ ...one.asks(i + 1), seal }, 100 + i, 0)!, 0);
    }
    const taken = batcher.take(0);
    expect(taken).toHaveLength(BATCH_ROOTS_MAX);
    const batch = batchOf(taken.map(({ request }) => request));
    expect(decoded(encoded(batch))?.seals?.trees).toHaveLength(BATCH_ROOTS_MAX);
    expect(batcher.take(0)).toHaveLength(300 - BATCH_ROOTS_MAX);
  });

  test("G4 replicas that sign otherwise take none of them", async () => {
    const { openNativeStage } = await import("../../../src/crypto/native.ts");
    const { domain, keysOf } = await import("../../support/signatures.ts");
    const stage = openNativeStage({
      ...{ ...keysOf(1), kind: "batch", domain, workers: 0, requests: { key: null } },
    });
    expect(await check(stage, requestProofs(few[0]!, true))).toBe(false);
    expect(await check(stage, requestProofs(together[0]!, true))).toBe(true);
    expect(stage.hearClient(1, one.key, one.told[0]!.batch, one.told[0]!.signature)).toBe(false);
    stage.close();
  });
});
