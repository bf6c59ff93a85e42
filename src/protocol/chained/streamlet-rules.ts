// Chan and Shi, "Streamlet: Textbook Streamlined Blockchains", AFT '20, ePrint 2020/088, section 2,
// with views that end by QC or TC in the place of epochs of a clock.

import { HOTSTUFF2_RULES } from "./hotstuff2-rules.ts";
import { justifyView, twoChain, type ChainRules } from "./rules.ts";

export const STREAMLET_RULES: ChainRules = {
  chain: 3,

  /** The parent is as high, in blocks, as the highest certified block that is here. */
  safeToVote(node, { view, height }) {
    return height === null ? justifyView(node) >= view : node.height - 1 >= height;
  },

  lockedBy: (node) => node,

  /** The middle one of three consecutive views. */
  committedBy(node) {
    const parent = twoChain(node);
    return parent !== null && twoChain(parent) !== null ? parent : null;
  },

  listens: HOTSTUFF2_RULES.listens,
  votesToAll: true,
};
