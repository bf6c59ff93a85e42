// Shows in Chromium that the page of a run draws what was recorded, that everything can be reached by
// keys and links, and that it says what is wrong with a link or a file.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { findSubject } from "../../src/campaign/mutants.ts";
import { mutants } from "../mutants/pbft.ts";
import { recordRun } from "../../src/view/record-run.ts";
import { MARKS, type RunData } from "../../src/view/run-data.ts";
import { runPageHtml } from "../../src/view/run-page.ts";
import { Browser, CHROMIUM, type Screen, type Visit } from "../support/browser.ts";
import { describeUnless, program } from "../support/optional.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** What the functions below that run in the page use of a browser. */
interface Element {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): {
    getImageData(x: number, y: number, w: number, h: number): { readonly data: Uint8Array };
  };
}
declare const OffscreenCanvas: new (
  width: number,
  height: number,
) => {
  readonly width: number;
  readonly height: number;
  getContext(
    kind: "2d",
    options: object,
  ): ReturnType<Element["getContext"]> & {
    drawImage(element: Element, x: number, y: number): void;
  };
};
declare const document: {
  readonly documentElement: { readonly scrollWidth: number };
  readonly activeElement: { readonly id: string } | null;
  querySelector(selector: string): Element | null;
};

const SCREEN: Screen = { width: 1300 };
const telling = { command: "npm run simulate -- --protocol pbft", note: "" };
/** Few enough messages for each to be an arrow. */
const small = recordRun({ subject: findSubject("pbft", {}), kind: "twins", seed: 3 }, telling).data;
const large = recordRun(
  { subject: findSubject("pbft", {}), kind: "short", seed: 81_234 },
  telling,
).data;

function counted(data: RunData, ...classes: readonly string[]): number {
  const { messages, fates } = data;
  return messages.fate.filter((fate) => classes.includes(fates[fate]!.class)).length;
}

const number = (value: number): string => value.toLocaleString("en-US");

