// Shows that a test which lacks something is skipped with its reason, that the run tells all reasons
// in one line, and that CI does not skip what a package mends.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LACKS_FILE } from "./lack.ts";
import { Program, ROOT } from "./programs.ts";
import { PATIENCE_MS } from "./patience.ts";

const RUN = "tests/support/run.ts";
const OPTIONAL = join(ROOT, "tests/support/optional.ts");

/** With an environment; standard output and error together are what is read. */
async function ran(
  words: readonly string[],
  cwd: string,
  env: { readonly [name: string]: string },
) {
  const { status, out, err } = await new Program([process.execPath, ...words], {
    cwd,
    env: { CI: "", [LACKS_FILE]: "", ...env },
  }).ended();
  return { status, said: `${out}${err}` };
}

describe("in a run without openssl", () => {
  const keys = ["tests/crypto/keys.test.ts", "-t", "openssl"];

  test(
    "its tests are skipped, and the line at the end says what to install",
    async () => {
      const { status, said } = await ran(["test", ...keys], ROOT, { PATH: "/nowhere" });
      expect(status).toBe(0);
      expect(said).toContain("openssl (skipped: needs openssl: apt-get install openssl)");
      expect(said).toContain("\nskipped tests: needs openssl (as root: apt-get install openssl)\n");
    },
    PATIENCE_MS,
  );

  test(
    "CI fails",
    async () => {
      const { status, said } = await ran(["test", ...keys], ROOT, { PATH: "/nowhere", CI: "true" });
      expect(status).toBe(1);
      expect(said).toContain("needs openssl: apt-get install openssl; CI skips nothing");
    },
    PATIENCE_MS,
  );
});

describe("reasons", () => {
  const lacks = {
    git: '{ reason: "needs git", packages: ["git"] }',
    libraries: '{ reason: "needs the libraries", packages: ["gcc", "git"] }',
    no: 'cannot("no machine has it")',
  };
  const text = (names: readonly (keyof typeof lacks)[]) => `
    import { expect, test } from "bun:test";
    import { cannot, describeUnless, testUnless } from ${JSON.stringify(OPTIONAL)};
    test("plain", () => expect(1).toBe(1));
    testUnless(null)("present", () => expect(1).toBe(1));
    ${names.map((name) => `testUnless(${lacks[name]})("${name}", () => expect(1).toBe(2));`).join("\n")}
    describeUnless(${lacks.no})("group", () => test("inner", () => expect(1).toBe(2)));
  `;
  const run = async (command: string, env: { readonly [name: string]: string }) => {
    const cwd = mkdtempSync(join(tmpdir(), "oskr-optional-"));
    try {
      writeFileSync(join(cwd, "a.test.ts"), text(["git", "no"]));
      writeFileSync(join(cwd, "b.test.ts"), text(["libraries", "git"]));
      return await ran(
        [command === RUN ? join(ROOT, RUN) : command, "--preload", OPTIONAL],
        cwd,
        env,
      );
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  };

  test.each(["test", RUN])(
    "of all files are told once each, those that can be mended first (bun %s)",
    async (command) => {
      const { status, said } = await run(command, {});
      expect({ status, told: said.match(/^skipped tests: .*$/gm) }).toEqual({
        status: 0,
        told: [
          "skipped tests: needs git, needs the libraries (as root: apt-get install gcc git); " +
            "no machine has it (no package mends that)",
        ],
      });
      expect(said).toMatch(/^ 4 pass\n 6 skip\n 0 fail$/m);
    },
    PATIENCE_MS,
  );

  test(
    "that no package mends are skipped in CI as well",
    async () => {
      const { status, said } = await run("test", { CI: "true" });
      expect(status).toBe(1);
      expect(said).toMatch(/^ 4 pass\n 3 skip\n 3 fail$/m);
      expect(said).toContain("\nskipped tests: no machine has it (no package mends that)\n");
    },
    PATIENCE_MS,
  );
});
