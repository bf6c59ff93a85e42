// What the tables of a report say.

import { decimal } from "../evaluation/format.ts";
import type { KindResult } from "../evaluation/kinds.ts";
import { sumByName } from "../evaluation/merge.ts";
import { describePoint } from "../evaluation/point.ts";
import type { Unused } from "../evaluation/refusals.ts";
import type { FailedRun, Run } from "../evaluation/run.ts";
import { spreadOf } from "../evaluation/summary.ts";
import type { RoleCosts } from "./costs.ts";
import { peakOf, quickestOf, type Series } from "./series.ts";
import { variations } from "./settings.ts";
import { number, spreadCell, text, type Row, type RowGroup, type Table } from "./html-table.ts";

/** Of each series, its highest throughput and its lowest median latency. */
export function summaryTable(all: readonly Series[]): Table {
  return {
    id: "summary",
    caption: "Highest throughput and lowest median latency of each line",
    columns: [
      text("configuration"),
      number("highest throughput (Kops/s)"),
      number("at"),
      number("lowest median latency (µs)"),
      number("at"),
    ],
    groups: oneGroup(
      all.map((series): Row => {
        const [peak, quickest] = [peakOf(series), quickestOf(series)];
        return [
          series.label,
          spreadCell(peak.throughput),
          peak.load,
          spreadCell(quickest.latency.p50),
          quickest.load,
        ];
      }),
    ),
  };
}

/** Every point with medians and spread of its repetitions. */
export function pointsTable(all: readonly Series[]): Table {
  const open = all.some(({ loop }) => loop === "open");
  const paths = all.some(({ points }) => points.some(({ runs }) => runs.some(hasFastPath)));
  return {
    id: "points",
    caption: "Every point: medians of the repetitions, and from the lowest to the highest of them",
    columns: [
      number("clients"),
      ...(open ? [number("rate (ops/s)")] : []),
      number("runs"),
      number("operations"),
      number("throughput (Kops/s)"),
      number("p50 (µs)"),
      number("p90 (µs)"),
      number("p99 (µs)"),
      number("p99.9 (µs)"),
      number("max (µs)"),
      ...(open ? [number("most unserved")] : []),
      number("resent"),
      number("longest gap (ms)"),
      ...(paths ? [number("by the fast path (%)")] : []),
    ],
    groups: all.map(({ label, loop, points }) => ({
      title: label,
      rows: points.map(({ runs, throughput, latency }): Row => {
        const point = runs[0]?.point;
        const ofOpen = (value: number): string[] =>
          open ? [loop === "open" ? decimal(value, 0) : "-"] : [];
        return [
          decimal(point?.clients ?? 0, 0),
          ...ofOpen(point?.rate ?? 0),
          String(runs.length),
          decimal(
            sum(runs, ({ record }) => record.operations),
            0,
          ),
          spreadCell(throughput),
          spreadCell(latency.p50),
          spreadCell(latency.p90),
          spreadCell(latency.p99),
          spreadCell(latency.p999),
          spreadCell(latency.max),
          ...ofOpen(Math.max(...runs.map(({ record }) => record.unserved))),
          decimal(
            sum(runs, ({ record }) => record.retransmissions),
            0,
          ),
          decimal(Math.max(...runs.map(({ record }) => record.longestGapMs)), 1),
          ...(paths ? [fastPathCell(runs)] : []),
        ];
      }),
    })),
  };
}

function hasFastPath({ record }: Run): boolean {
  return record.fastPath !== undefined;
}

/** The least share of its runs, in percent. */
function fastPathCell(runs: readonly Run[]): string {
  const shares = runs.flatMap(({ record }) => record.fastPath ?? []);
  return shares.length === 0 ? "-" : decimal(100 * Math.min(...shares), 1);
}

/** Of each point, what each kind of its operations took; null where no workload has kinds. */
export function kindsTable(all: readonly Series[]): Table | null {
  const groups = all.flatMap(({ label, points }): RowGroup[] => {
    const rows = points.flatMap(({ runs }) => kindRows(runs));
    return rows.length === 0 ? [] : [{ title: label, rows }];
  });
  if (groups.length === 0) return null;
  return {
    id: "kinds",
    caption: "Kinds of operations: medians of the repetitions, and from the lowest to the highest",
    columns: [
      ...[number("clients"), text("kind"), number("operations"), number("mean (µs)")],
      ...[number("p50 (µs)"), number("p95 (µs)"), number("p99 (µs)"), text("ended")],
    ],
    groups,
  };
}

/** One row for each kind in the runs of one point. */
function kindRows(runs: readonly Run[]): readonly Row[] {
  const names = [...new Set(runs.flatMap(({ record }) => Object.keys(record.kinds ?? {})))];
  return names.map((name): Row => {
    const some = runs.flatMap(({ record }) => record.kinds?.[name] ?? []);
    const spread = (of: (kind: KindResult) => number) => spreadCell(spreadOf(some.map(of)));
    const ended = Object.entries(sumByName(some.map(({ returns }) => returns)));
    return [
      decimal(runs[0]?.point.clients ?? 0, 0),
      name,
      decimal(
        some.reduce((total, { operations }) => total + operations, 0),
        0,
      ),
      ...[spread(({ latency }) => latency.mean), spread(({ latency }) => latency.p50)],
      ...[spread(({ p95 }) => p95), spread(({ latency }) => latency.p99)],
      ended.map(([status, n]) => `${status} ${decimal(n, 0)}`).join(", "),
    ];
  });
}

