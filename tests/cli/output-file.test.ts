// Shows that files which a program writes at its end are looked at before, replace others as a
// whole, and never keep what an earlier run wrote when this one fails.

import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failOutputs, OutputFile } from "../../src/cli/output-file.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-outputs-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string) => join(dir, name);
const read = (name: string) => readFileSync(at(name), "utf8");

test("what cannot be written is refused with the reason", () => {
  const refused = (path: string) => () => new OutputFile("json", path);
  writeFileSync(at("file"), "");
  expect(refused("/dev/full")).toThrow("--json /dev/full: cannot be written: no space left");
  expect(refused(at("file/x"))).toThrow("not a directory (ENOTDIR)");
  expect(refused(at("none/x"))).toThrow("no such directory");
  expect(refused(at("x".repeat(300)))).toThrow("a name that is too long (ENAMETOOLONG)");
  expect(refused("")).toThrow("expected the name of a file");
  expect(refused(dir)).toThrow("expected the name of a file");
  expect(readdirSync(dir)).toEqual(["file"]);
});

test("a file is replaced as a whole, with its mode; a link stays one", () => {
  writeFileSync(at("old"), "old", { mode: 0o600 });
  symlinkSync(at("old"), at("link"));
  const output = new OutputFile("json", at("link"));
  expect(read("old")).toBe("old");
  output.writeJson({ a: 1 });
  expect(JSON.parse(read("old"))).toEqual({ a: 1 });
  expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
  expect(statSync(at("old")).mode & 0o777).toBe(0o600);
});

test("one file has one writer", () => {
  const history = new OutputFile("history", at("one"));
  expect(() => new OutputFile("json", at("one"))).toThrow(
    `--json ${at("one")}: --history ${at("one")} is the same`,
  );
  history.write("x");
});

test("a run that fails replaces an earlier record by its failure, and removes what is no record", () => {
  for (const name of ["record", "history", "done"]) writeFileSync(at(name), "good");
  new OutputFile("json", at("record"));
  new OutputFile("history", at("history"));
  new OutputFile("markdown", "/dev/null");
  new OutputFile("out", at("done")).write("written");
  failOutputs({ failure: "no reply" });
  expect(JSON.parse(read("record"))).toEqual({ failure: "no reply" });
  expect(existsSync(at("history"))).toBe(false);
  expect(read("done")).toBe("written");
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});

/** A program that has such files, in a process of its own. */
async function ran(lines: string, before = "") {
  const room = join(import.meta.dir, "../../src");
  const script = `
    import { print } from "${room}/base/logger.ts";
    import { RunError } from "${room}/base/errors.ts";
    import { runMain } from "${room}/cli/command-line.ts";
    import { OutputFile } from "${room}/cli/output-file.ts";
    await runMain("x", async () => { ${lines} });
  `;
  const command = ["sh", "-c", `${before} exec "$0" -e "$1"`, process.execPath, script];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await child.exited, out, err };
}

test("- is standard output, and results go to standard error then", async () => {
  const said = await ran(
    `const file = new OutputFile("json", "-"); print("a result"); file.writeJson([1]); return 0;`,
  );
  expect(said).toEqual({ status: 0, out: "[\n  1\n]\n", err: "a result\n" });
});

test("an earlier file survives what the disk does not take, told in a line", async () => {
  writeFileSync(at("good"), "good");
  const output = `new OutputFile("json", ${JSON.stringify(at("good"))})`;
  const write = `.write("x".repeat(1e6)); return 0;`;
  // A limit on files stands for a disk that is full; its signal is ignored.
  const before = readdirSync(dir);
  const said = await ran(`${output}${write}`, "trap '' XFSZ; ulimit -f 8;");
  const why = "larger than a file may be (ulimit -f) (EFBIG)";
  const line = `x: --json ${at("good")}: cannot be written: ${why}\n`;
  expect(said).toEqual({ status: 1, out: "", err: line });
  expect(read("good")).toBe("good");
  expect(readdirSync(dir)).toEqual(before);
});

test("whatever a program dies of, its record says so", async () => {
  const output = `new OutputFile("json", ${JSON.stringify(at("died"))});`;
  const failure = async (end: string) => {
    const { status, err } = await ran(`${output} ${end}`);
    return { status, lines: err.trim().split("\n").length, record: JSON.parse(read("died")) };
  };
  expect(await failure(`throw new RunError("gone")`)).toEqual({
    ...{ status: 1, lines: 1, record: { failure: "gone" } },
  });
  expect(await failure(`return 3`)).toMatchObject({
    record: { failure: "ended with status 3" },
  });
  expect(await failure(`return 130`)).toMatchObject({
    record: { failure: "interrupted", interrupted: true },
  });
  expect(await failure(`throw new TypeError("ours")`)).toMatchObject({
    record: { failure: "TypeError: ours" },
  });
});

test("what the kernel refuses anywhere is one line, not a stack", async () => {
  const lines = `require("node:fs").readFileSync("/none/x"); return 0;`;
  expect(await ran(lines)).toEqual({
    ...{ status: 1, out: "" },
    err: "x: /none/x: no such file or directory (ENOENT)\n",
  });
});