describeUnless(program(CHROMIUM))("the page of a run in Chromium", () => {
  let dir = "";
  let browser: Browser;
  const visits: Visit[] = [];
  const visit = async (name: string, link = "", screen = SCREEN): Promise<Page> => {
    const visited = await browser.visit(join(dir, `${name}.html`), screen);
    visits.push(visited);
    const { page } = visited;
    await page.waitForSelector("#page[data-ready]");
    if (link !== "") await page.evaluate(`location.hash = ${JSON.stringify(link)}`);
    await settle(page);
    return page;
  };
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "oskr-view-"));
    const mutant = mutants.find(({ subject }) => subject.name === "pbft-forgets-slot")!;
    const { subject, kind } = mutant;
    const failing = firstFailing((seed) => recordRun({ subject, kind, seed }, telling).data);
    const files = { small, large, failing, later: { ...small, version: 99 } };
    for (const [name, data] of Object.entries(files)) {
      writeFileSync(join(dir, `${name}.html`), await runPageHtml(data));
    }
    const [head = "", tail = ""] = (await runPageHtml(small)).split("H4sI");
    writeFileSync(join(dir, "damaged.html"), `${head}H4sIAAAA${tail.slice(40)}`);
    browser = await Browser.open();
  }, PATIENCE_MS);
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test("the whole run has as many arrows, crosses and commits as its record", async () => {
    const page = await visit("small");
    await page.keyboard.press("0");
    await settle(page);
    const status = await page.textContent(".status");
    const commits = small.marks.kind.filter((kind) => MARKS[kind] === "commit").length;
    const total = small.messages.from.length;
    expect(status).toContain(
      `${number(total)} arrows, ${number(counted(small, "lost", "down"))} crosses, ` +
        `${number(counted(small, "refused"))} refused, ${number(commits)} commits`,
    );
    expect(status).not.toContain("is drawn");
  });

  test("of many arrows some are drawn, and the page says so", async () => {
    const page = await visit("large");
    await page.keyboard.press("0");
    await settle(page);
    expect(await page.textContent(".status")).toContain("1 of 2 arrows is drawn");
  });

  test("following an operation counts its messages and no others", async () => {
    const index = small.operations.findIndex(({ answeredUs }) => answeredUs >= 0);
    const { name } = small.operations[index]!;
    const page = await visit("small", `#follow=${encodeURIComponent(name)}`);
    const told = await page.locator("aside ul:not(.legend) li").allTextContents();
    const expected = new Map<string, number>();
    for (const content of small.messages.content) {
      const { about, kind } = small.contents[content]!;
      if (!about.includes(index)) continue;
      const kindName = small.kinds[kind]!;
      expected.set(kindName, (expected.get(kindName) ?? 0) + 1);
    }
    expect(expected.size).toBeGreaterThan(3);
    expect(told.toSorted()).toEqual([...expected].map(([kind, n]) => `${n} ${kind}`).toSorted());
    expect(await page.textContent("aside h2")).toBe(`Operation ${name}`);
  });

  test("a message shows its fields, its fate and what came of it, and has a link", async () => {
    const message = small.messages.handler.findIndex(
      (handler, i) =>
        handler >= 0 &&
        small.messages.cause.includes(handler) &&
        small.kinds[small.contents[small.messages.content[i]!]!.kind] === "prePrepare",
    );
    const page = await visit("small", `#message=${message}`);
    const { fields } = small.contents[small.messages.content[message]!]!;
    expect(await page.locator("aside th").allTextContents()).toEqual(fields.map(([path]) => path));
    const panel = (await page.textContent("aside")) ?? "";
    const to = small.processes[small.messages.to[message]!]!.name;
    expect(panel).toContain(`handled by ${to}`);
    const [, past, future] = /(\d+) messages? led to it,\s+(\d+) followed/.exec(panel) ?? [];
    expect(Number(past)).toBeGreaterThan(0);
    expect(Number(future)).toBeGreaterThan(0);
    await page.locator("aside .causal input").check();
    const wider = /(\d+) messages? led to it/.exec((await page.textContent("aside")) ?? "")?.[1];
    expect(Number(wider)).toBeGreaterThanOrEqual(Number(past));
    const chosen = await inked(page, [0x11, 0x18, 0x27]);
    await page.keyboard.press("Escape");
    await settle(page);
    expect(chosen).toBeGreaterThan((await inked(page, [0x11, 0x18, 0x27])) + 50);
  });

  test("keys choose, follow, search, zoom and explain", async () => {
    const page = await visit("small");
    await page.focus("#diagram");
    await page.keyboard.press(".");
    expect(page.url()).toContain("#message=");
    const first = page.url();
    await page.keyboard.press(".");
    expect(page.url()).not.toBe(first);
    await page.keyboard.press(",");
    expect(page.url()).toBe(first);
    await page.keyboard.press("Escape");
    expect(page.url()).not.toContain("#");
    const before = await page.textContent(".status");
    await page.keyboard.press("+");
    await settle(page);
    expect(await page.textContent(".status")).not.toBe(before);
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("search");
    await page.keyboard.type("prepare");
    await settle(page);
    expect(page.url()).toContain("search=prepare");
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("diagram");
    await page.keyboard.press("?");
    expect(await page.locator("dialog").count()).toBe(1);
    await page.keyboard.press("Escape");
    expect(await page.locator("dialog").count()).toBe(0);
  });

  test("a search shows what it names alone, and says what it cannot find", async () => {
    const page = await visit("small");
    await page.keyboard.press("0");
    await page.fill("#search", "is:lost");
    await settle(page);
    const lost = counted(small, "lost");
    expect(await page.textContent(".status")).toContain(
      `${number(lost)} arrows, ${number(lost)} cr`,
    );
    await page.fill("#search", "nonsense");
    expect(await page.textContent("nav .bad")).toContain("nonsense");
  });

  test("the violated invariant is named, and one key leads to it", async () => {
    const page = await visit("failing");
    const verdict = (await page.textContent(".verdict")) ?? "";
    expect(verdict).toContain("agreement violated");
    await page.keyboard.press("v");
    expect(page.url()).toContain("#failure=0");
    expect(await page.textContent("aside h2")).toBe("agreement violated");
    expect(await page.textContent("aside")).toMatch(/messages? led to it/);
    expect(await inked(page, [0xc1, 0x1f, 0x2e])).toBeGreaterThan(100);
  });

  test("a link that is wrong says so on the page and shows the nearest message", async () => {
    const page = await visit("small", "#message=123456789&colour=red");
    const told = (await page.textContent("[role=alert]")) ?? "";
    expect(told).toContain(`messages 0 to ${small.messages.from.length - 1}`);
    expect(told).toContain("'colour'");
    expect(page.url()).toEndWith(`#message=${small.messages.from.length - 1}`);
  });

  test("a file that is damaged, or of another version, says so", async () => {
    for (const [name, told] of [
      ["damaged", "This file is damaged"],
      ["later", "a run of version 99"],
    ] as const) {
      const visited = await browser.visit(join(dir, `${name}.html`), SCREEN);
      visits.push(visited);
      await visited.page.waitForFunction(
        `document.body.textContent.includes(${JSON.stringify(told)})`,
      );
    }
  });

  test.each(["light", "dark"] as const)(
    "in the %s, page and canvas are of one colour",
    async (to) => {
      const page = await visit("small", "", { ...SCREEN, colorScheme: to });
      const [red] = await page.evaluate(() => [
        ...(document.querySelector("#diagram")?.getContext("2d").getImageData(2, 2, 1, 1).data ??
          []),
      ]);
      expect(red).toBe(to === "light" ? 0xff : 0x12);
    },
  );

  test("on a phone nothing scrolls sideways", async () => {
    const page = await visit("small", "", { width: 390 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      390,
    );
  });

  test("a page of thirteen thousand events stays below 1.5 MB", () =>
    expect(statSync(join(dir, "large.html")).size).toBeLessThan(1.5e6));

  test("nothing was asked of a network, and nothing complained", () => {
    expect(visits.length).toBeGreaterThan(8);
    for (const { requests, complaints } of visits) {
      expect(complaints).toEqual([]);
      for (const request of requests) expect(request).toMatch(/^(?:file|blob|data):/);
    }
  });
});

function firstFailing(recorded: (seed: number) => RunData): RunData {
  for (let seed = 0; seed < 500; seed++) {
    const data = recorded(seed);
    if (data.failures.length > 0) return data;
  }
  throw new Error("the mutant was not found");
}

/** Until what was asked for is drawn. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
  );
}

/** Pixels of the diagram of exactly that colour. */
function inked(page: Page, colour: readonly [number, number, number]): Promise<number> {
  return page.evaluate(([red, green, blue]) => {
    const drawn = document.querySelector("#diagram");
    if (drawn === null) return 0;
    // A copy, because Chromium complains of a canvas that is both drawn on and read often.
    const canvas = new OffscreenCanvas(drawn.width, drawn.height);
    const copy = canvas.getContext("2d", { willReadFrequently: true });
    copy.drawImage(drawn, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) count++;
    }
    return count;
  }, colour);
}
