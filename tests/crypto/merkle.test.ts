// Shows that signature blocks have the form that docs/architecture.md gives them, that every leaf of
// a tree climbs to its root and nothing else does, and that TypeScript and C agree on all of it.

import type { TreeLeaves } from "../../src/base/hash-tree.ts";
import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes } from "../../src/actor.ts";
import {
  LEAVES_MAX,
  ReferenceHasher,
  blockDepth,
  singleBlock,
  treeDepth,
  type BlockHasher,
} from "../../src/crypto/merkle.ts";
import { NativeHasher } from "../../src/crypto/native.ts";
import { BLOCK_MIN, MESSAGE_MAX, Reader } from "../../src/wire.ts";
import { describeUnless } from "../support/optional.ts";
import { domain, message, nativeMissing, sha256 } from "../support/signatures.ts";

const reference = new ReferenceHasher();
const native = nativeMissing === null ? new NativeHasher() : null;
afterAll(() => native?.close());

const hashers: readonly (readonly [string, BlockHasher | null])[] = [
  ["TypeScript", reference],
  ["C", native],
];

const signature = Uint8Array.from({ length: 64 }, (_, i) => i);

/** A finished tree: its digest, and the block of every leaf. */
function build(hasher: BlockHasher, messages: readonly Bytes[]) {
  const tree = hasher.tree();
  for (const signed of messages) tree.add(signed, domain);
  const digest = tree.digest().slice();
  tree.seal(signature);
  const blocks: Bytes[] = messages.map((_, i) => tree.block(i).slice());
  tree.close();
  return { digest, blocks };
}

/** Messages of one length. */
function fixed(i: number): Bytes {
  return new Uint8Array(20).fill(i);
}

/** The siblings that leaves lack are in their blocks: those that no other leaf is below of. */
function leavesAt(
  indices: readonly number[],
  messages: readonly Bytes[],
  blocks: readonly Bytes[],
): TreeLeaves {
  const bytes = Buffer.concat(indices.map((i) => messages[i]!));
  const depth = blocks[0]![0]!;
  const siblings: Bytes[] = [];
  for (let level = 0; level < depth; level++) {
    const below = new Map(indices.map((i) => [i >> level, blocks[i]!]));
    for (const [place, block] of below) {
      const at = BLOCK_MIN + 32 * level;
      if (!below.has(place ^ 1)) siblings.push(block.subarray(at, at + 32));
    }
  }
  return { bytes, indices, depth, siblings: Buffer.concat(siblings) };
}

