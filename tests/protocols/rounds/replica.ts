// Rounds: one batch at a time, decided by two rounds of votes under a leader who is replaced when
// it is slow. Small rather than fast. The lock rule is that of Tendermint (Buchman et al., arXiv
// 1807.04938).

import type {
  Address,
  App,
  Bytes,
  Census,
  HeldCertificate,
  Host,
  Replica,
} from "../../../src/actor.ts";
import { assert } from "../../../src/base/assert.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { coverageMark } from "../../../src/base/coverage-mark.ts";
import { EMPTY_BATCH, makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import { Executor } from "../../../src/protocol/kit/executor.ts";
import {
  certificateOf,
  hasSigners,
  NO_CERTIFICATE,
  quorumsOf,
  Votes,
} from "../../../src/protocol/kit/quorum.ts";
import { START_WAIT_TIMEOUTS } from "../../../src/protocol/kit/recovery.ts";
import { requestDigest, type Outcome, type Request } from "../../../src/protocol/kit/request.ts";
import { equal } from "../../../src/wire.ts";
import {
  lockProofs,
  type AnswerMessage,
  type DecisionMessage,
  type Lock,
  type Message,
  type ProposeMessage,
  type RecoverMessage,
  type RequestMessage,
  type SnapshotMessage,
  type StatusMessage,
  type TimeoutMessage,
  type VoteMessage,
} from "./message.ts";

export type Timer = "view" | "tick";

const PENDING_MAX = 64;

interface Pending {
  readonly request: Request;
  readonly client: Address;
}

export class RoundsReplica implements Replica<Message, Timer> {
  protected readonly host: Host<Message, Timer>;
  protected readonly config: ProtocolConfig;
  protected readonly app: App;
  protected readonly self: number;
  protected readonly executor: Executor;
  protected readonly pending = new Map<string, Pending>();
  protected pendingMax = PENDING_MAX;
  /** The height that is being decided. */
  protected height = 1;
  protected view = 0;
  /** Whether a quorum wants this view, so that it votes in it. */
  protected active = true;
  protected lock: Lock | null = null;
  protected proposal: ProposeMessage | null = null;
  protected votedView = -1;
  protected votes: [Votes<VoteMessage>, Votes<VoteMessage>];
  protected own: VoteMessage[] = [];
  protected readonly decisions = new Map<number, Lock>();
  /** "running" votes; "recovering" forgot what it voted for. */
  protected phase: "starting" | "recovering" | "running" = "starting";
  readonly #timeouts: (TimeoutMessage | undefined)[];
  readonly #quorum: number;
  readonly #weak: number;
  protected readonly nonce: number;
  /** Heights of those that run, when they first answered. */
  readonly #running = new Map<number, number>();
  /** Nonces of those that were starting while this one was. */
  readonly #together = new Map<number, number>();
  readonly #recovers = new Map<number, number>();
  readonly #snapshots: (SnapshotMessage | undefined)[];
  #snapshot: { readonly height: number; readonly state: Bytes };
  /** Heights up to this one are work, for those who recover. */
  #workUpTo = 0;
  #votesFrom = Infinity;
  #left = 0;
  /** Whether the view timer is set. */
  #watching = false;
  /** Whether it began at genesis. */
  #began = false;

  constructor(self: number, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    this.self = self;
    this.config = config;
    this.host = host;
    this.app = app;
    this.executor = new Executor(app, config);
    const { quorum, weak } = quorumsOf(config);
    this.#quorum = quorum;
    this.#weak = weak;
    this.votes = [new Votes(config.n), new Votes(config.n)];
    this.#timeouts = new Array<TimeoutMessage | undefined>(config.n).fill(undefined);
    this.#snapshots = new Array<SnapshotMessage | undefined>(config.n).fill(undefined);
    this.#snapshot = { height: 1, state: this.executor.snapshot() };
    this.nonce = host.random(2 ** 48);
    this.timeout("tick");
  }

  receive(from: Address, message: Message): void {
    switch (message.kind) {
      case "request":
        return this.onRequest(from, message);
      case "propose":
        return this.onPropose(message);
      case "vote":
        return this.onVote(message);
      case "timeout":
        return this.onTimeout(message);
      case "status":
        return this.#onStatus(from, message);
      case "decision":
        return this.#onDecision(message);
      case "snapshot":
        return this.#onSnapshot(message);
      case "recover":
        return this.#onRecover(message);
      case "answer":
        return this.#onAnswer(message);
      case "reply":
        return;
    }
  }

  timeout(timer: Timer): void {
    if (timer === "view") {
      this.#watching = false;
      if (this.hasWork() && this.active && this.phase === "running") this.leave(this.view + 1);
      return;
    }
    this.host.setTimer("tick", this.config.viewTimeoutMs / 4);
    this.tick();
  }

  census(): Census {
    const { viewTimeoutMs, sessionsMax } = this.config;
    return {
      view: this.view,
      committed: this.height - 1,
      executed: this.executor.position,
      recovering: this.phase !== "running",
      viewTimerMs: Math.min(16, 2 ** this.#left) * viewTimeoutMs,
      sizes: [
        { name: "pending", size: this.pending.size, max: PENDING_MAX },
        { name: "sessions", size: this.executor.sessions, max: sessionsMax },
        { name: "decisions", size: this.decisions.size, max: 2 * this.config.checkpointInterval },
      ],
    };
  }

  *certificates(): Iterable<HeldCertificate> {
    const { lock, height } = this;
    if (lock !== null) yield { certificate: lock, proofs: () => lockProofs(lock, 1, height) };
    for (const [at, decided] of this.decisions) {
      yield { certificate: decided, proofs: () => lockProofs(decided, 2, at) };
    }
  }

  protected quorum(): number {
    return this.#quorum;
  }

  protected hasWork(): boolean {
    return this.pending.size > 0 || this.height <= this.#workUpTo || this.lock !== null;
  }

  protected mayVote(): boolean {
    return this.phase === "running" && this.active;
  }

  protected onRequest(client: Address, { request }: RequestMessage): void {
    const outcome = this.lookup(request);
    if (outcome === null) return;
    if (outcome !== undefined) {
      this.reply(client, request, outcome);
      return;
    }
    const key = `${request.session}.${request.tag}.${request.number}`;
    if (this.pending.size >= this.pendingMax && !this.pending.has(key)) {
      coverageMark("rounds: pending is full");
      return;
    }
    this.pending.set(key, { request, client });
    this.#work();
  }

  protected lookup(request: Request): Outcome | null | undefined {
    return this.executor.lookup(request);
  }

  protected reply(client: Address, request: Request, outcome: Outcome): void {
    const digest = requestDigest(request);
    this.host.send(client, { kind: "reply", replica: this.self, digest, outcome });
  }

  /** Proposes if it leads, and watches whoever does. */
  #work(): void {
    if (!this.hasWork() || !this.mayVote()) return;
    this.watch();
    if (this.config.leader(this.view) !== this.self || this.votedView >= this.view) return;
    if (this.proposal !== null && this.proposal.view === this.view) return;
    const { lock, height, view } = this;
    const message: ProposeMessage = {
      kind: "propose",
      replica: this.self,
      height,
      view,
      batch: lock?.batch ?? this.batch(),
      justifyView: lock?.view ?? 0,
      justify: lock?.certificate ?? NO_CERTIFICATE,
    };
    this.proposal = message;
    this.host.send("all", message);
  }

  protected batch(): Batch {
    const chosen = [...this.pending.values()].slice(0, this.config.batchMax);
    if (chosen.length === 0) return EMPTY_BATCH;
    return makeBatch(
      chosen.map((p) => p.request),
      chosen.map((p) => p.client),
    );
  }

  protected onPropose(message: ProposeMessage): void {
    const { height, view, batch } = message;
    if (height !== this.height || view !== this.view || !this.mayVote()) return;
    if (message.replica !== this.config.leader(view) || this.votedView >= view) return;
    if (!this.isSafe(message)) {
      coverageMark("rounds: proposal against the lock");
      return;
    }
    this.proposal = message;
    this.votedView = view;
    this.#work();
    this.#vote(1, batch);
  }

  /** Whether the lock allows it: no lock, the same batch, or a later quorum for the new one. */
  protected isSafe({ batch, justifyView, justify, view }: ProposeMessage): boolean {
    const { lock } = this;
    if (lock === null || equal(lock.batch.digest, batch.digest)) return true;
    return justifyView >= lock.view && justifyView < view && hasSigners(justify, this.quorum());
  }

  #vote(phase: 1 | 2, batch: Batch): void {
    const { self: replica, height, view } = this;
    this.host.send("all", { kind: "vote", replica, phase, height, view, digest: batch.digest });
  }

  protected onVote(vote: VoteMessage): void {
    if (vote.height !== this.height || vote.phase < 1 || vote.phase > 2) return;
    if (vote.replica === this.self) this.own[vote.phase - 1] = vote;
    this.count(vote);
    const { proposal } = this;
    if (proposal !== null) this.#tally(proposal.batch, proposal.view);
  }

  protected count(vote: VoteMessage): void {
    this.votes[vote.phase === 1 ? 0 : 1].add(vote);
  }

  /** Locks with a quorum of first votes, decides with one of second votes. */
  #tally(batch: Batch, view: number): void {
    const first = this.matching(0, view, batch.digest);
    const mayLock = this.mayVote() && view === this.view && (this.lock?.view ?? -1) < view;
    if (mayLock && first.length >= this.quorum()) {
      this.lock = { view, batch, certificate: certificateOf(first, this.quorum()) };
      this.#vote(2, batch);
    }
    const second = this.matching(1, view, batch.digest);
    if (second.length < this.quorum()) return;
    this.decide({ view, batch, certificate: certificateOf(second, this.quorum()) });
  }

  protected matching(phase: 0 | 1, view: number, digest: Bytes): VoteMessage[] {
    return this.votes[phase].matching(view, digest);
  }

  protected decide(decided: Lock): void {
    const { height } = this;
    const { requests, clients } = decided.batch;
    this.#advance(height + 1);
    for (const [i, request] of requests.entries()) {
      const outcome = this.execute(request);
      this.pending.delete(`${request.session}.${request.tag}.${request.number}`);
      if (outcome !== null) this.reply(clients[i] ?? 0, request, outcome);
    }
    this.decisions.set(height, decided);
    const { checkpointInterval } = this.config;
    this.decisions.delete(height - 2 * checkpointInterval);
    if (height % checkpointInterval === 0) {
      this.#snapshot = { height: this.height, state: this.executor.snapshot() };
    }
    this.#work();
  }

  protected execute(request: Request): Outcome | null {
    return this.executor.execute(request);
  }

  #advance(height: number): void {
    this.height = height;
    this.lock = null;
    this.proposal = null;
    this.votedView = -1;
    this.votes = [new Votes(this.config.n), new Votes(this.config.n)];
    this.own = [];
    this.#left = 0;
    this.#stopWatching();
    if (this.phase === "recovering" && height >= this.#votesFrom) {
      coverageMark("rounds: recovered");
      this.phase = "running";
    }
  }

  /** Gives the leader its time; it is not given more. */
  protected watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.setViewTimer();
  }

  protected setViewTimer(): void {
    this.host.setTimer("view", Math.min(16, 2 ** this.#left) * this.config.viewTimeoutMs);
  }

  #stopWatching(): void {
    this.#watching = false;
    this.host.clearTimer("view");
  }

  /** Gives up on the leader and asks for the next view. */
  protected leave(view: number): void {
    this.#stopWatching();
    this.#left += 1;
    this.view = view;
    this.active = false;
    this.#sendTimeout("all");
  }

  #sendTimeout(to: Address | "all"): void {
    const { self: replica, height, view, lock } = this;
    if (this.phase === "running")
      this.host.send(to, { kind: "timeout", replica, height, view, lock });
  }

  protected onTimeout(message: TimeoutMessage): void {
    const { replica, view, height, lock } = message;
    const known = this.#timeouts[replica];
    if (known === undefined || known.view < view) this.#timeouts[replica] = message;
    if (lock !== null && height === this.height && hasSigners(lock.certificate, this.quorum())) {
      if (lock.view > (this.lock?.view ?? -1)) {
        coverageMark("rounds: took over a lock");
        this.lock = lock;
      }
    }
    this.#enter();
  }

  #enter(): void {
    const views = this.#timeouts.map((timeout) => timeout?.view ?? 0).sort((a, b) => b - a);
    const joined = views[this.#weak - 1] ?? 0;
    if (joined > this.view) {
      coverageMark("rounds: joined a view change");
      if (this.phase === "running") this.leave(joined);
      else {
        this.view = joined;
        this.active = false;
      }
    }
    if (!this.active && (views[this.quorum() - 1] ?? 0) >= this.view) {
      this.active = true;
      this.#work();
    }
  }

  /** Says how far it is, and once more what others may have missed. */
  protected tick(): void {
    const { height, view } = this;
    this.host.send("others", { kind: "status", height, view });
    if (this.phase !== "running") {
      this.host.send("others", { kind: "recover", replica: this.self, nonce: this.nonce });
      this.#consider();
    }
    if (!this.hasWork()) return;
    if (!this.active) this.#sendTimeout("all");
    this.resend();
  }

  protected resend(): void {
    const { proposal } = this;
    if (proposal?.replica === this.self && proposal.view === this.view) {
      this.host.send("others", proposal);
    }
    for (const vote of this.own) if (vote !== undefined) this.host.send("others", vote);
  }

  #onStatus(from: Address, { height, view }: StatusMessage): void {
    if (view < this.view && from < this.config.n) this.#sendTimeout(from);
    if (height >= this.height) return;
    for (let at = height; at < height + 4; at++) {
      const decided = this.decisions.get(at);
      if (decided !== undefined) this.host.send(from, { kind: "decision", height: at, decided });
    }
    if (this.decisions.has(height) || this.#snapshot.height <= height) return;
    coverageMark("rounds: sent a snapshot");
    this.host.send(from, { kind: "snapshot", replica: this.self, ...this.#snapshot });
  }

  #onDecision({ height, decided }: DecisionMessage): void {
    if (height !== this.height || !hasSigners(decided.certificate, this.quorum())) return;
    coverageMark("rounds: caught up by a decision");
    this.decide(decided);
  }

  #onSnapshot(message: SnapshotMessage): void {
    if (message.height <= this.height) return;
    this.#snapshots[message.replica] = message;
    const same = this.#snapshots.filter(
      (s) => s !== undefined && s.height === message.height && equal(s.state, message.state),
    );
    if (same.length < this.#weak) return;
    coverageMark("rounds: installed a snapshot");
    assert(this.executor.restore(message.state), "one of f + 1 that agree is correct");
    this.#snapshot = message;
    this.decisions.clear();
    this.#advance(message.height);
  }

  #onRecover({ replica, nonce }: RecoverMessage): void {
    // To one that it counted as starting it goes on saying so: they begin together.
    const together = this.#began && this.#together.get(replica) === nonce;
    const phase = together ? 3 : ["starting", "recovering", "running"].indexOf(this.phase);
    const { height, self, nonce: own } = this;
    this.host.send(replica, { kind: "answer", replica: self, nonce, height, phase, own });
    if (this.phase !== "running") return;
    const before = this.#recovers.get(replica) ?? -Infinity;
    if (this.host.now - before < 10 * this.config.viewTimeoutMs) return;
    this.#recovers.set(replica, this.host.now);
    this.#workUpTo = this.height + 3;
    this.#work();
  }

  #onAnswer(message: AnswerMessage): void {
    if (message.nonce !== this.nonce || this.phase === "running") return;
    const { replica, phase, own, height } = message;
    // Who was starting while this one was is one to begin with, even if it was quicker.
    if (this.phase === "starting" && (phase === 0 || phase === 3)) this.#together.set(replica, own);
    if (phase >= 2 && !this.#running.has(replica)) this.#running.set(replica, height);
    this.#consider();
  }

  /**
   * Begins when all start, or enough do and it has waited for the rest; otherwise it asks what it
   * forgot.
   */
  #consider(): void {
    const { n, f, viewTimeoutMs } = this.config;
    if (this.phase === "starting") {
      const waited = this.host.now >= START_WAIT_TIMEOUTS * viewTimeoutMs;
      this.#began = this.#together.size + 1 >= (waited ? n - f : n);
      const before = [...this.#running.keys()].filter((replica) => !this.#together.has(replica));
      if (this.#began) this.phase = "running";
      else if (before.length > f || (waited && this.#running.size >= n - f)) this.recover();
    }
    if (this.phase !== "recovering") return;
    // A vote at height h needs that h-1 was decided, by a quorum that shares a correct replica with
    // any n - f that answer: so it voted at no height above the highest one plus one. Of all who
    // answered those with the lowest heights will do, since a Byzantine one may name any.
    const heights = [...this.#running.values()].sort((a, b) => a - b);
    this.#votesFrom = (heights[n - f - 1] ?? Infinity) + 2;
    if (this.height >= this.#votesFrom) this.phase = "running";
  }

  protected recover(): void {
    this.phase = "recovering";
  }
}
