// Measures the points of a plan that are not in the results yet.

import { createHash } from "node:crypto";
import { refusalOf } from "../base/errno.ts";
import { reasonOf } from "../base/errors.ts";
import { Random } from "../base/seeded-random.ts";
import { formatThroughput } from "./format.ts";
import type { RunSettings, PointRunner } from "./point-runner.ts";
import { describePoint } from "./point.ts";
import type { Results } from "./results.ts";
import type { FailedRun, Point, Run } from "./run.ts";
import type { SweepPlan } from "./sweep-plan.ts";

/** One run that a plan asks for. */
export interface PlannedRun {
  readonly key: string;
  readonly point: Point;
  /** From 0. */
  readonly repetition: number;
}

/**
 * All runs of a plan in the order in which they are done: every point once, in an order that the
 * seed draws, then every point again in another order, so that a machine that is slower at times
 * does not single out a point.
 */
export function schedule(plan: SweepPlan): readonly PlannedRun[] {
  const { points, repetitions, seed } = plan;
  return Array.from({ length: repetitions }, (_, repetition) => {
    const order = new Random(seed, `repetition ${repetition}`).shuffle(points);
    return order.map((point) => ({ key: keyOf(point, plan, repetition), point, repetition }));
  }).flat();
}

/** Identifies what is measured, how, and which repetition it is. */
function keyOf(point: Point, settings: RunSettings, repetition: number): string {
  const { seconds, warmSeconds, profile } = settings;
  const fields = Object.entries(point).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify({ fields, seconds, warmSeconds, profile, repetition });
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

export interface SweepOptions {
  readonly plan: SweepPlan;
  readonly results: Results;
  readonly runner: PointRunner;
  /** Stops it; what was done is kept. */
  readonly signal: AbortSignal;
  /** A line of progress. */
  readonly tell: (line: string) => void;
  /** Milliseconds, for the time that is left. */
  readonly now: () => number;
}

/**
 * Does what the results lack, failed runs once more included. A run that fails is kept as such and
 * stops nothing. Returns how many runs it did; throws what the kernel refused of the results.
 */
export async function sweep(options: SweepOptions): Promise<number> {
  const { plan, results, runner, signal, tell, now } = options;
  const todo = schedule(plan).filter(({ key }) => results.run(key) === undefined);
  const startMs = now();
  let done = 0;
  for (const { key, point, repetition } of todo) {
    if (signal.aborted) break;
    let result: Run | FailedRun;
    let outcome: string;
    try {
      const measured = await runner.run(point, plan, signal);
      result = { key, point, repetition, ...measured };
      outcome = formatThroughput(measured.record.throughput);
    } catch (error) {
      if (signal.aborted) break;
      const failure = refusalOf(error) ?? reasonOf(error);
      result = { key, point, repetition, failure };
      outcome = `FAILED: ${failure}`;
    }
    results.add(result);
    done++;
    const left = ((now() - startMs) / done) * (todo.length - done);
    const time = done === todo.length ? "" : `, ${formatTime(left)} left`;
    tell(`${done} of ${todo.length}${time}: ${describePoint(point)}: ${outcome}`);
  }
  return done;
}

/** What the plan asks for and the results have, in the order of the plan's points. */
export function runsOf(plan: SweepPlan, results: Results): readonly Run[] {
  return planned(plan).flatMap(({ key }) => results.run(key) ?? []);
}

/** A line for each run that the plan asks for and that failed. */
export function failuresOf(plan: SweepPlan, results: Results): readonly string[] {
  return planned(plan).flatMap(({ key }) => {
    const failed = results.failure(key);
    if (failed === undefined) return [];
    return [`${describePoint(failed.point)}, repetition ${failed.repetition}: ${failed.failure}`];
  });
}

function planned(plan: SweepPlan): readonly PlannedRun[] {
  const place = new Map(plan.points.map((point, i) => [point, i]));
  return schedule(plan).toSorted((a, b) => (place.get(a.point) ?? 0) - (place.get(b.point) ?? 0));
}

function formatTime(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
