// Every bug planted in Rounds is found within its seeds, by what should find it, shrinks, and
// replays from the printed command bit for bit.

import { expect, test } from "bun:test";
import { convict } from "../../src/campaign/mutants.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { invariantOf, replayCommand, shrink } from "../../src/campaign/shrink.ts";
import { simulate } from "../support/simulate-command.ts";
import { mutants } from "./rounds.ts";

/** Where the campaigns, which look from seed 0 on, find those that hide longest. */
const FIRST: ReadonlyMap<string, number> = new Map([
  ["rounds/leaks", 57],
  ["rounds/restarts-timer", 37],
  ["rounds/amnesiac", 25],
  ["rounds/loses-replies", 12],
]);

for (const mutant of mutants) {
  const { subject, kind } = mutant;
  test(`${subject.name} is convicted by ${mutant.convictedBy.join(" or ")}`, async () => {
    const { report, expected } = convict({ ...mutant, first: FIRST.get(subject.name) ?? 0 });
    expect(report?.failures).not.toBeUndefined();
    expect({ by: report?.failures[0], expected }).toMatchObject({ expected: true });
    const options = { subject, kind, seed: report?.seed ?? 0 };
    const shrunk = shrink(options, 25);
    expect(shrunk).not.toBeNull();
    if (shrunk === null) return;
    expect(shrunk.first).toEqual(report as never);
    expect(mutant.convictedBy).toContain(invariantOf(shrunk.report.failures[0] ?? ""));
    const { changes } = shrunk;
    expect(runAny({ ...options, changes })).toEqual(shrunk.report);
    const command = replayCommand(options, changes, "tests/mutants/rounds.ts");
    const { status, stdout } = await simulate(command);
    expect(stdout).toContain(`trace hash ${shrunk.report.traceHash}\n`);
    expect(stdout).toEndWith("0 passed, 1 failed\n");
    expect(status).toBe(1);
  }, 120_000);
}
