// Memory that signers share: who sends much keeps nobody out who sends little.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SignerRoom } from "../../../src/protocol/kit/signer-room.ts";

const N = 7;
const BYTES_MAX = 70;

test("X12 what takes an equal share at most is kept, whatever other signers sent", () => {
  const sent = fc.array(fc.tuple(fc.nat(N - 2), fc.integer({ min: 1, max: BYTES_MAX + 5 })));
  fc.assert(
    fc.property(sent, fc.integer({ min: 1, max: BYTES_MAX / N }), (others, bytes) => {
      const room = new SignerRoom<string>("room", N, BYTES_MAX);
      const keep = (signer: number, size: number): boolean => {
        const kept = room.keep(signer, `${signer}`, size);
        for (const { size: now, max } of room.sizes) expect(now).toBeLessThanOrEqual(max);
        return kept;
      };
      const half = others.length / 2;
      for (const [signer, size] of others.slice(0, half)) keep(signer, size);
      expect(keep(N - 1, bytes)).toBe(true);
      for (const [signer, size] of others.slice(half)) keep(signer, size);
      expect(room.get(N - 1)).toBe(`${N - 1}`);
      for (const [signer] of room.entries()) room.forget(signer);
      expect(room.sizes.map(({ size }) => size)).toEqual([0, 0]);
    }),
  );
});

test("X12 the largest makes room for a smaller one, and none for a larger or an equal one", () => {
  const room = new SignerRoom<string>("room", N, BYTES_MAX);
  expect(room.keep(0, "a", 40)).toBe(true);
  expect(room.keep(1, "b", 30)).toBe(true);
  expect([room.keep(2, "c", 41), room.keep(2, "c", 40)]).toEqual([false, false]);
  expect(room.keep(2, "c", 35)).toBe(true);
  expect(room.entries()).toEqual([
    [1, "b"],
    [2, "c"],
  ]);
  // What does not fit leaves what its signer sent before.
  expect(room.keep(2, "d", 60)).toBe(false);
  expect(room.get(2)).toBe("c");
  expect(room.keep(2, "e", 40)).toBe(true);
  expect(room.get(2)).toBe("e");
});
