// Headless Chromium, which draws SVG as PDF: with vectors, and with the fonts that it found inside.
// The package of the system is used; nothing is downloaded.

import { writeFileSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

/** What it would do on the network by itself, and what needs privileges or a screen. */
export const CHROMIUM_FLAGS: readonly string[] = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

const NAMES = ["chromium", "chromium-browser", "google-chrome"] as const;

/** Where it is; null if the machine has none. */
export function findChromium(): string | null {
  return NAMES.map((name) => Bun.which(name)).find((path) => path !== null) ?? null;
}

/** Starts it, without a screen. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: [...CHROMIUM_FLAGS] });
}

export interface Drawing {
  readonly title: string;
  readonly svg: string;
  /** Of the PDF that is written. */
  readonly path: string;
}

/** Writes each drawing as a PDF of one page, which is as large as the drawing. */
export async function writePdfs(drawings: readonly Drawing[], executable: string): Promise<void> {
  const browser = await launchChromium(executable);
  try {
    const page = await browser.newPage();
    for (const { title, svg, path } of drawings) {
      const [width, height] = sizeOf(svg);
      const size = `@page { margin: 0; size: ${width}px ${height}px }`;
      const rules = `${size} body { margin: 0 } svg { display: block }`;
      const head = `<title>${Bun.escapeHTML(title)}</title><style>${rules}</style>`;
      await page.setContent(`<!doctype html>${head}${svg}`);
      // A page's height is whole points, and a drawing that is larger would need a second page.
      writeFileSync(path, await page.pdf({ preferCSSPageSize: true, pageRanges: "1" }));
    }
  } finally {
    await browser.close();
  }
}

/** In pixels, as the drawing says. */
function sizeOf(svg: string): readonly [width: number, height: number] {
  const [width, height] = ["width", "height"].map((name) => {
    const value = Number(new RegExp(`^<svg [^>]*\\b${name}="([\\d.]+)"`).exec(svg)?.[1]);
    if (!(value > 0)) throw new Error(`a drawing has no ${name}`);
    return Math.ceil(value);
  }) as [number, number];
  return [width, height];
}
