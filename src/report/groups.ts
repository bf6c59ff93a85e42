// Which series share a chart.

import type { Run } from "../evaluation/run.ts";
import type { Series } from "./series.ts";
import { AS_USUAL, variations } from "./settings.ts";

/** A series with its looks in one chart: a number that picks colour and shape. */
export interface Line extends Series {
  readonly style: number;
}

export interface Group {
  /** Ends the names of its charts; empty for the first group. */
  readonly suffix: string;
  /** Ends their titles: what is compared. */
  readonly compared: string;
  /** What is the same for all lines. */
  readonly conditions: string;
  readonly lines: readonly Line[];
}

/** More lines than this in one chart are a tangle. */
export const LINES_MAX = 13;
/** Protocols that a title names. */
const NAMED_MAX = 5;

/**
 * All series in one group if they are few. Otherwise first those that are as most are, then a group
 * for each set of settings in which others depart from these, with these beside them, and further
 * where a group is still too large.
 */
export function groupsOf(series: readonly Series[]): readonly Group[] {
  if (series.length <= LINES_MAX) return [groupOf("", [], series)];
  const usual = series.filter(({ departs }) => departs.length === 0);
  const others = series.filter(({ departs }) => departs.length > 0);
  const groups = usual.length === 0 ? [] : split("", [], usual, []);
  for (const [key, some] of Map.groupBy(others, ({ departs }) => departs.join(" and "))) {
    const suffix = `-${key.replace(/\W+/g, "-")}`;
    const loops = new Set(some.map(({ loop }) => loop));
    const beside = usual.filter(({ loop }) => loops.has(loop));
    groups.push(...split(suffix, [key], some, beside));
  }
  return groups;
}

/**
 * By loop, by what they depart by, and by protocol, as long as there are too many; `beside` go with
 * their like where they have room: protocols are compared rather than each with itself.
 */
function split(
  suffix: string,
  by: readonly string[],
  some: readonly Series[],
  beside: readonly Series[],
): Group[] {
  const modes = new Set(some.map(({ mode }) => mode));
  const alike = beside.filter(({ mode }) => modes.has(mode));
  const all = [...alike, ...some];
  const loops = new Set(all.map(({ loop }) => loop));
  if (all.length <= LINES_MAX) return [groupOf(suffix, by, all)];
  if (loops.size === 1 && modes.size > 1 && some.length <= LINES_MAX) {
    return [groupOf(suffix, by, some)];
  }
  for (const part of ["loop", "departure", "mode"] as const) {
    const parts = Map.groupBy(some, (one) => one[part]);
    if (parts.size === 1) continue;
    return [...parts].flatMap(([name, few]) =>
      split(
        `${suffix}-${name.replace(/\W+/g, "-")}`,
        part === "departure" ? [name] : by,
        few,
        part === "departure" ? alike : alike.filter((one) => one[part] === name),
      ),
    );
  }
  return [groupOf(suffix, by, all)];
}

function groupOf(suffix: string, by: readonly string[], series: readonly Series[]): Group {
  const usual = series.filter(({ departs }) => departs.length === 0);
  // Protocols look alike in all charts as long as nothing comes before them.
  const inOrder = [...usual, ...series.filter(({ departs }) => departs.length > 0)];
  const configurations = [...new Set(inOrder.map(({ configuration }) => configuration))];
  const modes = [...new Set(series.map(({ mode }) => mode))];
  const lines = series.map((one): Line => {
    return { ...one, style: configurations.indexOf(one.configuration) };
  });
  lines.sort((a, b) => modes.indexOf(a.mode) - modes.indexOf(b.mode) || a.style - b.style);
  const protocols = modes.length > NAMED_MAX ? `${modes.length} protocols` : modes.join(", ");
  const compared = [protocols, ...by.map((name) => `by ${name}`)].join(", ");
  const otherwise = by.length === 0 ? "" : exceptions(usual, series);
  return { suffix, compared, conditions: conditionsOf(series) + otherwise, lines };
}

/** What the usual lines have of the settings in which the others depart from them. */
function exceptions(usual: readonly Series[], series: readonly Series[]): string {
  const names = new Set(series.flatMap(({ departs }) => departs));
  return variations(usual.flatMap(runsOf))
    .filter(({ name, values }) => names.has(name) && values.length === 1)
    .map(({ name, values }) => ` · ${name} ${values[0]} unless said otherwise`)
    .join("");
}

/**
 * What was asked for and is the same in all runs of these series, or in all of each protocol: what
 * their labels do not tell.
 */
function conditionsOf(series: readonly Series[]): string {
  const byMode = [...Map.groupBy(series, ({ mode }) => mode)].map(
    ([mode, some]) => [mode, variations(some.flatMap(runsOf))] as const,
  );
  return variations(series.flatMap(runsOf))
    .filter(({ name, kind }) => kind === "asked" && name !== "protocol")
    .flatMap(({ name, values }): string[] => {
      if (values.length === 1) return [`${name} ${values[0]}`];
      const ofModes = byMode.map(([mode, all]) => {
        const own = all.find((variation) => variation.name === name)?.values ?? [];
        return { mode, own };
      });
      if (ofModes.some(({ own }) => own.length > 1)) return [];
      const told = values.map((value) => {
        const modes = ofModes.filter(({ own }) => own[0] === value).map(({ mode }) => mode);
        return `${value} (${modes.join(", ")})`;
      });
      return [`${name} ${told.join(", ")}`];
    })
    .filter((told) => told !== "faults none" && !told.endsWith(` ${AS_USUAL}`))
    .join(" · ");
}

function runsOf({ points }: Series): readonly Run[] {
  return points.flatMap((point) => point.runs);
}
