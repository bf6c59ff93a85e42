// The page of a run: one file that needs nothing but itself, and forbids whatever it would have to
// fetch.

import { pageHtml } from "./page-html.ts";
import type { RunData } from "./run-data.ts";

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const LINE = 4096;

/** The page as HTML. */
export function runPageHtml(data: RunData): Promise<string> {
  const { protocol, kind, seed, note, failures } = data;
  const [failure] = failures;
  const verdict = failure === undefined ? "passed" : `${failure.invariant} violated`;
  const title = `${protocol}, seed ${seed}, ${kind}${note === "" ? "" : `, ${note}`}: ${verdict}`;
  const packed = Buffer.from(Bun.gzipSync(JSON.stringify(data))).toString("base64");
  const lines = packed.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return pageHtml({
    title,
    head: `<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n`,
    styles: ["page/run.css"],
    script: "page/main.ts",
    waiting: title,
    data: `<script type="text/plain" id="run">\n${lines.join("\n")}\n</script>\n`,
  });
}
