// How latencies are distributed: percentiles, on a scale that gives each further nine as much room
// as the one before.

import type { TopLevelSpec } from "vega-lite";
import { mergeDistributions, totalOf } from "../evaluation/distribution.ts";
import { count as grouped } from "../evaluation/format.ts";
import { figureOf, legendColumns, logTicks, type Figure, type Room } from "./chart.ts";
import { dashedLayers } from "./dashed-layers.ts";
import type { Group, Line } from "./groups.ts";
import type { MeasuredPoint } from "./series.ts";
import { hue, INK, shape } from "./theme.ts";

/** One point of a series, its repetitions together. */
interface Distribution {
  readonly label: string;
  readonly line: Line;
  readonly operations: number;
  readonly percentiles: readonly Percentile[];
}

interface Percentile {
  /** One of how many operations is slower. */
  readonly oneIn: number;
  /** Of that operation, in microseconds. */
  readonly us: number;
  /** Of the sample, from 0. */
  readonly step: number;
}

/** Samples on each power of ten of `oneIn`, and how many of them have a mark. */
const STEPS = 24;
const MARK_EVERY = 16;
const TICKS: readonly number[] = [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7];

/**
 * The distributions of one point of each line, which `choose` picks and `where` names; null if
 * there are none.
 */
export async function distributionFigure(
  name: string,
  where: string,
  { compared, conditions, lines }: Group,
  choose: (line: Line) => MeasuredPoint,
): Promise<Figure | null> {
  const distributions = lines.flatMap((line): Distribution[] => {
    const point = choose(line);
    const percentiles = percentilesOf(point);
    if (percentiles.length === 0) return [];
    const operations = point.runs.reduce((sum, { record }) => sum + record.operations, 0);
    return [{ label: `${line.label}, ${point.load}`, line, operations, percentiles }];
  });
  if (distributions.length === 0) return null;
  const totals = distributions.map(({ operations }) => operations);
  const [least, most] = [Math.min(...totals), Math.max(...totals)];
  const samples = least === most ? grouped(most) : `${grouped(least)} to ${grouped(most)}`;
  const caption =
    `All operations of all repetitions, ${samples} on each line: ` +
    "so many per cent of them took at most so long. " +
    "In an open loop, latency counts from when the operation should have come.";
  const title = `Latency distribution at ${where}: ${compared}`;
  return figureOf(name, { title, subtitle: conditions }, caption, (room) =>
    draw(distributions, room),
  );
}

/** From the fastest operation to the slowest one, at most a few hundred. */
function percentilesOf({ runs }: MeasuredPoint): readonly Percentile[] {
  const buckets = mergeDistributions(runs.map(({ record }) => record.distribution));
  const total = totalOf(buckets);
  const percentiles: Percentile[] = [];
  let [step, before] = [0, 0];
  for (const [us, count] of buckets) {
    before += count;
    for (; 10 ** (step / STEPS) <= total; step++) {
      const oneIn = 10 ** (step / STEPS);
      if (total * (1 - 1 / oneIn) > before) break;
      percentiles.push({ oneIn, us, step });
    }
  }
  return percentiles;
}

function draw(
  distributions: readonly Distribution[],
  room: Room,
): Omit<TopLevelSpec, "title" | "config"> {
  const labels = distributions.map(({ label }) => label);
  const lines = distributions.map(({ label, line: { style } }) => ({ label, style }));
  const values = distributions.flatMap(({ label, percentiles }, i) =>
    // Marks of lines that lie upon each other stand side by side.
    percentiles.map(({ oneIn, us, step }) => {
      const marked = step > 0 && step % MARK_EVERY === (3 * i) % MARK_EVERY;
      return { line: label, oneIn, us, marked };
    }),
  );
  const scale = (range: readonly unknown[]) => ({ domain: labels, range });
  const legend = {
    title: null,
    orient: "bottom",
    direction: "horizontal",
    columns: legendColumns(labels, room),
  };
  const styled = (of: (line: Line) => unknown) => ({
    field: "line",
    type: "nominal",
    scale: scale(distributions.map(({ line }) => of(line))),
    legend,
  });
  const stroke = styled(({ style }) => hue(style));
  return {
    width: room.width,
    height: room.height,
    data: { values },
    encoding: axes(values),
    layer: [
      ...dashedLayers(lines, ({ label }) => label, "line").map(({ strokeDash, transform }) => ({
        mark: { type: "line", strokeWidth: 2, strokeDash, interpolate: "monotone" },
        transform,
        encoding: { description: { field: "line", type: "nominal" }, stroke },
      })),
      {
        transform: [{ filter: "datum.marked" }],
        mark: { type: "point", size: 46, strokeWidth: 1.75, opacity: 1, aria: false },
        encoding: {
          stroke,
          fill: styled(({ style, loop }) => (loop === "open" ? INK.paper : hue(style))),
          shape: styled(({ style }) => shape(style)),
        },
      },
    ],
  } as Omit<TopLevelSpec, "title" | "config">;
}

/** Percentiles by how many operations one is slower of, and their latencies. */
function axes(values: readonly Pick<Percentile, "oneIn" | "us">[]) {
  const up = logTicks(values.map(({ us }) => us));
  const oneInMax = Math.max(...values.map(({ oneIn }) => oneIn), 10);
  return {
    x: {
      field: "oneIn",
      type: "quantitative",
      scale: { type: "log", domain: [1, oneInMax], nice: false },
      axis: {
        title: "Percentile of operations (%)",
        values: TICKS.filter((tick) => tick <= oneInMax),
        labelExpr: "format(100 - 100 / datum.value, '~r')",
        labelOverlap: "greedy",
        labelSeparation: 6,
        grid: true,
      },
    },
    y: {
      field: "us",
      type: "quantitative",
      scale: { type: "log", domain: up.domain, nice: false },
      axis: { title: "Latency (µs, log scale)", values: up.ticks, format: ",~r", grid: true },
    },
  };
}
