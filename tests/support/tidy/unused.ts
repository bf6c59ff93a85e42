// What is declared and not used.

import type { Source, Violation } from "./source.ts";

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
