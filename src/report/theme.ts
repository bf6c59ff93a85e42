// How charts and page look: colours that the colour-blind tell apart (Okabe and Ito, Color
// Universal Design), each with a lighter or darker twin for a dark page, and shapes and dashes that
// tell lines apart in grey.

import type { Config } from "vega-lite";

/** A colour on paper, and what replaces it where the reader prefers dark pages. */
interface Ink {
  readonly light: string;
  readonly dark: string;
}

const PAPER: Ink = { light: "#ffffff", dark: "#15191e" };
const TEXT: Ink = { light: "#1b1f24", dark: "#e6e9ed" };
const QUIET: Ink = { light: "#57606a", dark: "#a3adb8" };
const LINE: Ink = { light: "#8c959f", dark: "#6b7681" };
const GRID: Ink = { light: "#e7eaee", dark: "#2a3138" };

const HUES: readonly [Ink, ...Ink[]] = [
  { light: "#0072b2", dark: "#4aa3df" },
  { light: "#d55e00", dark: "#f0803c" },
  { light: "#009e73", dark: "#2fc59a" },
  { light: "#b5558f", dark: "#dd8fbf" },
  { light: "#e69f00", dark: "#f2b53a" },
  { light: "#56b4e9", dark: "#86cdf5" },
  { light: "#3d444d", dark: "#c4ccd4" },
];

/** What is no work: idle time, and what is not accounted for. */
const IDLE: Ink = { light: "#dde1e6", dark: "#333b44" };
const REST: Ink = { light: "#b3bac2", dark: "#59636e" };

const HEXAGON = "M0.87,-0.5V0.5L0,1L-0.87,0.5V-0.5L0,-1Z";
const STAR =
  "M0,-1.1L0.26,-0.36H1.05L0.42,0.14L0.65,0.89L0,0.45L-0.65,0.89L-0.42,0.14L-1.05,-0.36H-0.26Z";
const SALTIRE =
  "M-0.9,-0.55L-0.55,-0.9L0,-0.35L0.55,-0.9L0.9,-0.55L0.35,0" +
  "L0.9,0.55L0.55,0.9L0,0.35L-0.55,0.9L-0.9,0.55L-0.35,0Z";
const HOURGLASS = "M-0.8,-0.9H0.8L0.15,0L0.8,0.9H-0.8L-0.15,0Z";
const BOW_TIE = "M-0.9,-0.8L0,-0.15L0.9,-0.8V0.8L0,0.15L-0.9,0.8Z";

/** As many as a chart has lines, because in grey they alone tell a legend's apart. */
const SHAPES: readonly [string, ...string[]] = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "triangle-down",
  "cross",
  "triangle-right",
  HEXAGON,
  "triangle-left",
  STAR,
  SALTIRE,
  HOURGLASS,
  BOW_TIE,
];

export const INK = {
  paper: PAPER.light,
  text: TEXT.light,
  quiet: QUIET.light,
  idle: IDLE.light,
  rest: REST.light,
} as const;

/** Of the page. */
export const FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
/** Of charts: what converters of SVG find, each by one of these names. */
export const CHART_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/** Dashes that tell lines apart in grey, in the order in which their lengths differ most. */
const DASHES: readonly [Dash, ...Dash[]] = [
  [1, 0],
  [7, 3],
  [2, 2],
  [8, 3, 2, 3],
  [12, 3],
  [3, 2, 1, 2],
];
export type Dash = readonly number[];

/** The colour of a configuration, or of any other category, by its number. */
export function hue(index: number): string {
  return (HUES[index % HUES.length] ?? HUES[0]).light;
}

export function shape(index: number): string {
  return SHAPES[index % SHAPES.length] ?? SHAPES[0];
}

/** Those that come back do so with other shapes. */
export function dash(index: number): Dash {
  return DASHES[index % DASHES.length] ?? DASHES[0];
}

/** For every chart. */
export const CHART_CONFIG: Config = {
  background: PAPER.light,
  font: CHART_FONT,
  padding: 6,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "bounds",
    color: TEXT.light,
    fontSize: 15,
    fontWeight: 600,
    subtitleColor: QUIET.light,
    subtitleFontSize: 12,
    subtitlePadding: 5,
    lineHeight: 19,
    subtitleLineHeight: 16,
    offset: 14,
  },
  axis: {
    domainColor: LINE.light,
    tickColor: LINE.light,
    gridColor: GRID.light,
    labelColor: QUIET.light,
    titleColor: TEXT.light,
    labelFontSize: 12,
    titleFontSize: 12.5,
    titleFontWeight: 500,
    titlePadding: 10,
    labelPadding: 5,
    tickSize: 4,
  },
  legend: {
    labelColor: TEXT.light,
    titleColor: TEXT.light,
    labelFontSize: 12,
    labelLimit: 0,
    symbolSize: 70,
    symbolStrokeWidth: 1.75,
    rowPadding: 5,
    symbolOpacity: 1,
    columnPadding: 22,
    offset: 14,
  },
  header: { labelColor: TEXT.light, titleColor: TEXT.light, labelFontSize: 12.5 },
  text: { color: QUIET.light, fontSize: 11 },
};

/** Rules that exchange every colour of a chart for its twin, by attribute. */
export function darkChartRules(): string {
  const inks = [PAPER, TEXT, QUIET, LINE, GRID, IDLE, REST, ...HUES];
  return inks
    .flatMap(({ light, dark }) => [
      `svg [fill="${light}"] { fill: ${dark} }`,
      `svg [stroke="${light}"] { stroke: ${dark} }`,
    ])
    .join("\n");
}

/** The page's colours as custom properties. */
export function pageInks(which: keyof Ink): string {
  const inks = { paper: PAPER, text: TEXT, quiet: QUIET, line: LINE, grid: GRID };
  return Object.entries(inks)
    .map(([name, ink]) => `--${name}: ${ink[which]};`)
    .join(" ");
}
