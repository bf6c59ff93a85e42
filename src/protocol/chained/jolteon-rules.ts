// Gelashvili et al., "Jolteon and Ditto: Network-Adaptive Efficient Consensus with Asynchronous
// Fallback", arXiv 2106.10362, section 3 (DiemBFT v4 is the same).

import { highestQcView } from "./certificate.ts";
import { justifyView, twoChain, type ChainRules } from "./rules.ts";
import { LISTENING } from "./hotstuff2-rules.ts";

export const JOLTEON_RULES: ChainRules = {
  chain: 2,

  /**
   * The justify is of the view before; or the view before was given up by a quorum, none of which
   * had a higher QC; or, as in HotStuff-2, the justify is as high as the lock. A TC of an earlier
   * view, which lets into a later tenure, does not speak for what was voted for after it.
   */
  safeToVote(node, { view }, tc) {
    const justified = justifyView(node);
    if (justified === node.view - 1 || justified >= view) return true;
    return tc !== null && tc.view === node.view - 1 && justified >= highestQcView(tc);
  },

  lockedBy: (node) => node,

  /** A two-chain of consecutive views. */
  committedBy: twoChain,

  /** The TC of the view before brings the QC that its leader needs; an earlier one does not. */
  listens: (view, tcView) => (tcView < view - 1 ? LISTENING : 0),
};
