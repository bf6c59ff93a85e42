// Proposals, votes, locks and commits, as chained, event-driven HotStuff has them (Yin et al., PODC
// '19, arXiv 1803.05069, section 6 and algorithm 4), with views in the place of heights, so that a
// block's parent is the block that its justify certifies.

import type { Address, Refusal, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import type { Batch } from "../kit/batch.ts";
import { Votes } from "../kit/quorum.ts";
import type { Source } from "../kit/pending.ts";
import type { Request } from "../kit/request.ts";
import { keyOf, makeBlock, type Block } from "./block.ts";
import {
  GENESIS_HASH,
  GENESIS_QC,
  highestQcView,
  proven,
  qcOf,
  type Qc,
  type Tc,
} from "./certificate.ts";
import type { ChainContext } from "./context.ts";
import { HeldProposals } from "./held-proposals.ts";
import { HighWatermark } from "./high-watermark.ts";
import { LIVE_BYTES_MAX, LIVE_MAX, hasRequests, type Installed, type TreeNode } from "./log.ts";
import {
  proposedOf,
  type Position,
  type Proposed,
  type ProposeMessage,
  type VoteMessage,
} from "./message.ts";
import { ProposalAdmission } from "./proposal-admission.ts";
import type { NormalOwner } from "./normal-owner.ts";
import { OverdueRelays } from "./overdue-relays.ts";
import { Retransmission } from "./retransmission.ts";
import type { Lock } from "./rules.ts";
import { viewAfter } from "./view-change.ts";
import { Work } from "./work.ts";

/** Blocks above the last commit from which on replicas stop voting; three good views commit. */
export const UNCOMMITTED_MAX = LIVE_MAX / 2;
/**
 * Oldest requests passed on to the other replicas when a view is given up: few, because every
 * replica passes them on to all others, again and again until the view is left.
 */
const RELAY_MAX = 32;

/** It alone writes the lock, the voted view and the highest QC. */
export class NormalCase {
  protected readonly context: ChainContext;
  protected readonly owner: NormalOwner;
  protected readonly votes: Votes<VoteMessage>;
  #highQc: Qc = GENESIS_QC;
  #lock: Lock = { view: 0, hash: GENESIS_HASH, height: 0 };
  /** The last view that it voted in or gave up. */
  #votedView = 0;
  /** The last view that it proposed in, and the last one whose proposal it took. */
  #proposedView = 0;
  #seenView = 0;
  #lastVote: VoteMessage | null = null;
  readonly #work: Work;
  readonly #admission: ProposalAdmission;
  readonly #held: HeldProposals;
  readonly retransmission: Retransmission;
  readonly watermark: HighWatermark;
  readonly relays: OverdueRelays;

  constructor(context: ChainContext, owner: NormalOwner) {
    this.context = context;
    this.owner = owner;
    this.votes = new Votes(context.config.n);
    this.#work = new Work(context, this);
    this.retransmission = new Retransmission(context, this);
    this.watermark = new HighWatermark(context, owner);
    this.relays = new OverdueRelays(context, owner);
    this.#admission = new ProposalAdmission(context, this);
    this.#held = new HeldProposals(context.config.n, context.tree);
  }

  get view(): number {
    return this.owner.pacemaker.view;
  }
  get highQc(): Qc {
    return this.#highQc;
  }
  get lock(): Lock {
    return this.#lock;
  }
  get votedView(): number {
    return this.#votedView;
  }
  /** The vote of the highest view. */
  get lastVote(): VoteMessage | null {
    return this.#lastVote;
  }
  protected get seenView(): number {
    return this.#seenView;
  }
  get sizes(): Sizes {
    const { n } = this.context.config;
    return [{ name: "normal.votes", size: this.votes.size, max: n }, ...this.#held.sizes];
  }

  isMissing(key: string): boolean {
    return this.owner.catchUp.isMissing(key);
  }

  /** Whether everybody makes QCs of votes, not the next leader alone. */
  get #votesToAll(): boolean {
    return this.context.rules.votesToAll === true;
  }

  /** Whether something should be committed and is not. */
  get pending(): boolean {
    return this.#work.pending;
  }

  // Requests.

  onRequest(client: Address, request: Request, source: Source): void {
    const { service, pool, host, leaders, self } = this.context;
    const leads = leaders.of(this.owner.pacemaker.view, this.#highQc) === self;
    if (!service.admits(client, request, source, leads)) return;
    const entry = pool.add(request, client, host.now, source);
    if (entry === null) return host.drop("not admitted: request that is pending");
    pool.enqueue(entry, host.now);
    this.retransmission.arm();
    if (source === "client" && !leads) this.relays.arm();
    this.owner.pacemaker.watch();
    this.propose();
  }

  // Proposals and votes.

  /**
   * onPropose and onBeat: proposes on the highest QC if this is the leader's turn and there is a
   * reason to.
   */
  propose(): void {
    const { tree, self, leaders, host } = this.context;
    const { pacemaker, start } = this.owner;
    const { view, tc } = pacemaker;
    if (!start.running || this.#proposedView >= view || !leaders.mayLead(self, view)) return;
    if (!pacemaker.mayPropose) return;
    const justify = this.justify();
    if (leaders.of(view, justify) !== self) return;
    const parent = tree.get(keyOf(justify.block));
    if (parent === undefined || parent.height < tree.root.height) return;
    for (const node of tree.orphan(parent)) this.#requeue(node);
    const batch = this.#work.nextBatch(parent);
    if (batch === null) return;
    this.#proposedView = view;
    const block = makeBlock(view, self, justify, batch);
    const proposal = { kind: "propose", replica: self, block, tc } as const;
    host.send("all", proposal);
    this.retransmission.onProposed(proposal);
    this.#admission.see(block, tc);
    this.take(self, block, { expected: false });
  }

  /** The QC that a proposal is made on. */
  protected justify(): Qc {
    return this.#highQc;
  }

  /** Why a proposal changes nothing, or has no proof of its view. */
  refuseProposal(message: ProposeMessage): Refusal | null {
    const refusal = this.refuseProposed(proposedOf(message));
    if (refusal !== null) return refusal;
    const { tc, block } = message;
    const { justify } = block;
    if (!this.proven(justify) || (tc !== null && !this.proven(tc))) {
      return "not admitted: proposal with a certificate without a quorum";
    }
    return this.backs(justify, tc) ? null : "not admitted: proposal below the QCs of its TC";
  }

  /** Why it does, whatever is in its block, if its certificates are what it says of them. */
  refuseProposed(proposed: Proposed): Refusal | null {
    return this.#admission.refuse(proposed, this.takesProposal(proposed));
  }

  /** Why a message that shows no more than where another replica is changes nothing. */
  refusePosition(position: Position): Refusal | null {
    if (!this.#admission.isNews(position)) return "not admitted: position that is passed";
    return this.provenPosition(position) ? null : "not admitted: certificate without a quorum";
  }

  onPropose(from: Address, message: ProposeMessage): void {
    const { block, tc } = message;
    const { view, justify } = block;
    const { host, leaders } = this.context;
    const { pacemaker, catchUp } = this.owner;
    const refusal = this.refuseProposal(message);
    if (refusal !== null) return host.drop(refusal);
    pacemaker.onArriving(view);
    this.adoptQc(from, justify);
    pacemaker.onTc(tc);
    if (leaders.of(view, justify) === null) {
      coverageMark("chained: a proposal waits for the block that names its leader");
      this.#held.keep(from, message, pacemaker.view);
      return catchUp.fetchBlock(justify, from, { expected: false });
    }
    pacemaker.onLeader(view);
    if (!this.takesProposal(block) && !catchUp.isMissing(keyOf(block.hash))) {
      if (this.retransmission.wants(this.#lastVote, block)) this.#sendVote();
      return host.drop("not admitted: proposal of an earlier view");
    }
    if (this.takesProposal(block)) this.#admission.see(block, tc);
    this.take(from, block, { expected: false });
    // Votes for it may have come first, and made the QC that this replica is to propose on.
    if (view < pacemaker.view) this.propose();
  }

  /** Whether it is the first one of its view or a later one: a leader may send many. */
  protected takesProposal({ view }: Pick<Block, "view">): boolean {
    return view > this.#seenView;
  }

  /** Puts a block in its place, or has its parent fetched first, which is `expected` or not. */
  take(from: Address, block: Block, { expected }: { readonly expected: boolean }): void {
    const { view, justify, hash } = block;
    const { tree } = this.context;
    this.#seenView = Math.max(this.#seenView, view);
    const key = keyOf(hash);
    this.owner.catchUp.onArrived(key);
    if (view <= tree.root.view || tree.get(key) !== undefined) {
      return this.context.host.drop("not admitted: block that is known or passed");
    }
    const parent = tree.get(keyOf(justify.block));
    if (parent === undefined) {
      coverageMark("chained: a block waits for its parent");
      tree.wait(block);
      this.owner.catchUp.fetchBlock(justify, from, { expected });
    } else this.#place(block, parent);
    this.#takeHeld();
  }

  /** Takes proposals that waited for the blocks that name their leaders. */
  #takeHeld(): void {
    for (const { from, message } of this.#held.take()) this.onPropose(from, message);
  }

  /** Adds a block and those that waited for it; votes for them. */
  #place(block: Block, parent: TreeNode): void {
    const { tree, pool } = this.context;
    const next = [{ block, parent }];
    for (;;) {
      const first = next.shift();
      if (first === undefined) return;
      if (tree.get(first.parent.key) !== first.parent) continue;
      const node = tree.add(first.block, first.parent);
      pool.placed(first.block.batch);
      // What was to be voted for is dropped no more than what the others build on.
      for (const dropped of tree.trim([tree.get(keyOf(this.#highQc.block)), node])) {
        if (!dropped.orphaned) this.#requeue(dropped);
      }
      this.#update(first.parent);
      if (equal(this.#highQc.block, node.hash)) this.#update(node);
      this.#vote(node);
      for (const child of tree.children(node.key)) next.push({ block: child, parent: node });
    }
  }

  /** onReceiveProposal: votes at most once a view, in the view that this replica is in. */
  #vote(node: TreeNode): void {
    const { tree, rules, self } = this.context;
    const { view } = node;
    if (!this.owner.start.running || view !== this.owner.pacemaker.view) return;
    if (!this.mayVote(view) || node.height - tree.root.height > UNCOMMITTED_MAX) return;
    if (hasRequests(node) && tree.liveBytes > LIVE_BYTES_MAX) return;
    const tc = this.#admission.tcOf(node.block);
    if (!rules.safeToVote(node, this.#lock, tc)) return this.owner.pacemaker.onRefused();
    if (this.watermark.holdsBack(node)) return;
    this.#votedView = Math.max(this.#votedView, view);
    this.#lastVote = { kind: "vote", replica: self, view, digest: node.hash, late: false };
    this.#sendVote();
  }

  /** Sends the last vote to whoever is to make a QC of it. */
  #sendVote(): void {
    const { leaders, self, host } = this.context;
    const vote = this.#lastVote;
    if (vote === null) return;
    this.retransmission.onVoted();
    if (this.#votesToAll) return host.send("all", vote);
    const leader = leaders.of(vote.view + 1, { view: vote.view, block: vote.digest });
    if (leader === null || this.owner.pacemaker.skips(vote.view + 1)) return this.sendLate(vote);
    // A message to all comes back to its sender, one to a single replica does not.
    host.send(leader === self ? "all" : leader, vote);
  }

  /** Votes for a block of this view that came before this replica ran, or could vote for it. */
  voteForEarlier(): void {
    for (const node of this.context.tree.live.values()) this.#vote(node);
  }

  /** Whether it has neither voted in this view, or a later one, nor given it up. */
  protected mayVote(view: number): boolean {
    return view > this.#votedView;
  }

  /** Why a vote changes nothing. */
  refuseVote({ replica, view, digest, late }: VoteMessage): Refusal | null {
    const { leaders, self } = this.context;
    if (view <= this.#highQc.view) return "not admitted: vote of a view that has its certificate";
    if (!this.votes.isNew(replica, view)) return "not admitted: vote that was counted";
    // A block that is not here may name this replica.
    if (late || this.#votesToAll || leaders.admits(self, view + 1, { view, block: digest }))
      return null;
    return "not admitted: vote for another leader";
  }

  /** onReceiveVote. */
  onVote(from: Address, message: VoteMessage): void {
    const refusal = this.refuseVote(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    const { quorum } = this.context.quorums;
    this.votes.add(message);
    const matching = this.matching(message);
    if (matching.length < quorum) return;
    if (message.late) coverageMark("chained: a QC of late votes");
    this.adoptQc(from, qcOf(matching, quorum));
  }

  /** The votes that make a QC together with this one. */
  protected matching({ view, digest }: VoteMessage): VoteMessage[] {
    return this.votes.matching(view, digest);
  }

  // What it promises, and what it may have promised.

  /** Gives the view up: votes in it no more; sends the last vote to all. */
  onGivenUp(view: number): void {
    this.#votedView = Math.max(this.#votedView, view);
    const lastVote = this.#lastVote;
    if (lastVote !== null && lastVote.view > this.#highQc.view) this.sendLate(lastVote);
  }

  /** Passes on to all what they may lack: old requests, and CHECKPOINTs. */
  helpOthers(): void {
    const { pool, host } = this.context;
    for (const { client, request } of pool.oldestUnplaced(RELAY_MAX)) {
      host.send("others", { kind: "relay", client, request });
    }
    this.owner.catchUp.repeatVotes();
  }

  /**
   * Without this the QC that a dead leader should have made is lost (BeeGees, arXiv 2205.11652).
   */
  protected sendLate(vote: VoteMessage): void {
    this.context.host.send("all", { ...vote, late: true });
  }

  /**
   * It may have voted in any view that a certificate of `view` lets one into, and locked there. One
   * that answered may have forgotten that it was in the first view of the next tenure, in which
   * this replica then voted too, and in the second one as well.
   */
  onForgotten(view: number): void {
    const { config } = this.context;
    const beyond = (config.tenure ?? 1) > 1 ? 1 : 0;
    this.#votedView = Math.max(this.#votedView, viewAfter(config, view) + beyond);
    if (view > this.#lock.view) this.#lock = { view, hash: null, height: null };
  }

  // Certificates.

  /** Whether enough different replicas signed; that they did sign was checked before. */
  proven(certificate: Qc | Tc): boolean {
    return proven(certificate, this.context.quorums.quorum);
  }

  /** Whether both certificates of a position are proven, and a leader could propose on them. */
  provenPosition({ highQc, tc }: Position): boolean {
    return this.proven(highQc) && (tc === null || this.proven(tc)) && this.backs(highQc, tc);
  }

  /** Whether the QC is as high as that of each signer of the TC: none is taken without one. */
  protected backs(qc: Qc, tc: Tc | null): boolean {
    return tc === null || qc.view >= highestQcView(tc);
  }

  /** Learns where another replica is; false if it proves nothing. */
  adoptPosition(from: Address, position: Position): boolean {
    if (!this.provenPosition(position)) {
      this.context.host.drop("not admitted: certificate without a quorum");
      return false;
    }
    this.adoptQc(from, position.highQc);
    this.owner.pacemaker.onTc(position.tc);
    return true;
  }

  /** updateQcHigh, and what follows from the QC, which is proven. */
  protected adoptQc(from: Address, qc: Qc): void {
    if (qc.view > this.#highQc.view) {
      this.#highQc = qc;
      const node = this.context.tree.get(keyOf(qc.block));
      if (node === undefined) this.owner.catchUp.fetchBlock(qc, from, { expected: false });
      else this.#update(node);
    }
    this.owner.pacemaker.onQc(qc);
  }

  /** update: `node` is certified. Locks and commits as the rules say. */
  #update(node: TreeNode): void {
    const { rules, tree } = this.context;
    const locked = rules.lockedBy(node);
    if (locked !== null && locked.view > this.#lock.view) {
      this.#lock = { view: locked.view, hash: locked.hash, height: locked.height };
    }
    const committed = rules.committedBy(node);
    if (committed !== null && committed.height > tree.root.height) this.#commit(committed);
  }

  // Commits.

  #commit(node: TreeNode): void {
    const { tree, pool, host, service } = this.context;
    const path = tree.path(node);
    assert(path !== null, "a block was committed that conflicts with one that was before");
    if (path.length > 3) coverageMark("chained: commits a long branch at once");
    for (const next of path) {
      if (next.block !== null) service.execute(next.block.batch);
      tree.advance(next);
      this.owner.catchUp.onExecuted(next);
    }
    for (const pruned of tree.prune()) {
      if (pruned.orphaned) continue;
      coverageMark("chained: a block is abandoned");
      this.#requeue(pruned);
    }
    pool.trim(host.now);
    this.owner.pacemaker.onCommitted();
  }

  /** Its requests, if they were not executed, are to be proposed again. */
  #requeue({ block }: TreeNode): void {
    if (block !== null) this.requeueOrphans(block.batch);
  }

  protected requeueOrphans(batch: Batch): void {
    const { pool, host } = this.context;
    if (batch.requests.length > 0) {
      coverageMark("chained: requests of an abandoned block wait again");
    }
    pool.requeueOrphans(batch, host.now);
  }

  // Recovery and state transfer.

  /** Another replica recovers, and needs blocks for it. */
  onWork(): void {
    this.#work.add();
    this.owner.pacemaker.watch();
    this.propose();
  }

  /** Whether it has, or has executed, what its highest QC certifies, and that is above `view`. */
  hasCertifiedAbove(view: number): boolean {
    const { tree } = this.context;
    return this.#highQc.view > view && tree.get(keyOf(this.#highQc.block)) !== undefined;
  }

  /** The executor has become the state after this block. */
  onInstalled(block: Installed): void {
    const { tree, service, self } = this.context;
    const { hash, view, height } = block;
    for (const node of tree.restart(block)) if (hasRequests(node)) this.#requeue(node);
    service.answerExecuted();
    if (view > this.#lock.view) this.#lock = { view, hash, height };
    const { root } = tree;
    for (const child of tree.children(root.key)) this.#place(child, root);
    this.#takeHeld();
    if (tree.get(keyOf(this.#highQc.block)) === undefined) {
      this.owner.catchUp.fetchBlock(this.#highQc, self, { expected: false });
    }
    this.owner.pacemaker.onCommitted();
    this.propose();
  }
}
