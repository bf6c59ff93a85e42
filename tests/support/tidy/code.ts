// What code may not say, and how long it may get.

import { PACKAGES } from "./rooms.ts";
import { imports, lineOf, matches, type Source, type Violation } from "./source.ts";

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
