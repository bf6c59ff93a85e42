// Scenario scripts give the traces that they hold. OSKR_REWRITE=1 writes the new ones instead: a
// reviewed diff.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "../../src/simulation/scenario.ts";
import { oldQc } from "../mutants/chained.ts";
import { findSubject } from "../../src/campaign/mutants.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const folder = join(import.meta.dir, "../scenarios");

for (const protocol of readdirSync(folder).sort()) {
  const subject = findSubject(protocol, { subjects: [oldQc] });
  for (const file of readdirSync(join(folder, protocol)).sort()) {
    if (!file.endsWith(".txt")) continue;
    test(`${protocol}/${file}`, () => {
      const path = join(folder, protocol, file);
      const script = readFileSync(path, "utf8");
      const now = runScript(subject, script);
      if (process.env["OSKR_REWRITE"] === "1") writeFileSync(path, now);
      else expect(now).toBe(script);
      expect(now).not.toContain("VIOLATION");
    });
  }
}

test("a script that asks for what there is not is refused", () => {
  const run = (script: string) => () => runScript(oldQc, script);
  expect(run("> run 1")).toThrow("begins with `> cluster`");
  expect(run("> cluster\n> fly")).toThrow("unknown command 'fly'");
  expect(run("> cluster\n> crash r9")).toThrow("no replica 'r9'");
});
