// Runs as curves: repetitions of one point together, points of one configuration in a row.

import { count } from "../evaluation/format.ts";
import type { LatencySummary } from "../evaluation/latency.ts";
import type { Run } from "../evaluation/run.ts";
import { spreadOf, type Spread } from "../evaluation/summary.ts";
import { settingsOf, type Setting } from "./settings.ts";

/** The repetitions of one point. */
export interface MeasuredPoint {
  readonly runs: readonly Run[];
  /** `16 clients`, or `20,000/s` in an open loop. */
  readonly load: string;
  /** The same for a mark on a curve: `16`, `20k/s`, `20k/s!` if that rate was not reached. */
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
  /** The same for a closed and an open loop that share all else. */
  readonly configuration: string;
  /** Names of the settings in which it departs from most runs of its protocol. */
  readonly departs: readonly string[];
  /** What it has of these, as its label says. */
  readonly departure: string;
  /** By rising load. */
  readonly points: readonly MeasuredPoint[];
}

/** Labels tell all settings that vary within a protocol, if these are no more than so many. */
const EXPLICIT_MAX = 2;

/**
 * The runs as series: protocols, and their configurations, in the order in which they first appear.
 * A closed loop runs along the number of clients; an open one along the rate, and its clients
 * belong to its configuration.
 */
export function seriesOf(runs: readonly Run[]): readonly Series[] {
  // For what differs between results that are side by side, such as versions, their labels stand.
  const origin = ({ label = "", point }: Run): string => `${label}\0${point.mode}`;
  const usual = new Map(
    [...Map.groupBy(runs, origin)].map(([of, some]) => [of, usualOf(some)] as const),
  );
  const names = new Set([...usual.values()].flatMap((settings) => [...settings.keys()]));
  const explicit = names.size <= EXPLICIT_MAX;
  const loops = new Set(runs.map(({ record }) => record.loop));
  /** Of each configuration, the numbers of clients of its open loops. */
  const openClients = new Map<string, number[]>();
  const series = [...Map.groupBy(runs, seriesKey).values()].map((all): Series => {
    const [first] = all as [Run, ...Run[]];
    const { point, record, label } = first;
    const varying = usual.get(origin(first)) ?? new Map<string, string>();
    const settings = settingsOf(first).filter(({ name }) => varying.has(name));
    const departing = settings.filter(({ name, value }) => varying.get(name) !== value);
    const from = label === undefined ? [] : [label];
    const parts = [point.mode, ...from, ...(explicit ? settings : departing).map(phrase)];
    if (loops.size > 1 || record.loop === "open") parts.push(`${record.loop} loop`);
    const key = configurationOf(first);
    let rank = 0;
    if (record.loop === "open") {
      const others = openClients.get(key) ?? [];
      openClients.set(key, others);
      rank = others.push(point.clients) - 1;
      if (rank > 0) parts.push(`${point.clients} clients`);
    }
    return {
      label: parts.join(", "),
      mode: point.mode,
      loop: record.loop,
      configuration: `${key} ${rank}`,
      departs: departing.map(({ name }) => name),
      departure: departing.map(phrase).join(", "),
      points: pointsOf(all),
    };
  });
  const byMode = [...Map.groupBy(series, ({ mode }) => mode).values()].flat();
  return [...Map.groupBy(byMode, ({ configuration }) => configuration).values()].flat();
}

/** All that makes runs comparable, but the load, as one string. */
function configurationOf(run: Run): string {
  const settings = settingsOf(run).filter(({ kind }) => kind === "asked" || kind === "found");
  return JSON.stringify(settings.map(({ value }) => value));
}

function seriesKey(run: Run): string {
  const { record, point } = run;
  return `${configurationOf(run)} ${record.loop === "closed" ? "closed" : point.clients}`;
}

/** Of one protocol's runs: the settings that vary, each with the value that most runs have. */
function usualOf(runs: readonly Run[]): ReadonlyMap<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const run of runs) {
    for (const { name, kind, value } of settingsOf(run)) {
      if (kind !== "asked" && kind !== "found") continue;
      const values = counts.get(name) ?? new Map<string, number>();
      counts.set(name, values);
      values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  const most = (values: ReadonlyMap<string, number>): string =>
    [...values].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
  return new Map(
    [...counts]
      .filter(([, values]) => values.size > 1)
      .map(([name, values]) => [name, most(values)]),
  );
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
  const missed = runs.some((run) => run.record.unserved > 0);
  const clients = point.clients === 1 ? "1 client" : `${count(point.clients)} clients`;
  return {
    runs,
    load: open ? `${count(point.rate)}/s` : clients,
    mark: open ? `${short(point.rate)}/s${missed ? "!" : ""}` : short(point.clients),
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
