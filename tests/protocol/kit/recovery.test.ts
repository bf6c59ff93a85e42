// What a replica that has lost its memory asks: Recovery alone, asked and answered by hand.

import { expect, test } from "bun:test";
import { quorumsOf } from "../../../src/protocol/kit/quorum.ts";
import { Recovery } from "../../../src/protocol/kit/recovery.ts";

const HERE = "here";

/** Four replicas, of which the first asks. */
function four(): Recovery<string>[] {
  const quorums = quorumsOf({ n: 4, f: 1 });
  const random = (self: number) => () => self;
  return [0, 1, 2, 3].map(
    (self) => new Recovery({ quorums, self, random: random(self), viewTimeoutMs: 100 }),
  );
}

test("X14 n - f answers to its own nonce locate a replica, fewer do not", () => {
  const [one, two, three, last] = four();
  for (const other of [two, three]) one!.onAnswer(other!.answer(one!.recoverMessage(), HERE));
  expect({ located: one!.located, missing: one!.missing }).toEqual({
    located: false,
    missing: [3],
  });
  one!.onAnswer(last!.answer(one!.recoverMessage(), HERE));
  expect(one!.located).toBe(true);
  expect([...one!.positions]).toEqual([1, 2, 3].map((replica) => [replica, HERE]));
});

test("X14 answers to another nonce, or of nobody that there is, do not count", () => {
  const [one, two] = four();
  const answer = two!.answer(one!.recoverMessage(), HERE);
  const others = [
    { ...answer, nonce: new Uint8Array(answer.nonce.length).fill(9) },
    { ...answer, replica: 4 },
    { ...answer, replica: 0 },
    { ...answer, to: 2 },
  ];
  expect(others.map((other) => one!.onAnswer(other))).toEqual([false, false, false, false]);
  expect(one?.missing).toEqual([1, 2, 3]);
  expect(one!.onAnswer(answer)).toBe(true);
  expect(one?.missing).toEqual([2, 3]);
});

test("X14 RECOVERs of earlier starts, however many, leave work for the present one", () => {
  const [one] = four();
  const recover = (byte: number) =>
    ({ kind: "recover", replica: 1, nonce: new Uint8Array(16).fill(byte) }) as const;
  let taken = 0;
  for (let round = 0; round < 12; round++) {
    const nowMs = round * 1000;
    for (let byte = 1; byte <= 20; byte++) if (one!.takeWork(recover(byte), nowMs)) taken++;
    if (round < 10) continue;
    // By now each was taken once.
    expect(one!.mayWork(recover(100 + round), nowMs)).toBe(true);
    expect(one!.takeWork(recover(100 + round), nowMs)).toBe(true);
    expect(one!.takeWork(recover(100 + round), nowMs + 999)).toBe(false);
  }
  expect(taken).toBeLessThanOrEqual(12 * 4);
});
