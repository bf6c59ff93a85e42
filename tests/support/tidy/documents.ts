// What documents name has to be there, and requirements have to have tests.

import { dirname, join } from "node:path";
import { lineOf, type Source, type Violation } from "./source.ts";

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
