// npm run bench -- table: the table of results for every protocol on this machine.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ArgsDef } from "citty";
import { apps } from "../app/index.ts";
import { REPLY_SIZE_MAX } from "../app/null.ts";
import { everyStep, INTERRUPTED, UsageError } from "../base/errors.ts";
import { replaceFile, tryReplacing } from "../base/replace-file.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { buildExecutables, WORKERS_DEFAULT } from "../cluster/cluster.ts";
import { LocalRunner } from "../cluster/local-runner.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import {
  formatRows,
  measureTable,
  replaceRegion,
  tableRows,
  type OperationSizes,
  type StoreWorkload,
} from "../evaluation/results-table.ts";
import { readReportInputs } from "../evaluation/report-inputs.ts";
import { rowsOf } from "../evaluation/table-of-runs.ts";
import { OP_SIZE_MAX } from "../evaluation/point.ts";
import { stopSignal } from "../base/interruption.ts";
import { followParent } from "../process/signals.ts";
import { protocols } from "../protocol/index.ts";
import { chooseWorkload } from "../workload/index.ts";
import { log, print } from "../base/logger.ts";

/**
 * Sessions are opened in that time, and code is compiled: five processes that share two processors
 * need some seconds for that.
 */
const WARM_SECONDS = 3;

const ARGS = {
  seconds: {
    type: "string",
    alias: "d",
    default: "5",
    valueHint: "SECONDS",
    description: `How long to measure in each run, after ${WARM_SECONDS} seconds to warm up`,
  },
  repetitions: {
    type: "string",
    default: "3",
    valueHint: "N",
    description: "Runs of which the table has the median",
  },
  transport: {
    type: "enum",
    options: ["dpdk", "udp"],
    default: "dpdk",
    description: "Shared-memory ports of DPDK, or sockets of the loopback interface",
  },
  workers: {
    type: "string",
    alias: "w",
    valueHint: "N",
    description: `Signature threads of each process (${WORKERS_DEFAULT})`,
  },
  sizes: {
    type: "string",
    default: "1024/0,4096/0,0/4096",
    valueHint: "LIST",
    description: "Bytes of operations and of their results to measure beside 0/0; '': no others",
  },
  workloads: {
    type: "string",
    default: "",
    valueHint: "LIST",
    description: "Stores and what is asked of them, such as btree/ycsb:E,sqlite/ycsb:A, besides",
  },
  from: {
    type: "string",
    valueHint: "DIR",
    description: "Of what a sweep measured and kept there, instead of measuring",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write the table as one JSON object; -: to standard output",
  },
  markdown: { type: "string", valueHint: "FILE", description: "Write the table as Markdown" },
  readme: {
    type: "boolean",
    default: false,
    description: "Write it into README.md, between the two comments that mark its place",
  },
} as const satisfies ArgsDef;

export const BENCH_TABLE: Command = {
  name: "npm run bench -- table",
  description: "Highest throughput and lowest latency of every protocol on this machine",
  args: ARGS,
};

const README = resolve(import.meta.dir, "../../README.md");

