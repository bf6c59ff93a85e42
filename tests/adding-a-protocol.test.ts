// Shows that docs/adding-a-protocol.md can be followed literally: on a copy of the sources, its files
// are written, its diffs applied and its commands run, in their order.

import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describeUnless, libraries, program } from "./support/optional.ts";
import { ROOT } from "./support/programs.ts";
import { PATIENCE_MS } from "./support/patience.ts";

type Step =
  | { readonly kind: "file"; readonly path: string; readonly text: string }
  | { readonly kind: "diff"; readonly text: string }
  | { readonly kind: "command"; readonly text: string };

/**
 * The steps of a page: a block of TypeScript is the file that the line before it names, a block of
 * shell a command a line. Throws for a block that is none of these.
 */
function steps(markdown: string): readonly Step[] {
  const blocks = markdown.matchAll(/(?:^`([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, path, language, text = ""]): readonly Step[] => {
    if (language === "ts" && path !== undefined) return [{ kind: "file", path, text }];
    if (language === "diff") return [{ kind: "diff", text }];
    if (language === "sh") {
      return text
        .trim()
        .split("\n")
        .map((line) => ({ kind: "command", text: line }) as const);
    }
    throw new Error(`a block of '${language}' that nobody can follow: ${text.slice(0, 60)}`);
  });
}

/** Runs a command to its end; throws with all that it printed if it fails. */
function run(command: string, cwd: string, input?: string): string {
  const path = `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const ran = spawnSync("sh", ["-c", command], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, PATH: path },
    ...(input === undefined ? {} : { input }),
  });
  const out = `${ran.stdout}${ran.stderr}`;
  if (ran.status !== 0) throw new Error(`${command} ended with ${ran.status}:\n${out}`);
  return out;
}

describe("the steps of a page", () => {
  test("are its blocks, in their order", () => {
    const page =
      "Do:\n\n`a/b.ts`:\n\n```ts\nx\n```\n\n```diff\n- y\n```\n```sh\none\ntwo --x\n```\n";
    expect(steps(page)).toEqual([
      { kind: "file", path: "a/b.ts", text: "x\n" },
      { kind: "diff", text: "- y\n" },
      { kind: "command", text: "one" },
      { kind: "command", text: "two --x" },
    ]);
  });

  test("are all of them: code that belongs nowhere is an error", () => {
    expect(() => steps("so:\n\n```ts\nx\n```\n")).toThrow("nobody can follow");
    expect(() => steps("`a.txt`:\n\n```\nx\n```\n")).toThrow("nobody can follow");
  });
});

const missing = libraries();

describeUnless(missing ?? program("git"))("docs/adding-a-protocol.md", () => {
  const work = mkdtempSync(join(tmpdir(), "oskr-adding-"));
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  test(
    "followed literally, gives a protocol that runs",
    () => {
      const parts = ["src", "csrc", "tests", "deploy", "docs", "build.ts"];
      for (const name of [...parts, "package.json", "tsconfig.json", "bunfig.toml", "target"]) {
        cpSync(join(ROOT, name), join(work, name), { recursive: true });
      }
      symlinkSync(join(ROOT, "node_modules"), join(work, "node_modules"));
      const page = steps(readFileSync(join(ROOT, "docs/adding-a-protocol.md"), "utf8"));
      const outputs = new Map<string, string>();
      for (const step of page) {
        switch (step.kind) {
          case "file":
            mkdirSync(dirname(join(work, step.path)), { recursive: true });
            writeFileSync(join(work, step.path), step.text, { flag: "wx" });
            break;
          case "diff":
            run("git apply --verbose -", work, step.text);
            break;
          case "command":
            outputs.set(step.text, run(step.text, work));
        }
      }
      run("bun fmt --check --no-script src tests/mutants", work);
      const said = (part: string): string =>
        [...outputs].find(([command]) => command.includes(part))?.[1] ?? "no such command";
      expect(said("conformance")).toContain(" 0 fail");
      expect(said("--seeds 200")).toContain("200 passed, 0 failed");
      expect(said("skips-gaps --convict")).toContain("1 passed, 0 failed");
      expect(said("demo -- --mode chain")).toMatch(/^chain, 3 replicas, 8 clients, /m);
      expect(said("--profile")).toContain("replica 2, time (% of ");
      expect(said("simple --seeds 40")).toContain("40 passed, 0 failed");
      expect(said("simple --kind adversary")).toContain("20 passed, 0 failed");
      expect(said("simple --kind twins")).toContain("40 passed, 0 failed");
      expect(said("no-lock --convict")).toContain("1 passed, 0 failed");
      expect(said("demo -- --mode simple")).toMatch(/^simple, 4 replicas, 8 clients, /m);
    },
    PATIENCE_MS,
  );
});
