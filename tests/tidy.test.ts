// Shows that the sources keep the rules of the house: what actors may import and use, and how long
// things get. tests/support/tidy/rules.test.ts shows that each rule finds what it forbids.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { source, type Source, type Violation } from "./support/tidy/source.ts";
import {
  browserFence,
  circles,
  fence,
  namesakes,
  protocolNames,
  roomOf,
  ROOMS,
  upward,
} from "./support/tidy/rooms.ts";
import {
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  functions,
  language,
  leftOut,
  LINE_MAX,
  lines,
  ordered,
  seeded,
} from "./support/tidy/code.ts";
import {
  documents,
  links,
  paths,
  requirements,
  testedIds,
  undeclared,
  unknownIds,
  unlinkedFolders,
  unlisted,
} from "./support/tidy/documents.ts";
import { readNames, unreadMembers, unused } from "./support/tidy/unused.ts";

const root = join(import.meta.dir, "..");
const exists = (path: string) => existsSync(join(root, path));

/** The files that a glob finds, without what was built or installed. */
function files(...patterns: readonly string[]): readonly Source[] {
  return patterns
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })])
    .filter((path) => !path.includes("node_modules/") && !path.startsWith("src/dpdk/"))
    .sort()
    .map((path) => source(path, readFileSync(join(root, path), "utf8")));
}

/** All that breaks the rule; what it looks at must be there. */
function check(all: readonly Source[], rule: (file: Source) => Violation[]): void {
  expect(all.length).toBeGreaterThan(0);
  expect(all.flatMap(rule)).toEqual([]);
}

const sources = files("src/**/*.ts", "build.ts");
const modules = sources.filter(({ path }) => !path.endsWith(".d.ts"));
const examples = files("examples/**/*.ts");
const actors = files("src/protocol/**/*.ts", "src/app/**/*.ts");
const simulation = files(
  "src/simulation/**/*.ts",
  "src/scaling/count.ts",
  "src/base/seeded-random.ts",
);
/** Files that name a protocol, and why. */
const NAMES_PROTOCOLS = new Map([
  ["src/protocol/index.ts", "the registry"],
  ["src/cluster/demo.ts", "the mode that the demo runs if none is given"],
  ["src/faults/faults.ts", "the mode whose faults are tried if none is given"],
  ["src/attack/crafted.ts", "what strangers send in the messages of single protocols"],
  ["src/bench/echo.ts", "measures one protocol against the same in C"],
  ["src/bench/pages.ts", "the protocol whose pages are measured if none is given"],
  ["src/bench/stores.ts", "the mode whose states are measured if none is given"],
  ["src/process/echo-process.ts", "is that protocol in C, to its wire form"],
]);
const GUARANTEES = "docs/guarantees.md";
const TUTORIAL = "docs/adding-a-protocol.md";
const RULES = "tests/support/tidy/rules.test.ts";
/** All tests but that of the rules, which has examples of what is forbidden. */
const tests = files("tests/**/*.ts").filter(({ path }) => path !== RULES);

