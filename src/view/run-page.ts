// The page of a run: one file that needs nothing but itself. Its script is built from page/ when
// the first page is written, and it forbids whatever it would have to fetch.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import type { RunData } from "./run-data.ts";

const PAGE = join(import.meta.dir, "page");
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const LINE = 4096;

let script: Promise<string> | null = null;

/** Builds the page's script; once for all pages of a process. */
function builtScript(): Promise<string> {
  script ??= build();
  return script;
}

async function build(): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(PAGE, "main.ts")],
    target: "browser",
    minify: true,
    // Otherwise packages come in the form that warns on the console.
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const [output] = built.outputs;
  assert(output !== undefined, "the page's script has one file");
  // What would end the element that holds it.
  return (await output.text()).replaceAll("</script", "<\\/script");
}

/** The page as HTML. */
export async function runPageHtml(data: RunData): Promise<string> {
  const { protocol, kind, seed, note, failures } = data;
  const [failure] = failures;
  const verdict = failure === undefined ? "passed" : `${failure.invariant} violated`;
  const title = `${protocol}, seed ${seed}, ${kind}${note === "" ? "" : `, ${note}`}: ${verdict}`;
  const packed = Buffer.from(Bun.gzipSync(JSON.stringify(data))).toString("base64");
  const lines = packed.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${Bun.escapeHTML(title)}</title>
<style>
${readFileSync(join(PAGE, "run.css"), "utf8")}</style>
</head>
<body>
<div id="page">${Bun.escapeHTML(title)}<noscript>: this page needs JavaScript.</noscript></div>
<script type="text/plain" id="run">
${lines.join("\n")}
</script>
<script type="module">
${await builtScript()}</script>
</body>
</html>
`;
}
