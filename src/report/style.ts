// The page's style sheet.

import { darkChartRules, FONT, pageInks } from "./theme.ts";

/** Below this width of the page, charts are drawn for phones. */
const NARROW_PX = 680;

export const STYLE = `
:root { color-scheme: light dark; ${pageInks("light")} }
@media screen and (prefers-color-scheme: dark) {
:root { ${pageInks("dark")} }
${darkChartRules()}
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body {
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem;
  background: var(--paper); color: var(--text); font: 1rem/1.55 ${FONT};
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0.5rem 0 0.75rem; text-wrap: balance }
h2 {
  font-size: 1.25rem; margin: 3rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--grid);
}
h3 { font-size: 0.9375rem; margin: 1.5rem 0 0.5rem }
p { margin: 0.5rem 0; max-width: 46rem }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 0.2em }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 0.9rem; margin: 0.75rem 0 }
dl { font-size: 0.875rem; line-height: 1.4 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: 0.35rem 1.1rem; margin-top: 1rem; font-size: 0.9rem }
pre {
  margin: 0.75rem 0; padding: 0.6rem 0.8rem; background: var(--grid); border-radius: 4px;
  font: 0.85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
figure { margin: 1.25rem 0 2.25rem }
figure svg { display: block; width: 100%; height: auto; max-width: 860px }
figcaption { color: var(--quiet); font-size: 0.875rem; max-width: 46rem; margin-top: 0.35rem }
.narrow { display: none }
/* Shadows at the sides where there is more: covers that scroll with the table lie over those that
   do not. */
.scroll {
  overflow-x: auto; margin: 0 0 1.25rem;
  background:
    linear-gradient(to right, var(--paper) 45%, transparent) 0 0 / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--paper) 45%, transparent) 100% 0 / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--line), transparent) 0 0 / 1.1rem 100% no-repeat scroll,
    linear-gradient(to left, var(--line), transparent) 100% 0 / 1.1rem 100% no-repeat scroll;
}
.scroll:focus-visible, a:focus-visible { outline: 2px solid #0072b2; outline-offset: 2px }
table {
  border-collapse: collapse; min-width: 100%; font-size: 0.8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums lining-nums;
}
th, td { padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; font-weight: 400 }
th:first-child, td:first-child { padding-left: 0 }
thead th { vertical-align: bottom; border-bottom: 1.5px solid var(--text); font-weight: 600 }
thead th { hyphens: manual; min-width: 3.5rem }
tbody tr { border-bottom: 1px solid var(--grid) }
tbody th { position: sticky; left: 0; background: var(--paper) }
tbody th:not(.number) { min-width: 8rem }
.group th { padding-top: 0.9rem; font-weight: 600; position: static }
.group span { position: sticky; left: 0 }
.number { text-align: right }
td.number { white-space: nowrap }
small { display: block; color: var(--quiet); font-size: 0.75rem }
@media screen and (max-width: ${NARROW_PX}px) {
  body { padding: 1rem 0.875rem 3rem }
  h1 { font-size: 1.4rem }
  .wide { display: none }
  .narrow { display: block }
  figure svg { max-width: 420px }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt }
  nav { display: none }
  @page { margin: 14mm }
  h2 { margin-top: 1rem; padding-top: 0.5rem }
  h2, h3, .group { break-after: avoid }
  figure, tr { break-inside: avoid }
  /* Two on a page of A4 or letter. */
  figure { margin: 0.5rem 0 0.75rem }
  figure svg { width: auto; max-width: 100%; max-height: 84mm }
  figure.tall svg { max-height: 125mm }
  figcaption { font-size: 8pt; line-height: 1.35; max-width: none }
  thead { display: table-header-group }
  .scroll { overflow: visible; background: none }
  table { font-size: 7pt }
  th, td { padding: 0.2rem 0.3rem }
  small { font-size: 6pt }
  thead th, tbody th:not(.number) { min-width: 0 }
}
`.trim();