/** Settings that are not the same in all runs, for each series. */
export function differenceTable(all: readonly Series[]): Table {
  const runs = all.map(({ points }) => points.flatMap((point) => point.runs));
  const differing = variations(runs.flat()).filter(({ values }) => values.length > 1);
  const bySeries = runs.map((some) => new Map(variations(some).map((one) => [one.name, one])));
  return {
    id: "differences",
    caption: "Everything that differs between runs",
    columns: [text("configuration"), ...differing.map(({ name }) => text(name))],
    groups: oneGroup(
      all.map(({ label }, index): Row => [
        label,
        ...differing.map(({ name }) => bySeries[index]?.get(name)?.values.join(", ") ?? "-"),
      ]),
    ),
  };
}

/** Settings that are the same in all runs. */
export function commonTable(all: readonly Series[]): Table {
  const runs = all.flatMap(({ points }) => points.flatMap((point) => point.runs));
  return {
    id: "common",
    caption: "Everything that is the same in all runs",
    columns: [text("setting"), text("value")],
    groups: oneGroup(
      variations(runs)
        .filter(({ values }) => values.length === 1)
        .map(({ name, values }): Row => [name, values[0] ?? ""]),
    ),
  };
}

/** The figures behind the bars, and the signatures that an operation costs each role. */
export function costTable(costs: readonly RoleCosts[]): Table {
  const parts = [...new Set(costs.flatMap(({ shares }) => [...(shares?.keys() ?? [])]))];
  const signatures = "signatures for each operation";
  return {
    id: "costs",
    caption:
      parts.length === 0
        ? signatures.replace(/^s/, "S")
        : `Shares of the polling thread's time in per cent, and ${signatures}`,
    columns: [
      text("process"),
      ...parts.map(number),
      number("messages signed"),
      number("signatures made"),
      number("signatures checked"),
      number("found in cache"),
    ],
    groups: [...Map.groupBy(costs, ({ series, load }) => `${series}, ${load}`)].map(
      ([title, some]) => ({
        title,
        rows: some.map(({ role, shares, signatures: { signed, roots, verified, cached } }): Row => [
          role,
          ...parts.map((part) =>
            shares === null ? "-" : decimal(100 * (shares.get(part) ?? 0), 1),
          ),
          ...[signed, roots, verified, cached].map((count) => decimal(count, 3)),
        ]),
      }),
    ),
  };
}

const UNUSED = {
  dropped:
    "Messages and packets dropped in all runs, by reason: losses, if they are more than a few",
  notAdmitted: "Messages that the protocol did not need, by reason: no losses",
} as const satisfies { readonly [kind in keyof Unused]: string };

/** What clients and replicas did not use, one kind of it, by reason; null if there is none. */
export function unusedTable(all: readonly Series[], kind: keyof Unused): Table | null {
  const rows = all.flatMap(({ label, points }): Row[] => {
    const runs = points.flatMap((point) => point.runs);
    const row = (who: string, [reason, count]: readonly [string, number]): Row => {
      const perOperation = count / sum(runs, ({ record }) => record.operations);
      return [label, who, reason, decimal(count, 0), decimal(1000 * perOperation, 3)];
    };
    const unused = (by: readonly Unused[]) =>
      Object.entries(sumByName(by.map((one) => one[kind]))).filter(([, count]) => count > 0);
    const clients = unused(runs.map(({ record }) => record));
    const replicas = unused(runs.flatMap((run) => run.replicas));
    return [
      ...clients.map((drop) => row("clients", drop)),
      ...replicas.map((drop) => row("replicas", drop)),
    ];
  });
  if (rows.length === 0) return null;
  return {
    id: kind === "dropped" ? "drops" : "refusals",
    caption: UNUSED[kind],
    columns: [
      text("configuration"),
      text("by"),
      text("reason"),
      number("count"),
      number("for 1,000 operations"),
    ],
    groups: oneGroup(rows),
  };
}

/** Points that could not be measured. */
export function failureTable(failures: readonly FailedRun[]): Table {
  return {
    id: "failures",
    caption: "Runs that failed, and are in no figure",
    columns: [text("point"), number("repetition"), text("reason")],
    groups: oneGroup(
      failures.map(({ point, repetition, failure }): Row => [
        describePoint(point),
        String(repetition),
        failure,
      ]),
    ),
  };
}

function oneGroup(rows: readonly Row[]): readonly RowGroup[] {
  return [{ title: null, rows }];
}

function sum(runs: readonly Run[], value: (run: Run) => number): number {
  return runs.reduce((total, run) => total + value(run), 0);
}
