// A campaign whose worker dies says so and counts nothing, rather than wait for it or pass without.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { simulate } from "../support/simulate-command.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-workers-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test(
  "a worker that ends takes the campaign along",
  async () => {
    const source = resolve(import.meta.dir, "../..");
    const module = join(dir, "mortal.ts");
    writeFileSync(
      module,
      [
        `import { subjectOf } from "${source}/src/simulation/subject.ts";`,
        `import { pbft } from "${source}/src/protocol/pbft/index.ts";`,
        "const replica = () => process.exit(7);",
        'export const subjects = [subjectOf("mortal", { ...pbft, replica })];',
      ].join("\n"),
    );
    const args = `--load ${module} --protocol mortal --kind short --seeds 400 -j 2`;
    const { status, stdout, stderr } = await simulate(args);
    expect(stderr).toContain("a worker ended with status 7: ");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  },
  PATIENCE_MS,
);
