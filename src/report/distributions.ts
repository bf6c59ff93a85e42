// How latencies are distributed: percentiles, on a scale that gives each further nine as much room
// as the one before.

import type { TopLevelSpec } from "vega-lite";
import { mergeDistributions, totalOf } from "../evaluation/distribution.ts";
import { figureOf, legendColumns, logTicks, type Figure, type Room } from "./chart.ts";
import type { Group, Line } from "./groups.ts";
import type { MeasuredPoint } from "./series.ts";
import { hue, HUES_COUNT } from "./theme.ts";

/** One point of a series, its repetitions together. */
interface Distribution {
  readonly label: string;
  readonly line: Line;
  readonly percentiles: readonly Percentile[];
}

interface Percentile {
  /** One of how many operations is slower. */
  readonly oneIn: number;
  /** Of that operation, in microseconds. */
  readonly us: number;
}

/** Samples on each power of ten of `oneIn`. */
const STEPS = 24;
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
    return [{ label: `${line.label}, ${point.load}`, line, percentiles }];
  });
  if (distributions.length === 0) return null;
  const caption =
    "All operations of all repetitions: so many per cent of them took at most so long. " +
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
      percentiles.push({ oneIn, us });
    }
  }
  return percentiles;
}

function draw(
  distributions: readonly Distribution[],
  room: Room,
): Omit<TopLevelSpec, "title" | "config"> {
  const labels = distributions.map(({ label }) => label);
  const values = distributions.flatMap(({ label, percentiles }) =>
    percentiles.map(({ oneIn, us }) => ({ line: label, oneIn, us })),
  );
  const up = logTicks(values.map(({ us }) => us));
  const oneInMax = Math.max(...values.map(({ oneIn }) => oneIn), 10);
  const scale = (range: readonly unknown[]) => ({ domain: labels, range });
  const legend = {
    title: null,
    orient: "bottom",
    direction: "horizontal",
    symbolType: "stroke",
    symbolSize: 260,
    symbolStrokeWidth: 2,
    columns: legendColumns(labels, room),
  };
  return {
    width: room.width,
    height: room.height,
    data: { values },
    mark: { type: "line", strokeWidth: 2, interpolate: "monotone" },
    encoding: {
      x: {
        field: "oneIn",
        type: "quantitative",
        scale: { type: "log", domain: [1, oneInMax], nice: false },
        axis: {
          title: "Percentile of operations (%)",
          values: TICKS.filter((tick) => tick <= oneInMax),
          labelExpr: "format(100 - 100 / datum.value, '~r')",
          labelOverlap: "greedy",
          grid: true,
        },
      },
      y: {
        field: "us",
        type: "quantitative",
        scale: { type: "log", domain: up.domain, nice: false },
        axis: { title: "Latency (µs, log scale)", values: up.ticks, format: ",~r", grid: true },
      },
      description: { field: "line", type: "nominal" },
      stroke: {
        field: "line",
        type: "nominal",
        scale: scale(distributions.map(({ line }) => hue(line.style))),
        legend,
      },
      strokeDash: {
        field: "line",
        type: "nominal",
        scale: scale(distributions.map(({ line }) => dashOf(line))),
        legend,
      },
    },
  } as Omit<TopLevelSpec, "title" | "config">;
}

/** Open loops are dashed as in curves; a colour's second round is dotted. */
function dashOf({ loop, style }: Line): readonly number[] {
  if (loop === "open") return [5, 3];
  return style < HUES_COUNT ? [1, 0] : [2, 2];
}
