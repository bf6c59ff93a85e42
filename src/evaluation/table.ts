// The table of results: for every protocol the most that it does and the least that it takes.

import type { AnyProtocol } from "../protocol/index.ts";
import { describePoint } from "./point.ts";
import type { Durations, PointRunner } from "./point-runner.ts";
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
}

export interface RowResult {
  readonly mode: string;
  /** Signature threads of each process; 0 without signatures. */
  readonly workers: number;
  readonly batch: string;
  readonly signature: ResultRecord["signature"];
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
const CLIENTS_MAX = 8192;
/** What counts as rising, and how many loads in succession may not, since machines are noisy. */
const RISE = 1.02;
const FLAT_MAX = 2;

/**
 * The rows of every protocol: those without signatures have one, those of one replica that signs
 * one for each kind of signature, all others one for each kind of batch.
 */
export function tableRows(
  protocols: ReadonlyMap<string, AnyProtocol>,
  common: Pick<Point, "transport" | "workers">,
): readonly TableRow[] {
  return [...protocols].flatMap(([mode, protocol]): readonly TableRow[] => {
    const single = protocol.replicasMin(1) === 1;
    const point: Point = {
      ...{ mode, ...common, f: single ? 0 : 1, clients: 1, clientProcesses: 1, rate: 0 },
      ...{ batch: single ? 1 : BATCH, adaptive: !single, signature: "batch" },
      ...{ app: "null", opSize: 0, fault: "none", lossRate: 0 },
    };
    if (!protocol.signed)
      return [{ point: { ...point, workers: null }, batch: "-", latency: true }];
    if (single) {
      const kinds = ["each", "batch"] as const;
      return kinds.map((signature) => ({
        ...{ point: { ...point, signature }, batch: "-", latency: true },
      }));
    }
    return [
      { point, batch: "adaptive", latency: true },
      { point: { ...point, adaptive: false }, batch: String(BATCH), latency: false },
    ];
  });
}

export interface TableOptions extends Durations {
  readonly rows: readonly TableRow[];
  /** Runs of which a median is taken. */
  readonly repetitions: number;
  readonly runner: PointRunner;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/**
 * Searches for each row the load at which throughput is highest, then measures all rows anew at
 * that load and with one client, repetition after repetition. What the search found is not part of
 * the result: it is the best of many, and so too good. Throws what the runner throws.
 */
export async function measureTable(options: TableOptions): Promise<readonly RowResult[]> {
  const { rows, repetitions, tell } = options;
  const found: { readonly row: TableRow; readonly clients: number }[] = [];
  for (const row of rows) found.push({ row, clients: await searchLoad(row, options) });
  const measured = found.map((one) => ({ ...one, loaded: empty(), single: empty() }));
  for (let repetition = 1; repetition <= repetitions; repetition++) {
    for (const { row, clients, loaded, single } of measured) {
      loaded.push(await measure(row.point, clients, options));
      if (row.latency) single.push(await measure(row.point, 1, options));
    }
    tell(`repetition ${repetition} of ${repetitions} done`);
  }
  return measured.map(({ row, clients, loaded, single }) => {
    const [{ mode, workers, signature }] = loaded as [ResultRecord];
    const throughput = spreadOf(loaded.map((record) => record.throughput));
    const latency = row.latency ? spreadOf(single.map((record) => record.latency.p50)) : null;
    return { mode, workers, batch: row.batch, signature, clients, throughput, latency };
  });
}

/** Doubles the clients until throughput stops rising; how many were best. */
async function searchLoad({ point }: TableRow, options: TableOptions): Promise<number> {
  let best = { clients: CLIENTS_MIN, throughput: 0 };
  let flat = 0;
  for (let clients = CLIENTS_MIN; clients <= CLIENTS_MAX && flat < FLAT_MAX; clients *= 2) {
    const { throughput } = await measure(point, clients, options);
    const rate = Math.round(throughput).toLocaleString("en-US");
    options.tell(`${describePoint({ ...point, clients })}: ${rate} operations a second`);
    flat = throughput > best.throughput * RISE ? 0 : flat + 1;
    if (throughput > best.throughput) best = { clients, throughput };
  }
  return best.clients;
}

async function measure(
  point: Point,
  clients: number,
  { runner, seconds, warmSeconds, signal }: TableOptions,
): Promise<ResultRecord> {
  const { record } = await runner.run({ ...point, clients }, { seconds, warmSeconds }, signal);
  return record;
}

function empty(): ResultRecord[] {
  return [];
}

/** As Markdown. */
export function formatRows(rows: readonly RowResult[]): string {
  const head = [
    ...["protocol", "workers", "batch", "signature", "maximum throughput (Kops/s)"],
    ...["with clients", "minimum median latency (us)"],
  ];
  const lines = rows.map((row) => [
    ...[row.mode, row.signature === "none" ? "-" : String(row.workers), row.batch],
    row.signature === "none" ? "-" : row.signature,
    formatSpread(row.throughput, 1000),
    String(row.clients),
    row.latency === null ? "-" : formatSpread(row.latency, 1),
  ]);
  return [head, head.map(() => "---"), ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
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
