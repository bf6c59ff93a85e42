// The command line of npm run faults chooses scenarios, and refuses at once those that there are
// not and those that the mode cannot have.

import { expect, test } from "bun:test";
import { FAULTS } from "../../src/faults/faults.ts";
import { chosenScenarios, SCENARIOS } from "../../src/faults/scenarios.ts";
import { run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const named = (only: string | undefined, mode: string) =>
  chosenScenarios(only, mode).map(({ name }) => name);

test("a mode has what it can have, and the long ones if they are named", () => {
  const all = SCENARIOS.map(({ name }) => name);
  expect(named(undefined, "hotstuff")).toEqual(
    all.filter((name) => !["memory", "sequencer"].includes(name)),
  );
  expect(named(undefined, "pbft")).toEqual(
    all.filter((name) => !["memory", "sequencer", "rotation", "reputation"].includes(name)),
  );
  expect(named(undefined, "unreplicated")).toEqual(["restart-all", "loss"]);
  expect(named("memory,loss", "pbft")).toEqual(["memory", "loss"]);
});

test("what there is not, what is named twice and what the mode cannot have are refused", () => {
  expect(() => named("nosuch", "pbft")).toThrow(
    `--only nosuch: no such scenario; there are ${SCENARIOS.map(({ name }) => name).join(", ")}`,
  );
  expect(() => named("loss,loss", "pbft")).toThrow("--only: loss was given twice");
  expect(() => named("rotation", "pbft")).toThrow("--only rotation: pbft has no rotating leaders");
  expect(() => named("reputation", "pbft")).toThrow("pbft has no leaders by reputation");
  expect(() => named("reputation", "pbft")).toThrow("pbft has no leaders by reputation");
  expect(() => named("kill-primary", "unreplicated")).toThrow(
    "--only kill-primary: unreplicated has no tolerated faults; " + "it can have restart-all, loss",
  );
});

test(
  "and before anything is built or started; -h lists them all",
  async () => {
    const { status, out, err } = await run("faults", ["--only", "nosuch"]);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^faults: --only nosuch: no such scenario; there are [^\n]*\n$/);
    const help = await run("faults", ["-h"]);
    for (const { name, what } of SCENARIOS) {
      expect(help.out).toMatch(new RegExp(`^  ${name} +${RegExp.escape(what)}(?: \\(|$)`, "m"));
    }
    expect(help.out).toMatch(
      /^ {2}rotation .* \(hotstuff, hotstuff2, jolteon, tendermint, streamlet\)$/m,
    );
    expect(help.out).toMatch(/^ {2}loss +one packet of ten is lost$/m);
    expect(FAULTS.notes).toStartWith("SCENARIOS\n");
  },
  PATIENCE_MS,
);
