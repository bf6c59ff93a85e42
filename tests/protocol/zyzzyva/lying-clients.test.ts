// What the simulator does with certificates of clients, which a client that lies may withhold.

import { expect, setDefaultTimeout, test } from "bun:test";
import { runSeed } from "../../../src/simulation/run-seed.ts";
import { drawPlan } from "../../../src/simulation/seed-plan.ts";
import { registered } from "../../../src/simulation/subjects.ts";
import { twinsScenarios } from "../../../src/simulation/twins-scenarios.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const subject = registered.get("zyzzyva");
if (subject === undefined) throw new Error("there is no Zyzzyva");
const TRICK = "client certificates";

test("Z32 adversary seeds withhold, repeat and change certificates of clients", () => {
  const seeds = Array.from({ length: 30 }, (_, seed) => seed);
  const lying = seeds.filter((seed) => {
    const { tricks, gstUs, viewTimeoutMs } = drawPlan(subject, "adversary", seed);
    return tricks.includes(TRICK) && gstUs > 10_000 * viewTimeoutMs;
  });
  let played = 0;
  for (const seed of lying) {
    if (played > 0) break;
    const { failures, injected } = runSeed({ subject, kind: "adversary", seed });
    expect(failures).toEqual([]);
    played += injected.get(`trick: ${TRICK}`) ?? 0;
  }
  expect(played).toBeGreaterThan(0);
});

test("Z32 a quarter of the drawn scenarios of Twins has certificates that one instance gets", () => {
  const scenarios = twinsScenarios(subject.protocol);
  const drawn = Array.from({ length: 400 }, (_, i) => scenarios.scenario(scenarios.exhaustive + i));
  const hiding = drawn.filter(({ hides }) => hides).length;
  expect(hiding).toBeGreaterThan(60);
  expect(hiding).toBeLessThan(140);
});
