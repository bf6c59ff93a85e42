// Shows that a replica whose memory runs out ends with one line, and that the others serve on.

import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { libraries, testUnless } from "../support/optional.ts";
import { Program, SERVED } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const folder = mkdtempSync(join(tmpdir(), "oskr-exhausted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

testUnless(libraries())(
  "one line and status 1, and no operation is lost",
  async () => {
    const ports = await freePorts(3);
    const replicas = ports.map((port) => `replica 127.0.0.1:${port}%0\n`).join("");
    const prefix = join(folder, "three");
    writeFileSync(`${prefix}.config`, `f 1\n${replicas}`);
    const common = ["-c", prefix, "-m", "vr", "--view-timeout", "2000"];
    const start = (i: number, env: { readonly [name: string]: string }) =>
      new Program(
        [
          ...[process.execPath, "tests/support/exhausted-program.ts", ...common],
          ...["-a", "exhausted", "-i", String(i)],
        ],
        { env },
      );
    const programs = [start(0, {}), start(1, {}), start(2, { OSKR_TEST_ROOM: "20" })];
    try {
      for (const program of programs) await program.printed(" began");
      const asks = ["-W", "fixed", "-t", "4", "-d", "1"];
      const client = new Program([process.execPath, "src/bin/client.ts", ...common, ...asks]);
      const { status, out } = await client.ended();
      expect(status).toBe(0);
      expect(out).toMatch(SERVED);
      const ended = await programs[2]?.ended();
      expect([ended?.status, ended?.out]).toEqual([1, ""]);
      const line = "memory ran out: the state is larger than what this machine has for it";
      expect(problemsIn(ended?.err ?? "")).toEqual([expect.stringContaining(line)]);
      expect(ended?.err).not.toContain("    at ");
    } finally {
      for (const program of programs) program.signal("SIGTERM");
      await Promise.all(programs.map((program) => program.ended()));
    }
  },
  PATIENCE_MS,
);
