// Figures for other programs to draw: comma-separated values (RFC 4180), a line a row.

import type { LatencySummary } from "../evaluation/latency.ts";
import type { Spread } from "../evaluation/summary.ts";
import type { MeasuredPoint, Series } from "./series.ts";
import { settingsOf } from "./settings.ts";

const LATENCIES = [
  "min",
  "mean",
  "p50",
  "p90",
  "p99",
  "p999",
  "max",
] as const satisfies readonly (keyof LatencySummary)[];

/** Every point with its conditions: medians, least and greatest of its repetitions. */
export function pointsCsv(all: readonly Series[]): string {
  const rows = all.flatMap((series) =>
    series.points.map((point) => new Map([["line", series.label], ...cellsOf(point)])),
  );
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  return csv([names, ...rows.map((row) => names.map((name) => row.get(name) ?? ""))]);
}

function cellsOf({
  runs,
  throughput,
  latency,
}: MeasuredPoint): readonly (readonly [string, string])[] {
  const [first] = runs;
  const spread = (name: string, unit: string, { median, min, max }: Spread, scale = 1) =>
    Object.entries({ median, min, max }).map(
      ([which, value]) => [`${name} ${which} (${unit})`, figure(value * scale)] as const,
    );
  const counts = (of: (run: (typeof runs)[number]) => number): readonly number[] => runs.map(of);
  const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);
  return [
    ...(first === undefined ? [] : settingsOf(first)).flatMap(({ name, kind, value }) =>
      kind === "measured" ? [] : [[name, plain(value)] as const],
    ),
    ["runs", String(runs.length)],
    ["operations", figure(sum(counts(({ record }) => record.operations)))],
    ...spread("throughput", "ops/s", throughput, 1000),
    ...LATENCIES.flatMap((name) => spread(name, "us", latency[name])),
    ["most unserved", figure(Math.max(...counts(({ record }) => record.unserved)))],
    ["resent", figure(sum(counts(({ record }) => record.retransmissions)))],
    ["longest gap (ms)", figure(Math.max(...counts(({ record }) => record.longestGapMs)))],
    ...fastPath(runs.flatMap(({ record }) => record.fastPath ?? [])),
  ];
}

/** The least share of operations that took the fast path, where the protocol has one. */
function fastPath(shares: readonly number[]): readonly (readonly [string, string])[] {
  return shares.length === 0 ? [] : [["least share by the fast path", figure(Math.min(...shares))]];
}

/** What completed in each second of each run. */
export function throughputCsv(all: readonly Series[]): string {
  const head = [
    "line",
    "clients",
    "rate (ops/s)",
    "repetition",
    "until (s)",
    "operations",
    "ops/s",
  ];
  const rows = all.flatMap(({ label, points }) =>
    points.flatMap(({ runs }) =>
      runs.flatMap(({ point, repetition, record: { eachSecond, seconds } }) =>
        eachSecond.map((operations, second) => {
          const until = Math.min(second + 1, seconds);
          const values = [point.clients, point.rate, repetition, until, operations];
          return [label, ...values.map(figure), figure(operations / (until - second))];
        }),
      ),
    ),
  );
  return csv([head, ...rows]);
}

/** A setting's value without the commas between thousands, which spreadsheets read as text. */
function plain(value: string): string {
  return value.replace(/(?<=\d),(?=\d{3}\b)/g, "");
}

/** To the thousandth. */
function figure(value: number): string {
  return String(Number(value.toFixed(3)));
}

function csv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string =>
    /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
