// Latency against throughput: a line a series, a mark a point, bars from the lowest to the highest
// repetition.

import type { TopLevelSpec } from "vega-lite";
import {
  figureOf,
  legendColumns,
  linearDomain,
  logTicks,
  type Figure,
  type Room,
} from "./chart.ts";
import { dashedLayers } from "./dashed-layers.ts";
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

/** From here on the fastest series would press the others against the axis. */
const LINEAR_RATIO_MAX = 8;
/** How far apart places are that labels must not cover, and those around a mark from its middle. */
const HINDRANCE_PX = 3;
const MARK_PX = 5;

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
  const plane: Plane = { log, x: x.scale.domain, y: y.scale.domain, room };
  return {
    width: room.width,
    height: room.height,
    data: { values: marks },
    encoding: { x, y },
    layer: [
      ...dashedLayers(lines, ({ label }) => label, "series").map(({ strokeDash, transform }) => ({
        mark: { type: "line", strokeWidth: 1.75, strokeDash, aria: false },
        transform,
        encoding: { stroke, order: { field: "order", type: "quantitative" } },
      })),
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
        data: { values: [...marks, ...hindrances(marks, plane)] },
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
    scale: log
      ? { type: "log", domain: across.domain, nice: false }
      : { domain: linearDomain(marks.map(({ xMax }) => xMax)), nice: false },
    axis: {
      title: `Throughput (Kops/s${log ? ", log scale" : ""})`,
      ...(log ? { values: across.ticks } : { tickCount: narrow ? 4 : 8 }),
      format: ",~r",
      grid: true,
      labelOverlap: "greedy",
      labelSeparation: 6,
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

/** Where values lie on the plot. */
interface Plane {
  readonly log: boolean;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly room: Room;
}

type Place = Pick<Mark, "x" | "y">;

/** Points along all lines and bars, and around all marks, which labels must not cover. */
function hindrances(marks: readonly Mark[], { log, x, y, room }: Plane): readonly object[] {
  const [x0, x1] = log ? x.map(Math.log) : x;
  const [y0, y1] = y.map(Math.log);
  const { width, height } = room;
  const across = { zero: x0 ?? 0, perPixel: ((x1 ?? 1) - (x0 ?? 0)) / width };
  const up = { zero: y0 ?? 0, perPixel: ((y1 ?? 1) - (y0 ?? 0)) / height };
  const pixels = (place: Place) => ({
    x: ((log ? Math.log(place.x) : place.x) - across.zero) / across.perPixel,
    y: (Math.log(place.y) - up.zero) / up.perPixel,
  });
  const values = (place: Place) => {
    const at = across.zero + place.x * across.perPixel;
    return { mark: "", x: log ? Math.exp(at) : at, y: Math.exp(up.zero + place.y * up.perPixel) };
  };
  const along = (from: Place, to: Place): readonly object[] => {
    const [a, b] = [pixels(from), pixels(to)];
    const count = Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / HINDRANCE_PX) + 1;
    return Array.from({ length: count }, (_, index) => {
      const at = count === 1 ? 0 : index / (count - 1);
      return values({ x: a.x + at * (b.x - a.x), y: a.y + at * (b.y - a.y) });
    });
  };
  const around = (place: Place): readonly object[] => {
    const { x: left, y: top } = pixels(place);
    return Array.from({ length: 8 }, (_, index) => {
      const angle = (index * Math.PI) / 4;
      return values({ x: left + MARK_PX * Math.cos(angle), y: top + MARK_PX * Math.sin(angle) });
    });
  };
  return marks.flatMap((mark, index) => {
    const { x: right, y: high, xMin, xMax, yMin, yMax } = mark;
    const next = marks[index + 1];
    return [
      ...around(mark),
      ...(next?.series === mark.series ? along(mark, next) : []),
      ...along({ x: xMin, y: high }, { x: xMax, y: high }),
      ...along({ x: right, y: yMin }, { x: right, y: yMax }),
    ];
  });
}
