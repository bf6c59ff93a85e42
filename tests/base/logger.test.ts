// Shows what messages to people look like, that they go to standard error and results alone to
// standard output, and that nothing of either is lost when a program ends.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blank } from "../support/tidy/source.ts";
import { lineOf, problemsIn, wantsColour } from "../../src/base/logger.ts";

const LOGGER = join(import.meta.dir, "../../src/base/logger.ts");
const plain = { name: "replica", stamped: false, coloured: false };
const date = new Date(Date.UTC(2026, 10, 28, 12, 34, 56, 789));
const entry = (type: "error" | "warn" | "info", text: unknown) => ({ type, args: [text], date });

test("an error and a warning begin with the program's name, other messages do not", () => {
  expect(lineOf(entry("error", "--id 4: none"), plain)).toBe("replica: --id 4: none");
  expect(lineOf(entry("warn", "two nodes"), plain)).toBe("replica: warning: two nodes");
  expect(lineOf(entry("info", "replica 0 began"), plain)).toBe("replica 0 began");
});

test("what nobody foresaw has its stack", () => {
  const line = lineOf(entry("error", new TypeError("no")), plain);
  expect(line).toMatch(/^replica: TypeError: no\n +at /);
});

test("a replica's messages begin with the time", () => {
  const stamped = { ...plain, stamped: true };
  const stamp = "2026-11-28T12:34:56.789Z";
  expect(lineOf(entry("info", "replica 0 began"), stamped)).toBe(`${stamp} replica 0 began`);
  expect(lineOf(entry("error", "gone"), stamped)).toBe(`${stamp} replica: gone`);
});

test("colours are for terminals whose users want them", () => {
  const coloured = { ...plain, coloured: true };
  expect(lineOf(entry("error", "no"), coloured)).toBe("\u001b[31mreplica:\u001b[0m no");
  expect(wantsColour(true, {})).toBe(true);
  expect(wantsColour(false, {})).toBe(false);
  expect(wantsColour(true, { NO_COLOR: "1" })).toBe(false);
  expect(wantsColour(true, { NO_COLOR: "" })).toBe(true);
  expect(wantsColour(true, { TERM: "dumb" })).toBe(false);
});

test("problems are told from other messages, with their stacks, with and without the time", () => {
  const text = [
    "2026-11-28T12:34:56.789Z replica 0 of 4 runs pbft on udp",
    "2026-11-28T12:34:56.789Z replica: warning: two nodes",
    "   1 s          23,075 operations a second",
    "EAL: Cannot get hugepage information.",
    "client: TypeError: no",
    "    at f (a.ts:1:2)",
    "starts replica 0: ./replica -i 0",
    "",
  ].join("\n");
  expect(problemsIn(text)).toEqual(text.split("\n").filter((_, i) => [1, 3, 4, 5].includes(i)));
});

/** A program that says a lot and ends at once, while a reader takes its time. */
async function spoken(lines: string): Promise<{ readonly out: string; readonly err: string }> {
  const script = `
    import { log, nameLog, print, setLoudness } from ${JSON.stringify(LOGGER)};
    nameLog("x");
    ${lines}
    process.exit(0);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(await child.exited).toBe(0);
  return { out, err };
}

test("messages and results are all there though the program exits at once", async () => {
  const many = 20_000;
  const { out, err } = await spoken(
    `for (let i = 0; i < ${many}; i++) { log.info("the same"); print(String(i)); }`,
  );
  expect(err).toBe("the same\n".repeat(many));
  expect(out).toBe(Array.from({ length: many }, (_, i) => `${i}\n`).join(""));
});

test("--quiet leaves warnings and errors, --verbose adds what is done", async () => {
  const all = `log.error("e"); log.warn("w"); log.info("i"); log.debug("d");`;
  const said = async (loudness: string) =>
    (await spoken(`setLoudness("${loudness}"); ${all}`)).err.trim().split("\n");
  expect(await said("quiet")).toEqual(["x: e", "x: warning: w"]);
  expect(await said("usual")).toEqual(["x: e", "x: warning: w", "i"]);
  expect(await said("verbose")).toEqual(["x: e", "x: warning: w", "i", "d"]);
});

test("messages that nobody can hear do not end a program, results that cannot be written do", async () => {
  const script = (call: string) => `
    import { log, print } from ${JSON.stringify(LOGGER)};
    try { ${call} } catch (error) { process.exit(error.name === "RunError" ? 7 : 8); }
  `;
  const status = async (call: string, redirection: string) => {
    const command = `"$0" -e "$1" ${redirection}`;
    const args = ["sh", "-c", command, process.execPath, script(call)];
    return Bun.spawn(args, { stdout: "ignore", stderr: "ignore" }).exited;
  };
  expect(await status(`log.info("x"); log.info("y");`, "2>/dev/full")).toBe(0);
  expect(await status(`print("x");`, ">/dev/full")).toBe(7);
});

test("all that programs say goes through it", () => {
  const root = join(import.meta.dir, "../..");
  const around = (code: string) =>
    code.match(/\bconsole\s*\.\s*\w+|\bprocess\s*\.\s*std(?:out|err)\s*\.\s*write/g) ?? [];
  expect(around('console.log("x"); process.stderr.write("y")')).toHaveLength(2);
  const files = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root }), "build.ts"];
  const found = files
    .filter((path) => !path.startsWith("src/dpdk/"))
    .flatMap((path) => {
      const code = blank(readFileSync(join(root, path), "utf8"));
      return around(code).map((call) => `${path}: ${call}`);
    });
  expect(files.length).toBeGreaterThan(100);
  expect(found).toEqual([]);
});
