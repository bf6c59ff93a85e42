// F1 FW6: in whole runs what is rolled back leaves nothing that a judge would see.

import { expect, setDefaultTimeout, test } from "bun:test";
import { convict } from "../../src/campaign/mutants.ts";
import { runSeed } from "../../src/simulation/run-seed.ts";
import { correct, mutants } from "../mutants/speculation.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

test("F1 FW6 replicas that speculate, each at its own times, and take it back agree", () => {
  for (const kind of ["short", "adversary", "deep"] as const) {
    for (let seed = 0; seed < (kind === "deep" ? 1 : 8); seed++) {
      const { failures } = runSeed({ subject: correct, kind, seed });
      expect({ kind, seed, failures }).toEqual({ kind, seed, failures: [] });
    }
  }
});

test.each(mutants.map((mutant) => [mutant.subject.name, mutant] as const))(
  "F1 F2 %s is convicted",
  (_name, mutant) => {
    const { report, expected } = convict(mutant);
    expect([report !== null, expected]).toEqual([true, true]);
  },
);