export async function benchTable(options: Options): Promise<number> {
  const json = options.output("json");
  const markdown = options.output("markdown");
  const readme = options.flag("readme");
  const from = options.text("from");
  if (readme) {
    rewrite("");
    tryReplacing(README);
  }
  const write = (text: string, result: object): void =>
    everyStep(
      () => print(`\n${text}`),
      () => json?.writeJson(result),
      () => markdown?.write(`${text}\n`),
      () => {
        if (readme) replaceFile(README, rewrite(text));
      },
    );
  if (from !== undefined) return tableFrom(from, options, write);
  const seconds = options.decimal("seconds", 0.1, 3600);
  const repetitions = options.integer("repetitions", 1, 99);
  const transport = options.textOf("transport") === "udp" ? "udp" : "dpdk";
  const workers = options.text("workers") === undefined ? null : options.integer("workers", 0, 256);
  const sizes = readSizes(options.textOf("sizes"));
  const workloads = readWorkloads(options.textOf("workloads"));
  const signal = stopSignal();
  const built = buildExecutables();
  if (built !== 0) return built;
  followParent();
  const runner = new LocalRunner();
  const setting = { seconds, warmSeconds: WARM_SECONDS, profile: false, repetitions };
  try {
    const { rows, failures } = await measureTable({
      rows: tableRows(protocols, { transport, workers }, sizes, workloads),
      ...{ ...setting, runner, signal, tell: (line) => log.info(line) },
    });
    const command = commandOf(options, MEASURING);
    const about = { command, ...setting, transport, host: describeHost(), versions: versions() };
    const result = { ...about, rows };
    if (signal.aborted) {
      log.error("interrupted");
      json?.writeJson({ ...result, interrupted: true });
      return INTERRUPTED;
    }
    write(`${describe(about)}\n\n${formatRows(rows)}`, result);
    for (const failure of failures) log.error(`failed: ${failure}`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await runner.close();
  }
}

/** Options that say what is measured. */
const MEASURING = ["seconds", "repetitions", "transport", "workers", "sizes", "workloads"] as const;

/** The table of what a sweep kept; throws UsageError. */
function tableFrom(
  from: string,
  options: Options,
  write: (text: string, result: object) => void,
): number {
  const also = MEASURING.find((name) => options.given.has(name));
  if (also !== undefined) {
    throw new UsageError(`--${also}: what --from has was measured before`);
  }
  const { runs, failures } = readReportInputs([from], null);
  const rows = rowsOf(runs, protocols);
  const [first] = runs;
  if (first === undefined || rows.length === 0) {
    throw new UsageError(`${from}: has no runs that belong in a table`);
  }
  const { transport, host, warmSeconds, versions: of } = first.record;
  const about = {
    ...{ command: commandOf(options, ["from"]), transport, host, versions: of, warmSeconds },
    seconds: Math.round(first.record.seconds),
    repetitions: 1 + Math.max(...runs.map(({ repetition }) => repetition)),
  };
  write(`${describe(about)}\n\n${formatRows(rows)}`, { ...about, rows });
  for (const { failure } of failures) log.error(`failed: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

/** What the table was measured with, as a paragraph above it. */
function describe(about: {
  readonly command: string;
  readonly host: ReturnType<typeof describeHost>;
  readonly versions: { readonly [name: string]: string };
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly repetitions: number;
}): string {
  const { host, command, versions: of, seconds, warmSeconds, repetitions } = about;
  return (
    `${host.cpu}, ${host.cores} cores shared by replicas and clients, Linux ${host.kernel}, ` +
    `oskr ${of["oskr"]}, Bun ${of["bun"]}. Null operations; medians (and extremes) of ` +
    `${repetitions === 1 ? "one run" : `${repetitions} runs`} of ${seconds} s, after ` +
    `${warmSeconds} s to warm up:\n\`${command}\``
  );
}

/** The command line, as far as these options decide what the table says. */
function commandOf(options: Options, names: readonly string[]): string {
  const given = names.filter((name) => options.given.has(name));
  return [
    BENCH_TABLE.name,
    ...given.map((name) => `--${name} ${options.textOf(name) || "''"}`),
  ].join(" ");
}

/** Sizes as `--sizes` lists them; throws UsageError. */
function readSizes(text: string): readonly OperationSizes[] {
  const words = text === "" ? [] : text.split(",");
  return words.map((word, i) => {
    const [, op = "", reply = ""] = /^(\d{1,7})\/(\d{1,7})$/.exec(word) ?? [];
    const [opSize, replySize] = [Number(op), Number(reply)];
    const known = op !== "" && opSize + replySize > 0;
    if (!known || opSize > OP_SIZE_MAX || replySize > REPLY_SIZE_MAX) {
      throw new UsageError(
        `--sizes ${word}: expected sizes such as 4096/0, each at most ${OP_SIZE_MAX}, not both 0`,
      );
    }
    if (words.indexOf(word) !== i) throw new UsageError(`--sizes: ${word} was given twice`);
    return { opSize, replySize };
  });
}

/** Stores with workloads as `--workloads` lists them; throws UsageError. */
function readWorkloads(text: string): readonly StoreWorkload[] {
  const words = text === "" ? [] : text.split(",");
  return words.map((word, i) => {
    const [app = "", given = ""] = word.split("/");
    if (!apps.has(app)) {
      const expected = `APP/WORKLOAD with an app of ${[...apps.keys()].join(", ")}`;
      throw new UsageError(`--workloads ${word}: expected ${expected}`);
    }
    const { name } = chooseWorkload(given, [], app);
    if (words.indexOf(word) !== i) throw new UsageError(`--workloads: ${word} was given twice`);
    return { app, workload: name };
  });
}

/** The README with that table; throws UsageError if it has no place for one. */
function rewrite(text: string): string {
  const rewritten = replaceRegion(readFileSync(README, "utf8"), text);
  if (rewritten === null) {
    throw new UsageError(`${README}: has no two comments 'bench table: begin' and 'end'`);
  }
  return rewritten;
}
