// Shows in Chromium that the report draws what was measured: every point where its figures say, every
// line through its own points only, and all of it readable on a desk, a phone and in the dark.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { writeReport } from "../../src/report/write-report.ts";
import { seriesOf } from "../../src/report/series.ts";
import { Browser, CHROMIUM, type Screen, type Visit } from "../support/browser.ts";
import { describeUnless, program } from "../support/optional.ts";
import { madeUpPoints, madeUpRuns } from "../support/runs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** What the functions below that run in the page use of a browser. */
declare const document: {
  readonly documentElement: { readonly scrollWidth: number; readonly scrollHeight: number };
  querySelector(selector: string): object | null;
};
declare function getComputedStyle(element: object): {
  readonly textAlign: string;
  readonly fontVariantNumeric: string;
  getPropertyValue(name: string): string;
};
declare class DOMPoint {
  readonly x: number;
  readonly y: number;
  constructor(x: number, y: number);
  matrixTransform(matrix: unknown): DOMPoint;
}

const WIDE = 1100;
const PHONE = 390;
/** What margins of 14 mm leave of A4. */
const PRINT = { width: 688, height: 1016 } as const;
/** A section's title above its first chart. */
const HEADING_PX = 50;
const runs = madeUpRuns(madeUpPoints());
const series = seriesOf(runs);
const points = series.flatMap((one) => one.points.map((point) => ({ ...one, point })));

