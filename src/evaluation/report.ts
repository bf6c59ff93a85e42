// The report of measured runs: one HTML page that needs no network, and its charts as SVG files.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./report/chart.ts";
import { curveFigure } from "./report/curves.ts";
import { distributionFigure } from "./report/distributions.ts";
import { pageHtml, type Section } from "./report/page.ts";
import { costsOf, profileFigure } from "./report/costs.ts";
import { peakOf, seriesOf, type Series } from "./report/series.ts";
import { variations } from "./report/settings.ts";
import {
  commonTable,
  costTable,
  differenceTable,
  dropTable,
  failureTable,
  pointsTable,
  summaryTable,
} from "./report/tables.ts";
import type { Failure } from "./results.ts";
import type { Run } from "./run.ts";

export interface ReportOptions {
  readonly title: string;
  /** Where the files go; made if it is not there. */
  readonly dir: string;
  /** The command that made the runs. */
  readonly command: string;
  /** Runs that failed, to be listed. */
  readonly failures?: readonly Failure[];
}

/** More lines than this in one chart are a tangle: there is one for each protocol then. */
const LINES_MAX = 8;

/**
 * Writes `report.html` and an SVG file for each of its charts, and returns their paths. Equal runs
 * give equal files.
 */
export async function writeReport(
  runs: readonly Run[],
  options: ReportOptions,
): Promise<readonly string[]> {
  const series = seriesOf(runs);
  const failures = options.failures ?? [];
  const sections = [
    ...(failures.length === 0 ? [] : [failureSection(failures)]),
    ...(series.length === 0 ? [] : await resultSections(series)),
  ];
  const page = pageHtml({
    title: options.title,
    summary: summaryOf(runs, series, failures),
    command: options.command,
    sections,
  });
  mkdirSync(options.dir, { recursive: true });
  const figures = sections.flatMap((section) => section.figures);
  const files: readonly (readonly [name: string, content: string])[] = [
    ["report.html", page],
    ...figures.map(({ name, wide }) => [`${name}.svg`, `${wide}\n`] as const),
  ];
  return files.map(([name, content]) => {
    const path = join(options.dir, name);
    writeFileSync(path, content);
    return path;
  });
}

async function resultSections(series: readonly Series[]): Promise<readonly Section[]> {
  const subtitle = commonConditions(series);
  const groups = groupsOf(series);
  const curves: Figure[] = [];
  const distributions: Figure[] = [];
  for (const { suffix, modes, some } of groups) {
    const figure = (name: string): string => `${name}${suffix}`;
    const median = { title: `Median latency against throughput: ${modes}`, subtitle };
    const tail = { title: `99th percentile of latency against throughput: ${modes}`, subtitle };
    curves.push(
      await curveFigure(figure("throughput-latency"), median, some, "p50"),
      await curveFigure(figure("throughput-p99"), tail, some, "p99"),
    );
    const light = { title: `Latency distribution at the lightest load: ${modes}`, subtitle };
    const heavy = { title: `Latency distribution at the highest throughput: ${modes}`, subtitle };
    const drawn = [
      await distributionFigure(figure("latency-light"), light, some, lightestOf),
      await distributionFigure(figure("latency-peak"), heavy, some, peakOf),
    ];
    distributions.push(...drawn.filter((one) => one !== null));
  }
  const section = (id: string, title: string, rest: Partial<Section>): Section => ({
    ...{ id, title, lead: "", figures: [], tables: [] },
    ...rest,
  });
  const drops = dropTable(series);
  return [
    section("overview", "Overview", { tables: [summaryTable(series)] }),
    section("throughput-and-latency", "Throughput and latency", { figures: curves }),
    ...(distributions.length === 0
      ? []
      : [section("latency", "Latency distributions", { figures: distributions })]),
    ...(await costSections(series, subtitle)),
    section("all-points", "All points", { tables: [pointsTable(series)] }),
    section("conditions", "Conditions", {
      tables: [differenceTable(series), commonTable(series)],
    }),
    ...(drops === null ? [] : [section("dropped", "Dropped", { tables: [drops] })]),
  ];
}

async function costSections(
  series: readonly Series[],
  subtitle: string,
): Promise<readonly Section[]> {
  const costs = costsOf(series);
  if (costs.length === 0) return [];
  const title = `Where the time goes: ${modesOf(series)}`;
  const figure = await profileFigure("profile", { title, subtitle }, costs);
  return [
    {
      id: "time",
      title: figure === null ? "Signatures" : "Where the time goes",
      lead: "",
      figures: figure === null ? [] : [figure],
      tables: [costTable(costs)],
    },
  ];
}

function failureSection(failures: readonly Failure[]): Section {
  return {
    id: "failed",
    title: "Failed runs",
    lead: "",
    figures: [],
    tables: [failureTable(failures)],
  };
}

/** All series, or those of each protocol where all would be too many for a chart. */
function groupsOf(series: readonly Series[]): readonly {
  /** Of the names of figures. */
  readonly suffix: string;
  readonly modes: string;
  readonly some: readonly Series[];
}[] {
  if (series.length <= LINES_MAX) return [{ suffix: "", modes: modesOf(series), some: series }];
  return [...Map.groupBy(series, ({ mode }) => mode)].map(([mode, some]) => ({
    suffix: `-${mode.replace(/[^\w-]/g, "-")}`,
    modes: mode,
    some,
  }));
}

function modesOf(series: readonly Series[]): string {
  return [...new Set(series.map(({ mode }) => mode))].join(", ");
}

function lightestOf({ points }: Series): Series["points"][number] {
  const [lightest] = points;
  if (lightest === undefined) throw new Error("a series has points");
  return lightest;
}

/** What was asked for and is the same everywhere, for below the titles of charts. */
function commonConditions(series: readonly Series[]): string {
  const runs = series.flatMap(({ points }) => points.flatMap((point) => point.runs));
  const told = variations(runs)
    .filter(({ kind, values }) => kind === "asked" && values.length === 1)
    .filter(
      ({ name, values }) => name !== "protocol" && !(name === "faults" && values[0] === "none"),
    )
    .map(({ name, values }) => `${name} ${values[0]}`);
  return told.join(" · ");
}

function summaryOf(
  runs: readonly Run[],
  series: readonly Series[],
  failures: readonly Failure[],
): string {
  const points = series.flatMap((one) => one.points);
  const repetitions = new Set(points.map((point) => point.runs.length));
  const times = [...repetitions].sort((a, b) => a - b).join(" or ");
  const failed = failures.length === 0 ? "" : ` ${plural(failures.length, "run")} failed.`;
  const machines = new Set(
    runs.map(({ record }) => `${record.host.cpu}, ${record.host.cores} CPUs`),
  );
  const where = runs.length === 0 ? "" : ` Clients ran on ${[...machines].join("; ")}.`;
  return (
    `${plural(runs.length, "run")} of ${plural(points.length, "point")} on ` +
    `${plural(series.length, "line")}` +
    `${runs.length === 0 ? "" : `, each measured ${times === "1" ? "once" : `${times} times`}`}.` +
    `${failed}${where}`
  );
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
