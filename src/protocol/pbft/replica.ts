import type {
  Address,
  App,
  Census,
  HeldCertificate,
  Host,
  Refusal,
  Replica,
  Signer,
} from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { Checkpoints } from "../kit/checkpoint.ts";
import { stableProofs, type RecoverMessage } from "../kit/messages.ts";
import { PENDING_MAX } from "../kit/pending.ts";
import { Recovery, type AnswerMessage } from "../kit/recovery.ts";
import { commitProofs, preparedProofs } from "./certificate.ts";
import { Slot } from "./log.ts";
import type { Message, Position } from "./message.ts";
import type { Timer } from "./normal.ts";
import { Retransmission } from "./catch-up.ts";

/** Checkpoint intervals beyond those that answer it which a replica that recovers sits out. */
const RECOVERY_INTERVALS = 4;
/** A RECOVER is answered no sooner after the last of its sender, in view timeouts. */
const ANSWER_PAUSE = 1 / 16;

/**
 * A replica of PBFT: Castro and Liskov, "Practical Byzantine Fault Tolerance", OSDI '99, and "...
 * and Proactive Recovery", TOCS '02, with signatures. The normal case is in ordering.ts, then come,
 * each on top of the last, view-change.ts, checkpoint.ts and status.ts; here is how a replica
 * starts, and who handles what.
 */
