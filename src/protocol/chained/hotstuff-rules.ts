// Yin et al., "HotStuff: BFT Consensus with Linearity and Responsiveness", PODC '19, arXiv
// 1803.05069, section 6, algorithm 4.

import { equal } from "../../wire.ts";
import type { TreeNode } from "./log.ts";
import { justifyView, twoChain, type ChainRules } from "./rules.ts";

export const HOTSTUFF_RULES: ChainRules = {
  chain: 3,

  /** safeNode: the block extends the locked one, or its justify is higher than the lock. */
  safeToVote(node, { view, hash }) {
    if (justifyView(node) > view) return true;
    let at: TreeNode | null = node;
    while (at !== null && at.view > view) at = at.parent;
    return at !== null && hash !== null && equal(at.hash, hash);
  },

  /** A two-chain. */
  lockedBy(node) {
    return node.parent;
  },

  /**
   * A three-chain of consecutive views. Parent links alone are unsafe here, because locks compare
   * views.
   */
  committedBy(node) {
    const parent = twoChain(node);
    return parent === null ? null : twoChain(parent);
  },

  listens: () => 0,
};
