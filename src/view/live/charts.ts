// Throughput and latency as they come, with a line for each thing that was done to the cluster.

import uPlot from "uplot";
import type { LiveEvent, LiveUpdate } from "../live-data.ts";

/** How much of the past is shown, in seconds. */
const SHOWN_S = 60;
const HEIGHT = 190;

interface Columns {
  readonly times: number[];
  /** By series; null where there is none. */
  readonly values: readonly (number | null)[][];
}

export class Charts {
  readonly #throughput: uPlot;
  readonly #latency: uPlot;
  readonly #rates: Columns = { times: [], values: [[]] };
  readonly #latencies: Columns = { times: [], values: [[], []] };
  #events: readonly LiveEvent[] = [];

  constructor(root: HTMLElement) {
    const marks = (chart: uPlot): void => this.#drawEvents(chart);
    this.#throughput = made(root, "#throughput", {
      series: [{ label: "operations a second", colour: "kind-0" }],
      marks,
      scale: {
        range: (_chart: uPlot, _least: number, most: number) => [0, Math.max(1, 1.1 * most)],
      },
      value: (found) => short(found),
    });
    this.#latency = made(root, "#latency", {
      series: [
        { label: "median", colour: "kind-2" },
        { label: "99th percentile", colour: "kind-1" },
      ],
      marks,
      scale: { distr: 3 },
      value: (found) => `${short(found)} ms`,
    });
    this.resize();
  }

  add({ state, samples }: LiveUpdate): void {
    this.#events = state.events;
    for (const { atMs, throughput, p50Us, p99Us } of samples) {
      push(this.#rates, atMs / 1000, throughput);
      // Where nothing completed there is no latency, and a gap in the line.
      const known = throughput > 0 && p50Us > 0;
      push(this.#latencies, atMs / 1000, known ? p50Us / 1000 : null, known ? p99Us / 1000 : null);
    }
    const fromS = state.nowMs / 1000 - SHOWN_S;
    for (const columns of [this.#rates, this.#latencies]) forget(columns, fromS - 1);
    const shown = { min: Math.max(0, fromS), max: Math.max(SHOWN_S / 4, state.nowMs / 1000) };
    for (const [chart, columns] of this.#all) {
      chart.batch(() => {
        chart.setData([columns.times, ...columns.values]);
        chart.setScale("x", shown);
      });
    }
  }

  /** The style sheet is another one. */
  recolour(): void {
    for (const [chart] of this.#all) chart.redraw(true, true);
  }

  resize(): void {
    for (const [chart] of this.#all) {
      const width = chart.root.parentElement?.clientWidth ?? 600;
      chart.setSize({ width, height: HEIGHT });
    }
  }

  get #all(): readonly (readonly [uPlot, Columns])[] {
    return [
      [this.#throughput, this.#rates],
      [this.#latency, this.#latencies],
    ];
  }

  #drawEvents({ ctx, bbox, valToPos }: uPlot): void {
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.strokeStyle = colour("violation");
    ctx.beginPath();
    for (const { atMs, what } of this.#events) {
      if (what !== "done") continue;
      const x = valToPos(atMs / 1000, "x", true);
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }
}

interface Looks {
  readonly series: readonly { readonly label: string; readonly colour: string }[];
  readonly scale: uPlot.Scale;
  readonly marks: (chart: uPlot) => void;
  value(found: number): string;
}

function made(root: HTMLElement, selector: string, looks: Looks): uPlot {
  const place = root.querySelector<HTMLElement>(selector);
  if (place === null) throw new Error(`the page has no ${selector}`);
  const axis = {
    stroke: () => colour("soft"),
    grid: { stroke: () => colour("rule"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  const value = (_chart: uPlot, found: number | null) => (found === null ? "" : looks.value(found));
  const options: uPlot.Options = {
    ...{ width: 600, height: HEIGHT },
    cursor: { drag: { x: false, y: false } },
    legend: { live: false, show: looks.series.length > 1 },
    scales: { x: { time: false }, y: looks.scale },
    axes: [
      { ...axis, size: 28, values: (_chart, found) => found.map((at) => `${at} s`) },
      {
        ...axis,
        size: 64,
        values: (_chart, found) => found.map((at: number | null) => (at === null ? "" : short(at))),
      },
    ],
    series: [
      {},
      ...looks.series.map((one) => ({
        ...{ label: one.label, width: 2, value, spanGaps: false, points: { show: false } },
        stroke: () => colour(one.colour),
      })),
    ],
    hooks: { draw: [looks.marks] },
  };
  return new uPlot(options, [[], ...looks.series.map(() => [])], place);
}

function push(columns: Columns, atS: number, ...values: readonly (number | null)[]): void {
  columns.times.push(atS);
  for (const [i, value] of values.entries()) columns.values[i]?.push(value);
}

function forget({ times, values }: Columns, beforeS: number): void {
  const count = times.findIndex((atS) => atS >= beforeS);
  if (count > 0) for (const column of [times, ...values]) column.splice(0, count);
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A number in few digits: 12.3k. */
function short(value: number): string {
  return value.toLocaleString("en-US", { notation: "compact", maximumSignificantDigits: 3 });
}
