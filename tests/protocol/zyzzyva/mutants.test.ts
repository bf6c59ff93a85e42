// The published view change, convicted by scenarios of Twins that the repaired one passes: two
// instances of replica 0 tell two stories, and a client's certificate reaches one replica alone.

import { expect, setDefaultTimeout, test } from "bun:test";
import { convict } from "../../../src/campaign/mutants.ts";
import { runSeed } from "../../../src/simulation/run-seed.ts";
import { registered } from "../../../src/simulation/subjects.ts";
import { mutants } from "../../mutants/zyzzyva.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(60_000);

for (const name of ["zyzzyva-published", "zyzzyva-any-view"]) {
  test(`Z17 Z18 ${name} loses what a client was told, which the repaired rule keeps`, () => {
    const mutant = mutants.find(({ subject }) => subject.name === name);
    const subject = registered.get("zyzzyva");
    if (mutant === undefined || subject === undefined) throw new Error(`there is no ${name}`);
    const { report, what, expected } = convict(mutant);
    expect([what?.split(":")[0], expected]).toEqual(["client agreement", true]);
    const seed = report?.seed ?? 0;
    expect(runSeed({ subject, kind: "twins", seed }).failures).toEqual([]);
  });
}
