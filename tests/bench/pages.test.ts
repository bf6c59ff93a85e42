// Every figure that `bench -- pages` tells is measured in a real browser.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM } from "../support/browser.ts";
import { describeUnless, program } from "../support/optional.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const BENCH = `${import.meta.dir}/../../src/bin/bench.ts`;

describeUnless(program(CHROMIUM))("bench -- pages in Chromium", () => {
  test("tells sizes, openings, frames and events", async () => {
    const dir = mkdtempSync(join(tmpdir(), "oskr-bench-pages-"));
    const json = join(dir, "pages.json");
    const options = ["--protocol", "vr", "--seconds", "0.3", "--rounds", "1", "--json", json];
    const child = Bun.spawn([process.execPath, BENCH, "pages", ...options], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await new Response(child.stdout).text();
    expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
    const { protocol, runs, playground } = JSON.parse(readFileSync(json, "utf8"));
    rmSync(dir, { recursive: true });
    expect([protocol, ...runs.map(({ events }: { events: number }) => events)]).toEqual([
      ...["vr", 5_000, 100_000],
    ]);
    for (const figures of [...runs, playground]) {
      for (const value of Object.values(figures)) expect(value).toBeGreaterThan(0);
    }
    expect(said).toContain("The playground: ");
    expect(said.split("\n").filter((line) => line.includes(" ms to open"))).toHaveLength(2);
  });
});
