// HotStuff's log is a tree of blocks, from those that were executed and are kept for others up to
// the newest proposals.

import type { Bytes, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { FOOTPRINT_MAX, footprintOf } from "../kit/batch.ts";
import { keyOf, type Block } from "./block.ts";
import { GENESIS_LINEAGE, lineageOf, type Lineage } from "./lineage.ts";

/** A block all of whose ancestors are known, down to one that was executed. */
export interface TreeNode {
  /**
   * null for a root that is known by its hash only: genesis, or one that a snapshot begins with.
   */
  readonly block: Block | null;
  readonly hash: Bytes;
  readonly key: string;
  readonly view: number;
  /** Blocks since genesis, which has height 0. */
  readonly height: number;
  /** null below what is kept. */
  parent: TreeNode | null;
  readonly lineage: Lineage;
  /** Every replica that has this block knows that blocks up to this height are committed. */
  readonly committedShown: number;
  /** The height of the last block with requests, from this one downwards. */
  readonly lastNonEmptyHeight: number;
  /** It seemed abandoned, so its requests went back to the pool. */
  orphaned: boolean;
  /** The last sweep that found it below the root. */
  sweep: number;
}

/** The block that a snapshot stands for. */
export type Installed = Pick<TreeNode, "hash" | "view" | "height" | "lineage">;

/** What the log needs of the rules (rules.ts). */
interface CommitRule {
  /** The block that is committed, with its ancestors, once `node` is certified. */
  committedBy(node: TreeNode): TreeNode | null;
}

/** Blocks that wait for an ancestor; the one of the lowest view makes room. */
export const WAITING_MAX = 1024;
/**
 * Blocks that are not executed: a replica votes for none that is higher above the root than half of
 * it.
 */
export const LIVE_MAX = 2048;
/**
 * Memory for batches of live blocks. What is beyond costs blocks that are abandoned, as it seems; a
 * leader adds empty blocks long before (batcher.ts).
 */
export const LIVE_BYTES_MAX = 48 * 1024 * 1024;
/** Memory for batches of waiting blocks; the one of the lowest view makes room. */
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;

/** No more is on the paths that are kept: replicas do not vote for more. */
const PATH_BYTES_MAX = LIVE_BYTES_MAX + 2 * FOOTPRINT_MAX;

export class Tree {
  /** Not executed, in order of arrival, so that parents come before their children. */
  readonly #live = new Map<string, TreeNode>();
  /** Executed, oldest first, the root last. */
  readonly #executed = new Map<string, TreeNode>();
  readonly #waiting = new Map<string, Block>();
  readonly #executedMax: number;
  readonly #rules: CommitRule;
  readonly #trailMax: number;
  #root: TreeNode;
  /** Live blocks with requests that were not orphaned. */
  #nonEmpty = 0;
  #liveBytes = 0;
  #waitingBytes = 0;
  #sweep = 0;

  /** Keeps at most `executedMax` executed blocks, and of each who made the last `trailMax`. */
  constructor(genesis: Bytes, executedMax: number, rules: CommitRule, trailMax: number) {
    this.#executedMax = executedMax;
    this.#rules = rules;
    this.#trailMax = trailMax;
    this.#root = rootNode(genesis, 0, 0, GENESIS_LINEAGE);
    this.#executed.set(this.#root.key, this.#root);
  }

  /** The last block executed. */
  get root(): TreeNode {
    return this.#root;
  }
  get live(): ReadonlyMap<string, TreeNode> {
    return this.#live;
  }
  /** Live blocks with requests that were not orphaned. */
  get nonEmpty(): number {
    return this.#nonEmpty;
  }
  /** Memory of batches in live blocks. */
  get liveBytes(): number {
    return this.#liveBytes;
  }
  get sizes(): Sizes {
    return [
      { name: "blocks.live", size: this.#live.size, max: LIVE_MAX },
      { name: "blocks.live bytes", size: this.#liveBytes, max: LIVE_BYTES_MAX + PATH_BYTES_MAX },
      { name: "blocks.waiting bytes", size: this.#waitingBytes, max: WAITING_BYTES_MAX },
      { name: "blocks.executed", size: this.#executed.size, max: this.#executedMax },
      { name: "blocks.waiting", size: this.#waiting.size, max: WAITING_MAX },
    ];
  }

  get(key: string): TreeNode | undefined {
    return this.#live.get(key) ?? this.#executed.get(key);
  }

  /** A block that waits for an ancestor. */
  waiting(key: string): Block | undefined {
    return this.#waiting.get(key);
  }

  /** Adds a block whose parent is `parent`. */
  add(block: Block, parent: TreeNode): TreeNode {
    const key = keyOf(block.hash);
    this.#forgetWaiting(key);
    const nonEmpty = block.batch.requests.length > 0;
    const height = parent.height + 1;
    const node: TreeNode = {
      block,
      hash: block.hash,
      key,
      view: block.view,
      height,
      parent,
      lineage: lineageOf(block, parent.lineage, this.#trailMax),
      committedShown: this.#rules.committedBy(parent)?.height ?? parent.committedShown,
      lastNonEmptyHeight: nonEmpty ? height : parent.lastNonEmptyHeight,
      orphaned: false,
      sweep: 0,
    };
    this.#live.set(key, node);
    this.#liveBytes += footprintOf(block.batch);
    if (nonEmpty) this.#nonEmpty++;
    return node;
  }

  /** Keeps a block until its parent comes. */
  wait(block: Block): void {
    const key = keyOf(block.hash);
    this.#forgetWaiting(key);
    this.#waiting.set(key, block);
    this.#waitingBytes += footprintOf(block.batch);
    while (this.#waiting.size > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX) {
      let lowest = block;
      for (const other of this.#waiting.values()) if (other.view < lowest.view) lowest = other;
      this.#forgetWaiting(keyOf(lowest.hash));
    }
  }

  #forgetWaiting(key: string): void {
    const block = this.#waiting.get(key);
    if (block === undefined) return;
    this.#waiting.delete(key);
    this.#waitingBytes -= footprintOf(block.batch);
  }

  #forgetLive(node: TreeNode): void {
    if (!this.#live.delete(node.key)) return;
    this.#liveBytes -= node.block === null ? 0 : footprintOf(node.block.batch);
    if (hasRequests(node) && !node.orphaned) this.#nonEmpty--;
  }

  /** Blocks that waited for this one. */
  children(key: string): Block[] {
    if (this.#waiting.size === 0) return [];
    return [...this.#waiting.values()].filter((block) => keyOf(block.justify.block) === key);
  }

  /** The blocks after the root up to `node`, in order; null when `node` is on another branch. */
  path(node: TreeNode): TreeNode[] | null {
    const path: TreeNode[] = [];
    let at: TreeNode | null = node;
    while (at !== null && at.height > this.#root.height) {
      path.push(at);
      at = at.parent;
    }
    return at === this.#root ? path.reverse() : null;
  }

  /** Whether `ancestor` is `node` or below it. */
  extends(node: TreeNode, ancestor: TreeNode): boolean {
    let at: TreeNode | null = node;
    while (at !== null && at.height > ancestor.height) at = at.parent;
    return at === ancestor;
  }

  /** Makes `node`, a child of the root, the root: it was executed. */
  advance(node: TreeNode): void {
    assert(node.parent === this.#root, "blocks are executed in order");
    this.#forgetLive(node);
    this.#executed.set(node.key, node);
    this.#root = node;
    if (this.#executed.size > this.#executedMax) this.#dropOldest();
  }

  /** Forgets live blocks that cannot be committed any more, and gives them back. */
  prune(): TreeNode[] {
    if (this.#live.size === 0 && this.#waiting.size === 0) return [];
    this.#sweep++;
    const dropped: TreeNode[] = [];
    for (const node of this.#live.values()) {
      const { parent } = node;
      if (parent === this.#root || (parent !== null && parent.sweep === this.#sweep)) {
        node.sweep = this.#sweep;
      } else dropped.push(node);
    }
    for (const node of dropped) this.#forgetLive(node);
    for (const [key, block] of this.#waiting) {
      if (block.justify.view < this.#root.view) this.#forgetWaiting(key);
    }
    return dropped;
  }

  /**
   * Where live blocks take too much memory, forgets those that are not on the paths to these, and
   * gives them back: one that is certified after all is fetched again.
   */
  trim(tops: readonly (TreeNode | undefined)[]): TreeNode[] {
    if (this.#liveBytes <= LIVE_BYTES_MAX) return [];
    const kept = new Set<TreeNode>();
    for (const top of tops) {
      for (let at = top ?? null; at !== null && at.height > this.#root.height; at = at.parent) {
        kept.add(at);
      }
    }
    const dropped = [...this.#live.values()].filter((node) => !kept.has(node));
    for (const node of dropped) this.#forgetLive(node);
    return dropped;
  }

  /** Marks what holds requests and is not on the path to `node`, and gives it back. */
  orphan(node: TreeNode): TreeNode[] {
    if (this.#nonEmpty === 0) return [];
    const abandoned: TreeNode[] = [];
    for (const other of this.#live.values()) {
      if (!hasRequests(other) || other.orphaned || this.extends(node, other)) continue;
      other.orphaned = true;
      abandoned.push(other);
    }
    this.#nonEmpty -= abandoned.length;
    return abandoned;
  }

  /** Forgets executed blocks below a height. */
  dropBelow(height: number): void {
    for (;;) {
      const [oldest] = this.#executed.values();
      if (oldest === undefined || oldest === this.#root || oldest.height >= height) return;
      this.#dropOldest();
    }
  }

  /**
   * Begins anew at a block that a snapshot stands for; gives back the live blocks that were
   * forgotten.
   */
  restart({ hash, view, height, lineage }: Installed): TreeNode[] {
    const known = this.#live.get(keyOf(hash));
    const root = rootNode(hash, view, height, lineage);
    const forgotten = [...this.#live.values()];
    const kept = known === undefined ? [] : forgotten.filter((node) => this.extends(node, known));
    this.#live.clear();
    this.#liveBytes = 0;
    this.#executed.clear();
    this.#executed.set(root.key, root);
    this.#root = root;
    this.#nonEmpty = 0;
    for (const { key, block } of kept) {
      const parent = block === null ? undefined : this.get(keyOf(block.justify.block));
      if (block !== null && key !== root.key && parent !== undefined) this.add(block, parent);
    }
    return forgotten.filter((node) => !this.#live.has(node.key) && !node.orphaned);
  }

  #dropOldest(): void {
    const [first, second] = this.#executed.values();
    if (first === undefined || second === undefined) return;
    this.#executed.delete(first.key);
    second.parent = null;
  }
}

export function hasRequests(node: TreeNode): boolean {
  return node.block !== null && node.block.batch.requests.length > 0;
}

function rootNode(hash: Bytes, view: number, height: number, lineage: Lineage): TreeNode {
  return {
    block: null,
    hash,
    key: keyOf(hash),
    view,
    height,
    parent: null,
    lineage,
    committedShown: height,
    lastNonEmptyHeight: height,
    orphaned: false,
    sweep: 0,
  };
}
