// An attack fails by what goes beyond each bound, and by nothing else.

import { describe, expect, test } from "bun:test";
import {
  boundsFor,
  CI_BOUNDS,
  judge,
  MEASURED_HEAD,
  measuredCells,
  STRANGERS_BOUNDS,
  type Measured,
} from "../../src/attack/losses.ts";

const GOOD: Measured = {
  ...{ before: 1000, during: 700, after: 700, leaderChanges: 0, memoryMib: 64, amplification: 1 },
  ...{ taken: 0, ended: [] },
};

describe("an attack", () => {
  test("that costs no more than the bounds passes", () => {
    expect(judge(GOOD, STRANGERS_BOUNDS)).toEqual([]);
    expect(judge({ ...GOOD, amplification: null }, STRANGERS_BOUNDS)).toEqual([]);
  });

  test.each([
    [{ before: 0, during: 0, after: 0 }, "nothing was served before the attack"],
    [{ during: 699 }, "throughput below 0.7 of before"],
    [{ after: 699 }, "throughput below 0.7 of before, a second after"],
    [{ leaderChanges: 1 }, "leaders were left"],
    [{ memoryMib: 64.1 }, "more than 64 MiB above undisturbed"],
    [{ amplification: 1.01 }, "amplification above 1"],
    [{ ended: ["clients: no session"] }, "clients: no session"],
  ])("that leaves %j fails", (change, loss) =>
    expect(judge({ ...GOOD, ...change }, STRANGERS_BOUNDS)).toEqual([loss]),
  );

  test("need not leave what its own process took of the machine", () => {
    const slow = { ...GOOD, during: 525, taken: 0.25 };
    expect(judge(slow, STRANGERS_BOUNDS)).toEqual([]);
    const slower = { ...slow, during: 524 };
    expect(judge(slower, STRANGERS_BOUNDS)).toEqual(["throughput below 0.7 of before"]);
    expect(measuredCells(slow).slice(3, 6)).toEqual(["0.53", "0.25", "0.70"]);
  });

  test("is judged by no bound that is not given", () => {
    const bad = { ...GOOD, during: 0, after: 0, leaderChanges: 9, memoryMib: 999 };
    expect(judge({ ...bad, amplification: 99 }, {})).toEqual([]);
  });

  test("may cost half where clients wait for every replica, and nothing else more", () => {
    const bounds = boundsFor(STRANGERS_BOUNDS, { ci: false, hasFastPath: true });
    expect(bounds).toEqual({ ...STRANGERS_BOUNDS, duringMin: 0.5 });
    expect(boundsFor(STRANGERS_BOUNDS, { ci: false, hasFastPath: false })).toBe(STRANGERS_BOUNDS);
    expect(boundsFor({}, { ci: false, hasFastPath: true })).toEqual({ duringMin: 0 });
    expect(boundsFor(STRANGERS_BOUNDS, { ci: true, hasFastPath: true })).toEqual(CI_BOUNDS);
  });

  test("in CI need leave a tenth of the throughput only", () => {
    expect(judge({ ...GOOD, during: 100, after: 100 }, CI_BOUNDS)).toEqual([]);
    expect(judge({ ...GOOD, during: 99, after: 100 }, CI_BOUNDS)).toHaveLength(1);
    expect(judge({ ...GOOD, leaderChanges: 3 }, CI_BOUNDS)).toHaveLength(1);
  });
});

test("a measurement has a cell for each column", () => {
  const cells = measuredCells({ ...GOOD, amplification: null });
  expect(cells).toEqual(["1,000", "700", "700", "0.70", "0.00", "0.70", "0.70", "0", "64", "-"]);
  expect(cells).toHaveLength(MEASURED_HEAD.length);
});
