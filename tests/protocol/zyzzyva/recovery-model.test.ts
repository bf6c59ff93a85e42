// The model of what replicas that lose their memory may say again: no order of events breaks it with
// its rules, and some do without each.

import { expect, setDefaultTimeout, test } from "bun:test";
import { runModel, type Rule } from "./recovery-model.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

// No time passes: only a loaded machine makes them slow.
setDefaultTimeout(PATIENCE_MS);

const STEPS = 10_000;

for (const [f, liars] of [
  [1, 0],
  [2, 0],
  [2, 1],
  [3, 1],
  [3, 2],
] as const) {
  test(`Z25 with f = ${f}, ${liars} of them liars, few speak below what they forgot`, () => {
    let recoveries = 0;
    for (let seed = 0; seed < 30; seed++) {
      const outcome = runModel({ f, liars, steps: STEPS }, seed);
      expect([seed, outcome.violation]).toEqual([seed, null]);
      recoveries += outcome.recoveries;
    }
    expect(recoveries).toBeGreaterThan(5);
  });
}

const NEEDED: readonly { readonly without: Rule; readonly seed: number; readonly found: string }[] =
  [
    { without: "later views", seed: 29, found: "forgetful replicas confirmed twice" },
    { without: "bound of slots", seed: 0, found: "forgot what it said of slot" },
  ];

for (const { without, seed, found } of NEEDED) {
  test(`Z25 without the rule "${without}" an order of events breaks it`, () => {
    const options = { f: 2, liars: 1, steps: STEPS };
    expect(runModel({ ...options, without }, seed).violation).toContain(found);
    expect(runModel(options, seed).violation).toBeNull();
  });
}
