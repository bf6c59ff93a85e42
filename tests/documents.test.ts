// Shows that the commands in README and documents do what they say: every block of shell is run
// here, or listed here with the reason why not; options, files and names in all others exist.
// (docs/adding-a-protocol.md has a test of its own.)

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registered } from "../src/simulation/subjects.ts";
import {
  blocksOf,
  commandsOf,
  helpOf,
  misused,
  spansOf,
  strayCommands,
  type Block,
  type Command,
  type Help,
} from "./support/documents.ts";
import { libraries, program, testUnless } from "./support/optional.ts";
import { Program, ROOT } from "./support/programs.ts";
import { source, type Source, type Violation } from "./support/tidy/source.ts";
import { PATIENCE_MS } from "./support/patience.ts";

/** Blocks that are not run here, by document and first line, and why. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ["README.md: npm install && npm run demo", "asks the registry; .ci/run does it"],
  ["CONTRIBUTING.md: npm install", "asks the registry; .ci/run does it"],
  ["CONTRIBUTING.md: npm run fmt", "would change files under work"],
  ["docs/adding-an-app.md: npm pack", "tests/build/stranger.test.ts does it"],
  ["docs/building.md: npm run build", "tests/build.test.ts does it"],
  ["docs/building.md: meson setup target/dpdk DIR", "takes minutes, and the sources of DPDK"],
  ["docs/building.md: mkdir -p parts lists/partial", "asks the registry of Debian"],
  ["docs/evaluating.md: npm run bench -- table", "a synopsis"],
  ["docs/evaluating.md: npm run bench -- sweep", "a synopsis"],
  ["docs/evaluating.md: npm run bench -- report", "a synopsis"],
  [
    "docs/seeing.md: npm run demo -- --mode pbft --clients 4 --watch",
    "goes on until it is interrupted; tests/view/watch-cluster.test.ts does it",
  ],
  [
    "docs/seeing.md: npm run playground",
    "goes on until it is interrupted; tests/view/serve-playground.test.ts does it",
  ],
  ["docs/lab.md: cd deploy/ansible", "takes several hosts; deploy/lab.sh does it"],
  ["docs/lab.md: npm run bench -- sweep", "takes several hosts; deploy/lab.sh does it"],
  ["docs/seeing.md: npm run watch", "takes several hosts; deploy/lab.sh does it"],
  ["docs/lab.md: sudo deploy/lab.sh", "takes root and minutes; .ci/run does it"],
  [
    "docs/scaling.md: npm run bench -- scale",
    "takes minutes; tests/scaling/predictions.test.ts runs less",
  ],
]);

/** Options in code spans that are of programs of others. */
const FOREIGN = new Set([
  ...["--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "--vdev", "-march", "-o"],
  ...["--compile", "-d", "-V", "-e"],
]);

const documents: readonly Source[] = ["*.md", "docs/**/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: ROOT })])
  .filter((path) => path !== "docs/adding-a-protocol.md")
  .sort()
  .map((path) => source(path, readFileSync(join(ROOT, path), "utf8")));
const blocks = documents.flatMap(blocksOf);
const shell = blocks.filter(({ language }) => language === "sh");

/** Whether a command of it goes on when the next one begins. */
function backgrounds(text: string): boolean {
  return text.split("\n").some((line) => /(?<!&)& *(?:$|#|done\b)/.test(line));
}

const reasonOf = ({ path, text }: Block): string | null =>
  [...NOT_RUN].find(([first]) => `${path}: ${text}`.startsWith(first))?.[1] ?? null;

describe("what a document shows", () => {
  const page = source(
    "README.md",
    [
      "Run `npm run demo -- -h` or `./replica",
      "-i 0`, not `--bogus 1`:",
      "",
      "```sh",
      "mkdir x && sudo ./fabric --dir x & # comment",
      "for i in 0 1; do ./replica -m pbft \\",
      "  -i $i & done",
      "```",
      "",
      "    npm run stray",
      "",
      "- list",
      "",
      "  ```ts",
      "  const a = 1;",
      "  ```",
    ].join("\n"),
  );

  test("is blocks and spans", () => {
    expect(blocksOf(page).map(({ line, language }) => `${line} ${language}`)).toEqual([
      "5 sh",
      "10 indented",
      "15 ts",
    ]);
    expect(blocksOf(page)[2]?.text).toBe("const a = 1;\n");
    expect(strayCommands(page)).toEqual([
      "README.md:10: a command outside of a block of sh: npm run stray",
    ]);
    const said = (command: Command) => `${command.at} ${command.words.join(" ")}`;
    expect(spansOf(page).map(said)).toEqual([
      "README.md:1 npm run demo -- -h",
      "README.md:1 ./replica -i 0",
      "README.md:2 --bogus 1",
    ]);
    expect(blocksOf(page).slice(0, 1).flatMap(commandsOf).map(said)).toEqual([
      "README.md:5 mkdir x",
      "README.md:5 ./fabric --dir x",
      "README.md:6 for i in 0 1",
      "README.md:6 ./replica -m pbft -i $i",
      "README.md:6 done",
    ]);
  });

  test("without an end is an error", () => {
    expect(() => blocksOf(source("README.md", "```sh\nls\n"))).toThrow(
      "README.md:1: a block without end",
    );
  });

  test("is held against the help of the program", () => {
    const help = helpOf(
      "x [OPTIONS] --mode=<a|B>\n\n  -m, --mode=<a|B>  Not --this\n  --dir=<DIR>  Where\n  --on  Do\n",
    );
    expect([...help.keys()]).toEqual(["--mode", "-m", "--dir", "--on"]);
    const wrong = (...words: readonly string[]) => misused({ at: "a:1", words }, help);
    expect(wrong("./x", "-m", "b", "--mode=a", "--dir", "q", "--on", "-h", "-m", "MODE")).toEqual(
      [],
    );
    expect(wrong("./x", "--this")).toEqual(["a:1: --this is no option of ./x --this"]);
    expect(wrong("./x", "-m", "c", "--mode=a|d")).toEqual([
      "a:1: -m c: expected a, b",
      "a:1: --mode d: expected a, b",
    ]);
  });
});

const helps = new Map<string, Promise<Help>>();

/** The options of a program of ours, from its own help. */
function helpFrom(...args: readonly string[]): Promise<Help> {
  const key = args.join(" ");
  const known = helps.get(key);
  if (known !== undefined) return known;
  const asked = (async () => {
    const { status, out } = await new Program([process.execPath, ...args, "-h"]).ended();
    expect({ key, status }).toEqual({ key, status: 0 });
    return helpOf(out);
  })();
  helps.set(key, asked);
  return asked;
}

const scripts = (
  JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly scripts: { readonly [name: string]: string };
  }
).scripts;

/** What is wrong with a command, without running it. */
async function wrongWith(command: Command): Promise<readonly Violation[]> {
  const words = command.words[0] === "npx" ? command.words.slice(1) : command.words;
  const [program = "", first = "", second = "", ...more] = words;
  const given = { ...command, words };
  const files = words.filter((word) =>
    /^(?:docs|tests|deploy|src|csrc)\/[\w./-]+\.\w+$/.test(word),
  );
  const missing = files
    .filter((file) => !existsSync(join(ROOT, file)))
    .map((file) => `${command.at}: ${file} is not there`);
  if (/^\.\/(?:replica|client|fabric)$/.test(program)) {
    const help = await helpFrom(`src/bin/${program.slice(2)}.ts`);
    return [...missing, ...misused(given, help)];
  }
  if (program === "bun" && first === "build.ts") {
    return [...missing, ...misused(given, await helpFrom(first))];
  }
  const run = first === "run" && ["npm", "bun"].includes(program);
  if (!run) return missing;
  const script = scripts[second];
  if (script === undefined) return [`${command.at}: no script '${second}' in package.json`];
  const file = /^exec bun (\S+\.ts)/.exec(script)?.[1];
  const swallowed = program === "npm" && more.length > 0 && more[0] !== "--";
  if (swallowed) return [`${command.at}: npm takes what comes before -- : ${words.join(" ")}`];
  if (file === undefined || more.length === 0) return missing;
  const [, what = ""] = more;
  const help = await (second === "bench" ? helpFrom(file, what) : helpFrom(file));
  return [...missing, ...misused(given, help), ...unknownSubject(given)];
}

/** A protocol that `simulate` is told to run, and that nobody registered. */
function unknownSubject({ at, words }: Command): Violation[] {
  const name = words[words.indexOf("--protocol") + 1] ?? "";
  const open = !words.includes("--protocol") || words.includes("--load") || /[A-Z,]/.test(name);
  return open || registered.has(name) ? [] : [`${at}: no protocol '${name}'`];
}

describe("commands in documents", () => {
  test("stand in blocks of shell", () => expect(documents.flatMap(strayCommands)).toEqual([]));

  test("are run here, or are listed with a reason", () => {
    const stale = [...NOT_RUN.keys()].filter(
      (first) => !shell.some(({ path, text }) => `${path}: ${text}`.startsWith(first)),
    );
    expect(stale).toEqual([]);
    expect(shell.length).toBeGreaterThan(NOT_RUN.size);
  });

  test(
    "name options, scripts, files and protocols that are there",
    async () => {
      const all = [...shell.flatMap(commandsOf), ...documents.flatMap(spansOf)];
      expect(all.length).toBeGreaterThan(50);
      const wrong = await Promise.all(all.map(wrongWith));
      expect(wrong.flat()).toEqual([]);
      // Options that stand alone are of any program: all help was asked for above.
      const known = new Map<string, null>();
      for (const help of await Promise.all(helps.values())) {
        for (const name of help.keys()) known.set(name, null);
      }
      for (const name of FOREIGN) known.set(name, null);
      const alone = all.filter(({ words }) => words[0]?.startsWith("-") === true);
      expect(alone.flatMap((command) => misused(command, known))).toEqual([]);
    },
    PATIENCE_MS,
  );
});

test("docs/evaluating.md names every key of a record", () => {
  const code = readFileSync(join(ROOT, "src/evaluation/record.ts"), "utf8");
  const [, body = ""] = /interface ResultRecord \{(.*?)^\}/ms.exec(code) ?? [];
  const keys = [...body.matchAll(/^  readonly (\w+)\??:/gm)].map(([, key = ""]) => key);
  const page = documents.find(({ path }) => path === "docs/evaluating.md")?.text ?? "";
  const [, section = ""] = /^## The record\n(.*?)^A replica's/ms.exec(page) ?? [];
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)]);
  expect(named.map(([, key = ""]) => key).sort()).toEqual(keys.sort());
  expect(keys.length).toBeGreaterThan(20);
});

