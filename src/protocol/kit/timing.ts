// What the critical paths of protocols have in common, for their timing.ts.

import { assert } from "../../base/assert.ts";
import type { Path } from "../../protocol-hints.ts";

/**
 * When `needed` messages are known to hold: those that arrive at `arrivalsUs` are checked in turn,
 * by so many workers; what is there without a check counts from `ownUs` on.
 */
export function gatheredUs(
  arrivalsUs: readonly number[],
  needed: number,
  checkUs: number,
  workers: number,
  ownUs?: number,
): number {
  const free = new Array<number>(workers).fill(-Infinity);
  const held = ownUs === undefined ? [] : [ownUs];
  for (const arrivalUs of [...arrivalsUs].sort((a, b) => a - b)) {
    const next = free.indexOf(Math.min(...free));
    const doneUs = Math.max(arrivalUs, free[next] ?? 0) + checkUs;
    free[next] = doneUs;
    held.push(doneUs);
  }
  assert(needed >= 1 && needed <= held.length, "more messages are needed than there will be");
  return held.sort((a, b) => a - b)[needed - 1] ?? Number.NaN;
}

/** When the client has its result, from when each replica has executed. */
export function repliesUs(path: Path, executedUs: readonly number[]): number {
  const { weak, signUs, checkUs, workers } = path;
  const arrivals = executedUs.map((us, i) => us + signUs + path.clientUs(i));
  return gatheredUs(arrivals, weak, checkUs, workers);
}
