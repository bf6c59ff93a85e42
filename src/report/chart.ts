// Charts: Vega-Lite's specifications become SVG, without a browser or a canvas.

import { logger, parse, textMetrics, View, Warn, type Mark, type Spec } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { log } from "../base/logger.ts";
import { CHART_CONFIG } from "./theme.ts";

/** How much room a chart has: on a page of its own or on a phone. */
export interface Room {
  /** Of the plot itself, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Of plot and axis, which titles may fill. */
  readonly outerWidth: number;
  readonly narrow: boolean;
}

/**
 * Widths of characters, in ems: of text the mean, of digits those of the widest of the fonts that
 * may be found, because their labels stand closest. Without a canvas nothing is measured, and
 * Vega's own guess of 0.8 would leave charts with a third of their width empty.
 */
const CHARACTER_EM = { text: 0.58, digits: 0.64 } as const;
const TITLE_PX = 15;
const TEXT_PX = 12;
/** A legend's symbol, and the space between its columns. */
const LEGEND_GAP_PX = 48;

textMetrics.width = ({ fontSize = 11 }, text) => widthOf(String(text ?? ""), fontSize);

function widthOf(text: string, fontSize: number): number {
  return text.length * fontSize * CHARACTER_EM[/^\d/.test(text) ? "digits" : "text"];
}

const WIDE: Room = { width: 760, height: 400, outerWidth: 830, narrow: false };
const NARROW: Room = { width: 272, height: 270, outerWidth: 340, narrow: true };
/** A column of a paper is 320 wide, so that letters are still seven points high there. */
const PAPER: Room = { width: 340, height: 220, outerWidth: 410, narrow: true };

export interface Figure {
  /** Of the SVG file, without its ending; unique in a report. */
  readonly name: string;
  /** One sentence or two: how to read it. */
  readonly caption: string;
  readonly heading: Heading;
  readonly wide: string;
  readonly narrow: string;
  /** Without title and conditions, for a column of a paper. */
  readonly paper: () => Promise<string>;
}

export interface Heading {
  /** What is compared. */
  readonly title: string;
  /** What is the same for all of it. */
  readonly subtitle: string;
}

/** Draws a chart for all rooms. `draw` makes the specification without title and look. */
export async function figureOf(
  name: string,
  heading: Heading,
  caption: string,
  draw: (room: Room) => Omit<TopLevelSpec, "title" | "config">,
): Promise<Figure> {
  const config = CHART_CONFIG;
  const svg = (room: Room): Promise<string> =>
    render({
      ...draw(room),
      title: {
        text: wrap(heading.title, TITLE_PX, room),
        subtitle: wrap(heading.subtitle, TEXT_PX, room),
      },
      config,
    } as TopLevelSpec);
  const paper = (): Promise<string> => render({ ...draw(PAPER), config } as TopLevelSpec);
  return { name, caption, heading, wide: await svg(WIDE), narrow: await svg(NARROW), paper };
}

/** That rows of bars have roles of their own is what is wanted. */
const FORESEEN = "Detected faceted independent scales that union domain";

const LOGGER = Object.assign(logger(Warn), {
  warn(...words: readonly unknown[]): unknown {
    if (!String(words[0]).startsWith(FORESEEN)) log.warn(words.join(" "));
    return LOGGER;
  },
});

async function render(spec: TopLevelSpec): Promise<string> {
  const compiled = compile(spec, { logger: LOGGER }).spec;
  placeLabels(compiled);
  const view = new View(parse(compiled), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return withoutHidden(svg);
}

/**
 * Gives text marks of layers named `labels` Vega's label placement, which Vega-Lite does not offer:
 * around their point wherever there is room, and nowhere if there is none. Marks without text,
 * which must come last in the data, keep labels away from where they are.
 */
function placeLabels(spec: Spec): void {
  for (const mark of spec.marks ?? []) {
    if (mark.name?.includes("labels") !== true) continue;
    (mark as Mark & { transform?: object[] }).transform = [
      {
        type: "label",
        size: { signal: "[width, height]" },
        // Curves of rising load go up and to the right: beside them is room, above and below less.
        anchor: ["bottom-right", "top-left", "right", "left", "bottom", "top"],
        offset: [8],
        padding: 0,
      },
    ];
  }
}

/** Without texts that are empty, or that found no room. */
function withoutHidden(svg: string): string {
  return svg.replace(/<text [^>]*(?:\/>|opacity="0"[^>]*>[^<]*<\/text>)/g, "");
}

/** Breaks a text between words. */
function wrap(text: string, fontSize: number, { outerWidth }: Room): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length === 0 || widthOf(longer, fontSize) > outerWidth) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** Columns in which a legend below a chart has room for its longest label. */
export function legendColumns(labels: readonly string[], { outerWidth }: Room): number {
  const column = Math.max(...labels.map((label) => widthOf(label, TEXT_PX))) + LEGEND_GAP_PX;
  return Math.max(1, Math.min(labels.length, Math.floor(outerWidth / column)));
}

/** 1, 2 and 5 in each power of ten that the values span, and the domain that these bound. */
export function logTicks(values: readonly number[]): {
  readonly ticks: readonly number[];
  readonly domain: readonly [number, number];
} {
  const positive = values.filter((value) => value > 0);
  const low = positive.length === 0 ? 1 : Math.min(...positive);
  const high = positive.length === 0 ? 10 : Math.max(...positive);
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of [1, 2, 5]) all.push(Number(`${digit}e${power}`));
  }
  const first = all.findLastIndex((tick) => tick <= low);
  const last = all.findIndex((tick) => tick >= high);
  const ticks = all.slice(Math.max(0, first), Math.max(last, first + 1) + 1);
  const domain = [ticks[0] ?? low, ticks.at(-1) ?? high] as const;
  // Over many powers of ten these alone are enough.
  const few = ticks.length <= 10 ? ticks : ticks.filter((tick) => /^0?\.?0*1/.test(String(tick)));
  return { ticks: few, domain };
}

/** From zero to a round number that no value exceeds. */
export function linearDomain(values: readonly number[]): readonly [number, number] {
  const most = Math.max(...values, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(most));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  return [0, power * (steps.find((step) => step * power >= most) ?? 10)];
}