export class PbftReplica extends Retransmission implements Replica<Message, Timer> {
  protected readonly recovery: Recovery<Position>;
  readonly #startMs: number;
  readonly #answeredMs: number[];
  /** Where it may begin again, once n - f replicas have said where they are. */
  #resume: { readonly view: number; readonly slot: number } | null = null;

  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    super(self, config, host, app);
    this.recovery = this.newRecovery();
    this.#startMs = host.now;
    this.#answeredMs = new Array<number>(config.n).fill(-Infinity);
    host.setTimer("tick", 0);
  }

  receive(from: Address, message: Message): void {
    if (this.#deaf(message)) return;
    switch (message.kind) {
      case "request":
        return this.onRequest(from, message.request, false);
      case "relay":
        if (from < this.quorums.n) this.onRequest(message.client, message.request, true);
        return;
      case "prePrepare":
        return this.onPrePrepare(message);
      case "prepare":
        return this.onPrepare(message);
      case "commit":
        return this.onCommit(message);
      case "committed":
        return this.onCommitted(message);
      case "fetchBatch":
        return this.onFetchBatch(from, message);
      case "batch":
        return this.onBatch(message);
      case "checkpoint":
        return this.onCheckpoint(message);
      case "stable":
        return this.onStable(message);
      case "fetchState":
        return this.onFetchState(from, message);
      case "state":
        return this.onState(from, message);
      case "viewChange":
        return this.onViewChange(message);
      case "newView":
        return this.onNewView(message);
      case "fetchViewChange":
        return this.onFetchViewChange(from, message);
      case "status":
        return this.onStatus(from, message);
      case "recover":
        return this.#onRecover(message);
      case "answer":
        return this.#onAnswer(message);
      case "reply":
        return;
    }
  }

  timeout(timer: Timer): void {
    switch (timer) {
      case "view":
        return this.onViewTimer();
      case "flush":
        return this.propose();
      case "tick":
        if (this.phase !== "done") this.#ask();
        return this.onTick();
    }
  }

  refuse(_from: Address, message: Message): Refusal | null {
    return this.#needs(message) ? null : "not admitted: not needed";
  }

  #needs(message: Message): boolean {
    if (this.#deaf(message)) return false;
    switch (message.kind) {
      case "prepare": {
        const { view, slot: number, replica } = message;
        if (view < this.view || !this.log.contains(number)) return false;
        const slot = this.log.get(number);
        return (
          slot === undefined || (slot.prepared?.view !== view && slot.prepares.wants(replica, view))
        );
      }
      case "commit": {
        if (!this.log.contains(message.slot)) return false;
        const slot = this.log.get(message.slot);
        if (slot === undefined) return true;
        return slot.committed === null && slot.commits.wants(message.replica, message.view);
      }
      case "committed": {
        const { slot: number } = message.certificate;
        if (!this.log.contains(number) || !this.isCommitted(message.certificate)) return false;
        return (this.log.get(number)?.committed ?? null) === null;
      }
      case "viewChange":
        // Of those that are well formed none is dropped; the others could have any number of
        // proofs.
        return this.isViewChange(message);
      case "checkpoint":
        return this.checkpoints.wants(message);
      case "stable":
        return message.checkpoint.slot > this.log.low;
      case "answer":
        return this.phase !== "done" && message.to === this.self;
      case "reply":
        return false;
      default:
        return true;
    }
  }

  census(): Census {
    const { n } = this.quorums;
    let batches = 0;
    let votes = 0;
    let slots = 0;
    for (let number = this.log.low + 1; number <= this.log.high; number++) {
      const slot = this.log.get(number);
      if (slot === undefined) continue;
      slots++;
      batches = Math.max(batches, slot.batches);
      votes = Math.max(votes, slot.prepares.size, slot.commits.size);
    }
    return {
      view: this.view,
      committed: this.executed,
      executed: this.executor.position,
      recovering: this.phase !== "done",
      viewTimerMs: this.timeoutMs,
      sizes: [
        { name: "sessions", size: this.executor.sessions, max: this.config.sessionsMax },
        { name: "pending", size: this.pending.size, max: PENDING_MAX },
        { name: "slots", size: slots, max: this.log.size },
        { name: "batches of a slot", size: batches, max: Slot.batchesMax },
        { name: "votes of a kind on a slot", size: votes, max: n },
        { name: "checkpoint votes", size: this.checkpoints.votes, max: Checkpoints.votesMax },
        { name: "snapshots", size: this.checkpoints.snapshots, max: 4 },
        { name: "early proposals", size: this.early, max: this.log.size },
        { name: "incomplete new-views", size: this.incoming, max: n },
      ],
    };
  }

  certificates(): readonly HeldCertificate[] {
    const { log } = this;
    const { latest } = this.checkpoints;
    const held: HeldCertificate[] = [];
    if (latest.slot > 0) held.push({ certificate: latest, proofs: () => stableProofs(latest) });
    for (let number = log.low + 1; number <= log.high; number++) {
      const { prepared = null, committed = null } = log.get(number) ?? {};
      if (prepared !== null) {
        held.push({ certificate: prepared, proofs: () => preparedProofs(prepared) });
      }
      if (committed !== null) {
        held.push({ certificate: committed, proofs: () => commitProofs(committed) });
      }
    }
    return held;
  }

  protected newRecovery(): Recovery<Position> {
    return new Recovery(this.quorums, this.self, (bound) => this.host.random(bound));
  }

  /** The view and the slot from which this replica may vote again. */
  protected resumeAt(view: number, stable: number): { view: number; slot: number } {
    return { view, slot: stable + RECOVERY_INTERVALS * this.config.checkpointInterval };
  }

  protected override get phase(): Recovery<Position>["phase"] {
    return this.recovery.phase;
  }

  /** While it does not know whether it has a memory, it takes no part in anything else. */
  #deaf({ kind }: Message): boolean {
    return this.phase === "starting" && kind !== "recover" && kind !== "answer";
  }

  #ask(): void {
    this.host.send("others", this.recovery.recoverMessage());
    this.#decide();
  }

  #onRecover(message: RecoverMessage): void {
    const { replica } = message;
    const { now } = this.host;
    const { viewTimeoutMs, checkpointInterval } = this.config;
    const lastMs = this.#answeredMs[replica];
    if (lastMs === undefined || replica === this.self) return;
    if (now - lastMs >= ANSWER_PAUSE * viewTimeoutMs) {
      this.#answeredMs[replica] = now;
      const position = {
        view: this.view,
        stable: this.checkpoints.stable,
        proof: this.viewProof(),
      };
      this.host.send(replica, this.recovery.answer(message, position));
    }
    if (!this.recovery.takeWork(message, now, viewTimeoutMs)) return;
    // One interval more than the replica waits for: it may have heard of a later checkpoint than
    // this one.
    const distance = (RECOVERY_INTERVALS + 1) * checkpointInterval;
    this.wantedSlot = Math.max(this.wantedSlot, this.log.low + distance);
    this.wantedMs = now;
    this.propose();
    this.armTimer();
  }

  #onAnswer(message: AnswerMessage<Position>): void {
    const { position } = message;
    if (position !== null && !this.#isProven(position)) return;
    this.recovery.onAnswer(message);
    this.#decide();
  }

  /** A correct replica leaves a view for the next only, or with f + 1 others. */
  #isProven({ view, stable, proof }: Position): boolean {
    if (!this.checkpoints.proven(stable)) return false;
    if (view <= 1) return true;
    const replicas = new Set(proof.map((header) => header.replica));
    return replicas.size >= this.quorums.weak && proof.every((header) => header.view >= view - 1);
  }

  #decide(): void {
    const { recovery } = this;
    if (recovery.phase === "starting") {
      const verdict = recovery.decide(this.host.now - this.#startMs, this.config.viewTimeoutMs);
      if (verdict === "begin") this.#begin();
      if (verdict === "recover") recovery.phase = "recovering";
    }
    if (recovery.phase === "recovering") this.#recover();
  }

  /** Begins at genesis. */
  #begin(): void {
    this.recovery.phase = "done";
    this.speaks = true;
    this.votesAbove = -1;
    this.#enterFirstView();
  }

  /** The first view begins without a NEW-VIEW. */
  #enterFirstView(): void {
    this.active = true;
    this.viewEnteredMs = this.host.now;
  }

  /**
   * Goes on where the others are: what this replica may have forgotten must not matter any more.
   */
  #recover(): void {
    const positions = [...this.recovery.positions.values()];
    if (this.#resume === null && positions.length >= this.quorums.n - this.quorums.f) {
      const furthest = positions.reduce((a, b) => (b.view > a.view ? b : a));
      const stable = Math.max(...positions.map((position) => position.stable.slot));
      this.#resume = this.resumeAt(furthest.view, stable);
      if (furthest.view >= this.view) this.resumedProof = furthest.proof;
      if (furthest.view > this.view) {
        this.view = furthest.view;
        this.active = false;
      }
      if (this.view === 0) this.#enterFirstView();
      for (const position of positions) this.learn(position.stable);
      if (this.checkpoints.latest.slot > this.executed) this.jump();
    }
    const resume = this.#resume;
    if (resume === null || this.log.low < resume.slot || this.executed < this.log.low) return;
    coverageMark("pbft: replica recovers");
    this.recovery.phase = "done";
    this.speaks = true;
    this.votesAbove = resume.view;
    if (this.active) for (const slot of this.log.known()) this.vote(slot);
    else this.sendViewChange();
    this.armTimer();
  }

  protected override onStableMoved(): void {
    if (this.phase === "recovering") this.#recover();
  }
}
