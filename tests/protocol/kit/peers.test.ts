// Whom a replica asks, and how often it answers.

import { expect, test } from "bun:test";
import { AnswerLimit, AnswerRate, PeerRotation } from "../../../src/protocol/kit/peers.ts";

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

test("X14 recorded questions, a thousand or without number, leave turns to a new one", () => {
  // Of 800 each is known once it was answered; of 1,500 all seem new, whoever comes first.
  for (const [recorded, pausesMax] of [
    [800, 1],
    [1500, 4000],
  ] as const) {
    const answers = limit(16);
    const replay = (ms: number): void => {
      for (let i = 0; i < recorded; i++) {
        if (answers.allows(1, `old ${i}`, ms)) answers.spend(1, `old ${i}`, ms);
      }
    };
    for (let pause = 0; pause < 100; pause++) replay(10 * pause);
    for (let round = 0; round < 5; round++) {
      let pause = 1000 * (1 + round);
      const first = pause;
      for (; pause < first + pausesMax; pause++) {
        replay(10 * pause);
        if (answers.allows(1, `new ${round}`, 10 * pause)) break;
      }
      expect([recorded, pause < first + pausesMax]).toEqual([recorded, true]);
    }
  }
});

test("strangers are never answered", () => {
  const answers = limit();
  expect(answers.allows(4, "a", 0)).toBe(false);
  answers.spend(4, "a", 0);
  expect(answers.allows(4, "a", 100)).toBe(false);
});

const MIB = 2 ** 20;

/** Asks and, if it may be, answers with so many bytes; says how many that were. */
function ask(answers: AnswerRate, of: number, question: string, bytes: number, ms: number): number {
  if (!answers.allows(of, question, ms)) return 0;
  answers.begin(of, question, ms);
  answers.charge(of, bytes);
  return bytes;
}

test("one question is answered once in a pause, another at once, a stranger's never", () => {
  const answers = new AnswerRate({ n: 4, pauseMs: 10 });
  for (let ms = 0; ms < 25; ms++) {
    expect([ask(answers, 1, "a", 1, ms), ask(answers, 4, "a", 1, ms)]).toEqual([
      ...[ms % 10 === 0 ? 1 : 0, 0],
    ]);
  }
  expect(ask(answers, 1, "b", 1, 25)).toBe(1);
  expect(ask(answers, 2, "a", 1, 25)).toBe(1);
});

test("whoever floods with questions gets 48 MiB at once and 16 MiB a second, others what they ask for", () => {
  const answers = new AnswerRate({ n: 4, pauseMs: 10 });
  let sent = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    for (let i = 0; i < 5; i++) sent += ask(answers, 3, `${i} ${ms}`, 3 * MIB, ms);
  }
  expect(sent).toBeLessThanOrEqual((48 + 16 * 10 + 3) * MIB);
  expect(sent).toBeGreaterThan((48 + 16 * 9) * MIB);
  expect(ask(answers, 2, "batch", 3 * MIB, 10_000)).toBe(3 * MIB);
  // Small answers are charged for as well: certificates, and the time that they take.
  sent = 0;
  for (let i = 0; i < 100_000; i++) sent += ask(answers, 2, `${i}`, 1, 10_000);
  expect(sent).toBeLessThan(12_500);
  for (const { size, max } of answers.sizes) expect(size).toBeLessThanOrEqual(max);
});

test("a state of 64 MiB is fetched from two others without a wait, a twentieth of it twice", () => {
  const peers = [0, 1].map(() => new AnswerRate({ n: 4, pauseMs: 60 }));
  const piece = 32 * 1024;
  for (let i = 0; i < (64 * MIB) / piece; i++) {
    expect(ask(peers[i % 2]!, 3, `state 128 ${i}`, piece, 0)).toBe(piece);
    if (i % 20 === 0) expect(ask(peers[i % 2]!, 3, `state 128 ${i}`, piece, 250)).toBe(piece);
  }
});

test("peers are asked in turn, the replica itself never", () => {
  const peers = new PeerRotation(1, 4);
  expect([1, 2, 3, 4].map(() => peers.next())).toEqual([2, 3, 0, 2]);
  expect(new PeerRotation(0, 1).next()).toBe(0);
});
