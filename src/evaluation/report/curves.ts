// Latency against throughput: a line a series, a mark a point, bars from the lowest to the highest
// repetition.

import type { TopLevelSpec } from "vega-lite";
import { figureOf, legendColumns, logTicks, type Figure, type Room } from "./chart.ts";
import type { Series } from "./series.ts";
import { hue, INK, shape } from "./theme.ts";

/** What the chart draws of a point, in thousands of operations a second and microseconds. */
interface Mark {
  readonly series: string;
  /** Numbers the points of a series. */
  readonly order: number;
  readonly mark: string;
  readonly x: number;
  readonly xMin: number;
  readonly xMax: number;
  readonly y: number;
  readonly yMin: number;
  readonly yMax: number;
  /** For screen readers, and for tests. */
  readonly told: string;
}

const DASH = { closed: [1, 0], open: [5, 3] } as const;
/** From here on the fastest series would press the others against the axis. */
const LINEAR_RATIO_MAX = 8;

/**
 * Of the median latency, or of another percentile. `heading` says what is compared and what is the
 * same for all.
 */
export function curveFigure(
  name: string,
  heading: { readonly title: string; readonly subtitle: string },
  series: readonly Series[],
  percentile: "p50" | "p99",
): Promise<Figure> {
  const marks = series.flatMap((one) => marksOf(one, percentile));
  const loops = new Set(series.map(({ loop }) => loop));
  const labels =
    loops.size > 1
      ? "numbers of clients (closed loop, filled marks) or rates offered (open loop, hollow marks)"
      : loops.has("open")
        ? "rates offered"
        : "numbers of clients";
  const caption =
    `Marks are medians of the repetitions, bars reach from the lowest to the highest of them, ` +
    `numbers at marks are ${labels}. Lower and further to the right is better.`;
  return figureOf(name, heading, caption, (room) => draw(series, marks, percentile, room));
}

function marksOf({ label, points }: Series, percentile: "p50" | "p99"): readonly Mark[] {
  return points.map(({ throughput, latency, mark, load }, order): Mark => {
    const { median: y, min: yMin, max: yMax } = latency[percentile];
    const { median: x, min: xMin, max: xMax } = throughput;
    const told = `${label}, ${load}: ${x.toFixed(3)} Kops/s, ${percentile} ${y.toFixed(1)} µs`;
    return { series: label, order, mark, x, xMin, xMax, y, yMin, yMax, told };
  });
}

function draw(
  series: readonly Series[],
  marks: readonly Mark[],
  percentile: "p50" | "p99",
  room: Room,
): Omit<TopLevelSpec, "title" | "config"> {
  const labels = series.map(({ label }) => label);
  const colours = series.map(({ style }) => hue(style));
  const fills = series.map(({ style, loop }) => (loop === "open" ? INK.paper : hue(style)));
  const legend = {
    title: null,
    orient: "bottom",
    direction: "horizontal",
    columns: legendColumns(labels, room),
  };
  const scale = (range: readonly unknown[]) => ({ domain: labels, range });
  const stroke = { field: "series", type: "nominal", scale: scale(colours), legend } as const;
  const [x, y] = axes(marks, percentile, room);
  const dashes = series.map(({ loop }) => DASH[loop]);
  return {
    width: room.width,
    height: room.height,
    data: { values: marks },
    encoding: { x, y },
    layer: [
      {
        mark: { type: "line", strokeWidth: 1.75, aria: false },
        encoding: {
          stroke,
          strokeDash: { field: "series", type: "nominal", scale: scale(dashes), legend: null },
          order: { field: "order", type: "quantitative" },
        },
      },
      {
        mark: { type: "rule", strokeWidth: 1.25, opacity: 0.75, aria: false },
        encoding: { x: { ...x, field: "xMin" }, x2: { field: "xMax" }, stroke },
      },
      {
        mark: { type: "rule", strokeWidth: 1.25, opacity: 0.75, aria: false },
        encoding: { y: { ...y, field: "yMin" }, y2: { field: "yMax" }, stroke },
      },
      {
        mark: { type: "point", size: 46, strokeWidth: 1.75, opacity: 1 },
        encoding: {
          stroke,
          fill: { field: "series", type: "nominal", scale: scale(fills), legend },
          shape: {
            field: "series",
            type: "nominal",
            scale: scale(series.map(({ style }) => shape(style))),
            legend,
          },
          description: { field: "told", type: "nominal" },
        },
      },
      {
        name: "labels",
        mark: { type: "text", aria: false },
        encoding: { text: { field: "mark", type: "nominal" } },
      },
    ],
  } as Omit<TopLevelSpec, "title" | "config">;
}

/** Both axes with their scales; throughput is logarithmic where series differ too much. */
function axes(marks: readonly Mark[], percentile: "p50" | "p99", { narrow }: Room) {
  const peaks = Map.groupBy(marks, (mark) => mark.series)
    .values()
    .map((some) => Math.max(...some.map((mark) => mark.x)))
    .toArray();
  const far = Math.max(...peaks) > LINEAR_RATIO_MAX * Math.min(...peaks);
  const across = logTicks(marks.flatMap(({ xMin, xMax }) => [xMin, xMax]));
  const up = logTicks(marks.flatMap(({ yMin, yMax }) => [yMin, yMax]));
  const x = {
    field: "x",
    type: "quantitative",
    scale: far ? { type: "log", domain: across.domain, nice: false } : { zero: true, nice: true },
    axis: {
      title: `Throughput (Kops/s${far ? ", log scale" : ""})`,
      ...(far ? { values: across.ticks } : { tickCount: narrow ? 4 : 8 }),
      format: ",~r",
      grid: true,
      labelOverlap: "greedy",
    },
  } as const;
  const y = {
    field: "y",
    type: "quantitative",
    scale: { type: "log", domain: up.domain, nice: false },
    axis: {
      title: `${percentile === "p50" ? "Median" : "99th percentile"} latency (µs, log scale)`,
      values: up.ticks,
      format: ",~r",
      grid: true,
    },
  } as const;
  return [x, y] as const;
}