for (const [name, hasher] of hashers) {
  describeUnless(hasher === null ? nativeMissing : null)(`blocks in ${name}`, () => {
    const h = hasher!;

    test("three leaves hash as the format says, by hand", () => {
      const [a, b, c] = [message(1), message(2, 0x1000), message(3, 4)] as const;
      const leaves = [a, b, c].map((signed) => sha256(0, domain, signed));
      const left = sha256(1, leaves[0]!, leaves[1]!);
      const right = sha256(1, leaves[2]!, new Uint8Array(32));
      const root = sha256(1, left, right);
      const { digest, blocks } = build(h, [a, b, c]);
      expect(digest).toEqual(sha256(2, 2, root));
      const index = Uint8Array.of(2, 0, 0, 0, 2);
      const siblings = Buffer.concat([new Uint8Array(32), left]);
      expect(Buffer.concat([index, signature, siblings]).equals(blocks[2]!)).toBe(true);
      expect(h.climb(c, blocks[2]!, domain)).toEqual(digest);
    });

    test("a message alone is a tree of depth 0", () => {
      const digest = sha256(2, 0, sha256(0, domain, message(9)));
      expect(h.single(message(9), domain).slice()).toEqual(digest);
      expect(h.climb(message(9), singleBlock(signature), domain)!.slice()).toEqual(digest);
      const { digest: root, blocks } = build(h, [message(9)]);
      expect(root).toEqual(digest);
      expect(blocks[0]!).toEqual(singleBlock(signature));
    });

    test("every leaf of a tree of any size climbs to its root, and no other message does", () => {
      const sizes = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(511, 512, 513, 1024));
      fc.assert(
        fc.property(sizes, (count) => {
          const messages = Array.from({ length: count }, (_, i) => message(i));
          const { digest, blocks } = build(h, messages);
          for (const [i, block] of blocks.entries()) {
            expect(blockDepth(block)).toBe(treeDepth(count));
            expect(h.climb(messages[i]!, block, domain)!).toEqual(digest);
            expect(h.climb(message(count + i), block, domain)!).not.toEqual(digest);
          }
        }),
        { numRuns: 40 },
      );
    });

    test("any flipped bit but one of the signature changes what must have been signed", () => {
      const messages = Array.from({ length: 5 }, (_, i) => message(i));
      const { digest, blocks } = build(h, messages);
      fc.assert(
        fc.property(fc.nat(4), fc.nat(8 * blocks[0]!.length - 1), (leaf, bit) => {
          const block = blocks[leaf]!.slice();
          block[bit >> 3]! ^= 1 << (bit & 7);
          const climbed = h.climb(messages[leaf]!, block, domain);
          const inSignature = bit >= 8 * 5 && bit < 8 * BLOCK_MIN;
          if (inSignature) expect(climbed!).toEqual(digest);
          else if (climbed !== null) expect(climbed).not.toEqual(digest);
        }),
        { numRuns: 500 },
      );
    });

    test("a tree takes 1,024 leaves, and is empty again after reset", () => {
      const tree = h.tree();
      for (let i = 0; i < LEAVES_MAX; i++) tree.add(message(i), domain);
      expect(() => tree.add(message(0), domain)).toThrow("full");
      tree.digest();
      tree.reset();
      tree.add(message(7), domain);
      expect(tree.digest()).toEqual(build(h, [message(7)]).digest);
      tree.close();
    });

    test("a message of the greatest length hashes, a longer one is refused", () => {
      const long = new Uint8Array(MESSAGE_MAX).fill(3);
      const digest = sha256(2, 0, sha256(0, domain, long));
      expect(h.climb(long, singleBlock(signature), domain)!).toEqual(digest);
      expect(h.climb(new Uint8Array(MESSAGE_MAX + 1), singleBlock(signature), domain)).toBeNull();
    });

    test("A5 some leaves climb together, with the siblings that they lack and no others", () => {
      const some = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 41 });
      fc.assert(
        fc.property(some, fc.integer({ min: 1, max: 40 }), (chosen, more) => {
          const indices = chosen.toSorted((a, b) => a - b);
          const messages = Array.from({ length: 40 + more }, (_, i) => fixed(i));
          const { digest, blocks } = build(h, messages);
          const leaves = leavesAt(indices, messages, blocks);
          expect(h.climbAll(leaves, domain)!.slice()).toEqual(digest);
          const { bytes, siblings } = leaves;
          const altered = { ...leaves, bytes: bytes.with(bytes.length - 1, 77) };
          expect(h.climbAll(altered, domain)!.slice()).not.toEqual(digest);
          const longer = Buffer.concat([siblings, new Uint8Array(32)]);
          expect(h.climbAll({ ...leaves, siblings: longer }, domain)).toBeNull();
          const shorter = siblings.subarray(32);
          if (siblings.length === 0) return;
          expect(h.climbAll({ ...leaves, siblings: shorter }, domain)).toBeNull();
        }),
        { numRuns: 40 },
      );
    });

    test("A5 leaves that do not rise, or are in no tree of their depth, do not climb", () => {
      const messages = Array.from({ length: 4 }, (_, i) => fixed(i));
      const { digest, blocks } = build(h, messages);
      const leaves = leavesAt([1, 2], messages, blocks);
      expect(h.climbAll(leaves, domain)!.slice()).toEqual(digest);
      for (const indices of [
        [2, 1],
        [1, 1],
        [1, 4],
        [0, 3],
      ]) {
        const climbed = h.climbAll({ ...leaves, indices }, domain);
        if (climbed !== null) expect(climbed.slice()).not.toEqual(digest);
      }
      expect(h.climbAll({ ...leaves, depth: 3 }, domain)).toBeNull();
      expect(h.climbAll({ ...leaves, depth: 1 }, domain)).toBeNull();
      const none = { bytes: new Uint8Array(0), indices: [], depth: 0, siblings: new Uint8Array(0) };
      expect(h.climbAll(none, domain)).toBeNull();
    });

    test("climb takes any bytes, and exactly the blocks that the wire takes", () => {
      const shaped = fc
        .tuple(fc.nat(12), fc.nat(5000), fc.integer({ min: -2, max: 2 }))
        .map(([depth, index, extra]) => {
          const block = new Uint8Array(Math.max(0, BLOCK_MIN + 32 * depth + extra));
          if (block.length > 5) new DataView(block.buffer).setUint32(1, index);
          block[0] = depth;
          return block;
        });
      fc.assert(
        fc.property(fc.oneof(shaped, fc.uint8Array({ maxLength: 500 })), (block) => {
          const climbed = h.climb(message(1), block, domain);
          const reader = new Reader(block).reset(0, block.length);
          reader.block();
          expect(climbed !== null).toBe(reader.done && block.length > 0);
        }),
        { numRuns: 2000 },
      );
    });
  });
}

describeUnless(nativeMissing)("blocks in TypeScript and C", () => {
  test("are the same, byte for byte", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(messages, (all) => {
        expect(build(native!, all)).toEqual(build(reference, all));
        expect(native!.single(all[0]!, domain).slice()).toEqual(
          reference.single(all[0]!, domain).slice(),
        );
      }),
      { numRuns: 100 },
    );
  });

  test("climb alike, whatever the block", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(10),
        fc.nat(1100),
        fc.uint8Array({ minLength: 400, maxLength: 400 }),
        (signed, depth, index, noise) => {
          const block = noise.slice(0, BLOCK_MIN + 32 * depth);
          block[0] = depth;
          new DataView(block.buffer).setUint32(1, index);
          expect(native!.climb(signed, block, domain)).toEqual(
            reference.climb(signed, block, domain),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
