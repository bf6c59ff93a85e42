// npm run bench -- pages: how large the page of a run and the playground are, how soon they can be
// used, how smooth they are, and how fast the playground plays, in headless Chromium.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { UsageError } from "../base/errors.ts";
import { print } from "../base/logger.ts";
import { findSubject } from "../campaign/mutants.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { alignColumns, count, decimal, rate } from "../evaluation/format.ts";
import { median } from "../evaluation/median.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import { findChromium, launchChromium } from "../report/chromium.ts";
import { readPlay } from "../simulation/play-link.ts";
import { PlayRun } from "../simulation/play-run.ts";
import { registered } from "../simulation/subjects.ts";
import { playgroundHtml } from "../view/playground-html.ts";
import { recordPlay } from "../view/record-run.ts";
import { runPageHtml } from "../view/run-page.ts";

export const BENCH_PAGES: Command = {
  name: "npm run bench -- pages",
  description:
    "Pages of runs and the playground in Chromium: their sizes, until they can be used, frames a " +
    "second while zoomed and moved, events played a second",
  args: {
    protocol: {
      type: "string",
      alias: "p",
      default: "pbft",
      description: "The protocol that is run and played",
    },
    seconds: { type: "string", default: "5", description: "Length of one measurement" },
    rounds: {
      type: "string",
      default: "3",
      description: "Measurements of each, of which the median counts",
    },
    json: { type: "string", description: "Write the figures to this file" },
  },
};

/** What the functions that run in the page use of a browser. */
interface Canvas {
  getBoundingClientRect(): { readonly left: number; readonly top: number; readonly width: number };
  dispatchEvent(event: object): boolean;
}
declare const document: {
  querySelector(selector: "#diagram"): Canvas | null;
  querySelector(selector: ".clock"): { readonly textContent: string } | null;
};
declare const WheelEvent: new (name: string, how: object) => object;
declare const requestAnimationFrame: (drawn: (nowMs: number) => void) => number;

/** Events of the runs whose pages are looked at, and in which the playground plays. */
const EVENTS = [5_000, 100_000];
/** Virtual time that is more than enough for any of them, in milliseconds. */
const END_MS = 10_000_000;
const SCREEN = { width: 1300, height: 900 };

interface PageFigures {
  readonly events: number;
  readonly messages: number;
  readonly bytes: number;
  /** From asking for it until it can be used, in milliseconds. */
  readonly openedMs: number;
  readonly framesPerSecond: number;
}

interface PlaygroundFigures {
  readonly bytes: number;
  readonly compressedBytes: number;
  readonly openedMs: number;
  /** Once as fast as it can, from the beginning of a run on, and after that. */
  readonly eventsPerSecond: number;
  readonly laterEventsPerSecond: number;
}

interface Measuring {
  readonly protocol: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly dir: string;
  /** Opens a file in a browser of its own, whose caches are empty. */
  readonly open: <T>(
    path: string,
    link: string,
    look: (opened: Opened) => Promise<T>,
  ) => Promise<T>;
}

interface Opened {
  readonly page: Page;
  readonly openedMs: number;
}

