// Where a replica of HotStuff goes on when it has lost its memory (docs/guarantees.md, X14 and
// X15).

import type { Address, Refusal } from "../../actor.ts";
import type { Naming } from "../kit/naming.ts";
import type { AnswerMessage, Recovery } from "../kit/recovery.ts";
import { Starter, type StarterOwner } from "../kit/starter.ts";
import type { ChainContext } from "./context.ts";
import type { Position } from "./message.ts";
import { viewAfter } from "./view-change.ts";

/** What a start asks of its replica. */
export interface StartOwner {
  readonly pacemaker: { readonly position: Position; watch(): void };
  readonly sync: { attestEarlier(): void };
  readonly normal: {
    provenPosition(position: Position): boolean;
    refusePosition(position: Position): Refusal | null;
    adoptPosition(from: Address, position: Position): boolean;
    onForgotten(view: number): void;
    hasCertifiedAbove(view: number): boolean;
    voteForEarlier(): void;
    onWork(): void;
    propose(): void;
  };
}

export class Start implements StarterOwner<Position> {
  readonly #context: ChainContext;
  readonly #owner: StartOwner;
  /** The part that all protocols share, which replicas hand its messages and its timer. */
  readonly starter: Starter<Position>;
  /** The highest view that a replica has entered, by the proofs of the n - f answers. */
  #answeredView = Infinity;

  constructor(
    context: ChainContext,
    owner: StartOwner,
    parts: { readonly recovery: Recovery<Position>; readonly Naming: typeof Naming },
  ) {
    const { self, config, host } = context;
    this.#context = context;
    this.#owner = owner;
    this.starter = new Starter({ self, config, host, ...parts, owner: this });
  }

  get running(): boolean {
    return this.starter.running;
  }

  /** Why an answer is of no use: it is not awaited, and shows no more than is known. */
  refuseAnswer(message: AnswerMessage<Position>): Refusal | null {
    const { normal } = this.#owner;
    const refusal = this.starter.refuseAnswer(message);
    if (refusal !== null) return normal.refusePosition(message.position) && refusal;
    return normal.provenPosition(message.position) ? null : "not admitted: answer without a quorum";
  }

  onAnswer(from: Address, message: AnswerMessage<Position>): void {
    const refusal = this.refuseAnswer(message);
    if (refusal !== null) return this.#context.host.drop(refusal);
    const awaited = this.starter.refuseAnswer(message) === null;
    this.#owner.normal.adoptPosition(from, message.position);
    if (awaited) this.starter.onAnswer(message);
  }

  advance(): void {
    this.starter.advance();
  }

  // What the starter asks.

  get executed(): number {
    return this.#context.tree.root.height;
  }

  get position(): Position {
    return this.#owner.pacemaker.position;
  }

  onBegin(): void {
    this.#run();
  }

  onPositions(positions: readonly Position[]): void {
    this.#answeredView = 0;
    for (const { highQc, tc } of positions) {
      const byTc = tc === null ? 0 : viewAfter(this.#context.config, tc.view);
      this.#answeredView = Math.max(this.#answeredView, highQc.view + 1, byTc);
    }
    this.#owner.normal.onForgotten(this.#answeredView);
  }

  caughtUp(): boolean {
    return this.#owner.normal.hasCertifiedAbove(this.#answeredView);
  }

  onRecovered(): void {
    this.#run();
  }

  onWork(): void {
    this.#owner.normal.onWork();
  }

  #run(): void {
    const { normal, pacemaker, sync } = this.#owner;
    sync.attestEarlier();
    normal.voteForEarlier();
    pacemaker.watch();
    normal.propose();
  }
}
