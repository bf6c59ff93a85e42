// Shows that what a replica has promised, and where it is, has one writer each: who reads the file
// knows all ways in which the field changes.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { source, type Source } from "../support/tidy/source.ts";

const root = join(import.meta.dir, "../..");

function files(protocol: string): readonly Source[] {
  const folder = `src/protocol/${protocol}`;
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"));
  return names.map((name) => source(name, readFileSync(join(root, folder, name), "utf8")));
}

/** Files that assign to a field of this name, be it private or somebody's. */
function writers(all: readonly Source[], field: string): string[] {
  const after = `\\.#?${field}\\s*(?:\\+\\+|--|(?:[-+*/%&|^]|\\*\\*|<<|>>>?|&&|\\|\\||\\?\\?)?=(?![=>]))`;
  const before = `(?:\\+\\+|--)(?:\\w+\\.)+#?${field}\\b`;
  const written = new RegExp(`${after}|${before}`);
  return all.filter(({ code }) => written.test(code)).map(({ path }) => path);
}

/** Files with a class that has a private field of this name. */
function owners(all: readonly Source[], field: string): string[] {
  const declared = new RegExp(`^  (?:readonly )?#${field}\\b[^(\\n]*[=;]`, "m");
  return all.filter(({ code }) => declared.test(code)).map(({ path }) => path);
}

test("a writer is found whatever way it writes, and no reader is", () => {
  const at = (text: string) => [source("x.ts", text)];
  const writes = ["this.#view = 1;", "this.#view += 1;", "this.#view++;", "++this.#view;"];
  writes.push("slot.view = 2;", "a.b.#view ??= 3;", "--slot.view;");
  for (const text of writes) expect([text, writers(at(text), "view")]).toEqual([text, ["x.ts"]]);
  const reads = ["this.#view === 1", "f(this.#view)", "const view = this.#view;", "views.view;"];
  reads.push("this.#viewTimer = 1;", "view = 1;", "// this.#view = 1;", "{ view: this.view }");
  for (const text of reads) expect([text, writers(at(text), "view")]).toEqual([text, []]);
  expect(owners(at("class A {\n  #view = 1;\n}"), "view")).toEqual(["x.ts"]);
  expect(owners(at("class A {\n  view = 1;\n  get #view(): 1 {\n"), "view")).toEqual([]);
});

describe.each([
  ["pbft", "view", "view-change.ts"],
  ["pbft", "active", "view-change.ts"],
  ["pbft", "executed", "normal.ts"],
  ["chained", "view", "view-change.ts"],
  ["chained", "tc", "view-change.ts"],
  ["chained", "lock", "normal.ts"],
  ["chained", "votedView", "normal.ts"],
  ["chained", "highQc", "normal.ts"],
  ["chained", "root", "log.ts"],
  ["tendermint", "round", "view-change.ts"],
  ["tendermint", "step", "normal.ts"],
  ["tendermint", "locked", "normal.ts"],
  ["tendermint", "valid", "normal.ts"],
  ["tendermint", "turn", "proposers.ts"],
  ["tendermint", "height", "log.ts"],
])("%s: %s", (protocol, field, file) => {
  test(`is private to ${file}, and written there alone`, () => {
    const all = files(protocol);
    expect(owners(all, field)).toEqual([file]);
    expect(writers(all, field)).toEqual([file]);
  });
});

test("pbft: votedView of a slot is written by normal.ts alone", () => {
  expect(writers(files("pbft"), "votedView")).toEqual(["normal.ts"]);
});
