// The report of measured runs: one HTML page that needs no network, and its charts as SVG files.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { count } from "../evaluation/format.ts";
import type { FailedRun, Run } from "../evaluation/run.ts";
import type { Figure } from "./chart.ts";
import { replaceFile } from "../base/replace-file.ts";
import { costsOf, profileFigure } from "./costs.ts";
import { pointsCsv, throughputCsv } from "./csv.ts";
import { curveFigure } from "./curves.ts";
import { distributionFigure } from "./distributions.ts";
import { groupsOf, type Group } from "./groups.ts";
import { writePaper } from "./paper.ts";
import { pageHtml, section, type Section } from "./page.ts";
import { peakOf, seriesOf, type Series } from "./series.ts";
import {
  commonTable,
  costTable,
  differenceTable,
  failureTable,
  kindsTable,
  pointsTable,
  summaryTable,
  unusedTable,
} from "./tables.ts";

export interface ReportOptions {
  readonly title: string;
  /** Where the files go; made if it is not there. */
  readonly dir: string;
  /** The command that made the runs. */
  readonly command: string;
  /** Runs that failed, to be listed. */
  readonly failures?: readonly FailedRun[];
  /** Whether to draw the charts for a paper as well. */
  readonly paper?: boolean;
}

/**
 * Writes `report.html`, an SVG file for each of its charts, and its figures as `points.csv` and
 * `throughput.csv`; returns their paths. Equal runs give equal files.
 */
export async function writeReport(
  runs: readonly Run[],
  options: ReportOptions,
): Promise<readonly string[]> {
  const series = seriesOf(runs);
  const failures = options.failures ?? [];
  const sections = [
    ...(failures.length === 0
      ? []
      : [section("failed", "Failed runs", [], [failureTable(failures)])]),
    ...(series.length === 0 ? [] : await resultSections(series)),
  ];
  const summary = summaryOf(runs, series, failures);
  const about = aboutOf(runs);
  const { title, command } = options;
  const page = pageHtml({ title, summary, about, command, sections });
  mkdirSync(options.dir, { recursive: true });
  const figures = sections.flatMap((section) => section.figures);
  const files: readonly (readonly [name: string, content: string])[] = [
    ["report.html", page],
    ...figures.map(({ name, wide }) => [`${name}.svg`, `${wide}\n`] as const),
    ["points.csv", pointsCsv(series)],
    ["throughput.csv", throughputCsv(series)],
  ];
  const written = files.map(([name, content]) => {
    const path = join(options.dir, name);
    replaceFile(path, content);
    return path;
  });
  if (options.paper !== true) return written;
  const told = [summary, ...about.map(([name, value]) => `${name}: ${value}`)];
  return [...written, ...(await writePaper(figures, told, options.dir))];
}

async function resultSections(series: readonly Series[]): Promise<readonly Section[]> {
  const groups = groupsOf(series);
  const [first] = groups as readonly [Group, ...Group[]];
  const curves: Figure[] = [];
  for (const group of groups) {
    curves.push(await curveFigure("throughput-latency", group, "p50"));
    curves.push(await curveFigure("throughput-p99", group, "p99"));
  }
  const distributions = [
    await distributionFigure("latency-light", "the lightest load", first, lightestOf),
    await distributionFigure("latency-peak", "the highest throughput", first, peakOf),
  ].filter((figure) => figure !== null);
  const costs = costsOf(series);
  const kinds = kindsTable(series);
  const profile = await profileFigure("profile", first, costs);
  const unused = (["dropped", "notAdmitted"] as const).flatMap(
    (kind) => unusedTable(series, kind) ?? [],
  );
  return [
    section("overview", "Overview", [], [summaryTable(series)]),
    section("throughput-and-latency", "Throughput and latency", curves, []),
    ...(distributions.length === 0
      ? []
      : [section("latency", "Latency distributions", distributions, [])]),
    ...(costs.length === 0
      ? []
      : profile === null
        ? [section("time", "Signatures", [], [costTable(costs)])]
        : [section("time", "Where the time goes", [profile], [costTable(costs)])]),
    section("all-points", "All points", [], [pointsTable(series)]),
    ...(kinds === null ? [] : [section("kinds", "Kinds of operations", [], [kinds])]),
    section("conditions", "Conditions", [], [differenceTable(series), commonTable(series)]),
    ...(unused.length === 0 ? [] : [section("dropped", "Dropped, or not needed", [], unused)]),
  ];
}

function lightestOf({ points }: Series): Series["points"][number] {
  const [lightest] = points;
  if (lightest === undefined) throw new Error("a series has points");
  return lightest;
}

function summaryOf(
  runs: readonly Run[],
  series: readonly Series[],
  failures: readonly FailedRun[],
): string {
  const points = series.flatMap((one) => one.points);
  const repetitions = new Set(points.map((point) => point.runs.length));
  const times = [...repetitions].sort((a, b) => a - b).join(" or ");
  const failed = failures.length === 0 ? "" : ` ${plural(failures.length, "run")} failed.`;
  const operations = runs.reduce((sum, { record }) => sum + record.operations, 0);
  const samples =
    runs.length === 0 ? "" : ` Latencies are those of ${count(operations)} operations.`;
  return (
    `${plural(runs.length, "run")} of ${plural(points.length, "point")} on ` +
    `${plural(series.length, "line")}` +
    `${runs.length === 0 ? "" : `, each measured ${times === "1" ? "once" : `${times} times`}`}.` +
    `${samples}${failed}`
  );
}

/** When, where and what was measured. */
function aboutOf(runs: readonly Run[]): readonly (readonly [name: string, value: string])[] {
  const records = runs.flatMap(({ record, replicas }) => [record, ...replicas]);
  const distinct = (values: readonly string[]): string => [...new Set(values)].join("; ");
  const when = records
    // Earlier versions did not tell.
    .flatMap(({ startedAt }: { readonly startedAt?: string }) => startedAt ?? [])
    .map((time) => `${time.slice(0, 10)} ${time.slice(11, 16)}`)
    .sort();
  const [first, last] = [when.at(0), when.at(-1)];
  const time = first === last ? `${first} UTC` : `${first} to ${last} UTC`;
  const versions = records.map(({ versions: of }) =>
    Object.entries(of)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  const hosts = records.map(
    ({ host: { cpu, cores, kernel } }) => `${cpu}, ${cores} CPUs, Linux ${kernel}`,
  );
  return [
    ...(first === undefined ? [] : [["measured", time] as const]),
    ...(runs.length === 0 ? [] : [["versions", distinct(versions)] as const]),
    ...(runs.length === 0 ? [] : [["on", distinct(hosts)] as const]),
  ];
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
