// Whom to ask, and how often to answer.

import type { Address, Signer } from "../../actor.ts";

/** The other replicas in turn, so that one that does not answer costs one question only. */
export class PeerRotation {
  readonly #self: Signer;
  readonly #n: number;
  #turn: number;

  constructor(self: Signer, n: number) {
    this.#self = self;
    this.#n = n;
    this.#turn = self;
  }

  /** The next other replica; this one itself if there is no other. */
  next(): Address {
    this.#turn = (this.#turn + 1) % this.#n;
    if (this.#turn === this.#self) this.#turn = (this.#turn + 1) % this.#n;
    return this.#turn;
  }
}

/** The pause between two answers to one replica, in view timeouts. */
export const ANSWER_PAUSE = 1 / 16;

/** Lets each replica be answered no sooner than `pauseMs` after its last answer. */
export class AnswerLimit {
  readonly #pauseMs: number;
  readonly #answeredMs: number[];

  constructor(n: number, pauseMs: number) {
    this.#pauseMs = pauseMs;
    this.#answeredMs = new Array<number>(n).fill(-Infinity);
  }

  /** Whether to answer this sender now, which is then recorded; never one that is no replica. */
  allows(sender: Address, nowMs: number): boolean {
    const lastMs = this.#answeredMs[sender];
    if (lastMs === undefined || nowMs - lastMs < this.#pauseMs) return false;
    this.#answeredMs[sender] = nowMs;
    return true;
  }
}