describeUnless(program(CHROMIUM))("the page in Chromium", () => {
  let dir = "";
  let browser: Browser;
  const visits: Visit[] = [];
  const visit = async (screen: Screen): Promise<Page> => {
    const visited = await browser.visit(join(dir, "report.html"), screen);
    visits.push(visited);
    return visited.page;
  };
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "oskr-report-"));
    await writeReport(runs, { title: "All protocols", dir, command: "npm run bench" });
    browser = await Browser.open();
  }, PATIENCE_MS);
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test.each(["p50", "p99"] as const)(
    "the curves of %s have every point in its place",
    async (of) => {
      const page = await visit({ width: WIDE });
      const drawn = await marks(page, of === "p50" ? "throughput-latency" : "throughput-p99");
      expect(drawn.size).toBe(points.length);
      const places = points.map(({ label, point }) => {
        const { throughput, latency } = point;
        const x = throughput.median;
        const y = latency[of].median;
        const told = `${label}, ${point.load}: ${x.toFixed(3)} Kops/s, ${of} ${y.toFixed(1)} µs`;
        const place = drawn.get(told);
        if (place === undefined) throw new Error(`${told} is not drawn`);
        return { value: { x: Math.log(x), y: Math.log(y) }, place };
      });
      expectScale(
        places.map(({ value, place }) => [value.x, place.x]),
        1,
      );
      expectScale(
        places.map(({ value, place }) => [value.y, place.y]),
        -1,
      );
    },
  );

  test("a line goes through the points of one series, closed or open, in the order of load", async () => {
    const page = await visit({ width: WIDE });
    const drawn = await marks(page, "throughput-latency");
    const lines = await vertices(page, "#throughput-latency .wide .mark-line path");
    expect(lines).toHaveLength(series.length);
    const expected = series.map(({ label, points: own }) =>
      own.map(({ load }) => {
        const found = [...drawn].find(([told]) => told.startsWith(`${label}, ${load}: `));
        if (found === undefined) throw new Error(`${label}, ${load} is not drawn`);
        return found[1];
      }),
    );
    for (const through of expected) {
      const near = lines.filter(
        (line) =>
          line.length === through.length &&
          line.every(({ x, y }, i) => Math.hypot(x - through[i]!.x, y - through[i]!.y) < 1.5),
      );
      expect(near).toHaveLength(1);
    }
  });

  test.each(["throughput-latency", "latency-peak"])(
    "the lines of %s are told apart in grey: by dashes and shapes, open loops by hollow marks",
    async (figure) => {
      const page = await visit({ width: WIDE });
      const attribute = (selector: string, name: string) =>
        page
          .locator(`#${figure} .wide ${selector}`)
          .evaluateAll((elements, of) => elements.map((element) => element.getAttribute(of)), name);
      const dashes = await attribute(".mark-line path", "stroke-dasharray");
      const configurations = new Set(series.map(({ configuration }) => configuration)).size;
      expect(dashes).toHaveLength(series.length);
      expect(new Set(dashes).size).toBe(configurations);
      const legend = ".role-legend-symbol path";
      const [shapes, fills, strokes] = [
        await attribute(legend, "d"),
        await attribute(legend, "fill"),
        await attribute(legend, "stroke"),
      ];
      const styles = shapes.map((shape, i) => `${shape} ${fills[i] === strokes[i]}`);
      expect(styles).toHaveLength(series.length);
      expect(new Set(styles).size).toBe(series.length);
      const hollow = fills.filter((fill, i) => fill !== strokes[i]);
      expect(hollow).toHaveLength(series.filter(({ loop }) => loop === "open").length);
    },
  );

  test("the parts of a bar have the numbers of the legend, wherever there is room", async () => {
    const page = await visit({ width: WIDE });
    const legend = await page.locator("#profile .wide .role-legend-label text").allTextContents();
    expect(legend.map((label) => label.split(" ")[0])).toEqual(legend.map((_, i) => `${i + 1}`));
    const bars = await labelled(page, "#profile .wide .mark-rect path[aria-label]");
    const numbers = await page
      .locator("#profile .wide .mark-text.role-mark text:not([stroke])")
      .evaluateAll((all) =>
        all.map((one) => {
          const { x, y, width, height } = one.getBoundingClientRect();
          return { x: x + width / 2, y: y + height / 2, text: one.textContent };
        }),
      );
    for (const { told, box } of bars.filter(({ box: { width } }) => width > 15)) {
      const name = /, ([^,]*): [\d.]+ %$/.exec(told)?.[1] ?? "";
      const inside = numbers.filter(
        ({ x, y }) => x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height,
      );
      expect(inside.map(({ text }) => `${text} ${name}`)).toEqual(
        legend.filter((label) => label.endsWith(` ${name}`)),
      );
    }
  });

  test("bars reach from the lowest to the highest repetition", async () => {
    const page = await visit({ width: WIDE });
    const bars = await boxes(page, "#throughput-latency .wide .role-mark.mark-rule line");
    expect(bars).toHaveLength(2 * points.length);
    const [widths, heights] = [bars.slice(0, points.length), bars.slice(points.length)];
    const wide = points.map(({ point: { throughput } }) =>
      Math.log(throughput.max / throughput.min),
    );
    const high = points.map(({ point: { latency } }) =>
      Math.log(latency.p50.max / latency.p50.min),
    );
    expectScale(
      wide.map((value, i) => [value, widths[i]!.width]),
      1,
    );
    expectScale(
      high.map((value, i) => [value, heights[i]!.height]),
      1,
    );
  });

  test("axes have titles and units, and no text is cut off or lies upon another", async () => {
    for (const width of [WIDE, 900, PHONE]) {
      const page = await visit({ width });
      const room = width === PHONE ? ".narrow" : ".wide";
      for (const [figure, titles] of AXES) {
        const texts = await page.locator(`#${figure} ${room} text`).allTextContents();
        for (const title of titles) expect(texts).toContain(title);
        const [svg] = await boxes(page, `#${figure} ${room} svg`);
        for (const box of await boxes(page, `#${figure} ${room} text`)) {
          expect(box.x).toBeGreaterThanOrEqual(svg!.x - 1);
          expect(box.x + box.width).toBeLessThanOrEqual(svg!.x + svg!.width + 1);
          expect(box.y + box.height).toBeLessThanOrEqual(svg!.y + svg!.height + 1);
        }
      }
      for (const figure of ["throughput-latency", "throughput-p99"]) {
        const labels = await boxes(page, `#${figure} ${room} .labels_marks text`);
        expect(labels.length).toBeGreaterThan(points.length / 2);
        const drawn = await boxes(page, `#${figure} ${room} [aria-roledescription=point]`);
        expect(drawn).toHaveLength(points.length);
        expect(between(labels, drawn)).toEqual([]);
        const through = await vertices(page, `#${figure} ${room} .mark-line path`);
        expect(crossed(labels, through)).toEqual([]);
      }
      for (const [figure] of AXES) {
        // A number in a bar lies on a halo of its own.
        const texts = await boxes(page, `#${figure} ${room} text:not([stroke])`);
        expect([figure, width, ...overlaps(texts)]).toEqual([figure, width]);
      }
    }
  });

  test("a table that is wider than the page has a shadow where there is more of it", async () => {
    const page = await visit({ width: PHONE });
    const table = page.locator(".scroll").first();
    const edge = async (): Promise<string> => {
      const { x = 0, y = 0, width = 0, height = 0 } = (await table.boundingBox()) ?? {};
      const clip = { x: x + width - 4, y: y + height - 30, width: 4, height: 20 };
      return (await page.screenshot({ clip, fullPage: true })).toString("base64");
    };
    const background = (value: string) =>
      table.evaluate((element, to) => void (element.style.background = to), value);
    const shaded = async (): Promise<boolean> => {
      const shown = await edge();
      await background("none");
      const plain = await edge();
      await background("");
      return shown !== plain;
    };
    expect(await shaded()).toBe(true);
    await table.evaluate((element) => void (element.scrollLeft = 10_000));
    expect(await shaded()).toBe(false);
    await page.setViewportSize({ width: WIDE, height: 900 });
    expect(await shaded()).toBe(false);
  });

  test("in print two charts fit on a page, and pages are full", async () => {
    const page = await visit({ width: PRINT.width });
    await page.emulateMedia({ media: "print" });
    for (const { height } of await boxes(page, "figure:not(.tall)")) {
      expect(height).toBeLessThan(PRINT.height / 2 - HEADING_PX);
    }
    for (const { height } of await boxes(page, "figure.tall")) {
      expect(height).toBeLessThan(0.6 * PRINT.height);
    }
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const pdf = (await page.pdf({ format: "A4" })).toString("latin1");
    const pages = [...pdf.matchAll(/\/Type \/Page\b/g)].length;
    // The last one may hold little.
    expect(pages - 1).toBeLessThan((1.1 * height) / PRINT.height);
  });

  test("legends name every line, below the plot", async () => {
    const page = await visit({ width: WIDE });
    const labels = await page
      .locator("#throughput-latency .wide .role-legend-label text")
      .allTextContents();
    expect(labels.toSorted()).toEqual(series.map(({ label }) => label).toSorted());
    const [plot] = await boxes(page, "#throughput-latency .wide .role-frame .background");
    for (const box of await boxes(page, "#throughput-latency .wide .role-legend-label text")) {
      expect(box.y).toBeGreaterThan(plot!.y);
      expect(box.y).toBeGreaterThan(
        Math.max(...(await marks(page, "throughput-latency")).values().map(({ y }) => y)),
      );
    }
  });

  test.each(["latency-light", "latency-peak"])("%s rises along every line", async (figure) => {
    const page = await visit({ width: WIDE });
    const lines = await vertices(page, `#${figure} .wide .mark-line path`);
    expect(lines).toHaveLength(series.length);
    for (const line of lines) {
      expect(line.length).toBeGreaterThan(20);
      expect(line.map(({ x }) => x)).toEqual(line.map(({ x }) => x).toSorted((a, b) => a - b));
      expect(line.map(({ y }) => y)).toEqual(line.map(({ y }) => y).toSorted((a, b) => b - a));
    }
  });

  test("bars of shares are as long as the shares, and fill the width together", async () => {
    const page = await visit({ width: WIDE });
    const bars = await labelled(page, "#profile .wide .mark-rect path[aria-label]");
    const roles = Map.groupBy(bars, ({ told }) => told.split(", ").slice(0, -1).join(", "));
    expect(roles.size).toBe(series.reduce((sum, { mode }) => sum + roleCount(mode), 0));
    for (const some of roles.values()) {
      const whole = some.reduce((sum, { box }) => sum + box.width, 0);
      for (const { told, box } of some) {
        const share = Number(/: ([\d.]+) %$/.exec(told)?.[1]);
        expect(Math.abs(box.width / whole - share / 100)).toBeLessThan(0.01);
      }
    }
  });

  test("tables have a row a point and a row a line; figures stand to the right", async () => {
    const page = await visit({ width: WIDE });
    const rows = (id: string) => page.locator(`#${id} tbody tr:not(.group)`);
    expect(await rows("points").count()).toBe(points.length);
    expect(await page.locator("#points tr.group").allTextContents()).toEqual(
      series.map(({ label }) => label),
    );
    expect(await rows("summary").count()).toBe(series.length);
    expect(await rows("differences").count()).toBe(series.length);
    expect(await page.locator("#common th", { hasText: "kernel" }).count()).toBe(1);
    const first = await rows("points").first().locator("td, th").allTextContents();
    const [{ point }] = points as [(typeof points)[number]];
    expect(first[0]).toBe("1");
    const samples = point.runs.reduce((sum, { record }) => sum + record.operations, 0);
    expect(first[3]).toBe(samples.toLocaleString("en-US"));
    expect(Number(first[4]?.split(/(?<=\.\d\d)/)[0])).toBeCloseTo(point.throughput.median, 1);
    const style = await page
      .locator("#points td.number")
      .first()
      .evaluate((cell) => {
        const { textAlign, fontVariantNumeric } = getComputedStyle(cell);
        return { textAlign, fontVariantNumeric };
      });
    expect(style.textAlign).toBe("right");
    expect(style.fontVariantNumeric).toContain("tabular-nums");
  });

  test.each([WIDE, 900, PHONE])("at %d pixels the page does not scroll sideways", async (width) => {
    const page = await visit({ width });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      width,
    );
    const shown = page.locator(`figure > div:visible`);
    const figures = await page.locator("figure").count();
    expect(await shown.count()).toBe(figures);
    const kinds = new Set(await shown.evaluateAll((divs) => divs.map((div) => div.className)));
    expect([...kinds]).toEqual([width === PHONE ? "narrow" : "wide"]);
    const heights = (await boxes(page, "figure > div:visible .role-axis-label text")).map(
      ({ height }) => height,
    );
    expect(Math.min(...heights)).toBeGreaterThan(9);
  });

  test("in the dark, charts and page change together", async () => {
    const colours = async (colorScheme: "light" | "dark") => {
      const page = await visit({ width: WIDE, colorScheme });
      return page.evaluate(() => {
        const of = (selector: string, property: string): number => {
          const element = document.querySelector(selector);
          const value =
            element === null ? "" : getComputedStyle(element).getPropertyValue(property);
          return Number(/\d+/.exec(value)?.[0]);
        };
        return {
          page: of("body", "background-color"),
          chart: of("#throughput-latency .wide svg > rect", "fill"),
          text: of("#throughput-latency .wide .role-title-text text", "fill"),
        };
      });
    };
    const [light, dark] = [await colours("light"), await colours("dark")];
    expect(light.chart).toBe(light.page);
    expect(dark.chart).toBe(dark.page);
    expect(light.page - light.text).toBeGreaterThan(150);
    expect(dark.text - dark.page).toBeGreaterThan(150);
  });

  test("nothing was asked of a network, and nothing complained", () => {
    expect(visits.length).toBeGreaterThan(5);
    for (const { requests, complaints } of visits) {
      expect(complaints).toEqual([]);
      expect(requests).toHaveLength(1);
      expect(requests[0]).toStartWith("file://");
    }
  });
});

