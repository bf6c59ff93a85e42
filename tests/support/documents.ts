// The commands that documents show, and what can be said of them without running them.

import type { Source, Violation } from "./tidy/source.ts";

/** A block of code in a document. */
export interface Block {
  readonly path: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  /** "sh", "ts", …; "" for a fence without a name, "indented" for a block without a fence. */
  readonly language: string;
  readonly text: string;
}

/** The words with which a command of ours begins. */
const PROGRAMS = /^(?:sudo |exec )*(?:npm|npx|bun|\.\/\w+|deploy\/[\w.]+|\.ci\/run)(?: |$)/;

/** All blocks of a document, in order; lines of a list's block lose the list's indentation. */
export function blocksOf({ path, text }: Source): readonly Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```(\w*)/.exec(lines[at] ?? "");
    if (fence !== null) {
      const [, indent = "", language = ""] = fence;
      const end = lines.indexOf(`${indent}\`\`\``, at + 1);
      if (end < 0) throw new Error(`${path}:${at + 1}: a block without end`);
      const body = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
      blocks.push({ path, line: at + 2, language, text: `${body.join("\n")}\n` });
      at = end;
    } else if (/^ {4,}\S/.test(lines[at] ?? "") && (lines[at - 1] ?? "").trim() === "") {
      let end = at;
      while (/^ {4,}\S|^\s*$/.test(lines[end] ?? "-")) end++;
      const body = lines.slice(at, end).map((line) => line.trim());
      blocks.push({ path, line: at + 1, language: "indented", text: `${body.join("\n")}\n` });
      at = end - 1;
    }
  }
  return blocks;
}

/** Commands in blocks that do not say that they are shell. */
export function strayCommands(file: Source): Violation[] {
  return blocksOf(file)
    .filter(({ language }) => language !== "sh")
    .flatMap(({ path, line, text }) =>
      text.split("\n").flatMap((code, i) => {
        const stray = PROGRAMS.test(code.trim());
        return stray ? [`${path}:${line + i}: a command outside of a block of sh: ${code}`] : [];
      }),
    );
}

/** One command with its words, where a document shows it. */
export interface Command {
  readonly at: string;
  readonly words: readonly string[];
}

/** The commands of a shell block, without comments, as far as words tell them apart. */
export function commandsOf({ path, line, text }: Block): readonly Command[] {
  const joined = text.replace(/\\\n/g, "  ").replace(/(?:^| )#.*$/gm, "");
  return joined.split("\n").flatMap((code, i) => split(code, `${path}:${line + i}`));
}

/** The code spans of a document's prose that are commands of ours, or options of one. */
export function spansOf(file: Source): readonly Command[] {
  const { path, text } = file;
  // Blank the blocks, so that their lines stay counted.
  const prose = text.replace(/^( *)```[\s\S]*?^\1```$/gm, (block) => block.replace(/[^\n]/g, " "));
  return [...prose.matchAll(/`([^`]+)`/g)].flatMap(({ 1: span = "", index }) => {
    const code = span.replace(/\s+/g, " ");
    const at = `${path}:${text.slice(0, index).split("\n").length}`;
    return PROGRAMS.test(code) || /^--?\w/.test(code) ? split(code, at) : [];
  });
}

/** Splits at `&&`, `;`, `|` and `&`, which our commands do not quote, and into words. */
function split(code: string, at: string): Command[] {
  return code
    .split(/ (?:&&?|\||;) ?| ?; | &$/)
    .map((part) => part.replace(/^(?: *(?:sudo|exec|do|then)\b)+/, ""))
    .map((part) => [...part.matchAll(/"[^"]*"|'[^']*'|[^\s[\]]+/g)].map(([word]) => word))
    .filter((words) => words.length > 0)
    .map((words) => ({ at, words }));
}

/** The options of a program by name (`--mode`, `-m`), each with its choices if they are few. */
export type Help = ReadonlyMap<string, readonly string[] | null>;

/** Reads a help text as `-h` shows it: each option begins a line. */
export function helpOf(text: string): Help {
  const help = new Map<string, readonly string[] | null>();
  const shown = text.matchAll(/^ *(?:(-\w), )?(--[\w-]+)(?:=<([^>]*)>)?/gm);
  for (const [, short, long = "", values] of shown) {
    const choices = values?.includes("|") === true ? values.toLowerCase().split("|") : null;
    help.set(long, choices);
    if (short !== undefined) help.set(short, choices);
  }
  return help;
}

/** Options that the program does not have, and values that are none of their choices. */
export function misused({ at, words }: Command, help: Help): Violation[] {
  return words.flatMap((word, i) => {
    const [name = "", given] = word.split("=");
    if (!/^--?[a-z]/i.test(name) || name === "-h" || name === "--help") return [];
    const choices = help.get(name);
    if (choices === undefined) return [`${at}: ${name} is no option of ${words.join(" ")}`];
    const value = given ?? words[i + 1] ?? "";
    const open = choices === null || value === "" || /[A-Z$<]/.test(value);
    const wrong = open ? [] : value.split("|").filter((one) => !choices.includes(one));
    return wrong.map((one) => `${at}: ${name} ${one}: expected ${choices?.join(", ")}`);
  });
}
