import type { Address, App, Bytes, Census, Host, Proof, Replica, Signer } from "../../actor.ts";
import { assert } from "../../assert.ts";
import type { ProtocolConfig } from "../../config.ts";
import { mark } from "../../mark.ts";
import { equal } from "../../wire.ts";
import { EMPTY_BATCH, type Batch } from "../batch.ts";
import { Executor } from "../executor.ts";
import { quorumsOf, Votes, type Quorums } from "../quorum.ts";
import type { AnswerMessage } from "../recovery.ts";
import { operationDigest, type Outcome, type Request } from "../request.ts";
import { Backlog } from "./backlog.ts";
import { keyOf, makeBlock, type Block } from "./block.ts";
import { CatchUp } from "./catch-up.ts";
import type {
  BlockMessage,
  FetchMessage,
  Message,
  Position,
  ProposeMessage,
  VoteMessage,
} from "./message.ts";
import { Pacemaker, viewAfter, type PacemakerOwner, type Timer } from "./pacemaker.ts";
import { GENESIS_HASH, GENESIS_QC, proven, qcOf, qcProofs, tcProofs, type Qc } from "./qc.ts";
import { Start } from "./start.ts";
import { Synchroniser } from "./synchroniser.ts";
import { committedBy, isFull, LIVE_MAX, Tree, type TreeNode } from "./tree.ts";