const AXES: readonly (readonly [figure: string, titles: readonly string[]])[] = [
  ["throughput-latency", ["Throughput (Kops/s, log scale)", "Median latency (µs, log scale)"]],
  ["throughput-p99", ["99th percentile latency (µs, log scale)"]],
  ["latency-light", ["Percentile of operations (%)", "Latency (µs, log scale)"]],
  ["latency-peak", ["Percentile of operations (%)", "Latency (µs, log scale)"]],
  ["profile", ["Share of the polling thread's time (%)"]],
];

function roleCount(mode: string): number {
  return mode.startsWith("unreplicated") ? 2 : 3;
}

interface Place {
  readonly x: number;
  readonly y: number;
}
interface Box extends Place {
  readonly width: number;
  readonly height: number;
}

/** Where things are drawn, in pixels of the page. */
function labelled(page: Page, selector: string): Promise<{ told: string; box: Box }[]> {
  return page.locator(selector).evaluateAll((elements) =>
    elements.map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return { told: element.getAttribute("aria-label") ?? "", box: { x, y, width, height } };
    }),
  );
}

async function boxes(page: Page, selector: string): Promise<readonly Box[]> {
  return (await labelled(page, selector)).map(({ box }) => box);
}

/** The middle of each point of a curve, by what it tells of itself. */
async function marks(page: Page, figure: string): Promise<ReadonlyMap<string, Place>> {
  const found = await labelled(page, `#${figure} .wide [aria-roledescription=point]`);
  return new Map(
    found.map(({ told, box: { x, y, width, height } }) => [
      told,
      { x: x + width / 2, y: y + height / 2 },
    ]),
  );
}

