// npm run bench -- report: a page with charts and tables of results that sweeps and clients kept.

import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { ArgsDef } from "citty";
import { UsageError } from "../base/errors.ts";
import { openDirectory } from "../base/replace-file.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { readReportInputs } from "../evaluation/report-inputs.ts";
import type { Point, Run } from "../evaluation/run.ts";
import { protocols } from "../protocol/index.ts";
import { writeReport } from "../report/write-report.ts";
import { print } from "../base/logger.ts";

const ARGS = {
  results: {
    type: "positional",
    valueHint: "RESULTS...",
    description:
      "What sweeps measured (their directories, or the runs.jsonl in them), and records of --json",
  },
  labels: {
    type: "string",
    valueHint: "A,B,...",
    description:
      "A name for each of the results (default: those of their directories, if there are several)",
  },
  out: {
    type: "string",
    valueHint: "DIR",
    description:
      "Where report.html and the files beside it go (default: beside the results, if they are one)",
  },
  paper: {
    type: "boolean",
    default: false,
    description:
      "Charts for a paper as well, in DIR/paper: SVG and PDF without titles, and their captions",
  },
  title: {
    type: "string",
    valueHint: "TEXT",
    description: "Title of the page (default: the name of the results' directory)",
  },
} as const satisfies ArgsDef;

export const BENCH_REPORT: Command = {
  name: "npm run bench -- report",
  description: "A page with charts and tables of results, side by side, readable without a network",
  args: ARGS,
};

/** Throws UsageError if the results are malformed or the page cannot be written. */
export async function benchReport(options: Options): Promise<number> {
  const paths = options.list("results");
  const labels = options.text("labels");
  const { runs, failures } = readReportInputs(paths, labels?.split(",") ?? null);
  const [first = "", ...others] = paths;
  const beside = statSync(first).isDirectory() ? first : dirname(first);
  if (others.length > 0 && !options.given.has("out")) {
    throw new UsageError("--out is required, because there are several results");
  }
  const dir = options.text("out") ?? beside;
  const title = options.text("title") ?? basename(resolve(others.length > 0 ? dir : beside));
  const named = labels === undefined ? "" : ` --labels ${labels}`;
  const command = `npm run bench -- report ${paths.join(" ")}${named}`;
  openDirectory(dir);
  const written = await writeReport(runs.toSorted(compareRuns), {
    ...{ title, dir, command, failures, paper: options.flag("paper") },
  });
  for (const file of written) print(file);
  return 0;
}

const ORDER: readonly (keyof Point)[] = [
  ...(["transport", "f", "batch", "adaptive", "workers", "signature", "app", "opSize"] as const),
  "extras",
  ...(["fault", "lossRate", "clientProcesses", "rate", "clients"] as const),
];

/** Sweeps shuffle their points: protocols in the order of the registry, then by what was asked. */
function compareRuns({ point: a, repetition: i }: Run, { point: b, repetition: j }: Run): number {
  const modes = [...protocols.keys()];
  // Protocols that are not in the registry, whose place is -1, come last.
  const place = ({ mode }: Point): number => modes.indexOf(mode) >>> 0;
  const name = ORDER.find((one) => !Bun.deepEquals(a[one], b[one]));
  const text = (value: unknown): string =>
    typeof value === "object" ? JSON.stringify(value ?? "") : String(value ?? "");
  const natural = (x: string, y: string): number => x.localeCompare(y, "en", { numeric: true });
  return (
    place(a) - place(b) ||
    natural(a.mode, b.mode) ||
    (name === undefined ? i - j : natural(text(a[name]), text(b[name])))
  );
}
