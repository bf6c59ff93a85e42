// The published view change, convicted by a scenario of Twins that the repaired one passes: two
// instances of replica 0 tell two stories, and a client's certificate reaches one replica alone.

import { expect, setDefaultTimeout, test } from "bun:test";
import { registered } from "../../../src/simulation/subjects.ts";
import { runSeed } from "../../../src/simulation/run-seed.ts";
import { mutants } from "../../mutants/zyzzyva.ts";

// Virtual time: only a loaded machine makes them slow.
setDefaultTimeout(60_000);

/** Of a certificate of an earlier view, which is as long as what a later one began with. */
const SCENARIO = 98_754;

test("Z17 the repaired view change keeps what a client was told", () => {
  const subject = registered.get("zyzzyva");
  if (subject === undefined) throw new Error("zyzzyva is not registered");
  expect(runSeed({ subject, kind: "twins", seed: SCENARIO }).failures).toEqual([]);
});

for (const name of ["zyzzyva-published", "zyzzyva-any-view"]) {
  test(`Z18 ${name} loses what a client was told`, () => {
    const subject = mutants.find((mutant) => mutant.subject.name === name)?.subject;
    if (subject === undefined) throw new Error(`there is no ${name}`);
    const { failures } = runSeed({ subject, kind: "twins", seed: SCENARIO });
    expect(failures.some((failure) => failure.startsWith("client agreement"))).toBe(true);
  });
}
