// Charts as papers want them: without title and conditions, which a file of captions has, as SVG
// and PDF, for a column of 320 pixels.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { log } from "../base/logger.ts";
import { replaceFile } from "../base/replace-file.ts";
import type { Figure } from "./chart.ts";
import { findChromium, writePdfs, type Drawing } from "./chromium.ts";

/** The directory beside a report. */
const PAPER = "paper";

/**
 * Writes them, and `captions.txt`, which ends with what they were made of; returns the paths.
 * Without Chromium there are no PDFs, which is told.
 */
export async function writePaper(
  figures: readonly Figure[],
  about: readonly string[],
  dir: string,
): Promise<readonly string[]> {
  const folder = join(dir, PAPER);
  mkdirSync(folder, { recursive: true });
  const drawings: (Drawing & { readonly source: string })[] = [];
  for (const { name, heading, paper } of figures) {
    const [path, source] = ["pdf", "svg"].map((ending) => join(folder, `${name}.${ending}`)) as [
      ...[string, string],
    ];
    const svg = await paper();
    replaceFile(source, `${svg}\n`);
    drawings.push({ title: heading.title, svg, path, source });
  }
  const captions = join(folder, "captions.txt");
  replaceFile(captions, `${[...figures.map(captionOf), about.join("\n")].join("\n\n")}\n`);
  const executable = findChromium();
  if (executable === null) {
    log.warn("no PDF: that takes chromium (apt-get install chromium); the SVG files are there");
  } else {
    await writePdfs(drawings, executable);
  }
  const files = drawings.flatMap(({ path, source }) =>
    executable === null ? [source] : [source, path],
  );
  return [...files, captions];
}

function captionOf({ name, heading: { title, subtitle }, caption }: Figure): string {
  return [`${name}:`, `${title}.`, ...(subtitle === "" ? [] : [`${subtitle}.`]), caption].join(
    "\n",
  );
}
