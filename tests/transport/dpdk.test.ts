// Shows that DPDK's ports carry what transports must carry: cases.ts has what that is. The cases
// run in workers, one for a calm and one for a rough medium; each case is a test here.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeUnless, libraries } from "../support/optional.ts";
import { cases } from "./cases.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const missing = libraries();

interface Outcome {
  readonly errors: ReadonlyMap<string, string | null>;
  readonly said: string;
}

async function work(kind: "calm" | "rough", directory: string): Promise<Outcome> {
  const worker = Bun.spawn(
    [process.execPath, join(import.meta.dir, "dpdk-worker.ts"), kind, directory],
    {
      env: {
        ...process.env,
        RUNTIME_DIRECTORY: directory,
        TMPDIR: directory,
        OSKR_PARENT: String(process.pid),
      },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const limit = setTimeout(() => worker.kill("SIGKILL"), PATIENCE_MS);
  const [out, said] = await Promise.all([
    new Response(worker.stdout).text(),
    new Response(worker.stderr).text(),
  ]);
  await worker.exited;
  clearTimeout(limit);
  const lines = out.split("\n").filter((line) => line.startsWith("{"));
  const entries = lines.map((line): [string, string | null] => {
    const { name, error } = JSON.parse(line);
    return [name, error];
  });
  return { errors: new Map(entries), said };
}

describeUnless(missing)("dpdk", () => {
  const directories = { calm: "", rough: "" };
  const outcomes = new Map<string, Outcome>();

  beforeAll(async () => {
    for (const kind of ["calm", "rough"] as const) {
      directories[kind] = mkdtempSync(join(tmpdir(), "oskr-ports-"));
    }
    const [calm, rough] = await Promise.all([
      work("calm", directories.calm),
      work("rough", directories.rough),
    ]);
    outcomes.set("calm", calm).set("rough", rough);
  }, 2 * PATIENCE_MS);
  afterAll(() => {
    for (const directory of Object.values(directories)) {
      if (directory !== "") rmSync(directory, { recursive: true, force: true });
    }
  });

  for (const { name, rough } of cases) {
    test(name, () => {
      const { errors, said } = outcomes.get(rough ? "rough" : "calm")!;
      expect({ error: errors.get(name), said }).toEqual({ error: null, said });
    });
  }
});
