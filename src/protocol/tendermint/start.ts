// Where a replica of Tendermint goes on when it has lost its memory (docs/guarantees.md, X14 and
// X15): no lock outlives a height, so a height that it cannot have voted at is enough.

import type { Phase, Refusal } from "../../actor.ts";
import { hasSigners } from "../kit/quorum.ts";
import type { Naming } from "../kit/naming.ts";
import type { AnswerMessage, Recovery } from "../kit/recovery.ts";
import { Starter, type StarterOwner } from "../kit/starter.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import type { TendermintContext } from "./context.ts";
import type { Position } from "./message.ts";

/**
 * Heights above the present one that are decided for a replica that recovers: one that answered it
 * may be ahead of this one by one, and the height after that is passed as well.
 */
const RECOVERY_HEIGHTS = 2;

/** What a start asks of its replica. */
export interface StartOwner {
  readonly normal: { resume(): void };
  readonly rounds: { watch(): void };
  readonly proposing: { propose(): void };
  readonly catchUp: { onHeard(height: number): void };
  readonly sync: {
    readonly checkpoints: {
      readonly reached: StableCheckpoint;
      proven(checkpoint: StableCheckpoint): boolean;
    };
    readonly behind: boolean;
    adopt(checkpoint: StableCheckpoint): void;
    attestEarlier(): void;
    fetchState(): void;
  };
}

/** It alone says what this replica may sign, and what others that recover wait for. */
export class Start implements StarterOwner<Position> {
  protected readonly context: TendermintContext;
  readonly #owner: StartOwner;
  /** The part that all protocols share, which replicas hand its messages and its timer. */
  readonly starter: Starter<Position>;
  /** It takes part in this height and later ones, once n - f replicas have said where they are. */
  #resumeAt = Infinity;
  #recoveryTarget = 0;

  constructor(
    context: TendermintContext,
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
  /** The last height that is to be decided for a replica that recovers. */
  get recoveryTarget(): number {
    return this.#recoveryTarget;
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

  /** A height is reached by the decision of the one before, or by a state after that. */
  #isProven({ height, stable, decision }: Position): boolean {
    if (!this.#owner.sync.checkpoints.proven(stable)) return false;
    if (decision === null) return height === stable.slot + 1;
    if (decision.height !== height - 1) return false;
    return hasSigners(decision.precommits, this.context.quorums.quorum);
  }

  // What the starter asks.

  get executed(): number {
    return this.context.log.height - 1;
  }

  get position(): Position {
    const { log } = this.context;
    const { reached } = this.#owner.sync.checkpoints;
    const { height, base } = log;
    const decided = log.get(height - 1);
    // One that was fetched may be later than the last that this replica signed.
    const stable = base.slot > reached.slot ? base : reached;
    return { height, stable, decision: decided?.decision ?? null };
  }

  onBegin(): void {
    this.#run();
  }

  /** Goes on above what this replica may have voted at. */
  onPositions(positions: readonly Position[]): void {
    const { sync, catchUp } = this.#owner;
    const highest = Math.max(...positions.map(({ height }) => height));
    this.#resumeAt = this.resumeAfter(highest);
    catchUp.onHeard(this.#resumeAt);
    for (const { stable } of positions) sync.adopt(stable);
    if (sync.behind) sync.fetchState();
  }

  /**
   * The first height to take part in when `height` is the highest that a replica answered. Whoever
   * voted at a height had the PRECOMMITs of the one before, one of them by a correct replica that
   * answered, which was there: so votes were given one height above an answer at most.
   */
  protected resumeAfter(height: number): number {
    return height + 2;
  }

  caughtUp(): boolean {
    return this.context.log.height >= this.#resumeAt;
  }

  onRecovered(): void {
    this.#run();
  }

  onWork(): void {
    const target = this.context.log.height + RECOVERY_HEIGHTS;
    this.#recoveryTarget = Math.max(this.#recoveryTarget, target);
    this.#owner.rounds.watch();
    this.#owner.proposing.propose();
  }

  #run(): void {
    this.#owner.sync.attestEarlier();
    this.#owner.rounds.watch();
    this.#owner.normal.resume();
  }
}
