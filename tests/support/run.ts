// npm test: `bun test`, with these arguments too, in two processes side by side, and at the end one
// line about what was skipped in either. More processes would take turns on the machines that tests
// are written for, whose processes poll.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collected, LACKS_FILE, summary } from "./lack.ts";
import { PATIENCE_MS } from "./patience.ts";

const HOW = ["--timeout", `${PATIENCE_MS}`, "--parallel=2", "--no-isolate"];

const dir = mkdtempSync(join(tmpdir(), "oskr-tests-"));
try {
  const lacks = join(dir, "lacks");
  const { status } = spawnSync(process.execPath, ["test", ...HOW, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, [LACKS_FILE]: lacks },
  });
  const line = summary(collected(lacks));
  if (line !== null) console.error(`\n${line}`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
