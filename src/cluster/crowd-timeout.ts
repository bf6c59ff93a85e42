// The view timeout of replicas that share few processors: each gets a small part of their time, and
// timers that know nothing of that take all leaders for failed.

import type { Point } from "../evaluation/run.ts";
import { usableCpus } from "../process/cpus.ts";
import { PROTOCOL_DEFAULTS } from "../protocol-config.ts";
import { protocols, smallestCluster } from "../protocol/index.ts";

/** So many processes on one processor serve within the usual timeout. */
const PROCESSES_MAX = 3;

export interface CrowdTimeout {
  readonly processes: number;
  readonly processors: number;
  readonly viewTimeoutMs: number;
}

/** What the processes of a point need on this machine; null: what is usual. */
export function crowdTimeoutOf({
  mode,
  f,
  transport,
  clientProcesses,
}: Pick<Point, "mode" | "f" | "transport" | "clientProcesses">): CrowdTimeout | null {
  const protocol = protocols.get(mode);
  if (protocol === undefined) return null;
  const { n } = smallestCluster(protocol, f);
  const fabrics = n > 1 && transport === "dpdk" ? 1 : 0;
  const processes = n + clientProcesses + fabrics;
  const processors = usableCpus();
  const usualMs = PROTOCOL_DEFAULTS.viewTimeoutMs;
  const viewTimeoutMs = viewTimeoutAmong(processes, processors, usualMs);
  return viewTimeoutMs === usualMs ? null : { processes, processors, viewTimeoutMs };
}

/**
 * The view timeout of so many processes on so many processors, in whole milliseconds: what is usual
 * where they are few; where they are more it grows with the square of their number, because among n
 * replicas a slot costs each of them votes of n, and each has a part of 1 / n of the processors.
 */
export function viewTimeoutAmong(processes: number, processors: number, usualMs: number): number {
  const crowding = Math.max(1, processes / (PROCESSES_MAX * processors));
  return Math.round(usualMs * crowding ** 2);
}
