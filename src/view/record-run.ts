// Runs a seed once more, with a recorder: what it did is data for a page.

import { runAny } from "../simulation/runner.ts";
import type { RunOptions } from "../simulation/run-seed.ts";
import { PlayRun } from "../simulation/play-run.ts";
import type { Play } from "../simulation/play.ts";
import type { Subject } from "../simulation/subject.ts";
import type { Report } from "../simulation/world.ts";
import type { Process } from "../simulation/process.ts";
import { MARKS, RUN_VERSION, type ProcessData, type RunData, type SpanData } from "./run-data.ts";
import { RunRecorder, UNDER_WAY } from "./run-recorder.ts";

/** Messages of a page: more make it slow, and nobody looks at more. */
const MESSAGES_MAX = 200_000;

/** What a page says of its run beside what happened. */
export interface Telling {
  readonly command: string;
  readonly note: string;
}

/** What of a report can be told before the run is over. */
export type SoFar = Pick<
  Report,
  "protocol" | "kind" | "seed" | "traceHash" | "events" | "operations"
>;

/** The run and its report; of one that is too long the last messages. */
export function recordRun(
  options: RunOptions,
  telling: Telling,
  max = MESSAGES_MAX,
): { readonly data: RunData; readonly report: Report } {
  let recorder = new RunRecorder(0, max);
  let report = runAny({ ...options, observer: recorder });
  const skipped = recorder.count - max;
  if (skipped > 0) {
    // A run is the same each time, so that it is known by now what comes last.
    recorder = new RunRecorder(skipped, max);
    report = runAny({ ...options, observer: recorder });
  }
  return { data: dataOf(recorder, report, telling, Math.max(0, skipped)), report };
}

/** The same of a play, as far as `toUs`. */
export function recordPlay(
  subject: Subject,
  play: Play,
  toUs: number,
  telling: Telling,
): { readonly data: RunData; readonly report: Report } {
  const recorder = new RunRecorder(0, MESSAGES_MAX);
  const run = new PlayRun(subject, play, recorder);
  run.advance(toUs);
  const report = run.report();
  return { data: dataOf(recorder, report, telling, 0), report };
}

/** What was recorded of a run that is over. */
function dataOf(recorder: RunRecorder, report: Report, telling: Telling, skipped: number): RunData {
  settleDown(recorder, recorder.world.scheduler.nowUs);
  return dataSoFar(recorder, report, telling, skipped);
}

/** What was recorded of a run until now. */
export function dataSoFar(
  recorder: RunRecorder,
  report: SoFar,
  { command, note }: Telling,
  skipped: number,
): RunData {
  const { world, columns, contents } = recorder;
  const endUs = world.scheduler.nowUs;
  const { protocol, kind, seed, traceHash } = report;
  return {
    version: RUN_VERSION,
    ...{ protocol, kind, seed, note, command, traceHash, skipped, endUs },
    facts: factsOf(recorder, report),
    gstUs: world.gstUs < endUs ? world.gstUs : -1,
    processes: recorder.processes.map((process) => processData(recorder, process)),
    contents: contents.finish((stamp) => recorder.operationOf(stamp)),
    kinds: contents.kinds,
    travels: columns.travels.all,
    fates: columns.fates,
    texts: columns.texts.all,
    messages: columns.messages,
    handlers: columns.handlers,
    marks: columns.marks,
    bands: recorder.bands.until(endUs),
    spans: spansOf(recorder, endUs),
    failures: recorder.failures,
    operations: recorder.operations,
  };
}

/** What was due before the end and never arrived found its receiver down. */
function settleDown({ columns }: RunRecorder, endUs: number): void {
  const { messages, fates } = columns;
  for (let i = 0; i < messages.fate.length; i++) {
    const isUnderWay = fates[messages.fate[i] ?? -1]?.what === UNDER_WAY;
    if (isUnderWay && (messages.endUs[i] ?? 0) < endUs) {
      columns.settle(i, "down", "its receiver was down, or crashed before it arrived");
    }
  }
}

function processData({ world }: RunRecorder, process: Process): ProcessData {
  const { name, byzantine } = process;
  const replica = world.replicas.some((handle) => handle.process === process);
  const client = world.clientProcesses.includes(process);
  if (replica) return { name, byzantine, role: name.endsWith("'") ? "twin" : "replica" };
  if (client) return { name, byzantine: false, role: "client" };
  return { name, byzantine: false, role: process.byzantine ? "stranger" : "sequencer" };
}

function spansOf({ world, processes }: RunRecorder, endUs: number): SpanData[] {
  const until = Math.min(world.gstUs, endUs);
  return world.plan.network.partitions
    .filter(({ atUs }) => atUs < until)
    .map(({ atUs, forUs, side, style }) => {
      const names = processes.filter(({ host }) => side.includes(host)).map(({ name }) => name);
      const text = `${style} partition: ${names.join(" ")} apart`;
      return { fromUs: atUs, toUs: Math.min(atUs + forUs, until), text };
    });
}

function factsOf({ world, columns, count }: RunRecorder, report: SoFar): [string, string][] {
  const { n, f, clients, viewTimeoutMs, app, tricks, strangers } = world.plan;
  const { messages, fates, marks } = columns;
  const failed = messages.fate.filter((fate) => {
    const what = fates[fate]?.class;
    return what !== "handled" && what !== "part" && what !== "under way";
  });
  const commits = marks.kind.filter((kind) => MARKS[kind] === "commit").length;
  const lists: [string, string][] = [
    ["Byzantine tricks", tricks.join(", ")],
    ["strangers", strangers.join(", ")],
  ];
  return [
    ["cluster", `n = ${n}, f = ${f}, ${clients} client${clients === 1 ? "" : "s"}, ${app}`],
    ["view timeout", `${viewTimeoutMs} ms`],
    ["events", `${report.events}`],
    ["messages", `${count}, of which ${failed.length} lost or refused`],
    ["operations", `${report.operations} answered, ${commits} commits at replicas`],
    ...lists.filter(([, text]) => text !== ""),
  ];
}
