// What a seed does: streams that do not disturb each other, faults inside the budget, scenarios
// counted.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { drawPlan, NO_FAULTS, STRANGER_TRICKS } from "../../src/simulation/seed-plan.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { faultNames } from "../../src/campaign/shrink.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { TwinsScenarios } from "../../src/simulation/twins-scenarios.ts";
import { World } from "../../src/simulation/world.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const subject = registered.get("pbft")!;

describe("random streams", () => {
  test("are the same whatever another drew", () => {
    const a = new Random(5, "a");
    const before = a.stream("b").u32();
    for (let i = 0; i < 100; i++) a.u32();
    expect(a.stream("b").u32()).toBe(before);
    expect(new Random(5, "c").u32()).not.toBe(new Random(5, "a").u32());
    expect(new Random(6, "a").u32()).not.toBe(new Random(5, "a").u32());
  });

  test("give every value of a range about as often", () => {
    const random = new Random(1, "uniform");
    const seen = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const value = random.int(10);
      seen.set(value, (seen.get(value) ?? 0) + 1);
    }
    expect(seen.size).toBe(10);
    for (const count of seen.values()) expect(Math.abs(count - 2000)).toBeLessThan(250);
    for (let i = 0; i < 1000; i++) expect(random.int(2 ** 48)).toBeLessThan(2 ** 48);
  });
});

describe("plans", () => {
  test("give each fault a name of its own", () => {
    for (let seed = 0; seed < 200; seed++) {
      const names = faultNames(drawPlan(subject, "adversary", seed));
      expect(new Set(names).size).toBe(names.length);
    }
  });

  test("leave out one fault and keep all others", () => {
    for (let seed = 0; seed < 200; seed++) {
      const plan = drawPlan(subject, "adversary", seed);
      for (const name of faultNames(plan)) {
        const without = drawPlan(subject, "adversary", seed, { without: [name] });
        const rest = faultNames(plan).filter((other) => other !== name);
        expect(faultNames(without)).toEqual(expect.arrayContaining(rest));
        expect(without.gstUs).toBe(plan.gstUs);
      }
    }
  });

  test("switch each fault off entirely in some seeds, and on in others", () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 300; seed++) {
      for (const name of faultNames(drawPlan(subject, "adversary", seed))) {
        seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    }
    for (const name of ["loss", "duplication", "replay", "pause-0", "partition-0", "flood"]) {
      expect(seen.get(name) ?? 0).toBeGreaterThan(30);
      expect(seen.get(name) ?? 0).toBeLessThan(270);
    }
  });

  test("have strangers in half of the seeds, and nothing else in an eighth", () => {
    for (const kind of ["short", "deep", "adversary", "invent"] as const) {
      const plans = Array.from({ length: 400 }, (_, seed) => drawPlan(subject, kind, seed));
      const strange = plans.filter(({ strangers }) => strangers.length > 0).length;
      expect(strange).toBeGreaterThan(150);
      expect(strange).toBeLessThan(250);
      const alone = plans.filter((plan) => plan.alone);
      const honest = kind === "short" || kind === "deep";
      expect(alone.length > 25 && alone.length < 75).toBe(honest);
      for (const plan of alone) {
        const { network, faults, restarts, byzantine, earlier, strangers } = plan;
        expect(network).toMatchObject(NO_FAULTS);
        expect([...faults, ...restarts, ...byzantine, earlier]).toEqual([0]);
        expect([...strangers]).toEqual([...STRANGER_TRICKS]);
      }
    }
    expect(drawPlan(subject, "twins", 1).strangers).toEqual([]);
  });

  test("let strangers do what they drew", () => {
    const seed = Array.from({ length: 50 }, (_, i) => i).find(
      (i) => drawPlan(subject, "short", i).alone,
    )!;
    const { injected, failures } = runSeed({ subject, seed, kind: "short" });
    expect(failures).toEqual([]);
    for (const what of ["answers", "messages", "parts"]) {
      expect([what, (injected.get(`stranger: ${what}`) ?? 0) > 2]).toEqual([what, true]);
    }
    const without = [...STRANGER_TRICKS];
    const calm = runSeed({ subject, seed, kind: "short", changes: { without } });
    expect(calm.failures).toEqual([]);
    expect([...calm.injected.keys()].filter((what) => what.startsWith("stranger"))).toEqual([]);
  });

  test(
    "never have more than f replicas Byzantine, down or recovering",
    () => {
      let crashes = 0;
      for (const kind of ["short", "adversary"] as const) {
        for (let seed = 0; seed < 25; seed++) {
          const plan = drawPlan(subject, kind, seed);
          const counts: number[] = [];
          const original = World.prototype.crash;
          World.prototype.crash = function crash(this: World, process) {
            original.call(this, process);
            if (process.name.startsWith("r")) counts.push(this.faulty());
          };
          try {
            // All at once end the run, whatever the budget.
            runSeed({ subject, kind, seed, changes: { without: ["all restart"] } });
          } finally {
            World.prototype.crash = original;
          }
          crashes += counts.length;
          for (const count of counts) expect(count).toBeLessThanOrEqual(plan.f);
        }
      }
      expect(crashes).toBeGreaterThan(5);
    },
    PATIENCE_MS,
  );
});

describe("twins", () => {
  const scenarios = new TwinsScenarios({ n: 4, quorum: 3 });

  test("has every class of symmetric scenarios once: 98,736", () => {
    // Burnside's lemma over the exchanges of two twins and of three replicas, on 2^4 splits, five
    // views.
    const fixed = [
      [16, 1],
      [8, 1],
      [8, 3],
      [4, 3],
      [4, 2],
      [2, 2],
    ] as const;
    const count = fixed.reduce((sum, [splits, exchanges]) => sum + splits ** 5 * exchanges, 0) / 12;
    expect(scenarios.exhaustive).toBe(count);
    expect(count).toBe(98_736);
  });

  test("has clusters of other sizes, with as many views as can be enumerated", () => {
    // Three replicas: the exchanges of two twins and of two replicas, on 2^3 splits, six views.
    const three = new TwinsScenarios({ n: 3, quorum: 2 });
    expect(three.exhaustive).toBe((8 ** 6 + 3 * 4 ** 6) / 4);
    expect(three.scenario(0).views).toHaveLength(6);
    const seven = new TwinsScenarios({ n: 7, quorum: 5 });
    for (let i = 0; i < 20; i++) {
      for (const { sides, leader } of seven.scenario(seven.exhaustive + i).views) {
        expect(sides).toHaveLength(8);
        expect(sides.filter((side) => side === 0).length).toBeGreaterThanOrEqual(5);
        expect(leader).toBeWithin(0, 7);
      }
    }
  });

  test("guides beyond: 8 to 12 views with a quorum on one side", () => {
    const first = scenarios.exhaustive;
    let fromMajority = 0;
    let views = 0;
    for (let i = 0; i < 200; i++) {
      const scenario = scenarios.scenario(first + i);
      expect(scenario.views.length).toBeWithin(8, 13);
      for (const { sides, leader } of scenario.views) {
        const larger = sides.filter((side) => side === 0).length;
        expect(larger).toBeGreaterThanOrEqual(3);
        views++;
        const instances = sides.flatMap((side, i) => (side === 0 ? [Math.max(0, i - 1)] : []));
        if (instances.includes(leader)) fromMajority++;
      }
    }
    expect(fromMajority / views).toBeGreaterThan(0.8);
  });
});
