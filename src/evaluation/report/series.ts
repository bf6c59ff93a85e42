// Runs as curves: repetitions of one point together, points of one configuration in a row.

import type { LatencySummary } from "../latency.ts";
import type { Run } from "../run.ts";
import { settingsOf, variations, type Setting } from "./settings.ts";
import { spreadOf, type Spread } from "./spread.ts";

/** The repetitions of one point. */
export interface MeasuredPoint {
  readonly runs: readonly Run[];
  /** `16 clients`, or `20,000/s` in an open loop. */
  readonly load: string;
  /** The same for a mark on a curve: `16`, `20k/s`. */
  readonly mark: string;
  /** Thousands of operations a second. */
  readonly throughput: Spread;
  /** In microseconds. */
  readonly latency: { readonly [name in keyof LatencySummary]: Spread };
}

/** What one line of a curve shows. */
export interface Series {
  /** Unique in its report: the protocol, and what sets it apart from the others. */
  readonly label: string;
  readonly mode: string;
  readonly loop: "closed" | "open";
  /** Numbers configurations from 0; a closed and an open loop of one configuration share it. */
  readonly style: number;
  /** By rising load. */
  readonly points: readonly MeasuredPoint[];
}

/**
 * The runs as series, in the order in which they first appear. A closed loop runs along the number
 * of clients; an open one along the rate, and its clients belong to its configuration.
 */
export function seriesOf(runs: readonly Run[]): readonly Series[] {
  const names = namesInLabels(runs);
  const loops = new Set(runs.map(({ record }) => record.loop));
  /** Of each configuration, the loops that are curves of their own. */
  const curves = new Map<string, Map<string, Run[]>>();
  for (const run of runs) {
    const configuration = configurationOf(run);
    const loop = run.record.loop === "closed" ? "closed" : `open ${run.point.clients}`;
    const ofConfiguration = curves.get(configuration) ?? new Map<string, Run[]>();
    curves.set(configuration, ofConfiguration);
    const curve = ofConfiguration.get(loop) ?? [];
    ofConfiguration.set(loop, curve);
    curve.push(run);
  }
  const series: Series[] = [];
  let style = 0;
  for (const ofConfiguration of curves.values()) {
    let open = 0;
    for (const all of ofConfiguration.values()) {
      const [{ point, record }] = all as [Run, ...Run[]];
      const rank = record.loop === "closed" ? 0 : open++;
      const parts = [labelOf(all, names)];
      if (loops.size > 1 || record.loop === "open") parts.push(`${record.loop} loop`);
      if (rank > 0) parts.push(`${point.clients} clients`);
      series.push({
        label: parts.join(", "),
        mode: point.mode,
        loop: record.loop,
        style: style + rank,
        points: pointsOf(all),
      });
    }
    style += Math.max(1, open);
  }
  return series;
}

/** All that makes runs comparable, but the load, as one string. */
function configurationOf(run: Run): string {
  const settings = settingsOf(run).filter(({ kind }) => kind === "asked" || kind === "found");
  return JSON.stringify(settings.map(({ value }) => value));
}

/**
 * Settings that labels must tell: those asked for that vary at all, since a comparison is not fair
 * where they do; and those found that vary within one protocol.
 */
function namesInLabels(runs: readonly Run[]): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (some: readonly Run[], kind: Setting["kind"]): void => {
    for (const variation of variations(some)) {
      if (variation.kind === kind && variation.values.length > 1) names.add(variation.name);
    }
  };
  add(runs, "asked");
  for (const some of Map.groupBy(runs, ({ point }) => point.mode).values()) add(some, "found");
  names.delete("protocol");
  return names;
}

function labelOf(runs: readonly Run[], names: ReadonlySet<string>): string {
  const [first] = runs as [Run, ...Run[]];
  const told = settingsOf(first).filter(({ name }) => names.has(name));
  return [first.point.mode, ...told.map(phrase)].join(", ");
}

/** A setting in a label: with its name, where the value does not say what it is. */
function phrase({ name, value }: Setting): string {
  if (name === "faults") return value === "none" ? "no faults" : value;
  return name === "transport" || name === "operation" ? value : `${name} ${value}`;
}

function pointsOf(runs: readonly Run[]): readonly MeasuredPoint[] {
  const byLoad = Map.groupBy(runs, ({ point }) => `${point.rate} ${point.clients}`);
  return [...byLoad.values()].map(pointOf).sort((a, b) => loadOf(a) - loadOf(b));
}

function loadOf({ runs: [first] }: MeasuredPoint): number {
  return first === undefined ? 0 : first.point.rate || first.point.clients;
}

function pointOf(runs: readonly Run[]): MeasuredPoint {
  const [{ record, point }] = runs as [Run, ...Run[]];
  const open = record.loop === "open";
  const latency = (name: keyof LatencySummary): Spread =>
    spreadOf(runs.map((run) => run.record.latency[name]));
  const clients = point.clients === 1 ? "1 client" : `${count(point.clients)} clients`;
  return {
    runs,
    load: open ? `${count(point.rate)}/s` : clients,
    mark: open ? `${short(point.rate)}/s` : short(point.clients),
    throughput: spreadOf(runs.map((run) => run.record.throughput / 1000)),
    latency: {
      min: latency("min"),
      mean: latency("mean"),
      p50: latency("p50"),
      p90: latency("p90"),
      p99: latency("p99"),
      p999: latency("p999"),
      max: latency("max"),
    },
  };
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Thousands as `k`, from ten thousand on. */
function short(value: number): string {
  return value >= 10_000 ? `${Number((value / 1000).toFixed(1))}k` : String(value);
}

/** The point at which a series did most. */
export function peakOf({ points }: Series): MeasuredPoint {
  const [first, ...others] = points as [MeasuredPoint, ...MeasuredPoint[]];
  return others.reduce(
    (best, point) => (point.throughput.median > best.throughput.median ? point : best),
    first,
  );
}

/** The point with the lowest median latency. */
export function quickestOf({ points }: Series): MeasuredPoint {
  const [first, ...others] = points as [MeasuredPoint, ...MeasuredPoint[]];
  return others.reduce(
    (best, point) => (point.latency.p50.median < best.latency.p50.median ? point : best),
    first,
  );
}
