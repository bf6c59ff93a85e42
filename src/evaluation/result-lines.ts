// The lines of a results file: what may stand in them, and all of a file at once.

import { readFileSync } from "node:fs";
import { reasonOf, UsageError } from "../base/errors.ts";
import { SECTION_NAMES } from "../profile/profiler.ts";
import type { ResultRecord } from "./record.ts";
import { splitRefusals, type Unused } from "./refusals.ts";
import type { FailedRun, Point, Run } from "./run.ts";
import { KIND_RESULT } from "./kinds.ts";
import { extrasOf } from "./plan-extras.ts";
import { isObject, mismatch, numbers, type Shape } from "./shape.ts";

/** What results say of runs, by their keys. */
export class RunsByKey {
  readonly runs = new Map<string, Run>();
  /** Without those that succeeded when they were tried again. */
  readonly failures = new Map<string, FailedRun>();

  add(result: Run | FailedRun): void {
    if ("failure" in result) {
      if (!this.runs.has(result.key)) this.failures.set(result.key, result);
    } else {
      this.runs.set(result.key, result);
      this.failures.delete(result.key);
    }
  }
}

/** Reads a results file. Throws UsageError with the line where it is malformed. */
export function readResults(path: string): RunsByKey {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = reasonOf(error);
    throw new UsageError(`${path}: cannot be read: ${reason.split("\n")[0]}`);
  }
  return parseResults(text, path);
}

/** The text of a results file, which is at `path`; throws UsageError as readResults does. */
export function parseResults(text: string, path: string): RunsByKey {
  const results = new RunsByKey();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() !== "") results.add(parseResult(line, `${path}:${index + 1}`));
  }
  return results;
}

/** One line, which is at `where`. Throws UsageError if it is no result, or lacks a part of one. */
function parseResult(line: string, where: string): Run | FailedRun {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new UsageError(`${where}: not the result of a run: no JSON`);
  }
  const shape = isObject(value) && "failure" in value ? FAILURE : RUN;
  const wrong = mismatch(value, shape, "");
  if (wrong !== null) throw new UsageError(`${where}: not the result of a run: ${wrong}`);
  const result = value as Run | FailedRun;
  return "failure" in result ? result : upToDate(result);
}

/**
 * The record that `--json` wrote, whose text this is, as a run; null if it is none. Throws
 * UsageError if it lacks a part of one, or if its run did not go well to its end.
 */
export function parseRecord(text: string, path: string): Run | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value) || "record" in value || "key" in value) return null;
  if (typeof value["failure"] === "string") {
    throw new UsageError(`${path}: of a run that failed: ${value["failure"]}`);
  }
  if (!("throughput" in value)) return null;
  const wrong = mismatch(value, WHOLE_RECORD, "");
  if (wrong !== null) throw new UsageError(`${path}: not the record of a run: ${wrong}`);
  const record = value as unknown as ResultRecord;
  if (record.interrupted === true) throw new UsageError(`${path}: of a run that was interrupted`);
  if (record.serviceGone) {
    throw new UsageError(`${path}: of a run at whose end the service was gone`);
  }
  const run = { key: path, point: pointOf(record), repetition: 0, record, replicas: [] };
  return upToDate(run);
}

/** What a plan would have asked for. */
function pointOf(record: ResultRecord): Point {
  const { mode, f, clients, clientProcesses, rate, batch, adaptive, signature, workers } = record;
  const { app, opSize } = record;
  const { replicas = [] }: Partial<ResultRecord> = record;
  const extras = extrasOf(record);
  const signed = signature !== "none";
  const lossRate = Math.max(0, ...replicas.map((told) => told?.lossRate ?? 0));
  return {
    ...{ mode, f, clients, clientProcesses, rate, batch, adaptive, app, opSize },
    transport: record.transport === "udp" ? "udp" : "dpdk",
    workers: signed ? workers : null,
    signature: signed ? signature : "batch",
    ...{ fault: lossRate > 0 ? "loss" : "none", lossRate },
    ...(Object.keys(extras).length === 0 ? {} : { extras }),
  };
}

/**
 * Earlier versions counted what their protocols did not need among what was dropped, and did not
 * tell what completed in each second.
 */
function upToDate(run: Run): Run {
  const split = <T extends Unused>(one: T): T => {
    const { dropped, notAdmitted } = splitRefusals(one.dropped);
    return { ...one, dropped, notAdmitted: { ...notAdmitted, ...one.notAdmitted } };
  };
  const { eachSecond = [] }: Partial<ResultRecord> = run.record;
  const record = { ...split(run.record), eachSecond };
  return { ...run, record, replicas: run.replicas.map(split) };
}

const LATENCY = numbers("min", "mean", "p50", "p90", "p99", "p999", "max");
const HOST: Shape = { fields: { cpu: "string", cores: "number", kernel: "string" } };
const SIGNATURES = numbers("signed", "roots", "verified", "cached");
const PROFILE: Shape = {
  fields: {
    shares: numbers(...SECTION_NAMES),
    seconds: "number",
    signatures: SIGNATURES,
    waits: numbers("checks", "checkUs", "signs", "signUs"),
    operations: "number",
  },
};
const POINT: Shape = {
  fields: {
    mode: "string",
    transport: "string",
    f: "number",
    clients: "number",
    clientProcesses: "number",
    rate: "number",
    batch: "number",
    adaptive: "boolean",
    workers: "number or null",
    signature: "string",
    app: "string",
    opSize: "number",
    fault: "string",
    lossRate: "number",
    extras: { optional: { mapOf: "string or number" } },
  },
};
const RECORD = {
  fields: {
    workload: "string",
    n: "number",
    loop: "string",
    crypto: "string",
    workers: "number",
    idle: "string",
    replySize: "number",
    warmSeconds: "number",
    seconds: "number",
    operations: "number",
    throughput: "number",
    eachSecond: { optional: { listOf: "number" } },
    unserved: "number",
    latency: LATENCY,
    distribution: { listOf: { listOf: "number" } },
    kinds: { optional: { mapOf: KIND_RESULT } },
    longestGapMs: "number",
    retransmissions: "number",
    fastPath: { optional: "number" },
    dropped: { mapOf: "number" },
    notAdmitted: { optional: { mapOf: "number" } },
    profile: { optional: PROFILE },
    host: HOST,
    versions: { mapOf: "string" },
  },
} as const satisfies Shape;
/** With what a point says in a run. */
const WHOLE_RECORD: Shape = {
  fields: {
    ...RECORD.fields,
    ...{ mode: "string", app: "string", transport: "string", f: "number", clients: "number" },
    ...{ clientProcesses: "number", rate: "number", batch: "number", adaptive: "boolean" },
    ...{ signature: "string", opSize: "number" },
  },
};
const REPLICA: Shape = {
  fields: {
    executed: "number",
    signatures: SIGNATURES,
    oneTime: { optional: numbers("signed", "known", "cold", "announced", "heard") },
    dropped: { mapOf: "number" },
    notAdmitted: { optional: { mapOf: "number" } },
    profile: { optional: PROFILE },
    host: HOST,
    versions: { mapOf: "string" },
  },
};
const RUN: Shape = {
  fields: {
    key: "string",
    point: POINT,
    repetition: "number",
    record: RECORD,
    replicas: { listOf: REPLICA },
  },
};
const FAILURE: Shape = {
  fields: { key: "string", failure: "string", point: POINT, repetition: "number" },
};