/** The ends of all segments of each path, as the browser places them. */
function vertices(page: Page, selector: string): Promise<Place[][]> {
  return page.locator(selector).evaluateAll((paths) =>
    paths.map((path) => {
      const matrix: unknown = path.getScreenCTM();
      const data: string = path.getAttribute("d") ?? "";
      const commands = data.match(/[MLC][^MLC]*/g) ?? [];
      return commands.map((command) => {
        const numbers = command.slice(1).split(/[, ]/).map(Number);
        const [x = 0, y = 0] = numbers.slice(-2);
        const place = new DOMPoint(x, y).matrixTransform(matrix);
        return { x: place.x, y: place.y };
      });
    }),
  );
}

/** That places follow from values on one linear scale, rising with them or falling. */
function expectScale(pairs: readonly (readonly [value: number, place: number])[], sign: 1 | -1) {
  const sorted = pairs.toSorted(([a], [b]) => a - b);
  const [[v0, p0], [v1, p1]] = [sorted[0]!, sorted.at(-1)!];
  const slope = (p1 - p0) / (v1 - v0);
  expect(Math.sign(slope)).toBe(sign);
  for (const [value, place] of sorted) {
    expect(Math.abs(p0 + slope * (value - v0) - place)).toBeLessThan(1.5);
  }
}

