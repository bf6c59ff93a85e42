// Processor time of attackers and of those whom they attack, which share one machine here.

import { readFileSync } from "node:fs";

/** The kernel's ticks in /proc are hundredths of a second on every architecture. */
const TICKS_PER_SECOND = 100;
/** Where utime and stime stand behind the name of the process. */
const USER = 11;
const SYSTEM = 12;

/** Seconds of processor time that a line of /proc/PID/stat tells, of all threads. */
export function secondsIn(stat: string): number {
  // The name stands in parentheses, and may have some.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND;
}

/** Seconds of processor time that these processes have used; of those that run. */
export function processorSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + secondsIn(readFileSync(`/proc/${pid}/stat`, "utf8")), 0);
}

/** Processor time that was used within some seconds, by honest processes and by the attacker. */
export interface Usage {
  readonly seconds: number;
  readonly honest: number;
  readonly attacker: number;
}

/**
 * The share of the processor time of honest processes that an attacker took from them by using the
 * same processors: what they had less while it had more. Nobody else's machine would give it that.
 * What a replica that turns Byzantine used before was for serving: of it counts what it would use
 * for what is `served` now, a share of what was.
 */
export function takenShare(before: Usage, during: Usage, served: number): number {
  const rate = (used: number, { seconds }: Usage): number => used / Math.max(seconds, 1e-3);
  const had = rate(before.honest, before);
  const less = had - rate(during.honest, during);
  const more = rate(during.attacker, during) - rate(before.attacker, before) * Math.min(1, served);
  return had === 0 ? 0 : Math.max(0, Math.min(less, more)) / had;
}
