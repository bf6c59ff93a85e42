import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";
import { IN_FLIGHT_MAX } from "./normal.ts";

/** All send to all twice. */
const allToAllTwice = (n: number): number => 2 * n * (n - 1);

export const timing: TimingHints = {
  unloaded,
  paper: {
    messages: { label: "PBFT, OSDI '99: 2n(n-1), O(n²)", of: allToAllTwice },
    signatures: { label: "PBFT, one a message: 2n(n-1), O(n²)", of: allToAllTwice },
  },
};

/**
 * Castro and Liskov, OSDI '99, section 4.2: request, pre-prepare, prepare, commit, reply. The
 * primary has a number of batches under way at a time.
 */
function unloaded(path: Path): Timing {
  const { n, quorum, signUs, checkUs, workers } = path;
  const primary = path.leader(0);
  const replicas = Array.from({ length: n }, (_, i) => i);
  const proposedUs = path.clientUs(primary) + signUs;
  const accepted = replicas.map((i) =>
    i === primary ? proposedUs : proposedUs + path.hopUs(primary, i) + checkUs,
  );
  const at = (times: readonly number[], i: number): number => times[i] ?? Number.NaN;
  /** All-to-all: what each sent is signed first, and its own needs no check. */
  const exchange = (sentUs: readonly number[], senders: readonly number[], needed: number) =>
    replicas.map((to) => {
      const others = senders.filter((from) => from !== to);
      const arrivals = others.map((from) => at(sentUs, from) + path.hopUs(from, to));
      const own = senders.includes(to) ? at(sentUs, to) : undefined;
      return gatheredUs(arrivals, needed, checkUs, workers, own);
    });
  const prepares = accepted.map((us) => us + signUs);
  const backups = replicas.filter((i) => i !== primary);
  const prepared = exchange(prepares, backups, quorum - 1).map((us, i) =>
    Math.max(us, at(accepted, i)),
  );
  const commits = prepared.map((us) => us + signUs);
  const executed = exchange(commits, replicas, quorum);
  const underWayUs = at(executed, primary) - path.clientUs(primary);
  return { latencyUs: repliesUs(path, executed), batchUs: underWayUs / IN_FLIGHT_MAX };
}
