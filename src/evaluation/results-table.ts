// The table of results: for every protocol the most that it does and the least that it takes.

import type { AnyProtocol } from "../actor.ts";
import type { RequestAuth } from "../protocol-config.ts";
import { refusalOf } from "../base/errno.ts";
import { reasonOf } from "../base/errors.ts";
import { smallestCluster } from "../protocol/index.ts";
import { count, formatThroughput } from "./format.ts";
import type { RunSettings, PointRunner } from "./point-runner.ts";
import { describePoint } from "./point.ts";
import type { ResultRecord } from "./record.ts";
import type { Point } from "./run.ts";
import { spreadOf, type Spread } from "./summary.ts";

/** What a row is measured with; its clients vary. */
export interface TableRow {
  readonly point: Point;
  /** As the table names it. */
  readonly batch: string;
  /** Not for batches that one client cannot fill, whose latency is that of their timer. */
  readonly latency: boolean;
  /** The same without bytes, around whose best load this one is measured; null: there is none. */
  readonly empty: TableRow | null;
}

/** Bytes of an operation and of its result. */
export interface OperationSizes {
  readonly opSize: number;
  readonly replySize: number;
}

/** A store and what is asked of it. */
export interface StoreWorkload {
  readonly app: string;
  readonly workload: string;
}

export interface RowResult extends OperationSizes {
  readonly mode: string;
  readonly app: string;
  /** null: what the application has. */
  readonly workload: string | null;
  /** Signature threads of each process; 0 without signatures. */
  readonly workers: number;
  readonly batch: string;
  readonly signature: ResultRecord["signature"];
  readonly requestAuth: RequestAuth;
  /** At which throughput was highest. */
  readonly clients: number;
  /** Operations a second with so many clients. */
  readonly throughput: Spread;
  /** Of the median latency of one client, in microseconds; null where it says nothing. */
  readonly latency: Spread | null;
}

const BATCH = 100;
/** What the first load of the search is, and the last if throughput never stops rising. */
const CLIENTS_MIN = 16;
const CLIENTS_MAX = 4096;
/** What counts as rising, and how many loads in succession may not, since machines are noisy. */
const RISE = 1.02;
const FLAT_MAX = 2;
/** Loads that are tried with bytes in operations: shares of the best one without. */
const SHARES = [1 / 16, 1 / 4, 1] as const;

/**
 * The rows of every protocol: those without signatures have one, those of one replica that signs
 * one for each kind of signature, all others one for each kind of batch, one with one-time
 * signatures and one with signed requests, and those with a fast path one with a silent backup,
 * which costs that path; then one for each of these sizes and workloads, with signatures and
 * batches that make use of load.
 */
export function tableRows(
  protocols: ReadonlyMap<string, AnyProtocol>,
  common: Pick<Point, "transport" | "workers">,
  sizes: readonly OperationSizes[],
  workloads: readonly StoreWorkload[] = [],
): readonly TableRow[] {
  return [...Map.groupBy(emptyRows(protocols, common), ({ point }) => point.mode).values()].flatMap(
    (rows) => {
      const empty = rows.find(({ point, latency }) => latency && point.signature === "batch");
      if (empty === undefined) return rows;
      const sized = sizes.map((size) => sizedRow(empty, size));
      return [...rows, ...sized, ...workloads.map((asked) => storeRow(empty, asked))];
    },
  );
}

function sizedRow(empty: TableRow, { opSize, replySize }: OperationSizes): TableRow {
  const extras = replySize === 0 ? {} : { extras: { replySize } };
  return { ...empty, point: { ...empty.point, opSize, ...extras }, empty };
}

function storeRow(empty: TableRow, { app, workload }: StoreWorkload): TableRow {
  return { ...empty, point: { ...empty.point, app, extras: { workload } }, empty };
}