describe("the sources", () => {
  test("a protocol knows only itself and what protocols share; so do applications", () =>
    check(actors, fence));

  test("pages in browsers know their data and their own files", () =>
    check(files("src/view/{page,live,playground}/**/*.ts"), browserFence));

  test("no other file names a protocol, but those that have a reason", () => {
    const folders = actors.map(({ path }) => /^src\/protocol\/(\w+)\//.exec(path)?.[1] ?? "kit");
    const names = [...new Set(folders)].filter((name) => name !== "kit");
    const others = modules.filter(({ path }) => !names.includes(path.split("/")[2] ?? ""));
    check(
      others.filter(({ path }) => !NAMES_PROTOCOLS.has(path)),
      (file) => protocolNames(file, names),
    );
    const named = others.filter((file) => protocolNames(file, names).length > 0);
    expect(named.map(({ path }) => path)).toEqual([...NAMES_PROTOCOLS.keys()].sort());
  });

  test("protocols and applications have no clock, chance, I/O or order of their own", () =>
    check(actors, (file) => [
      ...seeded(file, file.path === "src/protocol/kit/digest.ts" ? ["SHA256", "hash"] : []),
      ...ordered(file),
    ]));

  test("the simulated world has no other clock and chance than its own", () =>
    check(simulation, (file) => seeded(file, ["SHA256", "hash"])));

  test("signature blocks are made without clock and chance, since the simulator makes them so", () => {
    const crypto = ["merkle", "stage", "roots", "one-time", "one-time-keys", "announcements"];
    const shared = crypto.map((name) => `src/crypto/${name}.ts`);
    const others = [
      "src/node.ts",
      "src/wire.ts",
      "src/base/hash-tree.ts",
      "src/base/queue.ts",
      "src/base/heap.ts",
      "src/base/coverage-mark.ts",
    ];
    const packets = ["address", "fragment", "packet"].map((name) => `src/transport/${name}.ts`);
    check(files(...shared, ...others, ...packets), (file) => seeded(file, ["SHA256"]));
  });

  test("no files import each other in a circle", () => expect(circles(modules)).toEqual([]));

  test("rooms import from those below them, and each is one", () => {
    check(modules, upward);
    const used = new Set(modules.map(({ path }) => ROOMS[roomOf(path)]));
    expect(ROOMS.filter((room) => !used.has(room))).toEqual([]);
  });

  test("docs/architecture.md has the rooms in their order", () => {
    const [text = ""] = files("docs/architecture.md").map((page) => page.text);
    const list = ROOMS.map((room) => `\`${room}\``).join(", ");
    expect(text.replace(/\s+/g, " ")).toContain(list);
  });

  test("a file name says one thing", () => expect(namesakes(modules)).toEqual([]));

  test("nothing is exported that nobody uses, and no member that nobody reads", () => {
    const all = files("src/**/*.ts", "tests/**/*.ts", "examples/**/*.ts", "build.ts");
    const read = readNames(all);
    check(modules, (file) => [...unused(file, all), ...unreadMembers(file, read)]);
  });

  test("no default exports, any, enum or non-null assertions", () =>
    check([...modules, ...examples], language));

  test(`lines of at most ${LINE_MAX} characters, files of at most ${FILE_LINES_MAX} lines, nothing undone`, () =>
    check([...sources, ...examples, ...files("csrc/**/*.{c,h,sh}")], lines));

  test("nothing undone in tests and documents", () => {
    const others = files("tests/**/*.ts", "*.md", "docs/**/*.md", ".ci/run", "deploy/*.sh");
    check(others, (file) => lines(file).filter((line) => !/: \d+ (characters|lines)$/.test(line)));
  });

  test("no test is left out without its reason", () =>
    check(
      tests.filter(({ path }) => path !== "tests/support/optional.ts"),
      leftOut,
    ));

  test(`functions of at most ${FUNCTION_LINES_MAX} lines`, () => check(modules, functions));

  test("what README and documents link to is there", () =>
    check(files("*.md", "docs/**/*.md"), (file) => links(file, exists)));

  test("documents that sources, tests and documents name are there", () => {
    const others = files("csrc/**/*.{c,h,sh}", "deploy/**/*.{sh,yml}", ".ci/*");
    const pages = files("*.md", "docs/**/*.md");
    check([...sources, ...tests, ...others, ...pages], (file) => documents(file, exists));
  });

  test("files that sources and documents name by their path are there", () => {
    // The tutorial names those that it makes; a test follows it.
    const pages = files("*.md", "docs/**/*.md").filter(({ path }) => path !== TUTORIAL);
    const others = files("csrc/**/*.{c,h,ts}");
    check([...sources, ...others, ...pages], (file) => paths(file, exists));
  });

  test("docs/README.md lists every document", () =>
    check(files("docs/README.md"), (index) =>
      unlisted(
        index,
        files("*.md", "docs/**/*.md").filter(({ path }) => path !== "README.md"),
      ),
    ));

  test("README says what every folder of src is", () => {
    const folders = new Set(sources.map(({ path }) => path.split("/").slice(0, 2).join("/")));
    const rooms = [...folders].filter((path) => path.startsWith("src/") && !path.endsWith(".ts"));
    expect(rooms.length).toBeGreaterThan(10);
    check(files("README.md"), (file) => unlinkedFolders(file, rooms));
  });

  test("the functions are there that docs/protocols/ names", () => {
    const all = new Map(sources.map((file) => [file.path, file]));
    check(files("docs/protocols/*.md"), (page) => undeclared(page, (path) => all.get(path)));
  });

  test("package, changelog and citation have one version", () => {
    const [text, pattern] = [(path: string) => files(path)[0]?.text ?? "", /(\d+\.\d+\.\d+)/];
    const { version } = JSON.parse(text("package.json")) as { version: string };
    expect(pattern.exec(text("CHANGELOG.md"))?.[1]).toBe(version);
    expect(pattern.exec(text("CITATION.cff").replace(/^cff-version.*/m, ""))?.[1]).toBe(version);
  });

  test("every id of a requirement that is used anywhere is a row of docs/guarantees.md", () => {
    const known = files(GUARANTEES).flatMap(requirements);
    expect(new Set(known).size).toBe(known.length);
    const others = files(
      "tests/**/*.txt",
      "*.md",
      "docs/**/*.md",
      "csrc/**/*.{c,h}",
      "deploy/**/*.sh",
      ".ci/*",
    );
    check([...sources, ...tests, ...others], (file) => unknownIds(file, known));
  });

  test("every requirement has a test", () => {
    const tested = new Set(tests.flatMap(testedIds));
    check(files(GUARANTEES), (file) => requirements(file).filter((id) => !tested.has(id)));
  });
});
