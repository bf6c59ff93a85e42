// What tells the protocols of this family apart: how a chained replica votes, locks and commits,
// and whether its leaders listen before they propose. Each has a
// file of its own, such as jolteon-rules.ts.

import type { Bytes } from "../../actor.ts";
import type { Tc } from "./certificate.ts";
import type { TreeNode } from "./log.ts";

/** What a replica is locked on. A replica that has recovered does not know which block it was. */
export interface Lock {
  readonly view: number;
  readonly hash: Bytes | null;
  readonly height: number | null;
}

/** The rules by which a chained replica votes, locks and commits. They have no state. */
export interface ChainRules {
  /** How many certified blocks of consecutive views commit the first of them. */
  readonly chain: number;
  /**
   * Whether a replica with this lock may vote for the block, which was proposed with this TC; null:
   * with none, or it was not proposed to this replica but fetched.
   */
  safeToVote(node: TreeNode, lock: Lock, tc: Tc | null): boolean;
  /** The block to lock on once `node` is certified; null if it locks on none. */
  lockedBy(node: TreeNode): TreeNode | null;
  /** The block that is committed, with its ancestors, once `node` is certified. */
  committedBy(node: TreeNode): TreeNode | null;
  /**
   * How long the leader that a TC of `tcView` let into `view` listens for higher QCs before it
   * proposes, as a share of its view timer; 0: not at all.
   */
  listens(view: number, tcView: number): number;
  /** Whether votes go to all, so that each makes the QC itself; else to the next leader. */
  readonly votesToAll?: boolean;
}

/** The view of the block that the justify of `node` certifies. */
export function justifyView({ block }: TreeNode): number {
  return block?.justify.view ?? 0;
}

/** A two-chain: the parent, if the views of the two are consecutive. */
export function twoChain({ view, parent }: TreeNode): TreeNode | null {
  return parent !== null && view === parent.view + 1 ? parent : null;
}
