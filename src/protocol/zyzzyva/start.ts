// What a replica of Zyzzyva may say from its start on, and where it goes on when it has lost its
// memory (docs/guarantees.md, X14 and X15). What is decided by all needs the word of each, so one
// that forgot is silent until all that it can have spoken for is committed, and speaks in later
// views only; a view change gives the fast path back.

import type { Phase, Refusal } from "../../actor.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import type { Naming } from "../kit/naming.ts";
import { hasSigners } from "../kit/quorum.ts";
import type { AnswerMessage, Recovery } from "../kit/recovery.ts";
import { Starter, type StarterOwner } from "../kit/starter.ts";
import type { ViewCertificate, ViewChangeHeader } from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { Position } from "./message.ts";

/** Checkpoint intervals that a recovering replica waits for beyond its answerers' checkpoints. */
const RECOVERY_INTERVALS = 4;

/** What a start asks of its replica. */
export interface StartOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly enteredProof: ViewCertificate | null;
    enterFirst(): void;
    resumeIn(view: number, proof: readonly ViewChangeHeader[]): void;
    resumeAttesting(): void;
    viewProof(): ViewChangeHeader[];
  };
  readonly normal: { readonly committed: number; propose(): void };
  readonly timer: { arm(): void };
  readonly sync: {
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
    };
    readonly behind: boolean;
    readonly fetching: boolean;
    adopt(checkpoint: StableCheckpoint): void;
    fetchState(): void;
  };
}

/** It alone says what this replica may sign, and what others that recover wait for. */
export class Start implements StarterOwner<Position> {
  protected readonly context: ZyzzyvaContext;
  readonly #owner: StartOwner;
  /** The part that all protocols share, which replicas hand its messages and its timer. */
  readonly starter: Starter<Position>;
  /** Whether it may send CHECKPOINTs and VIEW-CHANGEs. */
  #mayAttest = false;
  /** It says everything else in later views only. */
  #recoveredFromView = Infinity;
  /** Where it may take part again, once n - f replicas have said where they are. */
  #resume: { readonly view: number; readonly slot: number } | null = null;
  #recoveryTargetSlot = 0;
  #recoveryRequestedMs = 0;

  constructor(
    context: ZyzzyvaContext,
    owner: StartOwner,
    parts: { readonly recovery: Recovery<Position>; readonly Naming: typeof Naming },
  ) {
    const { self, config, host } = context;
    this.context = context;
    this.#owner = owner;
    this.starter = new Starter({ self, config, host, ...parts, owner: this });
  }

  get phase(): Phase {
    return this.starter.phase;
  }
  get running(): boolean {
    return this.starter.running;
  }
  get mayAttest(): boolean {
    return this.#mayAttest;
  }
  mayVote(view: number): boolean {
    return this.#mayAttest && view > this.#recoveredFromView;
  }
  /** Whether it has recovered and waits for a view that it may speak in. */
  get waitsForView(): boolean {
    const { view, active } = this.#owner.views;
    return this.#resume !== null && this.#mayAttest && !(active && this.mayVote(view));
  }
  /** The last slot that is to be filled for a replica that recovers, and since when. */
  get recoveryTargetSlot(): number {
    return this.#recoveryTargetSlot;
  }
  get recoveryRequestedMs(): number {
    return this.#recoveryRequestedMs;
  }

  /** Why an answer is of no use. */
  refuseAnswer(message: AnswerMessage<Position>): Refusal | null {
    const refusal = this.starter.refuseAnswer(message);
    if (refusal !== null) return refusal;
    return this.#isProven(message.position) ? null : "not admitted: answer that proves nothing";
  }

  onAnswer(message: AnswerMessage<Position>): void {
    const refusal = this.refuseAnswer(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    this.starter.onAnswer(message);
  }

  advance(): void {
    this.starter.advance();
  }

  /** A correct replica leaves a view that began for the next only, or with f + 1 others. */
  #isProven({ view, stable, entered, proof }: Position): boolean {
    const { weak, quorum } = this.context.quorums;
    if (proof.length > weak || !this.#owner.sync.checkpoints.proven(stable)) return false;
    if (view <= 1) return true;
    if (entered !== null && entered.view >= view - 1) return hasSigners(entered.confirms, quorum);
    const replicas = new Set(proof.map((header) => header.replica));
    return replicas.size === weak && proof.every((header) => header.view >= view - 1);
  }

  /** Asks for a later view, as long as it may not speak in this one. */
  sayRecovered(): void {
    if (!this.waitsForView) return;
    const { self: replica, host } = this.context;
    const { view } = this.#owner.views;
    const stable = this.#owner.sync.checkpoints.reached;
    host.send("others", { kind: "recovered", replica, view, stable });
  }

  // What the starter asks.

  get executed(): number {
    return this.#owner.normal.committed;
  }

  get position(): Position {
    const { views, sync } = this.#owner;
    const stable = sync.checkpoints.reached;
    const entered = views.enteredProof;
    return { view: views.view, stable, entered, proof: entered === null ? views.viewProof() : [] };
  }

  onBegin(): void {
    this.#mayAttest = true;
    this.#recoveredFromView = -1;
    this.#owner.views.enterFirst();
  }

  /**
   * Goes on where the others are: what this replica may have forgotten must not matter any more.
   */
  onPositions(positions: readonly Position[]): void {
    const { views, sync } = this.#owner;
    const furthest = positions.reduce((a, b) => (b.view > a.view ? b : a));
    const stable = Math.max(...positions.map((position) => position.stable.slot));
    this.#resume = this.resumeAt(furthest.view, stable);
    views.resumeIn(furthest.view, furthest.proof);
    for (const position of positions) sync.adopt(position.stable);
    if (sync.behind) sync.fetchState();
  }

  /** The view and the slot from which this replica may speak again. */
  protected resumeAt(view: number, stable: number): { view: number; slot: number } {
    return { view, slot: stable + RECOVERY_INTERVALS * this.context.config.checkpointInterval };
  }

  caughtUp(): boolean {
    const { low } = this.context.log;
    return this.#resume !== null && low >= this.#resume.slot;
  }

  onRecovered(): void {
    const { views, timer } = this.#owner;
    this.#mayAttest = true;
    this.#recoveredFromView = this.#resume?.view ?? Infinity;
    views.resumeAttesting();
    this.sayRecovered();
    timer.arm();
  }

  /**
   * Fills slots for a replica that recovers, one interval more than it waits for, because it may
   * have heard of a later checkpoint than this one.
   */
  onWork(): void {
    const { log, host, config } = this.context;
    const distance = (RECOVERY_INTERVALS + 1) * config.checkpointInterval;
    this.#recoveryTargetSlot = Math.max(this.#recoveryTargetSlot, log.low + distance);
    this.#recoveryRequestedMs = host.now;
    this.#owner.normal.propose();
    this.#owner.timer.arm();
  }
}
