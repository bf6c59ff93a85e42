// Whom a replica asks, and how often it answers.

import { expect, test } from "bun:test";
import { AnswerLimit, PeerRotation } from "../../../src/protocol/kit/peers.ts";

const limit = (answersMax = 2) => new AnswerLimit({ n: 4, pauseMs: 10, answersMax });

test("X14 each question of a replica has a turn of its own", () => {
  const answers = limit();
  expect(answers.allows(1, "old", 0)).toBe(true);
  answers.spend(1, "old", 0);
  for (let ms = 0; ms < 10; ms++) expect(answers.allows(1, "old", ms)).toBe(false);
  expect(answers.allows(1, "new", 5)).toBe(true);
  expect(answers.allows(2, "old", 5)).toBe(true);
  expect(answers.allows(1, "old", 10)).toBe(true);
});

test("X14 a question that was not answered costs nobody its turn", () => {
  const answers = limit(1);
  for (let i = 0; i < 5; i++) expect(answers.allows(1, "a", 0)).toBe(true);
  answers.spend(1, "b", 0);
  expect(answers.allows(1, "a", 1)).toBe(false);
});

test("X14 questions without number get no more answers than the limit in a pause", () => {
  const answers = limit(4);
  let answered = 0;
  for (let i = 0; i < 10_000; i++) {
    if (!answers.allows(1, `${i}`, 5)) continue;
    answers.spend(1, `${i}`, 5);
    answered++;
  }
  expect(answered).toBe(4);
  expect(answers.allows(1, "again", 14)).toBe(false);
  expect(answers.allows(1, "again", 15)).toBe(true);
});

test("X14 recorded questions leave half of the answers to new ones", () => {
  const answers = limit(4);
  for (const old of ["a", "b", "c", "d"]) answers.spend(1, old, 0);
  let answered = 0;
  for (const old of ["a", "b", "c", "d"]) {
    if (!answers.allows(1, old, 20)) continue;
    answers.spend(1, old, 20);
    answered++;
  }
  expect(answered).toBe(2);
  expect(answers.allows(1, "new", 20)).toBe(true);
});

test("strangers are never answered", () => {
  const answers = limit();
  expect(answers.allows(4, "a", 0)).toBe(false);
  answers.spend(4, "a", 0);
  expect(answers.allows(4, "a", 100)).toBe(false);
});

test("peers are asked in turn, the replica itself never", () => {
  const peers = new PeerRotation(1, 4);
  expect([1, 2, 3, 4].map(() => peers.next())).toEqual([2, 3, 0, 2]);
  expect(new PeerRotation(0, 1).next()).toBe(0);
});
