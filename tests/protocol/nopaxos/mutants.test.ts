// Bugs that random faults hardly ever reach: each is convicted by the script of
// tests/scenarios/nopaxos that is made for it, which the replica as it is passes.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "../../../src/simulation/scenario.ts";
import { scripted } from "../../mutants/nopaxos.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(60_000);

for (const [script, subjects] of scripted) {
  for (const subject of subjects) {
    test(`N9 N14 ${script} convicts ${subject.name}`, () => {
      const path = join(import.meta.dir, `../../scenarios/nopaxos/${script}.txt`);
      const text = readFileSync(path, "utf8");
      expect(text).not.toContain("VIOLATION");
      expect(runScript(subject, text)).toContain("VIOLATION");
    });
  }
}
