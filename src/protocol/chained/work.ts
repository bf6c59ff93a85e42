// Whether there is a reason for another block: requests that wait, blocks that are to be committed
// by further ones, and replicas that recover.

import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY_BATCH, type Batch } from "../kit/batch.ts";
import { keyOf } from "./block.ts";
import type { Qc } from "./certificate.ts";
import type { ChainContext } from "./context.ts";
import type { TreeNode } from "./log.ts";

/** Blocks above the last commit from which on leaders add empty ones only. */
const EMPTY_AFTER = 64;

export class Work {
  readonly #context: ChainContext;
  readonly #owner: { readonly highQc: Qc };
  /** Blocks are made until one of this height is committed, because a replica recovers. */
  #commitTarget = 0;

  constructor(context: ChainContext, owner: { readonly highQc: Qc }) {
    this.#context = context;
    this.#owner = owner;
  }

  /**
   * Whether a request, or a block with requests, is known that should be committed and is not; or
   * was committed by a QC that the highest QC does not show.
   */
  get pending(): boolean {
    const { pool, tree } = this.#context;
    if (pool.ownSize > 0 || tree.nonEmpty > 0) return true;
    return tree.root.height < this.#commitTarget || this.#isCommitHidden();
  }

  /**
   * The QC that committed the last block with requests may be on an abandoned branch: a replica
   * that learnt the highest QC first does not commit by it any more, and depends on further blocks.
   */
  #isCommitHidden(): boolean {
    const { tree, rules } = this.#context;
    const top = tree.get(keyOf(this.#owner.highQc.block));
    if (top === undefined) return false;
    const shown = rules.committedBy(top)?.height ?? top.committedShown;
    return shown < tree.root.lastNonEmptyHeight;
  }

  /** What the next block holds; null if it is not time for it. */
  nextBatch(parent: TreeNode): Batch | null {
    const { tree, pool, host, config } = this.#context;
    const { now } = host;
    const high = parent.height - tree.root.height;
    const large = high > 0 && tree.liveBytes >= pool.underWayMax;
    if (large) coverageMark("chained: as many bytes are under way as may be");
    const crowded = large || high >= EMPTY_AFTER;
    const dueMs = crowded ? Infinity : pool.dueMs(now);
    if (dueMs <= now) return pool.take(now);
    if (dueMs < Infinity) host.setTimer("flush", dueMs - now);
    // Opens may wait longer, which what is in blocks does not.
    if (dueMs - now <= config.flushDelayMs) return null;
    // Empty blocks, until each replica with the parent knows that the last request is committed.
    const needed = Math.max(parent.lastNonEmptyHeight, this.#commitTarget);
    return parent.committedShown < needed ? EMPTY_BATCH : null;
  }

  /** Makes one more block, at least, for a replica that recovers. */
  add(): void {
    const { tree } = this.#context;
    const top = tree.get(keyOf(this.#owner.highQc.block)) ?? tree.root;
    this.#commitTarget = Math.max(this.#commitTarget, top.height + 1);
  }
}
