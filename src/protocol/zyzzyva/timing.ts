import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs } from "../kit/timing.ts";

export const timing: TimingHints = {
  unloaded,
  // The fast path needs all: the paper has 0.54, and replicas that share processors less.
  shareWithoutBackup: 0.3,
  paper: {
    messages: { label: "Zyzzyva, SOSP '07: n-1, O(n)", of: (n) => n - 1 },
    signatures: { label: "Zyzzyva, one a message: n-1, O(n)", of: (n) => n - 1 },
  },
};

/**
 * Kotla et al., SOSP '07, section 3.2: request, order, and the replies of all replicas, each of
 * which the client checks.
 */
function unloaded(path: Path): Timing {
  const { n, signUs, checkUs, workers } = path;
  const primary = path.leader(0);
  const orderedUs = path.clientUs(primary);
  const arrivals = Array.from({ length: n }, (_, i) => {
    const executedUs =
      i === primary ? orderedUs : orderedUs + signUs + path.hopUs(primary, i) + checkUs;
    return executedUs + signUs + path.clientUs(i);
  });
  return { latencyUs: gatheredUs(arrivals, n, checkUs, workers), batchUs: 0 };
}
