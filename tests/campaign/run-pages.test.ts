// Shows which pages a campaign writes, and what it says where it can write none.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { simulate } from "../../src/campaign/simulate.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-pages-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const titleOf = (path: string): string =>
  /<title>(.*)<\/title>/.exec(readFileSync(path, "utf8"))?.[1] ?? "";

test("a seed that passes is one page", async () => {
  const path = join(dir, "passes.html");
  expect(await simulate(["-p", "unreplicated", "--seed", "7", "--html", path])).toBe(0);
  expect(titleOf(path)).toBe("unreplicated, seed 7, short: passed");
});

test(
  "a mutant that is convicted is the page of its failing run, and of its smallest",
  async () => {
    const path = join(dir, "mutant.html");
    const mutant = ["--load", "tests/mutants/unreplicated.ts", "-p", "unreplicated-cached-reads"];
    expect(await simulate([...mutant, "--convict", "--html", path])).toBe(0);
    expect(titleOf(path)).toEndWith("violated");
    expect(titleOf(join(dir, "mutant-shrunk.html"))).toMatch(/, shrunk: \w.* violated$/);
  },
  PATIENCE_MS,
);

test(
  "a campaign writes a page for each seed that fails, and none for the others",
  async () => {
    const path = join(dir, "campaign");
    const mutant = ["--load", "tests/mutants/unreplicated.ts", "-p", "unreplicated-counter-wraps"];
    const args = [...mutant, "--seeds", "6", "--jobs", "1", "--html", path];
    const status = await simulate(args);
    const pages = readdirSync(path);
    expect(status).toBe(1);
    const seeds = pages.filter((name) => !name.includes("shrunk"));
    expect(seeds.length).toBeGreaterThan(0);
    for (const name of seeds) expect(titleOf(join(path, name))).toEndWith("violated");
  },
  PATIENCE_MS,
);

test.each([
  [["-p", "pbft", "--kind", "codec", "--seed", "1", "--html", join(dir, "x.html")], "codec"],
  [["-p", "pbft", "--seeds", "2", "--html", join(dir, "file")], "need a directory"],
  [["-p", "pbft", "--seed", "1", "--html", join(dir, "gone", "x.html")], "gone"],
  [["--profile", "ci", "--html", join(dir, "x.html")], "--html: goes without --profile"],
])("%j is refused", async (args, told) => {
  writeFileSync(join(dir, "file"), "");
  const refused = simulate(args);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(told);
});
