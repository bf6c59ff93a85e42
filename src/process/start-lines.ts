// What a replica prints about its start.

import type { Bytes, Census, Replica } from "../actor.ts";
import { STAMP } from "../base/logger.ts";
import type { Clock } from "../driver.ts";

/** How often to look how far the start is, in milliseconds. */
const LOOK_MS = 20;
/** A replica that waits for others says so after this time, and then again and again. */
const TOLD_AFTER_MS = 5000;
const REPEAT_MS = 1000;
/** How often it says what it drops. */
const EXPLAIN_MS = 5000;

/** Digits of a run's name that are printed. */
const RUN_DIGITS = 8;

/** The name of a run as it is printed. */
export function runText(name: Bytes): string {
  return Buffer.from(name).toString("hex").slice(0, RUN_DIGITS);
}

/** What a replica says that cannot go on in its run. */
export function overText(id: number, { run, endedBy }: Pick<Census, "run" | "endedBy">): string {
  const own = run === undefined ? "its run" : `run ${runText(run)}`;
  const why =
    endedBy === undefined
      ? `nobody says that ${own} goes on`
      : `${own} has ended, the others are in run ${runText(endedBy)}`;
  return `replica ${id}: ${why}; it starts anew, with nothing`;
}

/** Behind the first line of a replica that does not take part yet. */
const NOT_YET = /, (?:starting|recovering)$/m;
/** What such a replica prints when it does. */
const TAKES_PART = said("began|recovered");
/** What one prints that had lost its memory. */
export const RECOVERED = said("recovered");

function said(word: string): RegExp {
  return new RegExp(`^${STAMP}replica \\d+ (?:${word})(?: in run [0-9a-f]{8})?$`, "m");
}

/** What a replica's output still lacks until it takes part; null: nothing. */
export function lacks(output: string): RegExp | null {
  return NOT_YET.test(output) && !TAKES_PART.test(output) ? TAKES_PART : null;
}

export interface StartOptions {
  readonly id: number;
  readonly replica: Pick<Replica<never, never>, "census">;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly print: (line: string) => void;
  /** Phrases about what was dropped so far, and why that may be. */
  readonly drops: () => readonly string[];
}

/**
 * Prints how a replica's start goes on until it takes part, and for whom it waits if that is long,
 * with what it drops meanwhile; returns what to say of it now, which is nothing if it takes part.
 */
export function watchStart({ id, replica, clock, print, drops }: StartOptions): string {
  let { phase } = replica.census();
  if (phase === "running") return "";
  let sinceMs = clock.now;
  let toldMs = -Infinity;
  let explainedMs = -Infinity;
  const look = (): void => {
    const now = replica.census();
    if (now.phase === "running") {
      const run = now.run === undefined ? "" : ` in run ${runText(now.run)}`;
      print(`replica ${id} ${now.recovered === true ? "recovered" : "began"}${run}`);
      return;
    }
    // A new life is watched on its own.
    if (now.phase === "over") return;
    if (now.phase !== phase) print(`replica ${id} ${now.phase}`);
    phase = now.phase;
    const others = now.waitsFor ?? [];
    if (others.length === 0) sinceMs = clock.now;
    const waitedMs = clock.now - sinceMs;
    if (waitedMs >= TOLD_AFTER_MS && clock.now - toldMs >= REPEAT_MS) {
      toldMs = clock.now;
      const seconds = Math.floor(waitedMs / 1000);
      const waited = `replica ${id} has waited ${seconds} s for an answer of ${others.join(", ")}`;
      const dropped = clock.now - explainedMs >= EXPLAIN_MS ? drops() : [];
      if (dropped.length > 0) explainedMs = clock.now;
      print([waited, ...dropped].join("; "));
    }
    clock.after(LOOK_MS, look);
  };
  clock.after(LOOK_MS, look);
  return `, ${phase}`;
}

export interface UnusedOptions extends Omit<StartOptions, "replica"> {
  readonly census: () => Pick<Census, "phase" | "executed">;
}

/**
 * Prints once in a while what a replica drops that takes part and has executed nothing: whoever
 * waits for its answers may be told no more than that there are none.
 */
export function watchUnused({ id, census, clock, print, drops }: UnusedOptions): void {
  let told = "";
  const look = (): void => {
    const { phase, executed } = census();
    if (executed > 0) return;
    const dropped = phase === "running" ? drops().join("; ") : "";
    if (dropped !== "" && dropped !== told) {
      told = dropped;
      print(`replica ${id} has executed nothing so far; ${dropped}`);
    }
    clock.after(EXPLAIN_MS, look);
  };
  clock.after(EXPLAIN_MS, look);
}
