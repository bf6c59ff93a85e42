import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";

/** The proposer sends to all, and all send to all twice. */
const proposedAndVoted = (n: number): number => n - 1 + 2 * n * (n - 1);

export const timing: TimingHints = {
  unloaded,
  paper: {
    messages: {
      label: "Tendermint, 2018: (n-1) + 2n(n-1), O(n²)",
      of: proposedAndVoted,
      note: "The paper's replicas gossip what they hear; ours send to each other.",
    },
    signatures: {
      label: "Tendermint, one a message: (n-1) + 2n(n-1), O(n²)",
      of: proposedAndVoted,
    },
  },
};

/**
 * Buchman, Kwon and Milosevic, arXiv 1807.04938: request, proposal, prevote, precommit, reply; one
 * height at a time.
 */
function unloaded(path: Path): Timing {
  const { n, quorum, signUs, checkUs, workers } = path;
  const proposer = path.leader(0);
  const replicas = Array.from({ length: n }, (_, i) => i);
  const startUs = path.clientUs(proposer);
  const proposedUs = startUs + signUs;
  const at = (times: readonly number[], i: number): number => times[i] ?? Number.NaN;
  // What each sent is signed first, and its own needs no check; the proposer's two are signed once.
  const exchange = (sentUs: readonly number[]) =>
    replicas.map((to) => {
      const others = replicas.filter((from) => from !== to);
      const arrivals = others.map((from) => at(sentUs, from) + path.hopUs(from, to));
      return gatheredUs(arrivals, quorum, checkUs, workers, at(sentUs, to));
    });
  const prevotes = replicas.map((i) =>
    i === proposer ? proposedUs : proposedUs + path.hopUs(proposer, i) + checkUs + signUs,
  );
  const precommits = exchange(prevotes).map((us) => us + signUs);
  const executed = exchange(precommits);
  const batchUs = at(executed, proposer) - startUs;
  return { latencyUs: repliesUs(path, executed), batchUs };
}
