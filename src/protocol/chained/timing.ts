import type { Path, Timing, TimingHints } from "../../protocol-hints.ts";
import { gatheredUs, repliesUs } from "../kit/timing.ts";

/** What tells rule sets apart here. */
interface Chains {
  /** How many certified blocks of consecutive views it takes to commit one, itself included. */
  readonly chain: number;
  readonly votesToAll?: boolean;
}

/** The hints of such rules. */
export function timingOf(chains: Chains, name: string, year: string): TimingHints {
  const { votesToAll = false } = chains;
  return {
    unloaded: (path) => unloaded(path, chains),
    paper: {
      // The leader alone sends to all, and all to it unless their votes go to all.
      messages: votesToAll
        ? { label: `${name}, ${year}: (n+1)(n-1), O(n²)`, of: (n) => (n + 1) * (n - 1) }
        : { label: `${name}, ${year}: 2(n-1), O(n)`, of: (n) => 2 * (n - 1) },
      // A proposal has its own signature and that of its certificate.
      signatures: {
        label: `${name}, threshold signatures: 3(n-1), O(n)`,
        of: (n) => 3 * (n - 1),
        note:
          `A certificate here is a list of signatures, where the ${name} paper has one ` +
          "threshold signature.",
      },
    },
    // Clients ask all after a quarter, and the view is given up a whole one later, its successor of
    // the same leader half of one after that, if votes that went to all made a QC; the new leader
    // may listen for an eighth of its timer, which has doubled. Half of one is for slow machines.
    resumeTimeouts: 2.5,
    // It may vote only in the tenure after the next, which a second, doubled timeout lets in: two
    // more than above, and half of one, because the leader that then listens has a timer of four.
    recoveredTimeouts: 5,
  };
}

/**
 * Chained HotStuff (Yin et al., PODC '19, section 6) and its kin: a block is committed by the QC of
 * the last block of its chain, which that one's leader makes and the proposal after that brings to
 * the others; where votes go to all, each makes it. Each view has a block, and begins with the QC
 * of the last.
 */
function unloaded(path: Path, { chain, votesToAll = false }: Chains): Timing {
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
  let votes: readonly number[] = [];
  /** When a replica that gets the votes has their QC. */
  const gathered = (at: number): number => {
    const arrivals = votes.map((us, i) => us + path.hopUs(i, at)).filter((_, i) => i !== at);
    return gatheredUs(arrivals, quorum, checkUs, workers, votes[at]);
  };
  for (let view = 0; view < chain; view++) {
    votes = received(view, decidedUs).map((us) => us + signUs);
    decidedUs = gathered(path.leader(view + 1));
  }
  const executed = votesToAll ? replicas.map(gathered) : received(chain, decidedUs);
  const latencyUs = repliesUs(path, executed);
  return { latencyUs, batchUs: (decidedUs - startUs) / chain };
}
