// Seeds in which clients sign: what Byzantine replicas invent is never executed.

import { expect, test } from "bun:test";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { drawPlan, mayInvent } from "../../src/simulation/seed-plan.ts";
import { registered } from "../../src/simulation/subjects.ts";

/** Seeds of a protocol in which clients sign. */
const SEEDS = 4;

const byzantine = [...registered.values()].filter(({ kinds }) => kinds.includes("invent"));

test.each(byzantine.map((subject) => [subject.name, subject] as const))(
  "A6 in invent seeds of %s whose clients sign nothing invented is executed",
  (_name, subject) => {
    let altered = 0;
    let seen = 0;
    for (let seed = 0; seen < SEEDS; seed++) {
      const plan = drawPlan(subject, "invent", seed);
      if (plan.requestAuth === "none") continue;
      seen++;
      expect(mayInvent(plan)).toBe(false);
      const report = runSeed({ subject, kind: "invent", seed });
      expect(report.failures).toEqual([]);
      altered += report.injected.get("trick: alters a signed request") ?? 0;
    }
    expect(altered).toBeGreaterThan(0);
  },
);
