// What seeds and scenarios draw of leaders: how long they stay, who tells who leads, and who knows a
// view's certificate.

import { expect, test } from "bun:test";
import { drawPlan } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";
import type { Subject } from "../../src/simulation/subject.ts";
import { twinsScenarios, type Scenario } from "../../src/simulation/twins-scenarios.ts";

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

function subject(name: string): Subject {
  const found = registered.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

function leadersOf(name: string, without: readonly string[] = []): string[] {
  const drawn = SEEDS.map((seed) => {
    const { tenure, reputation } = drawPlan(subject(name), "short", seed, { without });
    return reputation ? `reputation ${tenure}` : `${tenure}`;
  });
  return [...new Set(drawn)].sort();
}

test("GS7 leaders of the chained protocols keep 1, 4 or 2^20 views, or go by reputation, as seeds draw", () => {
  for (const name of ["hotstuff", "hotstuff2", "jolteon", "streamlet"]) {
    expect(leadersOf(name)).toEqual(["1", "1048576", "4", "reputation 1"]);
    expect(leadersOf(name, ["reputation"])).toEqual(["1", "1048576", "4"]);
    expect(leadersOf(name, ["reputation", "tenures"])).toEqual(["1"]);
  }
  expect(leadersOf("pbft")).toEqual(["1"]);
});

function shares(name: string, of: (scenario: Scenario) => boolean): { all: number; drawn: number } {
  const scenarios = twinsScenarios(subject(name).protocol);
  const count = (first: number) => SEEDS.filter((i) => of(scenarios.scenario(first + i))).length;
  return { all: count(0), drawn: count(scenarios.exhaustive) / SEEDS.length };
}

test("GS3 half of the drawn scenarios of Twins have long tenures, a quarter leaders by reputation", () => {
  const long = shares("jolteon", ({ tenure }) => tenure === 4);
  const told = shares("jolteon", ({ reputation }) => reputation);
  expect([long.all, told.all]).toEqual([0, 0]);
  expect(Math.abs(long.drawn - 0.5)).toBeLessThan(0.12);
  expect(Math.abs(told.drawn - 0.25)).toBeLessThan(0.1);
  expect(shares("jolteon", (one) => one.reputation && one.tenure > 1).drawn).toBe(0);
  expect(shares("pbft", ({ tenure, reputation }) => reputation || tenure > 1).drawn).toBe(0);
});

test("GS4 in a quarter of them certificates reach one instance alone, where a protocol says what certifies", () => {
  const hides = shares("hotstuff2", (scenario) => scenario.hides);
  expect(hides.all).toBe(0);
  expect(Math.abs(hides.drawn - 0.25)).toBeLessThan(0.1);
  expect(shares("pbft", (scenario) => scenario.hides).drawn).toBe(0);
});
