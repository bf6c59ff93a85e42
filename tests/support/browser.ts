// Headless Chromium, to look at what pages draw. Debian's package is used; nothing is downloaded.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CHROMIUM_FLAGS } from "../../src/report/chromium.ts";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { PROGRAM_MS } from "./patience.ts";

export const CHROMIUM = "/usr/bin/chromium";

export interface Screen {
  readonly width: number;
  readonly colorScheme?: "light" | "dark";
}

/** A page with what went wrong on it, and what it asked for. */
export interface Visit {
  readonly page: Page;
  readonly complaints: readonly string[];
  readonly requests: readonly string[];
}

/** One browser with a profile of its own, which `close` removes. */
export class Browser {
  readonly #dir: string;
  readonly #context: BrowserContext;

  private constructor(dir: string, context: BrowserContext) {
    this.#dir = dir;
    this.#context = context;
  }

  static async open(): Promise<Browser> {
    const dir = mkdtempSync(join(tmpdir(), "oskr-chromium-"));
    const options = { executablePath: CHROMIUM, headless: true, args: [...CHROMIUM_FLAGS] };
    const context = await chromium.launchPersistentContext(dir, options);
    // Only a loaded machine makes anything slow.
    context.setDefaultTimeout(PROGRAM_MS);
    return new Browser(dir, context);
  }

  /** Of a file, or an address; `link` is what follows it, from its "#" on. */
  async visit(path: string, { width, colorScheme = "light" }: Screen, link = ""): Promise<Visit> {
    const page = await this.#context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => requests.push(request.url()));
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const address = path.startsWith("http://") ? path : pathToFileURL(path).href;
    await page.goto(`${address}${link}`);
    return { page, complaints, requests };
  }

  async close(): Promise<void> {
    await this.#context.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