/** Those whose operations and results have no bytes. */
function emptyRows(
  protocols: ReadonlyMap<string, AnyProtocol>,
  common: Pick<Point, "transport" | "workers">,
): readonly TableRow[] {
  return [...protocols].flatMap(([mode, protocol]): readonly TableRow[] => {
    const single = smallestCluster(protocol, 1).n === 1;
    const point: Point = {
      ...{ mode, ...common, f: single ? 0 : 1, clients: 1, clientProcesses: 1, rate: 0 },
      ...{ batch: single ? 1 : BATCH, adaptive: !single, signature: "batch" },
      ...{ app: "null", opSize: 0, fault: "none", lossRate: 0 },
    };
    if (!protocol.signed)
      return [{ point: { ...point, workers: null }, batch: "-", latency: true, empty: null }];
    if (single) {
      const kinds = ["each", "batch", "hybrid"] as const;
      return kinds.map((signature) => ({
        ...{ point: { ...point, signature }, batch: "-", latency: true, empty: null },
      }));
    }
    const silent = { ...point, fault: "silent" } as const;
    const hybrid = { ...point, signature: "hybrid" } as const;
    const signed = { ...point, extras: { requestAuth: "sign" } } as const;
    return [
      { point, batch: "adaptive", latency: true, empty: null },
      ...(protocol.hasFastPath === true
        ? [{ point: silent, batch: "adaptive, one silent", latency: true, empty: null }]
        : []),
      {
        ...{ point: { ...point, adaptive: false }, batch: String(BATCH), latency: false },
        empty: null,
      },
      { point: hybrid, batch: "adaptive", latency: true, empty: null },
      { point: signed, batch: "adaptive", latency: true, empty: null },
    ];
  });
}

export interface TableOptions extends RunSettings {
  readonly rows: readonly TableRow[];
  /** Runs of which a median is taken. */
  readonly repetitions: number;
  readonly runner: PointRunner;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export interface Table {
  readonly rows: readonly RowResult[];
  /** A line for each row that has no result, and for each repetition that failed. */
  readonly failures: readonly string[];
}

/**
 * Searches for each row the load at which throughput is highest, then measures all rows anew at
 * that load and with one client, repetition after repetition. What the search found is not part of
 * the result: it is the best of many, and so too good. Runs that fail are told and left out.
 * Throws the signal's reason when it comes.
 */
export async function measureTable(options: TableOptions): Promise<Table> {
  const { rows, repetitions, tell } = options;
  const bench = new TableBench(options);
  const measured: Measured[] = [];
  try {
    for (const row of rows) {
      const around = measured.find((other) => other.row === row.empty)?.clients;
      const clients = await bench.searchLoad(row, around);
      if (clients !== null) measured.push({ row, clients, loaded: [], single: [] });
    }
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const { row, clients, loaded, single } of measured) {
        loaded.push(...(await bench.measure(row.point, clients)));
        if (row.latency) single.push(...(await bench.measure(row.point, 1)));
      }
      tell(`repetition ${repetition} of ${repetitions} done`);
    }
  } catch (error) {
    // What an interrupted one throws says no more than that.
    if (!options.signal.aborted) throw error;
  }
  return { rows: measured.flatMap(rowResult), failures: bench.failures };
}

export interface Measured {
  readonly row: TableRow;
  readonly clients: number;
  readonly loaded: ResultRecord[];
  readonly single: ResultRecord[];
}

/** The row of what was measured; none if nothing was. */
export function rowResult({ row, clients, loaded, single }: Measured): readonly RowResult[] {
  const [first] = loaded;
  if (first === undefined) return [];
  const { mode, workers, signature, requestAuth = "none" } = first;
  const throughput = spreadOf(loaded.map((record) => record.throughput));
  const latencies = single.map((record) => record.latency.p50);
  const latency = latencies.length === 0 ? null : spreadOf(latencies);
  const { app, opSize, extras = {} } = row.point;
  const { replySize = 0, workload = null } = extras;
  const asked = { app, workload: workload === null ? null : String(workload), opSize };
  const sizes = { ...asked, replySize: Number(replySize) };
  const signs = { signature, requestAuth };
  return [{ mode, workers, batch: row.batch, ...signs, ...sizes, clients, throughput, latency }];
}

