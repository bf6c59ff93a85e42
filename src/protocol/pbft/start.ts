// What a replica of PBFT may do from its start on, and where it goes on when it has lost its memory
// (docs/guarantees.md, X14 and X15).

import type { Phase, Refusal } from "../../actor.ts";
import type { AnswerMessage, Recovery } from "../kit/recovery.ts";
import { Starter, type StarterOwner } from "../kit/starter.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import type { Naming } from "../kit/naming.ts";
import type { ViewChangeHeader } from "./certificate.ts";
import type { PbftContext } from "./context.ts";
import type { Slot } from "./log.ts";
import type { Position } from "./message.ts";

/** Checkpoint intervals that a recovering replica waits for beyond its answerers' checkpoints. */
const RECOVERY_INTERVALS = 4;

/** What a start asks of its replica. */
export interface StartOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    enterFirst(): void;
    resumeIn(view: number, proof: readonly ViewChangeHeader[]): void;
    resumeAttesting(): void;
    viewProof(): ViewChangeHeader[];
  };
  readonly normal: { readonly executed: number; vote(slot: Slot): void; propose(): void };
  readonly timer: { arm(): void };
  readonly sync: {
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
    };
    readonly behind: boolean;
    adopt(checkpoint: StableCheckpoint): void;
    fetchState(): void;
  };
}

/** It alone says what this replica may sign, and what others that recover wait for. */
export class Start implements StarterOwner<Position> {
  protected readonly context: PbftContext;
  readonly #owner: StartOwner;
  /** The part that all protocols share, which replicas hand its messages and its timer. */
  readonly starter: Starter<Position>;
  /** Whether it may send CHECKPOINTs and VIEW-CHANGEs. */
  #mayAttest = false;
  /** It votes and proposes in later views only. */
  #recoveredFromView = Infinity;
  /** Where it may take part again, once n - f replicas have said where they are. */
  #resume: { readonly view: number; readonly slot: number } | null = null;
  #recoveryTargetSlot = 0;
  #recoveryRequestedMs = 0;

  constructor(
    context: PbftContext,
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
  get mayAttest(): boolean {
    return this.#mayAttest;
  }
  mayVote(view: number): boolean {
    return this.#mayAttest && view > this.#recoveredFromView;
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

  /** A correct replica leaves a view for the next only, or with f + 1 others. */
  #isProven({ view, stable, proof }: Position): boolean {
    const { weak } = this.context.quorums;
    if (proof.length > weak || !this.#owner.sync.checkpoints.proven(stable)) return false;
    if (view <= 1) return true;
    const replicas = new Set(proof.map((header) => header.replica));
    return replicas.size === weak && proof.every((header) => header.view >= view - 1);
  }

  // What the starter asks.

  get executed(): number {
    return this.#owner.normal.executed;
  }

  get position(): Position {
    const { views, sync } = this.#owner;
    return { view: views.view, stable: sync.checkpoints.reached, proof: views.viewProof() };
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

  /** The view and the slot from which this replica may vote again. */
  protected resumeAt(view: number, stable: number): { view: number; slot: number } {
    return { view, slot: stable + RECOVERY_INTERVALS * this.context.config.checkpointInterval };
  }

  caughtUp(): boolean {
    const { low } = this.context.log;
    return this.#resume !== null && low >= this.#resume.slot && this.#owner.normal.executed >= low;
  }

  onRecovered(): void {
    const { views, normal, timer } = this.#owner;
    this.#mayAttest = true;
    this.#recoveredFromView = this.#resume?.view ?? Infinity;
    if (views.active) for (const slot of this.context.log.known()) normal.vote(slot);
    else views.resumeAttesting();
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
