// How a replica catches up: it fetches certified blocks that it lacks or, where the others have
// dropped them, the state of a checkpoint (one every K blocks).

import type { Address, Refusal, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { bytesOf, Reader } from "../../wire.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import { PeerRotation } from "../kit/peers.ts";
import type { StateSync, StateSyncOwner } from "../kit/state-sync.ts";
import type { StateVersion } from "../kit/state-tree.ts";
import { keyOf, type Block } from "./block.ts";
import { GENESIS_HASH, type Qc } from "./certificate.ts";
import type { ChainContext } from "./context.ts";
import { decodeLineage, encodeLineage } from "./lineage.ts";
import type { Installed, TreeNode } from "./log.ts";
import type { BlockMessage, FetchMessage, Position } from "./message.ts";
import { Synchroniser } from "./synchroniser.ts";

const NOT_MISSING = "not admitted: block that is not missing";

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly normal: {
    take(from: Address, block: Block, options: { readonly expected: boolean }): void;
    propose(): void;
    proven(certificate: Qc): boolean;
    onInstalled(block: Installed): void;
    readonly watermark: { readonly holds: boolean; onStable(): void };
  };
  readonly pacemaker: { readonly position: Position };
  readonly start: { readonly running: boolean };
  readonly sync: Pick<
    StateSync,
    | "checkpoints"
    | "fetching"
    | "ownVotesAbove"
    | "offer"
    | "behind"
    | "fetchState"
    | "retry"
    | "onExecuted"
  >;
}

export class CatchUp implements StateSyncOwner {
  readonly #context: ChainContext;
  readonly #owner: CatchUpOwner;
  readonly #synchroniser: Synchroniser;
  #fetchArmed = false;
  /** The stable checkpoint that was not reached when the timer fired last. */
  #missedSlot = 0;
  /** Whom to tell next where this replica is, and how many know it. */
  readonly #listeners: PeerRotation;
  #tellArmed = false;
  #toldView = 0;
  #told = 0;

  constructor(context: ChainContext, owner: CatchUpOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#synchroniser = new Synchroniser(context);
    this.#listeners = new PeerRotation(context.self, context.config.n);
  }

  get sizes(): Sizes {
    return this.#synchroniser.sizes;
  }

  // Blocks that are missing.

  /** Has a certified block fetched; one that is `expected` only if it is not here in a while. */
  fetchBlock(qc: Qc, from: Address, { expected }: { readonly expected: boolean }): void {
    if (qc.view <= this.#context.tree.root.view) return;
    this.#synchroniser.fetchBlock(qc.block, qc.view, from, { expected });
    this.#armFetch();
  }

  isMissing(key: string): boolean {
    return this.#synchroniser.isMissing(key);
  }

  onArrived(key: string): void {
    this.#synchroniser.onArrived(key);
  }

  onFetch(from: Address, { block, view, height }: FetchMessage): void {
    if (!this.#synchroniser.answer(from, block, view)) this.#owner.sync.offer(from, height);
  }

  /**
   * Why a block is of no use now. While one is missing its ancestors arrive behind it, and only the
   * check of its signatures shows that they are missing as well.
   */
  refuseBlocks({ block }: BlockMessage): Refusal | null {
    if (this.#synchroniser.idle) return NOT_MISSING;
    return this.#owner.normal.proven(block.justify) ? null : "not admitted: block without a quorum";
  }

  onBlock(from: Address, message: BlockMessage): void {
    const { block, more } = message;
    const { normal } = this.#owner;
    const { host } = this.#context;
    if (!this.isMissing(keyOf(block.hash))) return host.drop(NOT_MISSING);
    const refusal = this.refuseBlocks(message);
    if (refusal !== null) return host.drop(refusal);
    coverageMark("chained: a missing block is fetched");
    normal.take(from, block, { expected: more });
    this.#armFetch();
    normal.propose();
  }

  /** Arms the retry timer; arrivals do not put it off. */
  #armFetch(): void {
    const { sync } = this.#owner;
    if (this.#fetchArmed || (this.#synchroniser.idle && !sync.fetching && !sync.behind)) return;
    this.#fetchArmed = true;
    this.#context.host.setTimer("fetch", this.#context.config.viewTimeoutMs / 4);
  }

  onFetchTimer(): void {
    const { sync } = this.#owner;
    const stable = sync.checkpoints.stable.slot;
    this.#fetchArmed = false;
    this.#synchroniser.retry();
    sync.retry();
    if (sync.behind && stable === this.#missedSlot) sync.fetchState();
    this.#missedSlot = stable;
    this.#armFetch();
  }

  // Replicas that hear nothing from the leader.

  /** A view was entered, of which others may know nothing. */
  onEntered(): void {
    if (this.#tellArmed || this.#context.config.n === 1) return;
    this.#tellArmed = true;
    this.#context.host.setTimer("tell", this.#context.config.viewTimeoutMs);
  }

  /**
   * Shows one other replica the highest QC, the next one after a view timeout, until all have seen
   * it: votes go to the leader alone, so that one which gets nothing from it is told by nobody.
   */
  onTellTimer(): void {
    const { position } = this.#owner.pacemaker;
    const { view } = position.highQc;
    this.#tellArmed = false;
    if (view > this.#toldView) this.#told = 0;
    this.#toldView = view;
    if (view > 0) this.#context.host.send(this.#listeners.next(), { kind: "entry", ...position });
    if (++this.#told < this.#context.config.n - 1) this.onEntered();
  }

  // Checkpoints and state transfer.

  /** A checkpoint covers the block's view and hash too, and what names the next leader. */
  onExecuted({ view, hash, height, lineage }: TreeNode): void {
    this.#owner.sync.onExecuted(height, (own) =>
      bytesOf((out) => {
        out.u53(view);
        out.bytes(hash);
        encodeLineage(lineage, out);
        out.bytes(own);
      }),
    );
  }

  /**
   * Sends own CHECKPOINTs that are not stable yet again. Those of others may be lost that know a
   * later one to be stable, and do not repeat theirs: where a vote waits for that they are asked,
   * for the block that none has.
   */
  repeatVotes(): void {
    const { sync, normal } = this.#owner;
    const { host, tree } = this.#context;
    const { slot } = sync.checkpoints.stable;
    for (const vote of sync.ownVotesAbove(slot)) host.send("others", vote);
    if (!normal.watermark.holds) return;
    const { view } = tree.root;
    host.send("others", { kind: "fetch", block: GENESIS_HASH, view, height: slot });
  }

  get executed(): number {
    return this.#context.tree.root.height;
  }
  get mayAttest(): boolean {
    return this.#owner.start.running;
  }
  /** What it asked for comes, or it asked for nothing; onBehind sees to the rest. */
  get progresses(): boolean {
    return this.#synchroniser.idle;
  }

  /** Gives blocks time to come; a leader that sends this replica none does not leave it behind. */
  onBehind(): void {
    this.#armFetch();
    this.#owner.normal.watermark.onStable();
  }

  onStateFetch(): void {
    this.#armFetch();
  }

  install(state: StateVersion, height: number): boolean {
    const input = new Reader(state.head);
    const view = input.u53();
    const hash = input.bytes(DIGEST_LENGTH);
    const lineage = decodeLineage(input);
    if (!input.ok) return false;
    if (!this.#context.versions.restore(input.bytes(input.remaining), state)) return false;
    this.#owner.normal.onInstalled({ hash, view, height, lineage });
    return true;
  }

  onStable(height: number): void {
    this.#context.tree.dropBelow(height - this.#context.config.checkpointInterval);
    this.#owner.normal.watermark.onStable();
  }
}
