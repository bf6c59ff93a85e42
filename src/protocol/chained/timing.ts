import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";

/** Blocks of which each certifies the one before. */
const CHAIN = 3;

export const timing: TimingHints = {
  unloaded,
  paper: {
    // The leader alone sends to all, and all to it.
    messages: { label: "HotStuff, PODC '19: 2(n-1), O(n)", of: (n) => 2 * (n - 1) },
    // A proposal has its own signature and that of its certificate.
    signatures: {
      label: "HotStuff, threshold signatures: 3(n-1), O(n)",
      of: (n) => 3 * (n - 1),
      note:
        "A certificate here is a list of signatures, where the HotStuff paper has one " +
        "threshold signature.",
    },
  },
  // It may vote only in the tenure after the next, which a second, doubled timeout lets in.
  recoveredTimeouts: 4,
};

/**
 * Chained HotStuff (Yin et al., PODC '19, section 6): a block is committed by the QC of the second
 * block after it, which its leader makes and the proposal after that brings to the others. Each
 * view has a block, and begins with the QC of the last.
 */
function unloaded(path: Path): Timing {
  const { n, quorum, signUs, checkUs, workers } = path;
  const replicas = Array.from({ length: n }, (_, i) => i);
  // A proposal is signed and has a QC of signatures, which are checked one after another.
  const proposalCheckUs = (1 + quorum) * checkUs;
  const received = (view: number, decidedUs: number): readonly number[] => {
    const leader = path.leader(view);
    return replicas.map((i) =>
      i === leader ? decidedUs : decidedUs + signUs + path.hopUs(leader, i) + proposalCheckUs,
    );
  };
  const startUs = path.clientUs(path.leader(0));
  let decidedUs = startUs;
  for (let view = 0; view < CHAIN; view++) {
    const next = path.leader(view + 1);
    const votes = received(view, decidedUs).map((us) => us + signUs);
    const arrivals = votes.map((us, i) => us + path.hopUs(i, next)).filter((_, i) => i !== next);
    decidedUs = gatheredUs(arrivals, quorum, checkUs, workers, votes[next]);
  }
  const latencyUs = repliesUs(path, received(CHAIN, decidedUs));
  return { latencyUs, batchUs: (decidedUs - startUs) / CHAIN };
}
