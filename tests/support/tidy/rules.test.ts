// Shows that every rule finds what it forbids, and nothing else.

import { describe, expect, test } from "bun:test";
import { blank, source } from "./source.ts";
import {
  browserFence,
  circles,
  fence,
  namesakes,
  protocolNames,
  roomOf,
  ROOMS,
  upward,
} from "./rooms.ts";
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
} from "./code.ts";
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
} from "./documents.ts";
import { readNames, unreadMembers, unused } from "./unused.ts";

describe("the rules find what they forbid", () => {
  const at = (path: string, text: string) => source(path, text);

  test("only code is looked at", () => {
    const text = [
      "const a = 'Date'; // Date",
      'const b = "Date" /* Date */ + `Date ${Date} ${`{${x}`} Date`;',
      "const c = /Date[/]Date/ / Date;",
      "const d = { e: (1 + 2) / Date };",
    ].join("\n");
    expect(blank(text).match(/Date/g)).toHaveLength(3);
    expect(
      blank(text)
        .split("\n")
        .map((line) => line.length),
    ).toEqual(text.split("\n").map((line) => line.length));
  });

  test.each([
    ["src/protocol/pbft/replica.ts", "../chained/tree.ts"],
    ["src/protocol/pbft/replica.ts", "../index.ts"],
    ["src/protocol/pbft/replica.ts", "../../transport/udp.ts"],
    ["src/protocol/pbft/replica.ts", "../../clock.ts"],
    ["src/protocol/pbft/replica.ts", "node:fs"],
    ["src/protocol/pbft/replica.ts", "bun:ffi"],
    ["src/protocol/pbft/replica.ts", "@noble/curves/secp256k1.js"],
    ["src/protocol/pbft/replica.ts", "../../app/kv.ts"],
    ["src/protocol/kit/quorum.ts", "../pbft/message.ts"],
    ["src/protocol/kit/quorum.ts", "../../node.ts"],
    ["src/app/kv.ts", "../driver.ts"],
  ])("%s may not import %s", (path, what) => {
    expect(fence(at(path, `import { x } from "${what}";`))).toEqual([`${path}:1: imports ${what}`]);
    expect(fence(at(path, `\nexport * from "${what}";`))).toEqual([`${path}:2: imports ${what}`]);
    expect(fence(at(path, `import "${what}";`))).toEqual([`${path}:1: imports ${what}`]);
    expect(fence(at(path, `const x = await import("${what}");`))).toHaveLength(1);
    expect(fence(at(path, `import {\n  x,\n  type Y,\n} from "${what}";`))).toHaveLength(1);
  });

  test.each(["node:fs", "bun:ffi", "../../simulation/world.ts", "../run-page.ts", "vega"])(
    "a page in a browser may not import %s",
    (what) => {
      const path = "src/view/page/app.ts";
      const found = [`${path}:1: imports ${what}`];
      expect(browserFence(at(path, `import { x } from "${what}";`))).toEqual(found);
    },
  );

  test.each(["./link.ts", "../run-data.ts", "lit-html", "d3-zoom"])("but %s", (what) =>
    expect(browserFence(at("src/view/page/app.ts", `import { x } from "${what}";`))).toEqual([]),
  );

  test("the playground may import the simulator, and not what that is made for", () => {
    const found = (what: string) =>
      browserFence(at("src/view/playground/x.ts", `import { x } from "${what}";`));
    for (const what of ["node:fs", "../../campaign/x.ts", "../page-html.ts", "bun:sqlite"]) {
      expect(found(what)).toHaveLength(1);
    }
    for (const what of ["../../simulation/x.ts", "../page/x.ts", "./x.ts", "../run-data.ts"]) {
      expect(found(what)).toEqual([]);
    }
  });

  test("what may be imported is not found", () => {
    const path = "src/protocol/pbft/replica.ts";
    for (const what of [
      "../../actor.ts",
      "../../base/queue.ts",
      "../kit/quorum.ts",
      "./message.ts",
    ]) {
      expect(fence(at(path, `import { x } from "${what}";`))).toEqual([]);
    }
    expect(fence(at(path, 'import type { C } from "../../protocol-config.ts";'))).toEqual([]);
    expect(fence(at(path, 'import { readDeployConfig } from "../../config.ts";'))).toHaveLength(1);
    expect(fence(at(path, '// import { x } from "node:fs";'))).toEqual([]);
  });

  test("protocols that are known by their names", () => {
    const text = 'x === "one";\nname.startsWith("two-signed");\nisTwo; // One\nnone; TWOS; artwo';
    expect(protocolNames(at("src/x.ts", text), ["one", "two"])).toEqual([
      "src/x.ts:1: knows one",
      "src/x.ts:2: knows two",
      "src/x.ts:3: knows Two",
      "src/x.ts:3: knows One",
      "src/x.ts:4: knows TWO",
    ]);
  });

  test.each([
    ...["Date.now()", "new Date()", "Math.random()", "performance.now()", "setTimeout(f, 1)"],
    ...["setInterval(f, 1)", "Promise.resolve()", "async () => 1", "await x", "console.log(1)"],
    ...["process.exit(1)", "fetch(x)", "crypto.randomUUID()", "Bun.sleepSync(1)", "Bun.SHA512"],
    ...["n.toLocaleString()"],
    ...["`${Date.now()}`", 'import { x } from "node:crypto";'],
  ])("%s is not deterministic", (text) => {
    expect(seeded(at("src/app/x.ts", text), ["SHA256"])).toHaveLength(1);
  });

  test.each(["for (const key in object) f(key)", "Object.keys(x)", "Object.entries(x)"])(
    "%s depends on the order of a plain object",
    (text) => expect(ordered(at("src/app/x.ts", text))).toHaveLength(1),
  );

  test.each([
    ...["Bun.SHA256.hash(x)", "this.process(x)", "const s = 'Date';", "updated", "#process()"],
    ...["for (const x of map) f(x)", "Object.freeze(x)", "host.fetch(x)", "if (x in y) f()"],
  ])("%s is deterministic", (text) => {
    expect(seeded(at("src/app/x.ts", text), ["SHA256"])).toEqual([]);
    expect(ordered(at("src/app/x.ts", text))).toEqual([]);
  });

  test.each([
    ...["export default class {}", "let x: any;", "f<any>()", "x as any", "let x: any[] = [];"],
    ...["enum Kind { A }", "const enum Kind { A }", "map.get(x)!.y", "x!", "list[0]!", "f()!"],
  ])("%s is not our language", (text) => {
    expect(language(at("src/x.ts", text)).length).toBeGreaterThan(0);
  });

  test.each([
    ...["export const x = 1;", "const any = 1;", "if (!x) f();", "a !== b", "a != b", "return !x"],
    ...["// any, enum!", 'const type = "enum";', "x.any(1)", "many as company", "f(!x, !y)"],
  ])("%s is our language", (text) => {
    expect(language(at("src/x.ts", text))).toEqual([]);
  });

  test.each([
    ...["test.skip('x', f)", "describe.skipIf(y)('x', f)", "test.concurrent.only('x', f)"],
    ...["it.todo('x')", "test.if(y)('x', f)"],
  ])("%s leaves a test out without its reason", (text) => {
    expect(leftOut(at("tests/x.test.ts", text))).toHaveLength(1);
    const told = "test.each(['x'])('%s', f); testUnless(lack)('x', f); reader.skip(8);";
    expect(leftOut(at("tests/x.test.ts", told))).toEqual([]);
  });

  test("lines, files and what is undone", () => {
    const long = "x".repeat(LINE_MAX + 1);
    const undone = ["// TO", "DO: later"].join("");
    expect(lines(at("a.ts", `fine\n${long}\n${undone}\n`))).toEqual([
      "a.ts:2: 101 characters",
      `a.ts:3: ${undone}`,
    ]);
    expect(lines(at("a.ts", "x\n".repeat(FILE_LINES_MAX)))).toEqual([]);
    expect(lines(at("a.ts", "x\n".repeat(FILE_LINES_MAX + 1)))).toEqual(["a.ts:1: 501 lines"]);
  });

  test.each([
    ...["function f(): void {", "  #method(a: number, b: { c: string }): Promise<void> {"],
    ...["const f = (a: number): string => {", "export async function f<T>(\n  a: T,\n): T[] {"],
    ...["constructor() {", "get x(): readonly number[] {", "return list.map((x) => {"],
  ])("a body that is too long: %j", (head) => {
    const body = (count: number) =>
      at("a.ts", `class A {}\n${head}${"\n  x = {};".repeat(count)}\n}`);
    const headLines = head.split("\n").length;
    expect(functions(body(FUNCTION_LINES_MAX - headLines - 1))).toEqual([]);
    expect(functions(body(FUNCTION_LINES_MAX - headLines))).toHaveLength(1);
  });

  test("blocks that are no functions may be long", () => {
    const filling = "\n  x();".repeat(200);
    for (const head of ["class A {", "if (x) {", "const x = {", "interface A {", "switch (x) {"]) {
      expect(functions(at("a.ts", `${head}${filling}\n}`))).toEqual([]);
    }
  });

  test("links and documents that are not there", () => {
    const text = "[a](there.md) [b](gone.md#part) [c](https://x.y) [d](#here)\n[e](../up.md)";
    const there = (path: string) => path === "docs/there.md" || path === "docs/../up.md";
    expect(links(at("docs/x.md", text), there)).toEqual(["docs/x.md:1: gone.md#part is not there"]);
    expect(documents(at("a.ts", "// docs/there.md and\n// docs/gone.md"), there)).toEqual([
      "a.ts:2: docs/gone.md is not there",
    ]);
    // From the root or from beside the file; neither is a glob, an address or part of a name.
    expect(
      documents(at("docs/a.md", "there.md, docs/there.md, *.md, https://x.md"), there),
    ).toEqual([]);
    expect(documents(at("src/a.ts", "// (there.md, X11), ../gone.md"), there)).toEqual([
      "src/a.ts:1: there.md is not there",
      "src/a.ts:1: ../gone.md is not there",
    ]);
  });

  test("files that a text names and that are not there", () => {
    const there = (path: string) => path === "src/a/b.ts" || path === "csrc/c.h";
    const text =
      "`src/a/b.ts`, [c](../csrc/c.h), src/*.ts, other/src/x.ts, src/a/\n(../../tests/d.txt)";
    expect(paths(at("docs/x.md", text), there)).toEqual(["docs/x.md:2: tests/d.txt is not there"]);
    expect(paths(at("src/y.ts", "// src/gone.ts."), there)).toEqual([
      "src/y.ts:1: src/gone.ts is not there",
    ]);
  });

  test("documents that the index leaves out", () => {
    const index = at("docs/README.md", "[a](a.md#part) [b](../B.md) [c](c/d.md)");
    const all = ["docs/a.md", "B.md", "docs/c/d.md", "docs/README.md", "docs/e.md"];
    expect(
      unlisted(
        index,
        all.map((path) => at(path, "")),
      ),
    ).toEqual(["docs/e.md: is not in docs/README.md"]);
  });

  test("folders that nobody explains", () =>
    expect(unlinkedFolders(at("R.md", "[a](src/a/) [b](src/b/x.ts)"), ["src/a", "src/b"])).toEqual([
      "R.md: does not say what src/b/ is",
    ]));

  test("functions that a page names and its file does not have", () => {
    const code = at(
      "src/a.ts",
      [
        "export class A<T> extends B {}",
        "export class C implements D {",
        "  readonly field: number;",
        "  #secret = 1;",
        "  protected override onX(a: T): void { other(); }",
        "  get size(): number { return 1; } // comment(",
        "}",
        "function* walk() {}",
        "export const one = 1;",
      ].join("\n"),
    );
    const row = (names: string) => `| 4.2 | what | ${names} | [a.ts](../../src/a.ts) |`;
    const found = (names: string) =>
      undeclared(at("docs/p/x.md", `# A\n${row(names)}`), (path) =>
        path === code.path ? code : undefined,
      );
    expect(found("`A`, `C`, `field`, `secret`, `onX`, `size`, `walk`, `one`")).toEqual([]);
    expect(found("`B`, `D`, `other`, `comment`")).toEqual(
      ["B", "D", "other", "comment"].map((name) => `docs/p/x.md:2: ../../src/a.ts has no ${name}`),
    );
    expect(found("-")).toEqual(["docs/p/x.md:2: a row without a function"]);
  });

  test("requirements: rows, ids that are none, ids that tests carry", () => {
    const table = at(
      "docs/g.md",
      "| id | what |\n| --- | --- |\n| X1 | a |\n| P12 | b, see P3 |\n",
    );
    expect(requirements(table)).toEqual(["X1", "P12"]);
    const used = at("src/a.ts", "// X1 and X2, P12 (P3).\n// H7, p50, X12a, 0xP3, P3.5, &X2;");
    expect(unknownIds(used, requirements(table))).toEqual([
      "src/a.ts:1: X2 is no requirement",
      "src/a.ts:1: P3 is no requirement",
    ]);
    const titles = at(
      "tests/a.ts",
      'test("P4 X3 both", f); // X5\ncase(`U1 %s`); const s = "of P9 ";',
    );
    expect(testedIds(titles)).toEqual(["P4", "X3", "U1"]);
  });

  test("exports that nobody uses", () => {
    const a = at("a.ts", "export const one = 1;\nexport function two() {}\nexport type Three = 3;");
    const b = at("b.ts", "import { one } from './a.ts';\nexport const four = one;\ntwo3;");
    expect([a, b].flatMap((file) => unused(file, [a, b]))).toEqual([
      "a.ts: 'export function two' is not used",
      "a.ts: 'export type Three' is not used",
      "b.ts: 'export const four' is not used",
    ]);
  });

  test("files that import each other in a circle, be it for types", () => {
    const a = at("src/a.ts", 'import { b } from "./x/b.ts";\nimport { join } from "node:path";');
    const b = at("src/x/b.ts", 'import type { c } from "../c.ts";');
    const c = at("src/c.ts", 'export * from "./a.ts";');
    const d = at("src/d.ts", 'import { a } from "./a.ts";\nconst e = await import("./e.ts");');
    const e = at("src/e.ts", '// import { d } from "./d.ts";');
    expect(circles([a, b, d, e])).toEqual([]);
    expect(circles([d, a, b, c])).toEqual(["src/a.ts -> src/x/b.ts -> src/c.ts -> src/a.ts"]);
  });

  test("imports from a room above, and files in no room", () => {
    const up = at(
      "src/process/a.ts",
      'import type { B } from "../bin/b.ts";\nimport { c } from "../base/c.ts";\nimport "./d.ts";',
    );
    expect(upward(up)).toEqual(["src/process/a.ts:1: imports src/bin/b.ts, which is above it"]);
    expect(upward(at("src/cellar/a.ts", ""))).toEqual(["src/cellar/a.ts: lies in no room"]);
    expect(upward(at("build.ts", 'import { a } from "./src/bin/a.ts";'))).toEqual([]);
    const rooms = ["src/protocol/kit/a.ts", "src/protocol/pbft/a.ts", "src/protocol/index.ts"];
    expect(rooms.map((path) => ROOMS[roomOf(path)])).toEqual([
      ...["src/protocol/kit/", "src/protocol/*/", "src/protocol/"],
    ]);
  });

  test("names that files of two rooms have", () => {
    const all = (...paths: readonly string[]) => namesakes(paths.map((path) => at(path, "")));
    expect(all("src/crypto/keys.ts", "src/simulation/keys.ts")).toEqual([
      "src/crypto/keys.ts, src/simulation/keys.ts: one name",
    ]);
    expect(all("src/protocol/pbft/log.ts", "src/report/log.ts")).toHaveLength(1);
    expect(all("src/protocol/pbft/log.ts", "src/protocol/chained/log.ts")).toEqual([]);
    expect(all("src/bin/demo.ts", "src/cluster/demo.ts")).toEqual([]);
  });

  test("members that nobody reads", () => {
    const text = [
      "export class A {\n  readonly one: number;\n  two = 2;\n  get three(): number {",
      "    return this.one;\n  }\n  four(): void {\n    this.two = 3;\n    this.five++;\n  }",
      "  five = 0;\n}\ninterface B {\n  six: number;\n  readonly seven?: string;\n}",
      'const b = { six: 6 };\nconst { eight } = b;\nf(b["seven"]);',
    ].join("\n");
    const file = at("a.ts", text);
    expect(unreadMembers(file, readNames([file]))).toEqual([
      "a.ts:3: 'two' is never read",
      "a.ts:4: 'three' is never read",
      "a.ts:7: 'four' is never read",
      "a.ts:11: 'five' is never read",
      "a.ts:14: 'six' is never read",
    ]);
    const reader = at("b.ts", "a.two + a.three;\na.four();\nconst { five } = a;\nreturn b.six;");
    expect(unreadMembers(file, readNames([file, reader]))).toEqual([]);
  });
});
