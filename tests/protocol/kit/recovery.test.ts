// How replicas that start find out whether they ran before: Recovery alone, asked and answered by
// hand.

import { expect, test } from "bun:test";
import { quorumsOf } from "../../../src/protocol/kit/quorum.ts";
import { Recovery, START_WAIT_TIMEOUTS } from "../../../src/protocol/kit/recovery.ts";

const TIMEOUT_MS = 20;
const WAITED_MS = START_WAIT_TIMEOUTS * TIMEOUT_MS;
const HERE = "here";

/** Four replicas that start. */
function four(): Recovery<string>[] {
  const quorums = quorumsOf({ n: 4, f: 1 });
  return [0, 1, 2, 3].map((self) => new Recovery(quorums, self, () => self));
}

/** Has one of them hear what each of the others answers. */
function ask(one: Recovery<string>, others: readonly (Recovery<string> | undefined)[]): void {
  for (const other of others) {
    if (other === undefined || other === one) continue;
    one.onAnswer(other.answer(one.recoverMessage(), HERE));
  }
}

test("X15 replicas that begin later than the first do not take it for one that ran before", () => {
  const all = four();
  for (const one of all) ask(one, all);
  const [first, second] = all;
  expect(first?.decide(0, TIMEOUT_MS)).toBe("begin");
  first!.phase = "running";
  // It runs when the second asks again, and was starting when the second first asked.
  ask(second!, [first]);
  expect(second?.positions.size).toBe(1);
  expect(second?.decide(0, TIMEOUT_MS)).toBe("begin");
});

test("X15 one replica that says that it runs does not make a cluster recover that never ran", () => {
  const [one, two, three, liar] = four();
  liar!.phase = "running";
  ask(one!, [two, three, liar]);
  expect(one?.positions.size).toBe(1);
  expect(one?.decide(0, TIMEOUT_MS)).toBe("wait");
  expect(one?.decide(WAITED_MS, TIMEOUT_MS)).toBe("begin");
});

test("X15 how long a replica waits for the last one follows from the view timeout", () => {
  const [one, two, three] = four();
  ask(one!, [two, three]);
  for (const timeoutMs of [TIMEOUT_MS, 100 * TIMEOUT_MS]) {
    const waitedMs = START_WAIT_TIMEOUTS * timeoutMs;
    expect(one?.decide(waitedMs - 1, timeoutMs)).toBe("wait");
    expect(one?.decide(waitedMs, timeoutMs)).toBe("begin");
  }
});

test("X14 those that began together with a replica and run by now count for its recovery", () => {
  const [one, two, three, four_] = four();
  ask(one!, [two]);
  for (const other of [two, three, four_]) other!.phase = "running";
  ask(one!, [two, three]);
  expect(one?.decide(WAITED_MS, TIMEOUT_MS)).toBe("wait");
  ask(one!, [four_]);
  expect(one?.positions.size).toBe(3);
  expect(one?.decide(0, TIMEOUT_MS)).toBe("recover");
});

test("X14 answers to another nonce, or of nobody that there is, do not count", () => {
  const [one, two] = four();
  const answer = two!.answer(one!.recoverMessage(), HERE);
  one!.onAnswer({ ...answer, nonce: new Uint8Array(answer.nonce.length).fill(9) });
  one!.onAnswer({ ...answer, replica: 4 });
  one!.onAnswer({ ...answer, replica: 0 });
  one!.onAnswer({ ...answer, to: 2 });
  expect(one?.missing).toEqual([1, 2, 3]);
  one!.onAnswer(answer);
  expect(one?.missing).toEqual([2, 3]);
});
