// How far a chain goes beyond the last stable checkpoint. f replicas that keep their CHECKPOINTs to
// themselves, and another one that lags, keep checkpoints from being stable; it follows by what the
// others keep, which is not everything. Castro and Liskov, OSDI '99, section 4.3: "H".

import { coverageMark } from "../../base/coverage-mark.ts";
import type { Checkpoints } from "../kit/checkpoint.ts";
import type { ChainContext } from "./context.ts";
import type { TreeNode } from "./log.ts";

/**
 * Blocks that are certified above it while votes wait, because a replica that recovers needs some;
 * they commit nothing by themselves.
 */
const BEYOND_MAX = 64;

export interface WatermarkOwner {
  readonly sync: { readonly checkpoints: Pick<Checkpoints, "stable" | "highWatermark"> };
}

export class HighWatermark {
  readonly #context: ChainContext;
  readonly #owner: WatermarkOwner;
  #holds = false;

  constructor(context: ChainContext, owner: WatermarkOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether a vote waits for a later checkpoint to be stable. */
  get holds(): boolean {
    return this.#holds;
  }

  /**
   * Whether a vote for the block has to wait for a later checkpoint to be stable, because it may
   * commit one that is too high. None waits for a checkpoint that nobody may have executed: where
   * no views follow each other nothing is committed for long, and then many blocks at once.
   */
  holdsBack(node: TreeNode): boolean {
    const { rules, config } = this.#context;
    const { stable, highWatermark } = this.#owner.sync.checkpoints;
    const commits = rules.committedBy(node)?.height ?? 0;
    const isHigh = commits > highWatermark || node.height > highWatermark + BEYOND_MAX;
    this.#holds = isHigh && node.committedShown >= stable.slot + config.checkpointInterval;
    if (this.#holds) coverageMark("chained: a vote waits for a stable checkpoint");
    return this.#holds;
  }

  /** A later checkpoint is stable: a vote that waited is given once what made it so is done. */
  onStable(): void {
    if (this.#holds) this.#context.host.setTimer("watermark", 0);
  }
}
