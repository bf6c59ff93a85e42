// What the normal case of normal.ts asks of the other parts of its replica.

import type { Address } from "../../actor.ts";
import type { Qc, Tc } from "./certificate.ts";
import type { WatermarkOwner } from "./high-watermark.ts";
import type { TreeNode } from "./log.ts";

export interface NormalOwner extends WatermarkOwner {
  readonly pacemaker: {
    readonly view: number;
    readonly tc: Tc | null;
    /** Whether the leader of this view has heard what it listens for. */
    readonly mayPropose: boolean;
    onQc(qc: Qc): void;
    onTc(tc: Tc | null): void;
    /** Whether nobody waits for this view's leader, so that votes of the view before go to all. */
    skips(view: number): boolean;
    onArriving(view: number): void;
    /** The leader of this view has proposed. */
    onLeader(view: number): void;
    /** The lock forbids to vote for the block of this view. */
    onRefused(): void;
    onCommitted(): void;
    watch(): void;
  };
  readonly start: {
    /** Whether it votes and proposes: it is neither starting nor recovering. */
    readonly running: boolean;
  };
  readonly catchUp: {
    /** Has a certified block fetched; one that is `expected` only if it is not here in a while. */
    fetchBlock(qc: Qc, from: Address, options: { readonly expected: boolean }): void;
    /** Whether the block of this key is being fetched, and that it is here now. */
    isMissing(key: string): boolean;
    onArrived(key: string): void;
    onExecuted(node: TreeNode): void;
    repeatVotes(): void;
  };
}
