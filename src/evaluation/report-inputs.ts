// What a report is made of: results of sweeps and records of single runs, side by side.

import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { reasonOf, UsageError } from "../base/errors.ts";
import { parseRecord, parseResults } from "./result-lines.ts";
import type { FailedRun, Run } from "./run.ts";

export interface ReportInputs {
  readonly runs: readonly Run[];
  readonly failures: readonly FailedRun[];
}

/** The file in a results directory. */
const RESULTS = "runs.jsonl";

interface Input extends ReportInputs {
  readonly path: string;
  /** Names it, if it is a file of results and not a record. */
  readonly name: string | null;
}

/**
 * Reads results files, directories that have one, and records of `--json`. `labels` are as many as
 * the paths; without them results, but not records, have the names of their directories, if there
 * is more than one path. Throws UsageError, also if there are no runs.
 */
export function readReportInputs(
  paths: readonly string[],
  labels: readonly string[] | null,
): ReportInputs {
  if (labels !== null && labels.length !== paths.length) {
    throw new UsageError(`${labels.length} labels for ${paths.length} results`);
  }
  const label = labels?.find((one, i) => labels.indexOf(one) !== i);
  if (label !== undefined) throw new UsageError(`--labels: ${label} was given twice`);
  const again = paths.find((path, i) => paths.findIndex((one) => same(one, path)) < i);
  if (again !== undefined) throw new UsageError(`${again}: given twice`);
  const inputs = paths.map(readInput);
  const names = labels ?? labelsOf(inputs);
  const labelled = inputs.map((input, i): Input => {
    const label = names[i] ?? null;
    if (label === null) return input;
    return {
      ...input,
      runs: input.runs.map((run) => ({ ...run, label })),
      failures: input.failures.map((one) => ({ ...one, failure: `${label}: ${one.failure}` })),
    };
  });
  const repetitionOf = counter();
  return {
    runs: labelled.flatMap(({ name, runs }) =>
      name !== null ? runs : runs.map((run) => ({ ...run, repetition: repetitionOf(run) })),
    ),
    failures: labelled.flatMap(({ failures }) => failures),
  };
}

function same(a: string, b: string): boolean {
  return resolve(a) === resolve(b);
}

function readInput(path: string): Input {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, RESULTS) : path;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file}: cannot be read: ${reasonOf(error).split("\n")[0]}`);
  }
  const single = parseRecord(text, path);
  if (single !== null) return { path, name: null, runs: [single], failures: [] };
  const results = parseResults(text, file);
  const [runs, failures] = [[...results.runs.values()], [...results.failures.values()]];
  if (runs.length + failures.length === 0) throw new UsageError(`${file}: has no results`);
  return { path, name: basename(dirname(resolve(file))), runs, failures };
}

/** A name each; null for none. Where two have one name, their paths are their names. */
function labelsOf(inputs: readonly Input[]): readonly (string | null)[] {
  const results = inputs.filter(({ name }) => name !== null);
  if (inputs.length === 1 || results.length === 0) return inputs.map(() => null);
  const names = inputs.map(({ name, path }) => name ?? basename(path));
  const distinct = new Set(names).size === names.length;
  return distinct ? names : inputs.map(({ path }) => path);
}

/** Numbers the runs of each point from 0: records of one point are its repetitions. */
function counter(): (run: Run) => number {
  const seen = new Map<string, number>();
  return ({ label, point }) => {
    const key = JSON.stringify([label, point]);
    const before = seen.get(key) ?? 0;
    seen.set(key, before + 1);
    return before;
  };
}
