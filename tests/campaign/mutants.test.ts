// Every judge convicts a planted bug that it is named for; the seed that shows it shrinks, and
// replays from the printed command bit for bit.

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convict, loadAll, type Mutant } from "../../src/campaign/mutants.ts";
import { invariantOf, replayCommand, shrink } from "../../src/campaign/shrink.ts";
import { Ledger } from "../../src/simulation/judge.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { STRANGER_TRICKS } from "../../src/simulation/seed-plan.ts";
import { Reader } from "../../src/wire.ts";
import { simulate } from "../support/simulate-command.ts";
import { KNOWN_SEEDS } from "../mutants/known-seeds.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const { mutants } = await loadAll();

const ROOT = join(import.meta.dir, "../..");

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** For each judge a mutant that it convicts: the table of docs/testing.md. */
const JUDGES: ReadonlyMap<string, string> = new Map(
  textOf("docs/testing.md")
    .split("\n## ")
    .filter((section) => section.startsWith("What is judged\n"))
    .flatMap((section) => [...section.matchAll(/^\| ([\w ]+) \| .* \| (?:`([\w-]+)`)?/gm)])
    .filter(([, judge]) => judge !== "invariant")
    .map(([, judge = "", name = ""]) => [judge, name]),
);
/** The one that others forestall: what it convicts has a result that is not the canonical one. */
const FORESTALLED = "linearizability";
function mutantOf(name: string): Mutant {
  const mutant = mutants.find(({ subject }) => subject.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant;
}

test("every judge has its mutant, and every mutant is owed by judges", () => {
  const sources = readdirSync(join(ROOT, "src/simulation")).map((name) =>
    textOf(`src/simulation/${name}`),
  );
  const failures = /(?:fail|push|violation)\(\s*["`]([a-z][a-z ]+): /g;
  const named = sources.flatMap((text) =>
    [...text.matchAll(failures)].map((found) => found[1] ?? ""),
  );
  expect(named.length).toBeGreaterThan(20);
  for (const judge of named) expect([judge, JUDGES.has(judge)]).toEqual([judge, true]);
  expect([...JUDGES.values()]).not.toContain("");
  expect(mutants.length).toBeGreaterThan(30);
  for (const { convictedBy } of mutants) {
    expect([...JUDGES.keys()]).toEqual(expect.arrayContaining([...convictedBy]));
  }
});

test("seeds that are known are of mutants that there are", () => {
  const names = mutants.map(({ subject }) => subject.name);
  for (const name of KNOWN_SEEDS.keys()) expect(names).toContain(name);
  const known = mutants.filter((mutant) => mutant.known !== undefined);
  expect(known).toHaveLength(KNOWN_SEEDS.size);
});

test("a seed that is known is tried first, and costs one where it does not convict any more", () => {
  const mutant = mutantOf("unreplicated-cached-reads");
  const seedOf = (known: number, within: number) => {
    const { report, seeds } = convict({ ...mutant, known, within });
    return { seed: report?.seed, seeds };
  };
  const { report } = convict({ ...mutant, known: undefined });
  const found = report?.seed ?? -1;
  expect(seedOf(found, 0)).toEqual({ seed: found, seeds: 1 });
  let passing = 0;
  while (convict({ ...mutant, first: passing, known: undefined, within: 1 }).report) passing++;
  expect(seedOf(passing, 1)).toEqual({ seed: found, seeds: 1 });
});

for (const [judge, name] of JUDGES) {
  if (judge === FORESTALLED) continue;
  test(`${judge} convicts ${name}`, async () => {
    const mutant = mutantOf(name);
    const { subject, kind } = mutant;
    const { report, what } = convict(mutant);
    expect([invariantOf(what ?? ""), mutant.convictedBy.includes(judge)]).toEqual([judge, true]);
    // Two runs of one seed, and scenarios of Twins, do not shrink.
    if (judge === "determinism" || kind === "twins") return;
    const options = { subject, kind, seed: report?.seed ?? 0 };
    const shrunk = shrink(options, 25);
    if (shrunk === null) throw new Error("what was convicted is shrunk");
    expect(shrunk.first).toEqual(report as never);
    expect(invariantOf(shrunk.report.failures[0] ?? "")).toBe(judge);
    const { changes } = shrunk;
    expect(runAny({ ...options, changes })).toEqual(shrunk.report);
    const { status, stdout } = await simulate(replayCommand(options, changes, "all"));
    expect(stdout).toContain(`trace hash ${shrunk.report.traceHash}\n`);
    expect(stdout).toEndWith("0 passed, 1 failed\n");
    expect(status).toBe(1);
  });
}

test(`${FORESTALLED} convicts ${JUDGES.get(FORESTALLED)} by what clients saw alone`, () => {
  const { subject, kind } = mutantOf(JUDGES.get(FORESTALLED) ?? "");
  const { accept } = Ledger.prototype;
  let accepted = 0;
  // Nobody compares what a client is told with what was executed.
  Ledger.prototype.accept = function unjudged(_client, issued, answer) {
    const input = new Reader(answer);
    input.u53();
    // In the order of answers, with which nothing is wrong.
    issued.position = accepted++;
    issued.result = input.bytes(input.remaining);
  };
  try {
    const [what] = runAny({ subject, kind, seed: 0 }).failures;
    expect(what).toStartWith("linearizability: the clients' history is not");
  } finally {
    Ledger.prototype.accept = accept;
  }
});

test("strangers convict what nothing else does: bytes held, and progress while they flood", () => {
  const without = [...STRANGER_TRICKS, "earlier run"];
  for (const [name, first] of [
    ["pbft-keeps-refused", 50],
    ["pbft-sulks", 30],
  ] as const) {
    const mutant = mutantOf(name);
    const { report, expected } = convict({ ...mutant, first, known: undefined });
    expect([name, expected]).toEqual([name, true]);
    const { subject, kind } = mutant;
    const calm = runAny({ subject, kind, seed: report?.seed ?? 0, changes: { without } });
    expect([name, ...calm.failures]).toEqual([name]);
  }
});
