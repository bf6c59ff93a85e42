// What makes the chain HotStuff's: Yin et al., PODC '19, arXiv 1803.05069, section 6, algorithm 4.

import type { Bytes } from "../../actor.ts";
import { equal } from "../../wire.ts";
import type { TreeNode } from "./log.ts";

/** What a replica is locked on. A replica that has recovered does not know which block it was. */
export interface Lock {
  readonly view: number;
  readonly hash: Bytes | null;
}

/** The rules by which a chained replica votes, locks and commits. */
export interface ChainRules {
  /** safeNode: whether a replica with this lock may vote for the block. */
  safeToVote(node: TreeNode, lock: Lock): boolean;
  /** The block to lock on once `node` is certified; null if it locks on none. */
  lockedBy(node: TreeNode): TreeNode | null;
  /** The block that is committed, with its ancestors, once `node` is certified. */
  committedBy(node: TreeNode): TreeNode | null;
}

export const HOTSTUFF_RULES: ChainRules = {
  /** The block extends the locked one, or its justify is higher than the lock. */
  safeToVote(node, { view, hash }) {
    if (node.block !== null && node.block.justify.view > view) return true;
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
    const parent = node.parent;
    const grandparent = parent?.parent ?? null;
    if (parent === null || grandparent === null) return null;
    const consecutive = node.view === parent.view + 1 && parent.view === grandparent.view + 1;
    return consecutive ? grandparent : null;
  },
};
