// Shows snapshots and their transfer by themselves: parts of any size come out of pieces as they
// went in, a wrong byte is found at once, and what two snapshots share is hashed once.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Bytes } from "../../../src/actor.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import { NO_CERTIFICATE } from "../../../src/protocol/kit/quorum.ts";
import { PIECE_LENGTH, Snapshot, StateTransfer } from "../../../src/protocol/kit/state-transfer.ts";
import { EMPTY } from "../../../src/wire.ts";

const SLOT = 128;
const bytes = (length: number, seed: number): Bytes =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) + seed) & 255);

/** Asks for all of a snapshot; each piece once more, altered by `alter`, which is refused. */
function fetched(snapshot: Snapshot, alter?: (piece: Bytes) => Bytes) {
  const asked: number[] = [];
  const transfer = new StateTransfer(3, 4, (_peer, _slot, piece) => asked.push(piece));
  transfer.start({ slot: SLOT, digest: snapshot.digest, certificate: NO_CERTIFICATE });
  const pieces: Bytes[] = [];
  for (;;) {
    const piece = asked.shift();
    if (piece === undefined) throw new Error("asks for nothing more");
    const right = snapshot.piece(piece);
    if (right === null) throw new Error(`asks for piece ${piece}`);
    const message = { kind: "state", slot: SLOT, piece } as const;
    if (alter !== undefined) {
      expect(transfer.receive(9, { ...message, bytes: alter(right) })).toBe(false);
    }
    if (piece > 0) pieces.push(right);
    const state = transfer.receive(9, { ...message, bytes: right });
    if (state !== null) return { state, pieces };
  }
}

const lengths = fc.array(
  fc.constantFrom(0, 1, 100, 4096, PIECE_LENGTH - 1, PIECE_LENGTH, PIECE_LENGTH + 1, 100_000),
  { minLength: 1, maxLength: 20 },
);

test("P11 parts of any size are fetched in pieces of 32 KiB at most, few for small parts", () => {
  fc.assert(
    fc.property(lengths, (lengths) => {
      const parts = lengths.map(bytes);
      const { state, pieces } = fetched(Snapshot.of(parts, new WeakMap()));
      expect(state).toEqual(parts);
      const sizes = pieces.map(({ length }) => length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE_LENGTH);
      // No two neighbours would fit one.
      for (let i = 1; i < sizes.length; i++) {
        expect(sizes[i - 1]! + sizes[i]!).toBeGreaterThan(PIECE_LENGTH);
      }
      const small = Snapshot.of(
        Array.from({ length: 64 }, (_, i) => bytes(4096, i)),
        new WeakMap(),
      );
      expect(fetched(small).pieces.length).toBe(8);
    }),
    { numRuns: 30 },
  );
});

test("P11 a piece that is altered, cut or longer is refused, and the right one is taken after it", () => {
  const parts = [3, 0, 100_000, 40, PIECE_LENGTH].map(bytes);
  const snapshot = Snapshot.of(parts, new WeakMap());
  const flipped = (piece: Bytes) =>
    piece.map((byte, i) => (i === piece.length - 1 ? byte ^ 1 : byte));
  for (const alter of [
    flipped,
    (piece: Bytes) => piece.subarray(1),
    (piece: Bytes) => Uint8Array.of(...piece, 0),
    () => EMPTY,
  ]) {
    expect(fetched(snapshot, alter).state).toEqual(parts);
  }
});

test("P6 where parts end is part of the digest", () => {
  const digest = (parts: readonly Bytes[]) => Snapshot.of(parts, new WeakMap()).digest.toHex();
  const [one, other] = [bytes(10, 1), bytes(20, 2)];
  const states = [[one, other], [other, one], [Buffer.concat([one, other])], [one, EMPTY, other]];
  expect(new Set(states.map(digest)).size).toBe(states.length);
});

test("P6 a part is hashed once, and gives the same digest as if it were hashed again", () => {
  const digests = new WeakMap<Bytes, Bytes>();
  const shared = bytes(100_000, 1);
  Snapshot.of([shared, bytes(10, 2)], digests);
  const known = digests.get(shared);
  const next = [shared, bytes(10, 3)];
  const { digest } = Snapshot.of(next, digests);
  expect(digests.get(shared)).toBe(known!);
  expect(digest).toEqual(
    Snapshot.of(
      next.map((part) => part.slice()),
      new WeakMap(),
    ).digest,
  );
  expect(known!.subarray(0, 32)).toEqual(digestOf(shared.subarray(0, PIECE_LENGTH)));
});
