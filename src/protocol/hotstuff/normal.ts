// Algorithm 4: proposals, votes, locks and commits. What brings a replica there is in replica.ts.

import type { Address, App, Bytes, Host, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { EMPTY_BATCH, type Batch } from "../kit/batch.ts";
import { Executor } from "../kit/executor.ts";
import { quorumsOf, Votes, type Quorums } from "../kit/quorum.ts";
import { operationDigest, type Outcome, type Request } from "../kit/request.ts";
import { Backlog } from "./backlog.ts";
import { keyOf, makeBlock, type Block } from "./block.ts";
import type { Message, Position, ProposeMessage, VoteMessage } from "./message.ts";
import { Pacemaker, viewAfter, type PacemakerOwner, type Timer } from "./view-change.ts";
import { GENESIS_HASH, GENESIS_QC, proven, qcOf, type Qc } from "./certificate.ts";
import { committedBy, LIVE_MAX, Tree, type TreeNode } from "./log.ts";

/** Blocks above the last commit from which on leaders add empty ones only. */
const EMPTY_AFTER = 64;
/** And from which on nobody votes: three views in a row that went well are all it takes. */
const UNCOMMITTED_MAX = LIVE_MAX / 2;
/** Checkpoint intervals for which executed blocks are kept while no checkpoint becomes stable. */
const KEPT_INTERVALS = 4;

/** What a replica is locked on. A replica that has recovered does not know which block it was. */
export interface Lock {
  readonly view: number;
  readonly hash: Bytes | null;
}

/**
 * The rules of chained, event-driven HotStuff (Yin et al., PODC '19, arXiv 1803.05069, section 6
 * and algorithm 4), with views in the place of heights: a block's parent is the block that its
 * justify certifies.
 */
export abstract class ChainedReplica {
  protected readonly self: Signer;
  protected readonly config: ProtocolConfig;
  protected readonly quorums: Quorums;
  protected readonly host: Host<Message, Timer>;
  protected readonly tree: Tree;
  protected readonly executor: Executor;
  protected readonly backlog: Backlog;
  protected readonly pacemaker: Pacemaker;
  protected readonly votes: Votes<VoteMessage>;
  protected highQc: Qc = GENESIS_QC;
  protected lock: Lock = { view: 0, hash: GENESIS_HASH };
  /** The last view that it voted in or gave up. */
  protected votedView = 0;
  /** The last view that it proposed in, and the last one whose proposal it took. */
  protected proposedView = 0;
  protected seenView = 0;
  protected lastVote: VoteMessage | null = null;
  /** Somebody recovers: blocks are to be made until one of this height is committed. */
  protected driveTo = 0;

  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    this.self = self;
    this.config = config;
    this.host = host;
    this.quorums = quorumsOf(config);
    this.tree = new Tree(GENESIS_HASH, KEPT_INTERVALS * config.checkpointInterval);
    this.executor = new Executor(app, config);
    this.backlog = new Backlog(config, this.executor);
    this.votes = new Votes(config.n);
    this.pacemaker = this.makePacemaker();
  }

  /** Whether it takes part: it is neither starting nor recovering. */
  abstract get running(): boolean;
  /**
   * Whether a request, or a block with requests, is known that should be committed and is not; or
   * was committed, and nobody could tell by the highest QC.
   */
  get pending(): boolean {
    if (this.backlog.size > 0 || this.tree.full > 0) return true;
    return this.tree.root.height < this.driveTo || this.#unannounced();
  }

  /**
   * The QC that committed the last block with requests may be on an abandoned branch: who learnt
   * the highest QC first does not commit by it any more, and depends on further blocks.
   */
  #unannounced(): boolean {
    const top = this.tree.get(keyOf(this.highQc.block));
    if (top === undefined) return false;
    return (this.committedBy(top)?.height ?? top.announced) < this.tree.root.lastFull;
  }

  /** Has a certified block fetched; with `coming` only if it is not here in a while. */
  protected abstract need(qc: Qc, from: Address, coming?: boolean): void;
  /** Whether the block of this key is being fetched, and that it is here now. */
  protected abstract wanted(key: string): boolean;
  protected abstract arrived(key: string): void;
  /** A block was executed. */
  protected abstract onExecuted(node: TreeNode): void;
  /** The view is given up: no vote in it from now on. */
  protected abstract onGivenUp(view: number): void;

  protected makePacemaker(): Pacemaker {
    return new Pacemaker(this.self, this.config, this.quorums, this.host, this.pacemakerOwner());
  }

  protected pacemakerOwner(): PacemakerOwner {
    const replica = this;
    return {
      get highQc() {
        return replica.highQc;
      },
      get pending() {
        return replica.pending;
      },
      get oldestMs() {
        return replica.backlog.oldestMs;
      },
      get running() {
        return replica.running;
      },
      onEntered: () => this.propose(),
      onGivenUp: (view: number) => this.onGivenUp(view),
    };
  }

  // Proposals and votes.

  /**
   * onPropose and onBeat: proposes on the highest QC if this is the leader's turn and there is a
   * reason to.
   */
  protected propose(): void {
    const { view } = this.pacemaker;
    if (!this.running || this.proposedView >= view || this.config.leader(view) !== this.self)
      return;
    const justify = this.justify();
    const parent = this.tree.get(keyOf(justify.block));
    if (parent === undefined || parent.height < this.tree.root.height) return;
    for (const node of this.tree.reclaim(parent)) this.returnedNode(node);
    const batch = this.#nextBatch(parent);
    if (batch === null) return;
    this.proposedView = view;
    const block = makeBlock(view, justify, batch);
    const { tc } = this.pacemaker;
    this.host.send("all", { kind: "propose", replica: this.self, block, tc });
    this.take(this.self, block);
  }

  /** The QC that a proposal is made on. */
  protected justify(): Qc {
    return this.highQc;
  }

  /** What the next block holds; null if it is not time for it. */
  #nextBatch(parent: TreeNode): Batch | null {
    const { now } = this.host;
    const crowded = parent.height - this.tree.root.height >= EMPTY_AFTER;
    if (crowded) coverageMark("hotstuff: empty blocks until something is committed");
    const dueMs = crowded ? Infinity : this.backlog.dueMs(now);
    if (dueMs <= now) return this.backlog.take();
    if (dueMs < Infinity) {
      this.host.setTimer("flush", dueMs - now);
      return null;
    }
    // Empty blocks, until everybody who has the parent knows that the last request is committed.
    const needed = Math.max(parent.lastFull, this.driveTo);
    return parent.announced < needed ? EMPTY_BATCH : null;
  }

  protected onPropose(from: Address, message: ProposeMessage): void {
    const { replica, block, tc } = message;
    const { view, justify } = block;
    if (replica !== this.config.leader(view)) return;
    if (!this.proven(justify) || (tc !== null && !this.proven(tc))) return;
    const byTc = tc !== null && viewAfter(this.config, tc.view) === view;
    if (justify.view !== view - 1 && !byTc) return;
    this.learn(from, justify);
    this.pacemaker.onTc(tc);
    this.pacemaker.onLeader(view);
    if (this.takesProposal(block) || this.wanted(keyOf(block.hash))) {
      this.take(from, block);
      // Votes for it may have come first, and made the QC that this replica is to propose on.
      if (view < this.pacemaker.view) this.propose();
    }
  }

  /** Whether it is the first one of its view or a later one: a leader may send many. */
  protected takesProposal({ view }: Block): boolean {
    return view > this.seenView;
  }

  /** Puts a block in its place, or has its parent fetched first. */
  protected take(from: Address, block: Block, coming = false): void {
    const { view, justify, hash } = block;
    this.seenView = Math.max(this.seenView, view);
    const key = keyOf(hash);
    this.arrived(key);
    if (view <= this.tree.root.view || this.tree.get(key) !== undefined) return;
    const parent = this.tree.get(keyOf(justify.block));
    if (parent === undefined) {
      coverageMark("hotstuff: a block waits for its parent");
      this.tree.wait(block);
      this.need(justify, from, coming);
    } else this.place(block, parent);
  }

  /** Adds a block and those that waited for it; votes for them. */
  protected place(block: Block, parent: TreeNode): void {
    const next = [{ block, parent }];
    for (;;) {
      const first = next.shift();
      if (first === undefined) return;
      if (this.tree.get(first.parent.key) !== first.parent) continue;
      const node = this.tree.add(first.block, first.parent);
      this.backlog.placed(first.block.batch);
      this.#update(first.parent);
      if (equal(this.highQc.block, node.hash)) this.#update(node);
      this.#vote(node);
      for (const child of this.tree.children(node.key)) next.push({ block: child, parent: node });
    }
  }

  /** onReceiveProposal: votes at most once a view, in the view that this replica is in. */
  #vote(node: TreeNode): void {
    const { view } = node;
    if (!this.running || view !== this.pacemaker.view || !this.mayVote(view)) return;
    if (node.height - this.tree.root.height > UNCOMMITTED_MAX) return;
    if (!this.safeToVote(node)) {
      coverageMark("hotstuff: refuses a block that conflicts with its lock");
      return;
    }
    this.votedView = view;
    const leader = this.config.leader(view + 1);
    const vote = {
      kind: "vote",
      replica: this.self,
      view,
      digest: node.hash,
      late: false,
    } as const;
    this.lastVote = vote;
    // A message to all comes back to its sender, one to a single replica does not.
    this.host.send(leader === this.self ? "all" : leader, vote);
  }

  /** Votes for a block of this view that came before this replica ran. */
  protected voteForEarlier(): void {
    for (const node of this.tree.live.values()) this.#vote(node);
  }

  /** Whether it has neither voted in this view, or a later one, nor given it up. */
  protected mayVote(view: number): boolean {
    return view > this.votedView;
  }

  /** safeNode: the block extends the locked one, or its justify is higher than the lock. */
  protected safeToVote(node: TreeNode): boolean {
    const { view, hash } = this.lock;
    if (node.block !== null && node.block.justify.view > view) return true;
    let at: TreeNode | null = node;
    while (at !== null && at.view > view) at = at.parent;
    return at !== null && hash !== null && equal(at.hash, hash);
  }

  /** onReceiveVote. */
  protected onVote(from: Address, message: VoteMessage): void {
    if (!this.wantsVote(message)) return;
    this.votes.add(message);
    const matching = this.matching(message);
    if (matching.length < this.quorums.quorum) return;
    if (message.late) coverageMark("hotstuff: a QC of late votes");
    this.learn(from, qcOf(matching, this.quorums.quorum));
  }

  /** The votes that make a QC together with this one. */
  protected matching({ view, digest }: VoteMessage): VoteMessage[] {
    return this.votes.matching(view, digest);
  }

  protected wantsVote({ replica, view, late }: VoteMessage): boolean {
    if (view <= this.highQc.view || !this.votes.wants(replica, view)) return false;
    return late || this.config.leader(view + 1) === this.self;
  }

  // Certificates.

  /** Whether enough different replicas signed. */
  protected proven(certificate: Parameters<typeof proven>[0]): boolean {
    return proven(certificate, this.quorums.quorum);
  }

  protected learnPosition(from: Address, { highQc, tc }: Position): boolean {
    if (!this.proven(highQc) || (tc !== null && !this.proven(tc))) return false;
    this.learn(from, highQc);
    this.pacemaker.onTc(tc);
    return true;
  }

  /** updateQcHigh, and what follows from the QC. */
  protected learn(from: Address, qc: Qc): void {
    if (qc.view > this.highQc.view) {
      this.highQc = qc;
      const node = this.tree.get(keyOf(qc.block));
      if (node === undefined) this.need(qc, from);
      else this.#update(node);
    }
    this.pacemaker.onQc(qc);
  }

  /** update: `node` is certified. Locks on its parent, and commits its grandparent. */
  #update(node: TreeNode): void {
    const locked = this.lockedBy(node);
    if (locked !== null && locked.view > this.lock.view) {
      this.lock = { view: locked.view, hash: locked.hash };
    }
    const committed = this.committedBy(node);
    if (committed !== null && committed.height > this.tree.root.height) this.#commit(committed);
  }

  protected lockedBy(node: TreeNode): TreeNode | null {
    return node.parent;
  }

  protected committedBy(node: TreeNode): TreeNode | null {
    return committedBy(node);
  }

  #commit(node: TreeNode): void {
    const path = this.tree.path(node);
    assert(path !== null, "a block was committed that conflicts with one that was before");
    if (path.length > 3) coverageMark("hotstuff: commits a long branch at once");
    for (const next of path) {
      this.#execute(next);
      this.tree.advance(next);
      this.onExecuted(next);
    }
    for (const dropped of this.tree.prune()) this.#dropped(dropped);
    this.backlog.trim(this.host.now);
    this.pacemaker.onCommitted();
  }

  #execute({ block }: TreeNode): void {
    if (block === null) return;
    const { requests, clients } = block.batch;
    for (const [i, request] of requests.entries()) {
      const outcome = this.execute(request);
      this.backlog.executed(request);
      if (outcome !== null) this.reply(clients[i] ?? 0, request, outcome);
    }
  }

  protected execute(request: Request): Outcome | null {
    return this.executor.execute(request);
  }

  protected reply(client: Address, { session, tag, number, op }: Request, outcome: Outcome): void {
    const { view } = this.pacemaker;
    const digest = operationDigest(op);
    const reply = { kind: "reply", replica: this.self, view, session, tag, number } as const;
    this.host.send(client, { ...reply, digest, outcome });
  }

  /** A block on another branch than the one that was committed. */
  #dropped(node: TreeNode): void {
    if (node.reclaimed) return;
    coverageMark("hotstuff: a block is abandoned");
    this.returnedNode(node);
  }

  /** Its requests, if they were not executed, are to be proposed again. */
  protected returnedNode({ block }: TreeNode): void {
    if (block !== null) this.returned(block.batch);
  }

  protected returned(batch: Batch): void {
    if (batch.requests.length > 0)
      coverageMark("hotstuff: requests of an abandoned block wait again");
    this.backlog.returned(batch, this.host.now);
  }
}
