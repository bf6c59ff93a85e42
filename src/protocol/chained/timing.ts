import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";

/** The hints of rules by which `chain` certified blocks of consecutive views commit the first. */
export function timingOf(chain: number, name: string, year: string): TimingHints {
  return {
    unloaded: (path) => unloaded(path, chain),
    paper: {
      // The leader alone sends to all, and all to it.
      messages: { label: `${name}, ${year}: 2(n-1), O(n)`, of: (n) => 2 * (n - 1) },
      // A proposal has its own signature and that of its certificate.
      signatures: {
        label: `${name}, threshold signatures: 3(n-1), O(n)`,
        of: (n) => 3 * (n - 1),
        note:
          `A certificate here is a list of signatures, where the ${name} paper has one ` +
          "threshold signature.",
      },
    },
    // It may vote only in the tenure after the next, which a second, doubled timeout lets in.
    recoveredTimeouts: 4,
  };
}

/**
 * Chained HotStuff (Yin et al., PODC '19, section 6) and its kin: a block is committed by the QC of
 * the last block of its chain, which that one's leader makes and the proposal after that brings to
 * the others. Each view has a block, and begins with the QC of the last.
 */
function unloaded(path: Path, chain: number): Timing {
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
  for (let view = 0; view < chain; view++) {
    const next = path.leader(view + 1);
    const votes = received(view, decidedUs).map((us) => us + signUs);
    const arrivals = votes.map((us, i) => us + path.hopUs(i, next)).filter((_, i) => i !== next);
    decidedUs = gatheredUs(arrivals, quorum, checkUs, workers, votes[next]);
  }
  const latencyUs = repliesUs(path, received(chain, decidedUs));
  return { latencyUs, batchUs: (decidedUs - startUs) / chain };
}
