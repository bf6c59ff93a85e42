// What a process publishes while it runs, for who watches the cluster: a census of it, ten times a
// second, in a page that others read (shared-page.ts).

import type { Options } from "../cli/command-line.ts";
import { residentBytes } from "../evaluation/record.ts";
import type { Gap, RecentLatency } from "../evaluation/recent-load.ts";
import type { Counts } from "../evaluation/refusals.ts";
import { mismatch, numbers, type Shape } from "../evaluation/shape.ts";
import type { Clock } from "../driver.ts";
import { readSharedPage, SharedPage } from "./shared-page.ts";

/** Of any process. */
export interface PublishedProcess {
  readonly pid: number;
  /** When, in milliseconds of the machine's monotonic clock. */
  readonly atMs: number;
  readonly residentBytes: number;
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number;
}

export interface PublishedReplica extends PublishedProcess {
  /** Of its cluster: the protocol, and the faults that it tolerates. */
  readonly mode: string;
  readonly f: number;
  readonly view: number;
  readonly leader: number;
  readonly committed: number;
  readonly executed: number;
  readonly phase: string;
  /** Whether it runs because it recovered. */
  readonly recovered: boolean;
  /** Messages that it lost or could not trust, by reason: the most frequent ones. */
  readonly dropped: Counts;
}

export interface PublishedClients extends PublishedProcess {
  readonly completed: number;
  readonly inFlight: number;
  readonly latency: RecentLatency;
  /** Times without completions, the last ones, on the monotonic clock. */
  readonly gaps: readonly Gap[];
}

const PROCESS = {
  pid: "number",
  atMs: "number",
  residentBytes: "number",
  cpuMs: "number",
} as const;
const REPLICA: Shape = {
  fields: {
    ...{ ...PROCESS, mode: "string", f: "number" },
    ...{ view: "number", leader: "number", committed: "number", executed: "number" },
    ...{ phase: "string", recovered: "boolean", dropped: { mapOf: "number" } },
  },
};
const CLIENTS: Shape = {
  fields: {
    ...PROCESS,
    ...{ completed: "number", inFlight: "number", latency: numbers("count", "p50Us", "p99Us") },
    gaps: { listOf: numbers("fromMs", "toMs") },
  },
};

const PUBLISH_MS = 100;
/** Reasons of drops that are told one by one; all have room in a page. */
const REASONS_MAX = 12;

interface Publishing<T> {
  readonly clock: Clock;
  readonly native: { oskr_monotonic_ns(): number };
  readonly tell: () => Omit<T, keyof PublishedProcess>;
}

/** The page that --census names, null if it does not. Throws UsageError. */
export function openCensusPage(options: Options): SharedPage | null {
  const path = options.text("census");
  return path === undefined ? null : new SharedPage(path);
}

/** Publishes from now on, if there is a page. */
export function publishCensus<T extends PublishedProcess>(
  page: SharedPage | null,
  { clock, native, tell }: Publishing<T>,
): void {
  if (page === null) return;
  const publish = (): void => {
    const { user, system } = process.cpuUsage();
    const own: PublishedProcess = {
      pid: process.pid,
      atMs: native.oskr_monotonic_ns() / 1e6,
      residentBytes: residentBytes(),
      cpuMs: (user + system) / 1000,
    };
    page.publish(JSON.stringify({ ...own, ...tell() }));
    clock.after(PUBLISH_MS, publish);
  };
  publish();
}

/** The most frequent reasons by themselves, the others together. */
export function mostFrequent(counts: Counts): Counts {
  const sorted = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  const rest = sorted.slice(REASONS_MAX).reduce((sum, [, count]) => sum + count, 0);
  const others = rest === 0 ? [] : [["other reasons", rest] as const];
  return Object.fromEntries([...sorted.slice(0, REASONS_MAX), ...others]);
}

/** What a file holds; null: nothing yet, or something of another version. */
export function readReplicaCensus(path: string): PublishedReplica | null {
  return replicaCensusOf(readSharedPage(path));
}

export function readClientCensus(path: string): PublishedClients | null {
  return clientCensusOf(readSharedPage(path));
}

/** What a page holds of which the text is given. */
export function replicaCensusOf(text: string | null): PublishedReplica | null {
  return censusOf(text, REPLICA) as PublishedReplica | null;
}

export function clientCensusOf(text: string | null): PublishedClients | null {
  return censusOf(text, CLIENTS) as PublishedClients | null;
}

function censusOf(text: string | null, shape: Shape): unknown {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return mismatch(value, shape, "") === null ? value : null;
}