class TableBench {
  readonly failures: string[] = [];
  readonly #options: TableOptions;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /**
   * Doubles the clients until throughput stops rising, or tries shares of `around`; how many were
   * best, null if all failed. Only then is failing a failure: a load that is too high is none.
   */
  async searchLoad({ point }: TableRow, around: number | undefined): Promise<number | null> {
    let best = { clients: 0, throughput: 0 };
    let flat = 0;
    let failure = "";
    const loads = around === undefined ? DOUBLED : sharesOf(around);
    for (const clients of loads) {
      if (around === undefined && flat === FLAT_MAX) break;
      const ran = await this.#run({ ...point, clients });
      const throughput = typeof ran === "string" ? 0 : ran.throughput;
      const what = describePoint({ ...point, clients });
      const told = typeof ran === "string" ? ran : formatThroughput(throughput);
      this.#options.tell(`${what}: ${told}`);
      if (typeof ran === "string") failure = `${what}: ${ran}`;
      flat = throughput > best.throughput * RISE ? 0 : flat + 1;
      if (throughput > best.throughput) best = { clients, throughput };
    }
    if (best.clients > 0) return best.clients;
    this.failures.push(failure);
    return null;
  }

  /** One record, or none if the run failed. */
  async measure(point: Point, clients: number): Promise<readonly ResultRecord[]> {
    const ran = await this.#run({ ...point, clients });
    if (typeof ran !== "string") return [ran];
    this.failures.push(`${describePoint({ ...point, clients })}: ${ran}`);
    return [];
  }

  /** The record of the clients, or why there is none. */
  async #run(point: Point): Promise<ResultRecord | string> {
    const { runner, seconds, warmSeconds, profile, signal } = this.#options;
    try {
      return (await runner.run(point, { seconds, warmSeconds, profile }, signal)).record;
    } catch (error) {
      signal.throwIfAborted();
      return refusalOf(error) ?? reasonOf(error);
    }
  }
}

const DOUBLED: readonly number[] = Array.from(
  { length: 1 + Math.log2(CLIENTS_MAX / CLIENTS_MIN) },
  (_, i) => CLIENTS_MIN * 2 ** i,
);

function sharesOf(clients: number): readonly number[] {
  return [...new Set(SHARES.map((share) => Math.max(1, Math.round(clients * share))))];
}

/** As Markdown. */
export function formatRows(rows: readonly RowResult[]): string {
  const head = [
    ...["protocol", "workers", "batch", "signature", "operation / result (bytes)"],
    ...["maximum throughput (Kops/s)", "with clients", "minimum median latency (us)"],
  ];
  const lines = rows.map((row) => [
    ...[row.mode, row.signature === "none" ? "-" : String(row.workers), row.batch],
    signaturesOf(row),
    row.workload === null
      ? `${count(row.opSize)} / ${count(row.replySize)}`
      : `${row.workload} of ${row.app}`,
    formatSpread(row.throughput, 1000),
    String(row.clients),
    row.latency === null ? "-" : formatSpread(row.latency, 1),
  ]);
  return [head, head.map(() => "---"), ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Who signs: replicas by that kind of signature, and clients if they do. */
function signaturesOf({ signature, requestAuth }: RowResult): string {
  const names = [
    ...(signature === "none" ? [] : [signature]),
    ...(requestAuth === "sign" ? ["requests"] : []),
  ];
  return names.length === 0 ? "-" : names.join(", ");
}

function formatSpread({ median, min, max }: Spread, unit: number): string {
  const [middle, low, high] = [median, min, max].map((value) => (value / unit).toFixed(1));
  return `${middle} (${low} to ${high})`;
}

const BEGIN = "<!-- bench table: begin -->";
const END = "<!-- bench table: end -->";

/** The document with that text between its two markers; null if it does not have them in order. */
export function replaceRegion(document: string, text: string): string | null {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) return null;
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}
