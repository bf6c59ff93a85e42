// Shows that npm run playground builds one file, serves it on this machine until it is interrupted,
// and refuses a port that is taken.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const COMMAND = [process.execPath, "src/bin/playground.ts"];

test("the page is built and served until somebody interrupts", async () => {
  const dir = mkdtempSync(join(tmpdir(), "oskr-serve-"));
  const path = join(dir, "playground.html");
  const serving = new Program([...COMMAND, "--out", path]);
  await serving.printed(/http:\/\/127\.0\.0\.1:\d+\//);
  const [address = ""] = /http:\S+/.exec(serving.out) ?? [];
  const response = await fetch(address);
  expect(await response.text()).toBe(readFileSync(path, "utf8"));
  expect((await fetch(`${address}other`)).status).toBe(404);
  const port = new URL(address).port;
  const second = new Program([...COMMAND, "--out", join(dir, "second.html"), "--port", port]);
  const refused = await second.ended();
  expect(refused.err).toContain(`--port ${port}: `);
  expect(refused.status).toBe(2);
  serving.signal("SIGINT");
  expect((await serving.ended()).status).toBe(130);
  rmSync(dir, { recursive: true });
});

test("it can be built alone", async () => {
  const { status, out } = await new Program([...COMMAND, "--build", "--out", "-"]).ended();
  expect(status).toBe(0);
  expect(out).toStartWith("<!doctype html>");
});
