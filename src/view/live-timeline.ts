// What was done to a cluster and what followed, in sentences: who leads, who takes part again, and
// how long clients had no answers.

import type { Gap } from "../evaluation/recent-load.ts";
import type { LiveEvent, LiveReplica } from "./live-data.ts";

const EVENTS_MAX = 200;
/** A gap that begins so long after an action is not of its making, in milliseconds. */
const FOLLOWS_MS = 300;
/** When clients were served for so long after an action, they did not notice it. */
const UNNOTICED_MS = 2_000;
/** Nothing completed for so long: there is no service. */
const SILENCE_MS = 1_000;
/** Where a view lasts less, leaders take turns. */
const TURNS_MS = 1_000;

/** What is looked at each time, with times of one clock. */
export interface Looked {
  readonly nowMs: number;
  readonly replicas: readonly LiveReplica[];
  readonly completed: number;
  /** Of clients, those that are over. */
  readonly gaps: readonly Gap[];
}

export class LiveTimeline {
  readonly #events: LiveEvent[] = [];
  #view = -1;
  #viewMs = -Infinity;
  /** Whether the next view is news: where leaders take turns it is not. */
  #tellsView = false;
  readonly #phases: string[] = [];
  /** When each was started again; -1: it was not, or takes part since. */
  readonly #startedMs: number[] = [];
  /** When something was done that clients may have noticed; null: it is told what they did. */
  #pendingMs: number | null = null;
  #completed = 0;
  #servedMs = 0;
  #silent = false;

  get events(): readonly LiveEvent[] {
    return this.#events;
  }

  /** Something that clients may notice is done now. */
  does(nowMs: number, text: string): void {
    this.#add(nowMs, "done", text);
    this.#pendingMs = nowMs;
    this.#tellsView = nowMs - this.#viewMs > TURNS_MS;
  }

  restarts(nowMs: number, replica: number): void {
    this.#startedMs[replica] = nowMs;
    this.#phases[replica] = "";
  }

  /** Something happened that nobody asked for. */
  happens(nowMs: number, text: string): void {
    this.#add(nowMs, "followed", text);
  }

  looks({ nowMs, replicas, completed, gaps }: Looked): void {
    for (const [index, replica] of replicas.entries()) this.#lookAt(nowMs, index, replica);
    this.#lookAtViews(nowMs, replicas);
    if (completed > this.#completed) {
      this.#completed = completed;
      this.#servedMs = nowMs;
      this.#silent = false;
    } else if (completed > 0 && !this.#silent && nowMs - this.#servedMs > SILENCE_MS) {
      this.#silent = true;
      this.#add(nowMs, "followed", "no service: clients wait for answers");
    }
    this.#lookAtService(nowMs, gaps);
  }

  #lookAt(nowMs: number, index: number, { state, census }: LiveReplica): void {
    if (state !== "up" || census === null) return;
    const before = this.#phases[index];
    this.#phases[index] = census.phase;
    if (before === undefined || before === census.phase) return;
    const startedMs = this.#startedMs[index] ?? -1;
    if (census.phase !== "running") {
      return this.#add(nowMs, "followed", `replica ${index} is ${census.phase}`);
    }
    const after = startedMs < 0 ? "" : `, ${ms(nowMs - startedMs)} after its start`;
    this.#startedMs[index] = -1;
    const how = census.recovered ? "recovered, and takes part again" : "takes part";
    this.#add(nowMs, "followed", `replica ${index} ${how}${after}`);
  }

  #lookAtViews(nowMs: number, replicas: readonly LiveReplica[]): void {
    for (const { state, census } of replicas) {
      if (state !== "up" || census === null || census.view <= this.#view) continue;
      // What is seen first has been there for a while.
      if (this.#view >= 0) this.#viewMs = nowMs;
      this.#view = census.view;
      if (!this.#tellsView) continue;
      this.#tellsView = false;
      this.#add(
        nowMs,
        "followed",
        `view ${census.view} begins, which replica ${census.leader} leads`,
      );
    }
  }

  /** The gap of clients that an action made, once it is over. */
  #lookAtService(nowMs: number, gaps: readonly Gap[]): void {
    const doneMs = this.#pendingMs;
    if (doneMs === null || this.#silent) return;
    const ended = gaps.filter(({ fromMs, toMs }) => toMs > doneMs && fromMs < doneMs + FOLLOWS_MS);
    const backMs = ended.reduce((last, { toMs }) => Math.max(last, toMs), 0);
    if (backMs > 0) {
      this.#add(nowMs, "followed", `service is back, ${ms(backMs - doneMs)} after that`);
    } else if (nowMs - doneMs > UNNOTICED_MS && this.#servedMs > doneMs + UNNOTICED_MS / 2) {
      this.#add(nowMs, "followed", "clients did not notice: they had answers all the time");
    } else return;
    this.#pendingMs = null;
  }

  #add(atMs: number, what: LiveEvent["what"], text: string): void {
    this.#events.push({ atMs, what, text });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
  }
}

function ms(duration: number): string {
  return duration < 10_000 ? `${Math.round(duration)} ms` : `${(duration / 1000).toFixed(1)} s`;
}
