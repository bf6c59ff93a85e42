// What an attacker takes by sharing the machine is what honest processes have less and it has more.

import { expect, test } from "bun:test";
import { processorSeconds, secondsIn, takenShare } from "../../src/attack/processor-time.ts";

const CALM = { seconds: 4, honest: 8, attacker: 0 };

test.each([
  ["that uses what others then lack takes it", { seconds: 4, honest: 6, attacker: 2 }, 0.25],
  [
    "that uses more than others lack takes what they lack",
    { seconds: 4, honest: 7, attacker: 2 },
    0.125,
  ],
  ["for whom others wait takes no more than it used", { seconds: 4, honest: 2, attacker: 2 }, 0.25],
  ["that makes others work takes nothing", { seconds: 4, honest: 9, attacker: 2 }, 0],
  ["of another length is compared by rates", { seconds: 2, honest: 3, attacker: 1 }, 0.25],
])("an attacker %s", (_, during, share) => expect(takenShare(CALM, during, 1)).toBeCloseTo(share));

test("a replica that turns Byzantine takes what it uses beyond what serving takes it", () => {
  const calm = { seconds: 4, honest: 6, attacker: 2 };
  const during = { seconds: 4, honest: 4, attacker: 3 };
  const shares = [1, 0.75, 0, 2].map((served) => takenShare(calm, during, served));
  expect(shares).toEqual([1 / 6, 1 / 4, 1 / 3, 1 / 6]);
});

test("nobody had anything", () => expect(takenShare({ ...CALM, honest: 0 }, CALM, 1)).toBe(0));

test("time is read behind a name with spaces and parentheses", () => {
  const stat = "12 (a) b (c) S 1 2 3 0 -1 4194560 1 2 3 4 250 150 7 8 20 0 9 0 5 6 7";
  expect(secondsIn(stat)).toBe(4);
});

test("the kernel tells it of this process", () => {
  const used = processorSeconds([process.pid]);
  expect(used).toBeGreaterThan(0);
  const told = process.cpuUsage();
  expect(used).toBeLessThanOrEqual((told.user + told.system) / 1e6 + 0.1);
});
