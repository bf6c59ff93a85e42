// Pages that are one file: their script is built from a folder beside this one, and what they look
// like has one style sheet in common.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";
import { assert } from "../base/assert.ts";

const HERE = import.meta.dir;
/** By entry, for all pages of a process. */
const scripts = new Map<string, Promise<string>>();

export interface PageParts {
  readonly title: string;
  /** Elements of the head. */
  readonly head: string;
  /** Style sheets beside the common one, and the script: paths from here, and from node_modules. */
  readonly styles: readonly string[];
  readonly script: string;
  /** What the script's build puts in place of modules that no browser has. */
  readonly plugins?: readonly BunPlugin[];
  /** What the page says before its script runs; and elements behind that. */
  readonly waiting: string;
  readonly data: string;
}

/** The page as HTML. */
export async function pageHtml(parts: PageParts): Promise<string> {
  const { title, head, styles, script, plugins = [], waiting, data } = parts;
  const sheets = ["theme.css", ...styles].map((path) => readFileSync(pathOf(path), "utf8"));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${head}<title>${Bun.escapeHTML(title)}</title>
<style>
${sheets.join("")}</style>
</head>
<body>
<div id="page">${Bun.escapeHTML(waiting)}<noscript>: this page needs JavaScript.</noscript></div>
${data}<script type="module">
${await builtScript(script, plugins)}</script>
</body>
</html>
`;
}

function pathOf(path: string): string {
  return path.startsWith("uplot/") ? Bun.resolveSync(path, HERE) : join(HERE, path);
}

function builtScript(entry: string, plugins: readonly BunPlugin[]): Promise<string> {
  const known = scripts.get(entry) ?? build(entry, plugins);
  scripts.set(entry, known);
  return known;
}

async function build(entry: string, plugins: readonly BunPlugin[]): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(HERE, entry)],
    target: "browser",
    minify: true,
    plugins: [...plugins],
    // Otherwise packages come in the form that warns on the console.
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const [output] = built.outputs;
  assert(output !== undefined, "the page's script has one file");
  // What would end the element that holds it.
  return (await output.text()).replaceAll("</script", "<\\/script");
}
