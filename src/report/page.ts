// The page: one file that needs nothing but itself. It has no script, and forbids whatever it would
// have to fetch.

import type { Figure } from "./chart.ts";
import { STYLE } from "./style.ts";
import { tableHtml, type Table } from "./html-table.ts";

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
}

export function section(
  id: string,
  title: string,
  figures: readonly Figure[],
  tables: readonly Table[],
): Section {
  return { id, title, figures, tables };
}

export interface Page {
  readonly title: string;
  /** What was measured, in a sentence. */
  readonly summary: string;
  /** When, where and of which version, by name. */
  readonly about: readonly (readonly [name: string, value: string])[];
  readonly command: string;
  readonly sections: readonly Section[];
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function pageHtml({ title, summary, about, command, sections }: Page): string {
  const links = sections.map((one) => `<a href="#${one.id}">${Bun.escapeHTML(one.title)}</a>`);
  const facts = about.map(
    ([name, value]) => `<dt>${Bun.escapeHTML(name)}</dt><dd>${Bun.escapeHTML(value)}</dd>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${Bun.escapeHTML(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<header>
<h1>${Bun.escapeHTML(title)}</h1>
<p>${Bun.escapeHTML(summary)}</p>
<dl>${facts.join("\n")}</dl>
<pre><code>${Bun.escapeHTML(command)}</code></pre>
<nav>${links.join(" ")}</nav>
</header>
<main>
${sections.map(sectionHtml).join("\n")}
</main>
</body>
</html>
`;
}

function sectionHtml({ id, title, figures, tables }: Section): string {
  return [
    `<section id="${id}">`,
    `<h2>${Bun.escapeHTML(title)}</h2>`,
    ...figures.map(figureHtml),
    ...tables.map(tableHtml),
    "</section>",
  ].join("\n");
}

/** Both drawings, of which the width of the page shows one. */
function figureHtml({ name, caption, wide, narrow }: Figure): string {
  return [
    `<figure id="${name}"${isTall(wide) ? " class=tall" : ""}>`,
    `<div class=wide>${wide}</div>`,
    `<div class=narrow>${narrow}</div>`,
    `<figcaption>${Bun.escapeHTML(caption)}</figcaption>`,
    "</figure>",
  ].join("\n");
}

/** Whether a drawing is about as high as it is wide. */
function isTall(svg: string): boolean {
  const [, width = "1", height = "0"] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  return Number(height) > 0.75 * Number(width);
}
