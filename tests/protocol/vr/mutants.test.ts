// The published counterexamples, and bugs that random faults hardly ever reach: each is convicted by
// the script of tests/scenarios/vr that is made for it, which the replica as it is passes.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "../../../src/simulation/scenario.ts";
import { scripted } from "../../mutants/vr.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** Rows of docs/guarantees.md, by script. */
const ROWS: ReadonlyMap<string, string> = new Map([
  ["prepare", "V5 V8"],
  ["half", "V8"],
  ["longest", "V10"],
  ["late-dvc", "V10 V17"],
  ["again", "V11"],
  ["once", "V11"],
  ["tail", "V11"],
  ["truncated", "V12"],
  ["disc17", "V17"],
  ["nonce", "V17"],
  ["answers", "V17"],
  ["source", "V17"],
]);

for (const [script, subjects] of scripted) {
  for (const subject of subjects) {
    test(`${ROWS.get(script)} ${script} convicts ${subject.name}`, () => {
      const path = join(import.meta.dir, `../../scenarios/vr/${script}.txt`);
      const text = readFileSync(path, "utf8");
      const traced = runScript(subject, text);
      expect(text).not.toContain("VIOLATION");
      // One moves replicas that nobody should move, and no more.
      if (script === "half") expect(traced).toContain("view=1");
      else expect(traced).toContain("VIOLATION");
    });
  }
}
