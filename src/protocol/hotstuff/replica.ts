import type {
  Address,
  App,
  Bytes,
  Census,
  HeldCertificate,
  Host,
  Refusal,
  Replica,
  Signer,
} from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { AnswerMessage } from "../kit/recovery.ts";
import type { Request } from "../kit/request.ts";
import { keyOf } from "./block.ts";
import { CatchUp } from "./catch-up.ts";
import { ChainedReplica } from "./normal.ts";
import type { BlockMessage, FetchMessage, Message, Position, VoteMessage } from "./message.ts";
import { viewAfter, type Timer } from "./view-change.ts";
import { qcProofs, tcProofs, type Qc } from "./certificate.ts";
import { Start } from "./start.ts";
import { Synchroniser } from "./synchroniser.ts";
import { isFull, type TreeNode } from "./log.ts";

/** Oldest requests passed on to the other replicas when a view is given up. */
const RELAY_MAX = 32;

/** A replica: what it does with messages and timers, and how it comes to know what it lacks. */
export class HotStuffReplica extends ChainedReplica implements Replica<Message, Timer> {
  readonly #synchroniser: Synchroniser;
  readonly #catchUp: CatchUp;
  readonly #start: Start;

  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    super(self, config, host, app);
    const { tree, executor } = this;
    this.#synchroniser = new Synchroniser(self, config.n, host, tree);
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
        this.onPropose(from, message);
        break;
      case "vote":
        this.onVote(from, message);
        break;
      case "timeout":
        if (!this.learnPosition(from, message)) return;
        this.pacemaker.onTimeout(from, message);
        break;
      case "entry":
        this.learnPosition(from, message);
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
  refuse(_from: Address, message: Message): Refusal | null {
    return this.#needs(message) ? null : "not admitted: not needed";
  }

  #needs(message: Message): boolean {
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

  certificates(): readonly HeldCertificate[] {
    const { highQc } = this;
    const { tc } = this.pacemaker;
    const held: HeldCertificate[] = [...this.#catchUp.certificates];
    if (highQc.view > 0) held.push({ certificate: highQc, proofs: () => qcProofs(highQc) });
    if (tc !== null) held.push({ certificate: tc, proofs: () => tcProofs(tc) });
    for (const { block } of this.tree.live.values()) {
      if (block === null || block.justify.view === 0) continue;
      held.push({ certificate: block.justify, proofs: () => qcProofs(block.justify) });
    }
    return held;
  }

  get running(): boolean {
    return this.#start.running;
  }
  get position(): Position {
    return this.pacemaker.position;
  }

  protected makeStart(): Start {
    return new Start(this.self, this.config, this.quorums, this.host, this);
  }

  // Requests.

  #onRequest(client: Address, request: Request, direct: boolean): void {
    const outcome = this.executor.lookup(request);
    if (outcome === null) return;
    if (outcome !== undefined) {
      this.reply(client, request, outcome);
      return;
    }
    if (!this.backlog.add(request, client, this.host.now, direct)) return;
    this.pacemaker.watch();
    this.propose();
  }

  // Views.

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

  /**
   * Without this the QC that a dead leader should have made is lost (BeeGees, arXiv 2205.11652).
   */
  protected sendLate(vote: VoteMessage): void {
    this.host.send("all", { ...vote, late: true });
  }

  // Blocks that are missing.

  protected need(qc: Qc, from: Address, coming = false): void {
    if (qc.view <= this.tree.root.view) return;
    this.#synchroniser.need(qc.block, qc.view, from, coming);
    this.#armFetch();
  }

  protected wanted(key: string): boolean {
    return this.#synchroniser.wants(key);
  }

  protected arrived(key: string): void {
    this.#synchroniser.arrived(key);
  }

  protected onExecuted(node: TreeNode): void {
    this.#catchUp.onExecuted(node);
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
    coverageMark("hotstuff: a missing block is fetched");
    this.take(from, block, more);
    this.#armFetch();
    this.propose();
  }

  // Starting, recovering, catching up.

  #onAnswer(from: Address, message: AnswerMessage<Position>): void {
    if (message.to !== this.self || !this.#start.holds(message)) return;
    if (message.position !== null) this.learnPosition(from, message.position);
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
    this.voteForEarlier();
    this.pacemaker.watch();
    this.propose();
  }

  onWork(): void {
    const top = this.tree.get(keyOf(this.highQc.block)) ?? this.tree.root;
    this.driveTo = Math.max(this.driveTo, top.height + 1);
    this.pacemaker.watch();
    this.propose();
  }

  onInstalled(hash: Bytes, view: number, height: number): void {
    for (const node of this.tree.restart(hash, view, height)) {
      if (isFull(node)) this.returnedNode(node);
    }
    this.backlog.forgetExecuted();
    if (view > this.lock.view) this.lock = { view, hash };
    for (const block of this.tree.children(this.tree.root.key)) this.place(block, this.tree.root);
    if (this.tree.get(keyOf(this.highQc.block)) === undefined) this.need(this.highQc, this.self);
    this.pacemaker.onCommitted();
    this.propose();
  }
}