/** Oldest requests passed on to the other replicas when a view is given up. */
const RELAY_MAX = 32;
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
 * Chained, event-driven HotStuff (Yin et al., PODC '19, arXiv 1803.05069, section 6 and algorithm 4), with
 * views in the place of heights: a block's parent is the block that its justify certifies.
 */
export class HotStuffReplica implements Replica<Message, Timer> {
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
  #driveTo = 0;
  /** Operations executed here or inside a snapshot. */
  readonly #synchroniser: Synchroniser;
  readonly #catchUp: CatchUp;
  readonly #start: Start;

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
    this.#synchroniser = new Synchroniser(self, config.n, host, this.tree);
    const { tree, executor } = this;
    this.#catchUp = new CatchUp(self, config, this.quorums, { host, tree, executor, owner: this });
    this.#start = this.makeStart();
    this.#start.ask();
  }

  receive(from: Address, message: Message): void {
    switch (message.kind) {
      case "request":
        this.#onRequest(from, message.request, true);
        return;
      case "relay":
        if (from < this.config.n) this.#onRequest(message.client, message.request, false);
        return;
      case "reply":
        return;
      case "propose":
        this.#onPropose(from, message);
        break;
      case "vote":
        this.#onVote(from, message);
        break;
      case "timeout":
        if (!this.#learnPosition(from, message)) return;
        this.pacemaker.onTimeout(from, message);
        break;
      case "entry":
        this.#learnPosition(from, message);
        break;
      case "fetch":
        this.#onFetch(from, message);
        return;
      case "block":
        this.#onBlock(from, message);
        break;
      case "checkpoint":
        this.#catchUp.onCheckpoint(message);
        return;
      case "stable":
        this.#catchUp.onStable(message);
        return;
      case "fetchState":
        this.#catchUp.onFetchState(from, message);
        return;
      case "state":
        this.#catchUp.onState(from, message);
        break;
      case "recover":
        this.#start.onRecover(message);
        return;
      case "answer":
        this.#onAnswer(from, message);
        break;
    }
    this.#start.advance();
    this.pacemaker.watch();
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        this.pacemaker.onTimer();
        return;
      case "flush":
        this.propose();
        return;
      case "fetch":
        this.#onFetchTimer();
        return;
      case "recover":
        this.#start.ask();
        this.pacemaker.watch();
    }
  }

  /** Drops what is not needed any more before its signatures are checked. */
  admit(_from: Address, message: Message): boolean {
    switch (message.kind) {
      case "reply":
        return false;
      case "vote":
        return this.wantsVote(message);
      case "checkpoint":
        return this.#catchUp.wants(message);
      case "block":
        return this.#synchroniser.wants(keyOf(message.block.hash));
      default:
        return true;
    }
  }

  census(): Census {
    return {
      view: this.pacemaker.view,
      committed: this.tree.root.height,
      executed: this.executor.position,
      recovering: !this.running,
      viewTimerMs: this.pacemaker.timerMs,
      sizes: [
        ...this.tree.sizes,
        ...this.backlog.sizes,
        ...this.pacemaker.sizes,
        ...this.#synchroniser.sizes,
        ...this.#catchUp.sizes,
        { name: "votes", size: this.votes.size, max: this.config.n },
        { name: "sessions", size: this.executor.sessions, max: this.config.sessionsMax },
      ],
    };
  }

  *certificates(): Iterable<readonly Proof[]> {
    if (this.highQc.view > 0) yield qcProofs(this.highQc);
    if (this.pacemaker.tc !== null) yield tcProofs(this.pacemaker.tc);
    const stable = this.#catchUp.proofs;
    if (stable.length > 0) yield stable;
    for (const { block } of this.tree.live.values()) {
      if (block !== null && block.justify.view > 0) yield qcProofs(block.justify);
    }
  }

  /** Whether it takes part: it is neither starting nor recovering. */
  get running(): boolean {
    return this.#start.running;
  }
  get position(): Position {
    return this.pacemaker.position;
  }
  /** Whether a request, or a block with requests, is known that should be committed and is not. */
  get pending(): boolean {
    if (this.backlog.size > 0 || this.tree.full > 0) return true;
    return this.tree.root.height < this.#driveTo;
  }

  protected makePacemaker(): Pacemaker {
    return new Pacemaker(this.self, this.config, this.quorums, this.host, this.pacemakerOwner());
  }

  protected makeStart(): Start {
    return new Start(this.self, this.config, this.quorums, this.host, this);
  }

  // Proposals and votes.

  /** onPropose and onBeat: proposes on the highest QC if this is the leader's turn and there is a reason to. */
  protected propose(): void {
    const { view } = this.pacemaker;
    if (!this.running || this.proposedView >= view || this.config.leader(view) !== this.self)
      return;
    const justify = this.justify();
    const parent = this.tree.get(keyOf(justify.block));
    if (parent === undefined || parent.height < this.tree.root.height) return;
    for (const node of this.tree.reclaim(parent)) this.#returned(node);
    const batch = this.#nextBatch(parent);
    if (batch === null) return;
    this.proposedView = view;
    const block = makeBlock(view, justify, batch);
    const { tc } = this.pacemaker;
    this.host.send("all", { kind: "propose", replica: this.self, block, tc });
    this.#take(this.self, block);
  }

  /** The QC that a proposal is made on. */
  protected justify(): Qc {
    return this.highQc;
  }

  /** What the next block holds; null if it is not time for it. */
  #nextBatch(parent: TreeNode): Batch | null {
    const { now } = this.host;
    const crowded = parent.height - this.tree.root.height >= EMPTY_AFTER;
    if (crowded) mark("hotstuff: empty blocks until something is committed");
    const dueMs = crowded ? Infinity : this.backlog.dueMs(now);
    if (dueMs <= now) return this.backlog.take();
    if (dueMs < Infinity) {
      this.host.setTimer("flush", dueMs - now);
      return null;
    }
    // Empty blocks, until everybody who has the parent knows that the last request is committed.
    const needed = Math.max(parent.lastFull, this.#driveTo);
    return parent.announced < needed ? EMPTY_BATCH : null;
  }

  #onPropose(from: Address, message: ProposeMessage): void {
    const { replica, block, tc } = message;
    const { view, justify } = block;
    if (replica !== this.config.leader(view)) return;
    if (!this.proven(justify) || (tc !== null && !this.proven(tc))) return;
    const byTc = tc !== null && viewAfter(this.config, tc.view) === view;
    if (justify.view !== view - 1 && !byTc) return;
    this.#learn(from, justify);
    this.pacemaker.onTc(tc);
    this.pacemaker.onLeader(view);
    if (this.takesProposal(block) || this.#synchroniser.wants(keyOf(block.hash))) {
      this.#take(from, block);
    }
  }

  /** Whether it is the first one of its view or a later one: a leader may send many. */
  protected takesProposal({ view }: Block): boolean {
    return view > this.seenView;
  }

  /** Puts a block in its place, or has its parent fetched first. */
  #take(from: Address, block: Block, coming = false): void {
    const { view, justify, hash } = block;
    this.seenView = Math.max(this.seenView, view);
    const key = keyOf(hash);
    this.#synchroniser.arrived(key);
    if (view <= this.tree.root.view || this.tree.get(key) !== undefined) return;
    const parent = this.tree.get(keyOf(justify.block));
    if (parent === undefined) {
      mark("hotstuff: a block waits for its parent");
      this.tree.wait(block);
      this.#need(justify, from, coming);
    } else this.#place(block, parent);
  }

  /** Adds a block and those that waited for it; votes for them. */
  #place(block: Block, parent: TreeNode): void {
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
      mark("hotstuff: refuses a block that conflicts with its lock");
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
  #onVote(from: Address, message: VoteMessage): void {
    if (!this.wantsVote(message)) return;
    this.votes.add(message);
    const matching = this.matching(message);
    if (matching.length < this.quorums.quorum) return;
    if (message.late) mark("hotstuff: a QC of late votes");
    this.#learn(from, qcOf(matching, this.quorums.quorum));
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

  #learnPosition(from: Address, { highQc, tc }: Position): boolean {
    if (!this.proven(highQc) || (tc !== null && !this.proven(tc))) return false;
    this.#learn(from, highQc);
    this.pacemaker.onTc(tc);
    return true;
  }

  /** updateQcHigh, and what follows from the QC. */
  #learn(from: Address, qc: Qc): void {
    if (qc.view > this.highQc.view) {
      this.highQc = qc;
      const node = this.tree.get(keyOf(qc.block));
      if (node === undefined) this.#need(qc, from);
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
    if (path.length > 3) mark("hotstuff: commits a long branch at once");
    for (const next of path) {
      this.#execute(next);
      this.tree.advance(next);
      this.#catchUp.onExecuted(next);
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
      if (outcome !== null) this.#reply(clients[i] ?? 0, request, outcome);
    }
  }

  protected execute(request: Request): Outcome | null {
    return this.executor.execute(request);
  }

  #reply(client: Address, { session, tag, number, op }: Request, outcome: Outcome): void {
    const { view } = this.pacemaker;
    const digest = operationDigest(op);
    const reply = { kind: "reply", replica: this.self, view, session, tag, number } as const;
    this.host.send(client, { ...reply, digest, outcome });
  }

  /** A block on another branch than the one that was committed. */
  #dropped(node: TreeNode): void {
    if (node.reclaimed) return;
    mark("hotstuff: a block is abandoned");
    this.#returned(node);
  }

  /** Its requests, if they were not executed, are to be proposed again. */
  #returned({ block }: TreeNode): void {
    if (block !== null) this.returned(block.batch);
  }

  protected returned(batch: Batch): void {
    if (batch.requests.length > 0) mark("hotstuff: requests of an abandoned block wait again");
    this.backlog.returned(batch, this.host.now);
  }

  // Requests.

  #onRequest(client: Address, request: Request, direct: boolean): void {
    const outcome = this.executor.lookup(request);
    if (outcome === null) return;
    if (outcome !== undefined) {
      this.#reply(client, request, outcome);
      return;
    }
    if (!this.backlog.add(request, client, this.host.now, direct)) return;
    this.pacemaker.watch();
    this.propose();
  }

  // Views.

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

  /** The view is given up: no vote in it from now on; the last vote, and requests, to everybody. */
  protected onGivenUp(view: number): void {
    this.votedView = Math.max(this.votedView, view);
    const { lastVote } = this;
    if (lastVote !== null && lastVote.view > this.highQc.view) this.sendLate(lastVote);
    for (const { client, request } of this.backlog.waiting(RELAY_MAX)) {
      this.host.send("others", { kind: "relay", client, request });
    }
    this.#catchUp.repeatVotes();
  }

  /** Without this the QC that a dead leader should have made is lost (BeeGees, arXiv 2205.11652). */
  protected sendLate(vote: VoteMessage): void {
    this.host.send("all", { ...vote, late: true });
  }

  // Blocks that are missing.

  #need(qc: Qc, from: Address, coming = false): void {
    if (qc.view <= this.tree.root.view) return;
    this.#synchroniser.need(qc.block, qc.view, from, coming);
    this.#armFetch();
  }

  #armFetch(): void {
    if (this.#synchroniser.idle && this.#catchUp.idle) return;
    this.host.setTimer("fetch", this.config.viewTimeoutMs / 4);
  }

  #onFetchTimer(): void {
    this.#synchroniser.retry();
    this.#catchUp.retry();
    this.#armFetch();
  }

  #onFetch(from: Address, { block, view, height }: FetchMessage): void {
    if (from >= this.config.n) return;
    if (!this.#synchroniser.answer(from, block, view)) this.#catchUp.offer(from, height);
  }

  #onBlock(from: Address, { block, more }: BlockMessage): void {
    if (!this.#synchroniser.wants(keyOf(block.hash)) || !this.proven(block.justify)) return;
    mark("hotstuff: a missing block is fetched");
    this.#take(from, block, more);
    this.#armFetch();
    this.propose();
  }

  // Starting, recovering, catching up.

  #onAnswer(from: Address, message: AnswerMessage<Position>): void {
    if (message.to !== this.self || !this.#start.holds(message)) return;
    if (message.position !== null) this.#learnPosition(from, message.position);
    this.#start.onAnswer(message);
  }

  caughtUp(view: number): boolean {
    return this.highQc.view > view && this.tree.get(keyOf(this.highQc.block)) !== undefined;
  }

  onForgotten(view: number): void {
    this.votedView = Math.max(this.votedView, viewAfter(this.config, view));
    if (view > this.lock.view) this.lock = { view, hash: null };
  }

  onRunning(): void {
    this.pacemaker.watch();
    this.propose();
  }

  onWork(): void {
    const top = this.tree.get(keyOf(this.highQc.block)) ?? this.tree.root;
    this.#driveTo = Math.max(this.#driveTo, top.height + 1);
    this.pacemaker.watch();
    this.propose();
  }

  onInstalled(hash: Bytes, view: number, height: number): void {
    for (const node of this.tree.restart(hash, view, height)) {
      if (isFull(node)) this.#returned(node);
    }
    this.backlog.forgetExecuted();
    if (view > this.lock.view) this.lock = { view, hash };
    for (const block of this.tree.children(this.tree.root.key)) this.#place(block, this.tree.root);
    if (this.tree.get(keyOf(this.highQc.block)) === undefined) this.#need(this.highQc, this.self);
    this.pacemaker.onCommitted();
    this.propose();
  }
}