/** Measures, prints the table, and writes the record. Throws UsageError. */
export async function benchPages(options: Options): Promise<number> {
  const executablePath = findChromium();
  if (executablePath === null) {
    throw new UsageError("there is no Chromium here: apt-get install chromium");
  }
  const { name: protocol } = findSubject(options.textOf("protocol"), {});
  const seconds = options.decimal("seconds", 0.1, 600);
  const rounds = options.integer("rounds", 1, 100);
  const json = options.output("json");
  const dir = mkdtempSync(join(tmpdir(), "oskr-pages-"));
  const open: Measuring["open"] = async (path, link, look) => {
    const browser = await launchChromium(executablePath);
    try {
      const page = await browser.newPage({ viewport: SCREEN });
      const begun = performance.now();
      await page.goto(`${pathToFileURL(path).href}${link}`);
      await page.waitForSelector("#page[data-ready]");
      return await look({ page, openedMs: performance.now() - begun });
    } finally {
      await browser.close();
    }
  };
  const measuring = { protocol, seconds, rounds, dir, open };
  try {
    const runs: PageFigures[] = [];
    for (const events of EVENTS) runs.push(await measureRun(measuring, events));
    const playground = await measurePlayground(measuring);
    printFigures(protocol, runs, playground);
    json?.writeJson({
      ...{ protocol, seconds, rounds, runs, playground },
      ...{ host: describeHost(), versions: versions() },
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return 0;
}

/** A calm cluster whose clients ask more than a measurement sees. */
function linkOf(protocol: string): string {
  return `protocol=${protocol}&clients=8&operations=100000&end=${END_MS}`;
}

async function measureRun(measuring: Measuring, events: number): Promise<PageFigures> {
  const { protocol, seconds, rounds, dir, open } = measuring;
  const { play, subject } = readPlay(linkOf(protocol), [...registered.values()]);
  const run = new PlayRun(subject, play);
  const { scheduler } = run.world;
  run.advance(Infinity, () => scheduler.count < events);
  const telling = { command: "npm run bench -- pages", note: "" };
  const { data, report } = recordPlay(subject, play, scheduler.nowUs, telling);
  const html = await runPageHtml(data);
  const path = join(dir, `${events}.html`);
  writeFileSync(path, html);
  const openedMs: number[] = [];
  const frames: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await open(path, "", async (opened) => {
      openedMs.push(opened.openedMs);
      frames.push(await opened.page.evaluate(framesWhileZoomed, seconds * 1000));
    });
  }
  return {
    events: report.events,
    messages: data.messages.sentUs.length,
    bytes: Buffer.byteLength(html),
    openedMs: median(openedMs),
    framesPerSecond: median(frames),
  };
}

/** Frames a second while the whole run and parts of it are shown in turn; runs in the page. */
async function framesWhileZoomed(ms: number): Promise<number> {
  const canvas = document.querySelector("#diagram");
  if (canvas === null) throw new Error("the page has no diagram");
  const { left, top, width } = canvas.getBoundingClientRect();
  const wheel = (deltaX: number, deltaY: number): void => {
    const at = { clientX: left + width / 2, clientY: top + 100 };
    const how = { bubbles: true, cancelable: true, deltaX, deltaY, ...at };
    canvas.dispatchEvent(new WheelEvent("wheel", how));
  };
  const frame = (): Promise<number> => new Promise((drawn) => requestAnimationFrame(drawn));
  for (let i = 0; i < 50; i++) wheel(0, 500);
  await frame();
  const begunMs = await frame();
  let nowMs = begunMs;
  let frames = 0;
  for (; nowMs < begunMs + ms; frames++) {
    // Two seconds inwards, two outwards, and sideways all the time.
    const outwards = Math.floor((nowMs - begunMs) / 2000) % 2 === 1;
    wheel(0, outwards ? 20 : -20);
    wheel(outwards ? -4 : 4, 0);
    nowMs = await frame();
  }
  return (1000 * frames) / (nowMs - begunMs);
}

async function measurePlayground(measuring: Measuring): Promise<PlaygroundFigures> {
  const { protocol, seconds, rounds, dir, open } = measuring;
  const html = await playgroundHtml();
  const path = join(dir, "playground.html");
  writeFileSync(path, html);
  const openedMs: number[] = [];
  const rates: (readonly [first: number, later: number])[] = [];
  for (let i = 0; i < rounds; i++) {
    await open(path, `#${linkOf(protocol)}`, async (opened) => {
      openedMs.push(opened.openedMs);
      await opened.page.selectOption("#speed", "0");
      const ms = seconds * 1000;
      const begin = await opened.page.evaluate(eventsPlayed, [0, NaN] as const);
      await opened.page.click("#play");
      const first = await opened.page.evaluate(eventsPlayed, [ms, begin.events] as const);
      const later = await opened.page.evaluate(eventsPlayed, [ms, first.events] as const);
      rates.push([rateOf(begin, first), rateOf(first, later)]);
    });
  }
  return {
    bytes: Buffer.byteLength(html),
    compressedBytes: Bun.gzipSync(html).length,
    openedMs: median(openedMs),
    eventsPerSecond: median(rates.map(([first]) => first)),
    laterEventsPerSecond: median(rates.map(([, later]) => later)),
  };
}

/** At a time. */
interface Played {
  readonly events: number;
  readonly ms: number;
}

function rateOf(from: Played, to: Played): number {
  return (1000 * (to.events - from.events)) / (to.ms - from.ms);
}

/**
 * How many events the page says that it has played, after so long and once it says so anew, which
 * it does when it draws; runs in the page.
 */
async function eventsPlayed([ms, before]: readonly [ms: number, before: number]): Promise<Played> {
  const end = performance.now() + ms;
  for (;;) {
    const said = /([\d,]+) events/.exec(document.querySelector(".clock")?.textContent ?? "");
    if (said === null) throw new Error("the page does not say how many events it has played");
    const events = Number(said[1]?.replaceAll(",", ""));
    if (performance.now() >= end && events !== before) return { events, ms: performance.now() };
    await new Promise(requestAnimationFrame);
  }
}

function printFigures(
  protocol: string,
  runs: readonly PageFigures[],
  playground: PlaygroundFigures,
): void {
  const kilobytes = (bytes: number): string => decimal(bytes / 1000, 0);
  const rows = runs.map(({ events, messages, bytes, openedMs, framesPerSecond }) => [
    ...[count(events), count(messages), kilobytes(bytes), decimal(openedMs, 0)],
    decimal(framesPerSecond, 1),
  ]);
  print(`Pages of runs of ${protocol}`);
  print(alignColumns([["events", "messages", "KB", "ms to open", "frames/s"], ...rows]));
  const { bytes, compressedBytes, openedMs } = playground;
  print(
    `\nThe playground: ${kilobytes(bytes)} KB, ${kilobytes(compressedBytes)} KB compressed, ` +
      `${decimal(openedMs, 0)} ms to open; plays ${rate(playground.eventsPerSecond)} events a ` +
      `second from the beginning on, ${rate(playground.laterEventsPerSecond)} later`,
  );
}
