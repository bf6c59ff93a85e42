// Shows what opens without end may cost a service that is in use: how many of one host a replica
// looks at, and that nobody is held up where nobody else is served.

import { expect, test } from "bun:test";
import { Budgets, SOURCES_MAX } from "../../../src/protocol/kit/budgets.ts";
import { OpenLimit, OpenRation } from "../../../src/protocol/kit/open-ration.ts";
import { OPENS_MAX } from "../../../src/protocol/kit/pending.ts";

test("X11 X12 opens of one host are looked at within a budget while operations are executed", () => {
  const host = { now: 0, sourceOf: (address: number) => Math.floor(address / 100) };
  const limit = new OpenLimit(host, 500);
  const admitted = (address: number, count: number) => {
    let admitted = 0;
    for (let i = 0; i < count; i++) if (limit.admits(address + (i % 100))) admitted++;
    return admitted;
  };
  // Nobody is served: whoever comes is.
  expect(admitted(100, 5000)).toBe(5000);
  limit.onOperations();
  expect([admitted(100, 5000), admitted(200, 200)]).toEqual([OPENS_MAX, 200]);
  // As many displace each other before a quarter of a view timeout is over.
  host.now = 50;
  limit.onOperations();
  expect(admitted(100, 5000)).toBe(OPENS_MAX / 2);
  host.now = 149;
  expect(admitted(100, 5000)).toBeLessThanOrEqual(OPENS_MAX);
  // Operations were executed a fifth of a view timeout ago.
  host.now = 150;
  expect(admitted(100, 5000)).toBe(5000);
});

test("X12 sources with a budget are remembered up to a bound, the last that spent first", () => {
  const budgets = new Budgets(0, 1);
  for (let source = 0; source < SOURCES_MAX; source++)
    expect(budgets.spend(source, 1, 0)).toBe(true);
  expect([budgets.spend(0, 1, 1), budgets.spend(SOURCES_MAX, 1, 1)]).toEqual([false, true]);
  expect(budgets.size).toBe(SOURCES_MAX);
  // That which spent longest ago was forgotten.
  expect([budgets.spend(2, 1, 1), budgets.spend(1, 1, 1)]).toEqual([false, true]);
});

test("X11 a ration lasts as long as operations come, and what is not used of it is saved up to a bound", () => {
  const ration = new OpenRation(500);
  expect(ration.of(300, false, 0)).toBe(300);
  ration.onBatch(64, 0, 0, 1000);
  expect([ration.isOn(1000), ration.isOn(1099), ration.isOn(1100)]).toEqual([true, true, false]);
  // What was saved, as if for ever, is sixteen.
  expect(ration.of(300, true, 1000)).toBe(16);
  ration.onBatch(32, 16, 300, 1000);
  expect(ration.of(1, true, 1000)).toBe(1);
  expect(ration.of(300, true, 1010)).toBe(1 + 12);
  expect(ration.of(300, true, 1100)).toBe(1 + 120);
  expect(ration.of(300, false, 1100)).toBe(300);
});