/** A line of text is higher than its letters, and a label may touch another. */
const RIM = { x: 1.5, y: 4 } as const;

/** Pairs of boxes that cover more of each other than their rims. */
function overlaps(all: readonly Box[]): readonly (readonly [Box, Box])[] {
  return all.flatMap((a, i) => between([a], all.slice(i + 1)));
}

/** The same of boxes of one kind and of another. */
function between(some: readonly Box[], others: readonly Box[]): readonly (readonly [Box, Box])[] {
  return some.flatMap((a) =>
    others.flatMap((b): (readonly [Box, Box])[] => {
      const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      return across > RIM.x && down > RIM.y ? [[a, b]] : [];
    }),
  );
}

/** Boxes that a line goes through. */
function crossed(all: readonly Box[], lines: readonly (readonly Place[])[]): readonly Box[] {
  const dots = lines.flatMap((line) =>
    line.slice(1).flatMap((to, i) => {
      const from = line[i]!;
      const count = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)) + 1;
      return Array.from({ length: count }, (_, j) => ({
        x: from.x + ((to.x - from.x) * j) / count,
        y: from.y + ((to.y - from.y) * j) / count,
      }));
    }),
  );
  return all.filter((box) =>
    dots.some(
      ({ x, y }) =>
        x > box.x + RIM.x &&
        x < box.x + box.width - RIM.x &&
        y > box.y + RIM.y &&
        y < box.y + box.height - RIM.y,
    ),
  );
}
