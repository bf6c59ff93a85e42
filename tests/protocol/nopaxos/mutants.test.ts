// Bugs that random faults hardly ever reach: each is convicted by the script of
// tests/scenarios/nopaxos that is made for it, which the replica as it is passes.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "../../../src/simulation/scenario.ts";
import { scripted } from "../../mutants/nopaxos.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

/** Rows of docs/guarantees.md, by script. */
const ROWS: ReadonlyMap<string, string> = new Map([
  ["gap-after-sync", "N12"],
  ["missed-gap", "N14"],
  ["mixed-views", "N9"],
  ["leaderless", "N9 N13"],
  ["gap-alone", "N11"],
  ["empty-wins", "N16"],
  ["sync-point", "N16 N18"],
  ["last-normal", "N16"],
  ["once", "N18"],
  ["tail", "N18"],
  ["sequencer-lost", "N20"],
  ["late-change", "N16 N22"],
  ["source", "N22"],
  ["reopened", "N4"],
  ["stale-reply", "N9"],
]);
/** Where nothing wrong is done, but something not at all: a line of the census that shows it. */
const STANDS_STILL: ReadonlyMap<string, string> = new Map([
  ["gap-after-sync", "r0  view=0 committed=5 "],
  ["sequencer-lost", "r0  view=0 committed=2 "],
]);

for (const [script, subjects] of scripted) {
  for (const subject of subjects) {
    test(`${ROWS.get(script)} ${script} convicts ${subject.name}`, () => {
      const path = join(import.meta.dir, `../../scenarios/nopaxos/${script}.txt`);
      const text = readFileSync(path, "utf8");
      const shown = STANDS_STILL.get(script) ?? "VIOLATION";
      expect(text).not.toContain(shown);
      expect(runScript(subject, text)).toContain(shown);
    });
  }
}
