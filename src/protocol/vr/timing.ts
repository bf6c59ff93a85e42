import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";
import { IN_FLIGHT_MAX } from "./normal.ts";

export const timing: TimingHints = {
  unloaded,
  paper: {
    messages: { label: "VR, 2012: 2(n-1), O(n)", of: (n) => 2 * (n - 1) },
    signatures: { label: "VR, none", of: () => 0 },
  },
};

/**
 * Liskov and Cowling, "Viewstamped Replication Revisited", 2012, section 4.1: request, prepare,
 * prepare-ok, reply. The primary has a number of batches under way at a time.
 */
function unloaded(path: Path): Timing {
  const { n, quorum } = path;
  const primary = path.leader(0);
  const askedUs = path.clientUs(primary);
  const arrivals: number[] = [];
  for (let i = 0; i < n; i++) {
    if (i !== primary) arrivals.push(askedUs + path.hopUs(primary, i) + path.hopUs(i, primary));
  }
  const executedUs = quorum === 1 ? askedUs : gatheredUs(arrivals, quorum - 1, 0, 1);
  // The primary alone replies.
  const executed = Array.from({ length: n }, (_, i) => (i === primary ? executedUs : Infinity));
  return {
    latencyUs: repliesUs(path, executed),
    batchUs: (executedUs - askedUs) / IN_FLIGHT_MAX,
  };
}
