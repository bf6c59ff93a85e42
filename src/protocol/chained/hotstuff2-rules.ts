// Malkhi and Nayak, "HotStuff-2: Optimal Two-Phase Responsive BFT", ePrint 2023/397, section 4.

import { justifyView, twoChain, type ChainRules } from "./rules.ts";

/** The share of its view timer for which a leader that a TC let in listens. */
export const LISTENING = 1 / 8;

export const HOTSTUFF2_RULES: ChainRules = {
  chain: 2,

  /** The justify is as high as the lock, the highest certified block that is here. */
  safeToVote: (node, { view }) => justifyView(node) >= view,

  /** The certified block itself: under a two-chain commit a lock on its parent is unsafe. */
  lockedBy: (node) => node,

  /**
   * A two-chain of consecutive views. Without that condition (Fast-HotStuff as published, arXiv
   * 2010.11454) two blocks that conflict may commit.
   */
  committedBy: twoChain,

  /** The leader hears of the highest QC of all correct replicas. */
  listens: () => LISTENING,
};
