// Rules about source text that the type checker does not know. Each takes a file and says where it
// is broken.

import { basename, dirname, join } from "node:path";

export interface Source {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly text: string;
  /**
   * The text with comments, strings and regular expressions blanked, line by line as long as it
   * was.
   */
  readonly code: string;
}

/** `path:line: what`. */
export type Violation = string;

export function source(path: string, text: string): Source {
  return { path, text, code: blank(text) };
}

/** Characters after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of))$/;

/** Replaces everything that is not code by spaces. */
export function blank(text: string): string {
  const out = [...text];
  /** For each template literal that is open: how deep the braces are in its expression. */
  const templates: number[] = [];
  const erase = (from: number, to: number) => {
    for (let k = from; k < to; k++) if (out[k] !== "\n") out[k] = " ";
  };
  let at = 0;
  /**
   * The end of a literal that begins at `from` and ends with `quote`; a template may stop at an
   * expression.
   */
  const endOf = (from: number, quote: string): number => {
    let k = from;
    let inClass = false;
    for (; k < text.length; k++) {
      const c = text[k];
      if (c === "\\") k++;
      else if (quote === "`" && c === "$" && text[k + 1] === "{") return k;
      else if (quote === "/" && c === "[") inClass = true;
      else if (quote === "/" && c === "]") inClass = false;
      else if (c === quote && !inClass) return k;
    }
    return k;
  };
  const literal = (from: number, quote: string) => {
    const end = endOf(from, quote);
    erase(from, end);
    at = end + 1;
    if (text[end] === "$") {
      templates.push(0);
      at = end + 2;
    }
  };
  while (at < text.length) {
    const c = text[at] ?? "";
    const two = text.slice(at, at + 2);
    const depth = templates.at(-1);
    if (two === "//" || two === "/*") {
      const found = text.indexOf(two === "//" ? "\n" : "*/", at + 2);
      const end = found < 0 ? text.length : found + (two === "//" ? 0 : 2);
      erase(at, end);
      at = end;
    } else if (c === '"' || c === "'" || c === "`") {
      literal(at + 1, c);
    } else if (c === "/" && BEFORE_REGEX.test(out.slice(0, at).join("").slice(-40).trimEnd())) {
      literal(at + 1, "/");
    } else if (depth !== undefined && c === "}" && depth === 0) {
      templates.pop();
      literal(at + 1, "`");
    } else {
      if (depth !== undefined && c === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && c === "}") templates[templates.length - 1] = depth - 1;
      at++;
    }
  }
  return out.join("");
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Every match of `pattern` (global) in the code, by line. */
function matches({ path, code }: Source, pattern: RegExp, what: string): Violation[] {
  return [...code.matchAll(pattern)].map(
    (match) => `${path}:${lineOf(code, match.index)}: ${what}: ${match[0].trim()}`,
  );
}

/** What a module imports, with whether only types of it. */
function imports({ text, code }: Source): { what: string; types: boolean; index: number }[] {
  const found = text.matchAll(/\b(?:import|export)\b(\s+type\b)?[^"';]*?\bfrom\s*"([^"]+)"/g);
  const plain = text.matchAll(/\bimport\b\s*()\(?\s*"([^"]+)"/g);
  return [...found, ...plain]
    .filter(({ index }) => code[index] !== " ")
    .map((match) => ({
      what: match[2] ?? "",
      types: match[1] !== undefined && match[1] !== "",
      index: match.index,
    }));
}

const BASE = [
  "assert",
  "buckets",
  "large-arrays",
  "linear-hashing",
  "parts",
  "client-key",
  "copies",
  "hash-tree",
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
const PACKAGES: ReadonlyMap<string, string> = new Map([
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

/** Names through which time, chance or the outside world get in. */
const AMBIENT =
  "Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await|console|" +
  "fetch|crypto|globalThis|Worker|WeakRef|FinalizationRegistry|Intl|require";

/** What of `process` says more than its name, which things of ours may have as well. */
const OF_PROCESS =
  "env|argv|hrtime|exit|pid|ppid|on|once|stdout|stderr|nextTick|uptime|memoryUsage";

/** That a run follows from its inputs and the seed alone; `bun` lists what may be used of Bun. */
export function seeded(file: Source, bun: readonly string[]): Violation[] {
  const others = bun.length === 0 ? "" : `(?!\\.(?:${bun.join("|")})\\b)`;
  return [
    ...matches(
      file,
      new RegExp(`(?<![.\\w#])(?:${AMBIENT})\\b(?!\\s*:)`, "g"),
      "not deterministic",
    ),
    ...matches(file, /\bMath\s*\.\s*random\b/g, "not deterministic"),
    ...matches(file, new RegExp(`(?<![.\\w#])Bun\\b${others}`, "g"), "not deterministic"),
    ...matches(
      file,
      new RegExp(`\\bprocess\\s*\\.\\s*(?:${OF_PROCESS})\\b`, "g"),
      "not deterministic",
    ),
    ...matches(file, /\.toLocale\w+/g, "not the same everywhere"),
    ...imports(file)
      .filter(({ what }) => /^(?:node|bun):/.test(what) && PACKAGES.get(file.path) !== what)
      .map(({ what, index }) => `${file.path}:${lineOf(file.text, index)}: imports ${what}`),
  ];
}

/** That nothing depends on the order in which a plain object has its keys. */
export function ordered(file: Source): Violation[] {
  return [
    ...matches(file, /\bfor\s*\(\s*(?:const|let|var)\s+[\w$]+\s+in\b/g, "order of a plain object"),
    ...matches(file, /\bObject\s*\.\s*(?:keys|values|entries)\b/g, "order of a plain object"),
  ];
}

/** What TypeScript allows and we do not. */
export function language(file: Source): Violation[] {
  return [
    ...matches(file, /\bexport\s+default\b/g, "default export"),
    ...matches(file, /(?:[:<,|&(=]\s*|\bas\s+)any\b(?!\s*[:(?])|\bany\[\]/g, "any"),
    ...matches(file, /(?<![.\w])enum\s+\w+\s*\{/g, "enum"),
    ...matches(file, /[\w$)\]]!(?!=)/g, "non-null assertion"),
    ...matches(file, /@ts-\w+/g, "suppressed"),
  ];
}

/** Tests that are left out without their reason: tests/support/optional.ts tells it. */
export function leftOut(file: Source): Violation[] {
  const ways = "skip|skipIf|if|todo|todoIf|only|failing";
  const pattern = new RegExp(`\\b(?:test|describe|it)(?:\\.\\w+)*\\.(?:${ways})\\b`, "g");
  return matches(file, pattern, "no reason is told");
}

// In two pieces, so that this file may be looked at as well.
const UNDONE = new RegExp(
  `\\b(?:${["TO", "FIX"].map((a, i) => a + ["DO", "ME"][i]).join("|")})\\b`,
);

export const LINE_MAX = 100;
export const FILE_LINES_MAX = 500;
export const FUNCTION_LINES_MAX = 70;

/** Long lines, files that are too long, and what is left to do. */
export function lines({ path, text }: Source): Violation[] {
  const all = text.split("\n");
  const found = all.flatMap((line, i) => [
    ...(line.length > LINE_MAX ? [`${path}:${i + 1}: ${line.length} characters`] : []),
    ...(UNDONE.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []),
  ]);
  const count = text.endsWith("\n") ? all.length - 1 : all.length;
  return count > FILE_LINES_MAX ? [...found, `${path}:1: ${count} lines`] : found;
}

const CONTROL = /^(?:if|for|while|switch|catch|with|else|do|try|finally)\b/;

/** Functions, methods and arrow functions with a body of too many lines. */
export function functions({ path, code }: Source): Violation[] {
  const found: Violation[] = [];
  const open: { readonly isFunction: boolean; readonly line: number; readonly head: string }[] = [];
  let line = 1;
  let from = 0;
  for (let at = 0; at < code.length; at++) {
    const c = code[at];
    if (c === "\n") line++;
    if (c === "{") {
      const head = code.slice(from, at).trim();
      const isFunction = !CONTROL.test(head) && /(?:\)|=>|\)\s*:\s*[\w$.<>[\]|,&\s"]+)$/.test(head);
      open.push({ isFunction, line: line - head.split("\n").length + 1, head });
    }
    if (c === "}") {
      const begun = open.pop();
      const length = begun === undefined ? 0 : line - begun.line + 1;
      if (begun?.isFunction === true && length > FUNCTION_LINES_MAX) {
        const [name = ""] = begun.head.split("\n");
        found.push(`${path}:${begun.line}: ${length} lines: ${name}`);
      }
    }
    if (c === "{" || c === "}" || c === ";") from = at + 1;
  }
  return found;
}

/** Links to files, relative to the document, that are not there. */
export function links({ path, text }: Source, exists: (path: string) => boolean): Violation[] {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: target = "", index }) => {
    if (/^(?:https?:|mailto:|#)/.test(target)) return [];
    const file = folder + target.replace(/#.*/, "");
    return exists(file) ? [] : [`${path}:${lineOf(text, index)}: ${target} is not there`];
  });
}

/**
 * Documents that the text names and that are not there, from the root or from the file's own
 * folder. Globs and addresses of the web are no names.
 */
export function documents({ path, text }: Source, exists: (path: string) => boolean): Violation[] {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const named = text.matchAll(/(?<![\w./*:-])(?:[\w-][\w.-]*\/|\.\.?\/)*[\w-][\w.-]*\.md\b/g);
  return [...named].flatMap(({ 0: file, index }) =>
    exists(file) || exists(folder + file)
      ? []
      : [`${path}:${lineOf(text, index)}: ${file} is not there`],
  );
}

/** Where the files lie that texts name by their path. */
const OURS =
  /(?<![\w/.*-])(?:\.\.?\/)*((?:src|tests|csrc|deploy)\/(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|c|h|sh|json|txt|yml))\b/g;

/** Files of ours that the text names, from the root or from below it, and that are not there. */
export function paths({ path, text }: Source, exists: (path: string) => boolean): Violation[] {
  return [...text.matchAll(OURS)].flatMap(({ 1: file = "", index }) =>
    exists(file) ? [] : [`${path}:${lineOf(text, index)}: ${file} is not there`],
  );
}

/** Documents that an index does not link to. */
export function unlisted(index: Source, all: readonly Source[]): Violation[] {
  const linked = [...index.text.matchAll(/\]\(([^)\s#]+)/g)].map(({ 1: target = "" }) =>
    join(dirname(index.path), target),
  );
  return all
    .filter(({ path }) => path !== index.path && !linked.includes(path))
    .map(({ path }) => `${path}: is not in ${index.path}`);
}

/** Folders that a document does not link to. */
export function unlinkedFolders({ path, text }: Source, folders: readonly string[]): Violation[] {
  return folders
    .filter((folder) => !text.includes(`](${folder}/)`))
    .map((folder) => `${path}: does not say what ${folder}/ is`);
}

/** Whether the file declares a class, function, constant, type, method, getter or field. */
function declares({ code }: Source, name: string): boolean {
  const modifiers = "(?:export|protected|private|override|static|readonly|abstract|async|get|set)";
  const kinds = "(?:class|function\\*?|interface|type|const|let)";
  const line = `^\\s*(?:${modifiers} )*(?:${kinds} )?(?:#|\\*)?${name}\\??\\s*(?:[(<:={;]|extends\\b|implements\\b)`;
  return new RegExp(line, "m").test(code);
}

/**
 * Of a page "from the paper to the line": rows of tables that name functions (code in the last cell
 * but one) which the file that the last cell links to does not declare. `find` gives a file by its
 * path.
 */
export function undeclared(page: Source, find: (path: string) => Source | undefined): Violation[] {
  return page.text.split("\n").flatMap((row, i) => {
    const cells = row.split("|").map((cell) => cell.trim());
    const [, target] = /\]\((\S+\.ts)\)$/.exec(cells.at(-2) ?? "") ?? [];
    if (!row.startsWith("|") || target === undefined) return [];
    const file = find(join(dirname(page.path), target));
    const names = [...(cells.at(-3) ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
    const missing = names.filter((name) => file === undefined || !declares(file, name));
    const empty = names.length === 0 ? ["a row without a function"] : [];
    const wrong = [...empty, ...missing.map((name) => `${target} has no ${name}`)];
    return wrong.map((what) => `${page.path}:${i + 1}: ${what}`);
  });
}

/** Ids of requirements: the first column of the rows of docs/guarantees.md. */
export function requirements({ text }: Source): readonly string[] {
  return [...text.matchAll(/^\| ?([A-Z]{1,2}\d+) \|/gm)].map(([, id = ""]) => id);
}

/** Ids that look like those of `known`, by their letters, and are none of them. */
export function unknownIds({ path, text }: Source, known: readonly string[]): Violation[] {
  const families = new Set(known.map((id) => id.replace(/\d+/, "")));
  return [...text.matchAll(/(?<![\w#&])([A-Z]{1,2})[1-9]\d?(?![\w.])/g)].flatMap(
    ({ 0: id, 1: family = "", index }) =>
      families.has(family) && !known.includes(id)
        ? [`${path}:${lineOf(text, index)}: ${id} is no requirement`]
        : [],
  );
}

/** The ids with which titles of tests begin: `"P4 X3 copies of one prepare count once"`. */
export function testedIds({ text }: Source): readonly string[] {
  const titles = text.matchAll(/["`]((?:[A-Z]{1,2}\d+ )+)/g);
  return [...titles].flatMap(([, ids = ""]) => ids.trim().split(" "));
}

/** Names that the file exports and that nothing else, in it or in the other files, uses. */
export function unused({ path, code }: Source, all: readonly Source[]): Violation[] {
  const exported =
    /^export (?:abstract )?(?:async )?(?:const|class|function\*?|interface|type) (\w+)/gm;
  return [...code.matchAll(exported)].flatMap(([line, name = ""]) => {
    const word = new RegExp(`\\b${name}\\b`, "g");
    const elsewhere = all.some((file) => file.path !== path && word.test(file.code));
    const again = (code.match(word)?.length ?? 0) > 1;
    return elsewhere || again ? [] : [`${path}: '${line}' is not used`];
  });
}

const MODIFIERS =
  "(?:public|protected|private|static|readonly|override|abstract|async|get|set)\\s+";
/** A member of a class or an interface at the beginning of a line: `readonly name: ...`. */
const BEFORE_MEMBER = new RegExp(`^\\s+(?:${MODIFIERS})*\\*?$`);
const MEMBER = new RegExp(`^  (?:${MODIFIERS})*\\*?([A-Za-z_]\\w*)\\??\\s*[(:=;<]`);

/** Names that something reads or calls: all but those that are declared or assigned only. */
export function readNames(all: readonly Source[]): ReadonlySet<string> {
  const read = new Set<string>();
  for (const { code, text } of all) {
    for (const [, name = ""] of text.matchAll(/["'`](\w+)["'`]/g)) read.add(name);
    for (const line of code.split("\n")) {
      for (const { 0: name, index } of line.matchAll(/(?<![\w#$])[A-Za-z_]\w*/g)) {
        if (read.has(name)) continue;
        const [before, after] = [line.slice(0, index), line.slice(index + name.length)];
        const declared = BEFORE_MEMBER.test(before) && /^\??\s*[(:=;<!]/.test(after);
        const assigned = before.endsWith(".") && /^\s*(?:[+-]?=(?![=>])|\+\+;|--;)/.test(after);
        const given = !before.endsWith(".") && /^\s*:/.test(after);
        if (!declared && !assigned && !given) read.add(name);
      }
    }
  }
  return read;
}

/** Members of classes and interfaces that are declared, perhaps assigned, and never read. */
export function unreadMembers({ path, code }: Source, read: ReadonlySet<string>): Violation[] {
  let inside = false;
  return code.split("\n").flatMap((line, i) => {
    if (/^(?:export )?(?:abstract )?(?:class|interface)\b/.test(line)) inside = true;
    if (line.startsWith("}")) inside = false;
    const name = MEMBER.exec(line)?.[1] ?? "constructor";
    const isMember = inside && name !== "constructor";
    return isMember && !read.has(name) ? [`${path}:${i + 1}: '${name}' is never read`] : [];
  });
}
