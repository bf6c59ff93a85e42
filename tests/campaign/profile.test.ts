// A profile of one protocol runs the mutants and rows of that one, and counts them.

import { expect, setDefaultTimeout, test } from "bun:test";
import { simulate } from "../support/simulate-command.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

test("--profile with --protocol runs what is that protocol's, and no more", async () => {
  const { status, stdout } = await simulate("--profile ci --minutes 0 -p unreplicated -j 1");
  const ran = [...stdout.matchAll(/^(mutant [\w-]+ found|[\w-]+, kind \w+)/gm)].map(
    ([what]) => what,
  );
  const mutants = ran.filter((what) => what.startsWith("mutant unreplicated-"));
  const rows = ["short", "deep", "codec", "fuzz"].map((kind) => `unreplicated, kind ${kind}`);
  expect(mutants.length).toBeGreaterThan(0);
  expect(ran).toEqual([...mutants, ...rows]);
  const seeds = [...stdout.matchAll(/^ {2}\((\d+) of \d+ seeds/gm)].map(([, count]) =>
    Number(count),
  );
  const all = seeds.reduce((sum, count) => sum + count, mutants.length);
  expect([status, stdout.trim().split("\n").at(-1)]).toEqual([0, `${all} passed, 0 failed`]);
});
