// Runs of the same point together: medians and how far apart they lie.

import { alignColumns } from "./format.ts";
import { median } from "./median.ts";
import type { ResultRecord } from "./record.ts";
import type { Point, Run } from "./run.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of one value or more. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export interface PointSummary {
  readonly point: Point;
  /** Runs that did not fail. */
  readonly runs: number;
  /** Operations a second. */
  readonly throughput: Spread;
  /** Microseconds. */
  readonly mean: Spread;
  readonly p50: Spread;
  readonly p99: Spread;
  /** Most arrivals of an open loop that a run left unserved. */
  readonly unserved: number;
}

/** One summary a point, in the order in which the runs bring the points. */
export function summarise(runs: readonly Run[]): readonly PointSummary[] {
  const groups = Map.groupBy(runs, ({ point }) => JSON.stringify(point));
  return [...groups.values()].map((group) => {
    const spread = (of: (record: ResultRecord) => number): Spread =>
      spreadOf(group.map(({ record }) => of(record)));
    const [first] = group as [Run];
    return {
      point: first.point,
      runs: group.length,
      throughput: spread((record) => record.throughput),
      mean: spread((record) => record.latency.mean),
      p50: spread((record) => record.latency.p50),
      p99: spread((record) => record.latency.p99),
      unserved: Math.max(...group.map(({ record }) => record.unserved)),
    };
  });
}

/** What a point has, by the names of keys of a plan. */
function fieldsOf({ extras = {}, ...point }: Point): ReadonlyMap<string, string> {
  const all = [...Object.entries(point), ...Object.entries(extras)];
  return new Map(all.map(([name, value]) => [name, String(value ?? "default")]));
}

/** A table of medians with (min..max); what all points have in common stands above it. */
export function formatSummaries(summaries: readonly PointSummary[]): string {
  const [first] = summaries;
  if (first === undefined) return "no results";
  const fields = new Map(summaries.map(({ point }) => [point, fieldsOf(point)]));
  const names = [...new Set([...fields.values()].flatMap((own) => [...own.keys()]))];
  const value = (point: Point, name: string): string => fields.get(point)?.get(name) ?? "default";
  const differs = (name: string): boolean =>
    summaries.some(({ point }) => value(point, name) !== value(first.point, name));
  const varying = names.filter((name) => name === "mode" || differs(name));
  const common = names
    .filter((name) => !varying.includes(name))
    .map((name) => `${name} ${value(first.point, name)}`);
  const head = [...varying, "runs", "Kops/s", "mean us", "p50 us", "p99 us", "unserved"];
  const rows = summaries.map(({ point, runs, throughput, mean, p50, p99, unserved }) => [
    ...varying.map((name) => value(point, name)),
    String(runs),
    formatSpread(throughput, (value) => (value / 1000).toFixed(3)),
    formatSpread(mean, (value) => value.toFixed(1)),
    formatSpread(p50, (value) => value.toFixed(1)),
    formatSpread(p99, (value) => value.toFixed(1)),
    String(unserved),
  ]);
  return `all: ${common.join(", ")}\n${alignColumns([head, ...rows])}`;
}

function formatSpread({ median: middle, min, max }: Spread, format: (value: number) => string) {
  return `${format(middle)} (${format(min)}..${format(max)})`;
}