describe("a block of shell", () => {
  const work = mkdtempSync(join(tmpdir(), "oskr-documents-"));
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  /** Where somebody stands who has the executables beside deploy/, as after a build. */
  function besideExecutables(where: string): string {
    const folder = join(work, where);
    mkdirSync(folder);
    cpSync(join(ROOT, "deploy"), join(folder, "deploy"), { recursive: true });
    for (const name of ["package.json", "tsconfig.json", "src", "node_modules"]) {
      symlinkSync(join(ROOT, name), join(folder, name));
    }
    for (const name of ["replica", "client", "fabric"]) {
      const file = join(folder, name);
      const bin = join(ROOT, `src/bin/${name}.ts`);
      writeFileSync(file, `#!/bin/sh\nexec ${process.execPath} ${bin} "$@"\n`);
      chmodSync(file, 0o755);
    }
    return folder;
  }

  for (const block of shell) {
    if (reasonOf(block) !== null) continue;
    const lack = libraries() ?? (block.text.includes("openssl") ? program("openssl") : null);
    const title = `runs: ${block.path}:${block.line}`;
    testUnless(lack)(title, () => follow(block), PATIENCE_MS);
  }

  async function follow({ path, line, text }: Block): Promise<void> {
    const name = `${path.replace(/\W/g, "-")}-${line}`;
    const beside = /(?:^| )\.\/|deploy\//m.test(text);
    const folder = beside ? besideExecutables(name) : ROOT;
    // The one word that is not literal: a directory that no other run has.
    const own = text.replaceAll("/tmp/run", join(work, `${name}-run`));
    // With job control, as at a terminal; whatever is left in the background ends with it.
    const end = "kill $(jobs -p) 2>/dev/null || true; wait";
    const script = `set -em -o pipefail\ntrap '${end}' EXIT\ncd ${folder}\n${own}`;
    const bin = join(ROOT, "node_modules/.bin");
    const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}`, NO_UPDATE_NOTIFIER: "1" };
    const { status, out, err } = await new Program(["bash", "-c", script], { env }).ended();
    expect(status, `${own}\n${out}${err}`).toBe(0);
  }

  test("that leaves something in the background says how to stop it", () => {
    const leaving = shell.filter(({ text }) => backgrounds(text));
    expect(leaving.length).toBeGreaterThan(1);
    const silent = leaving.filter(({ text }) => !/^kill /m.test(text));
    expect(silent.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
  });
});

describe("a block of TypeScript", () => {
  /** Below the root, because imports are looked for there. */
  let work = "";
  let files: readonly { readonly path: string; readonly file: string }[] = [];
  beforeAll(() => {
    work = mkdtempSync(join(ROOT, "target/documents-"));
    // The tutorial's test checks the types of its blocks.
    const typed = blocks.filter(({ language }) => language === "ts");
    files = typed.map(({ path, line, text }) => {
      const file = join(work, `${path.replace(/\W/g, "-")}-${line}.test.ts`);
      writeFileSync(file, text.replaceAll('"../src/', '"../../src/'));
      return { path, file };
    });
  });
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  test(
    "has no error of types",
    async () => {
      const options = { extends: "../../tsconfig.json", include: ["*.ts"] };
      writeFileSync(join(work, "tsconfig.json"), JSON.stringify(options));
      expect(files.length).toBeGreaterThan(0);
      const args = [process.execPath, "check", "--no-script", "--project", work];
      const { status, out, err } = await new Program(args).ended();
      expect({ status, told: out + err }).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );

  test("in docs/testing.md runs as a test", async () => {
    const [first, ...others] = files.filter(({ path }) => path === "docs/testing.md");
    expect(others).toEqual([]);
    const ran = await new Program([process.execPath, "test", first?.file ?? ""]).ended();
    expect(ran.status, ran.out + ran.err).toBe(0);
    expect(ran.out + ran.err).toContain("1 pass");
  });
});
