// Who may import whom, and what a file may be called.

import { basename, dirname, join } from "node:path";
import { imports, lineOf, type Source, type Violation } from "./source.ts";

const BASE = [
  "assert",
  "body-form",
  "buckets",
  "large-arrays",
  "large-buffers",
  "linear-hashing",
  "parts",
  "client-key",
  "copies",
  "hash-tree",
  "one-time-form",
  "coverage-mark",
  "queue",
  "heap",
  "linked-list",
  "smoothed-time",
];
/** What actors may know besides each other. */
const COMMON = [
  ...["actor", "protocol-config", "protocol-hints", "wire"],
  ...BASE.map((name) => `base/${name}`),
];

/** Packages that an application is made of, which have no clock, chance or I/O there. */
export const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["src/app/btree.ts", "sorted-btree"],
  ["src/app/sqlite.ts", "bun:sqlite"],
]);

/** The import fence of src/protocol and src/app. */
export function fence(file: Source): Violation[] {
  const parts = file.path.split("/");
  if (file.path === "src/protocol/index.ts" || file.path === "src/app/index.ts") return [];
  const up = "../".repeat(parts.length - 2);
  const isProtocol = parts[1] === "protocol" && parts[2] !== "kit";
  return imports(file).flatMap(({ what, index }) => {
    const common = COMMON.find((name) => what === `${up}${name}.ts`);
    const allowed =
      common !== undefined ||
      PACKAGES.get(file.path) === what ||
      /^\.\/[\w-]+\.ts$/.test(what) ||
      (isProtocol && /^\.\.\/kit\/[\w-]+\.ts$/.test(what));
    return allowed ? [] : [`${file.path}:${lineOf(file.text, index)}: imports ${what}`];
  });
}

/** Names of protocols in a file that should know none by its name, its comments included. */
export function protocolNames({ path, text }: Source, names: readonly string[]): Violation[] {
  // Where a word begins, or a part of one: `pbft`, `isPbft`.
  return [...text.matchAll(new RegExp(names.join("|"), "gi"))]
    .filter(({ 0: name, index }) => /^[A-Z]/.test(name) || !/[a-z]/i.test(text[index - 1] ?? ""))
    .map(({ 0: name, index }) => `${path}:${lineOf(text, index)}: knows ${name}`);
}

/** The project's modules that a file imports, types included, as paths from the root. */
function neighbours(file: Source): { path: string; line: number }[] {
  return imports(file)
    .filter(({ what }) => what.startsWith(".") && what.endsWith(".ts"))
    .map(({ what, index }) => ({
      path: join(dirname(file.path), what),
      line: lineOf(file.text, index),
    }));
}

/** Files that import each other in a circle, types included: each circle once. */
export function circles(all: readonly Source[]): Violation[] {
  const next = new Map(all.map((file) => [file.path, neighbours(file)]));
  const found: Violation[] = [];
  const way: string[] = [];
  const done = new Set<string>();
  const visit = (path: string): void => {
    const at = way.indexOf(path);
    if (at >= 0) found.push([...way.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    way.push(path);
    for (const to of next.get(path) ?? []) visit(to.path);
    way.pop();
    done.add(path);
  };
  for (const { path } of all) visit(path);
  return found;
}

/**
 * The rooms of the sources, the lowest first: a file imports from its own room and from those before
 * it. A room is a folder without those in it; `*` is any that has no entry of its own before.
 */
export const ROOMS: readonly string[] = [
  "src/base/",
  "src/",
  "src/protocol/kit/",
  "src/protocol/*/",
  "src/protocol/",
  "src/app/",
  "src/workload/",
  "src/ffi/",
  "src/crypto/",
  "src/transport/",
  "src/cli/",
  "src/profile/",
  "src/evaluation/",
  "src/report/",
  "src/process/",
  "src/cluster/",
  "src/simulation/",
  "src/view/",
  "src/view/page/",
  "src/view/live/",
  "src/view/playground/",
  "src/history/",
  "src/campaign/",
  "src/scaling/",
  "src/faults/",
  "src/attack/",
  "src/bench/",
  "src/public/",
  "src/bin/",
  "src/build/",
  "build.ts",
];

/** What the part of pages that runs in browsers may import, beside its own files. */
const IN_BROWSERS = /^(?:\.\/[\w-]+\.ts|\.\.\/(?:run|live)-data\.ts|lit-html|uplot|d3-[a-z]+)$/;

/** What the playground may import, which has the simulator inside. */
const IN_PLAYGROUND = new RegExp(
  String.raw`^(?:\.\/[\w-]+\.ts|\.\.\/page\/[\w-]+\.ts|\.\.\/(?:run-data|run-recorder|record-run)\.ts` +
    String.raw`|\.\.\/\.\.\/(?:simulation|app)\/[\w-]+\.ts|lit-html|@noble\/hashes\/sha2\.js)$`,
);

/** Imports of a file for browsers of what no browser has, or a page has no business with. */
export function browserFence(file: Source): Violation[] {
  const allowed = file.path.includes("/playground/") ? IN_PLAYGROUND : IN_BROWSERS;
  return imports(file)
    .filter(({ what }) => !allowed.test(what))
    .map(({ what, index }) => `${file.path}:${lineOf(file.text, index)}: imports ${what}`);
}

/** The index of a file's room in ROOMS; -1 if its folder is none. */
export function roomOf(path: string): number {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const any = folder.replace(/[^/]+\/$/, "*/");
  return ROOMS.findIndex((room) => room === (folder || path) || room === any);
}

/** Imports from a room that is above the file's own, and files in no room. */
export function upward(file: Source): Violation[] {
  const own = roomOf(file.path);
  if (own < 0) return [`${file.path}: lies in no room`];
  return neighbours(file)
    .filter(({ path }) => roomOf(path) > own)
    .map(({ path, line }) => `${file.path}:${line}: imports ${path}, which is above it`);
}

/** Files that may have the name of another, and why. */
const NAMESAKES: readonly { readonly of: RegExp; readonly why: string }[] = [
  { of: /\/index\.ts$/, why: "what a folder has to offer" },
  { of: /^src\/(?:bin|bench)\//, why: "a program, or subcommand, named for what it starts" },
  { of: /^src\/ffi\//, why: "a library in C, beside what a room makes of it" },
];
/** One concern has one name in all protocols, and in what they share. */
const PROTOCOL = /^src\/protocol\/[\w-]+\//;

/** Names that files have in more than one room: a file name says one thing. */
export function namesakes(all: readonly Source[]): Violation[] {
  const places = new Map<string, Set<string>>();
  for (const { path } of all) {
    if (NAMESAKES.some(({ of }) => of.test(path))) continue;
    const name = basename(path);
    const place = path.replace(PROTOCOL, "src/protocol/*/");
    places.set(name, (places.get(name) ?? new Set()).add(place));
  }
  return [...places.values()]
    .filter((found) => found.size > 1)
    .map((found) => `${[...found].join(", ")}: one name`);
}
