// Latency against throughput: a line a series, a mark a point, bars from the lowest to the highest
// repetition.

import type { TopLevelSpec } from "vega-lite";
import { figureOf, legendColumns, logTicks, type Figure, type Room } from "./chart.ts";
import type { Group, Line } from "./groups.ts";
import { hue, INK, shape } from "./theme.ts";

/** What the chart draws of a point, in thousands of operations a second and microseconds. */
interface Mark {
  readonly series: string;
  readonly loop: "closed" | "open";
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

/** Lines of open loops are dashed. */
const DASH = [5, 3];
/** From here on the fastest series would press the others against the axis. */
const LINEAR_RATIO_MAX = 8;
/** On each stretch of a line, and on each bar. */
const HINDRANCES = { line: 40, bar: 8 } as const;

/** Of the median latency, or of a higher percentile. */
export function curveFigure(
  name: string,
  { suffix, compared, conditions, lines }: Group,
  percentile: "p50" | "p99",
): Promise<Figure> {
  const marks = lines.flatMap((line) => marksOf(line, percentile));
  const loops = new Set(lines.map(({ loop }) => loop));
  const labels =
    loops.size > 1
      ? "numbers of clients (closed loop, filled marks) or rates offered (open loop, hollow marks)"
      : loops.has("open")
        ? "rates offered"
        : "numbers of clients";
  const missed = lines.some(({ points }) => points.some(({ mark }) => mark.endsWith("!")));
  const caption =
    `Marks are medians of the repetitions, bars reach from the lowest to the highest of them, ` +
    `numbers at marks are ${labels}. Lower and further to the right is better.` +
    (missed ? " Rates with an exclamation mark were not reached: their latency is the queue." : "");
  const what = percentile === "p50" ? "Median latency" : "99th percentile of latency";
  const heading = { title: `${what} against throughput: ${compared}`, subtitle: conditions };
  return figureOf(`${name}${suffix}`, heading, caption, (room) =>
    draw(lines, marks, percentile, room),
  );
}

function marksOf({ label, loop, points }: Line, percentile: "p50" | "p99"): readonly Mark[] {
  return points.map(({ throughput, latency, mark, load }, order): Mark => {
    const { median: y, min: yMin, max: yMax } = latency[percentile];
    const { median: x, min: xMin, max: xMax } = throughput;
    const told = `${label}, ${load}: ${x.toFixed(3)} Kops/s, ${percentile} ${y.toFixed(1)} µs`;
    return { series: label, loop, order, mark, x, xMin, xMax, y, yMin, yMax, told };
  });
}

function draw(
  lines: readonly Line[],
  marks: readonly Mark[],
  percentile: "p50" | "p99",
  room: Room,
): Omit<TopLevelSpec, "title" | "config"> {
  const labels = lines.map(({ label }) => label);
  const pairs = new Set(lines.map(({ loop }) => loop)).size > 1;
  const columns = legendColumns(labels, room);
  const colours = lines.map(({ style }) => hue(style));
  const fills = lines.map(({ style, loop }) => (loop === "open" ? INK.paper : hue(style)));
  const legend = {
    title: null,
    orient: "bottom",
    direction: "horizontal",
    columns: pairs ? columns - (columns % 2) || 1 : columns,
  };
  const scale = (range: readonly unknown[]) => ({ domain: labels, range });
  const stroke = { field: "series", type: "nominal", scale: scale(colours), legend } as const;
  const log = peaksDiffer(marks);
  const [x, y] = axes(marks, log, percentile, room);
  const line = (loop: "closed" | "open") => ({
    transform: [{ filter: { field: "loop", equal: loop } }],
    mark: {
      ...{ type: "line", strokeWidth: 1.75, aria: false },
      ...(loop === "open" ? { strokeDash: DASH } : {}),
    },
    encoding: { stroke, order: { field: "order", type: "quantitative" } },
  });
  return {
    width: room.width,
    height: room.height,
    data: { values: marks },
    encoding: { x, y },
    layer: [
      line("closed"),
      line("open"),
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
            scale: scale(lines.map(({ style }) => shape(style))),
            legend,
          },
          description: { field: "told", type: "nominal" },
        },
      },
      {
        name: "labels",
        data: { values: [...marks, ...hindrances(marks, log)] },
        mark: { type: "text", aria: false },
        encoding: { text: { field: "mark", type: "nominal" } },
      },
    ],
  } as Omit<TopLevelSpec, "title" | "config">;
}

/** Both axes with their scales; throughput is logarithmic where series differ too much. */
function axes(marks: readonly Mark[], log: boolean, percentile: "p50" | "p99", { narrow }: Room) {
  const across = logTicks(marks.flatMap(({ xMin, xMax }) => [xMin, xMax]));
  const up = logTicks(marks.flatMap(({ yMin, yMax }) => [yMin, yMax]));
  const x = {
    field: "x",
    type: "quantitative",
    scale: log ? { type: "log", domain: across.domain, nice: false } : { zero: true, nice: true },
    axis: {
      title: `Throughput (Kops/s${log ? ", log scale" : ""})`,
      ...(log ? { values: across.ticks } : { tickCount: narrow ? 4 : 8 }),
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

function peaksDiffer(marks: readonly Mark[]): boolean {
  const bySeries = Map.groupBy(marks, ({ series }) => series);
  const peaks = [...bySeries.values()].map((some) => Math.max(...some.map(({ x }) => x)));
  return Math.max(...peaks) > LINEAR_RATIO_MAX * Math.min(...peaks);
}

/** Points along all lines and bars, which labels must not cover. */
function hindrances(marks: readonly Mark[], log: boolean): readonly object[] {
  const across = (a: number, b: number, at: number): number =>
    log ? a * (b / a) ** at : a + (b - a) * at;
  type Place = Pick<Mark, "x" | "y">;
  const along = (from: Place, to: Place, count: number): readonly object[] =>
    Array.from({ length: count }, (_, index) => {
      const at = index / (count - 1);
      return { mark: "", x: across(from.x, to.x, at), y: from.y * (to.y / from.y) ** at };
    });
  return marks.flatMap((mark, index) => {
    const { x, y, xMin, xMax, yMin, yMax } = mark;
    const next = marks[index + 1];
    return [
      ...(next?.series === mark.series ? along(mark, next, HINDRANCES.line) : []),
      ...along({ x: xMin, y }, { x: xMax, y }, HINDRANCES.bar),
      ...along({ x, y: yMin }, { x, y: yMax }, HINDRANCES.bar),
    ];
  });
}
