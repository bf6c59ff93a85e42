// Which replica to ask next, and how often to answer one.

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

/** Questions of one replica that are remembered, for each that may be answered in a pause. */
const REMEMBERED = 4;

/**
 * Limits answers: each question of a replica is answered once in `pauseMs` at most, and at most
 * `answersMax` of them. Half of these are kept for questions that were never answered before, so
 * that recorded ones which an attacker repeats do not use up the turn of a new one.
 */
export class AnswerLimit {
  readonly #pauseMs: number;
  readonly #answersMax: number;
  /** Of each replica, by question, when it was answered last; the longest ago first. */
  readonly #answeredMs: readonly Map<string, number>[];

  constructor(options: {
    readonly n: number;
    readonly pauseMs: number;
    readonly answersMax: number;
  }) {
    this.#pauseMs = options.pauseMs;
    this.#answersMax = options.answersMax;
    this.#answeredMs = Array.from({ length: options.n }, () => new Map());
  }

  /** Whether this question of a replica may be answered now; never that of a stranger. */
  allows(sender: Address, question: string, nowMs: number): boolean {
    const answeredMs = this.#answeredMs[sender];
    if (answeredMs === undefined) return false;
    const lastMs = answeredMs.get(question);
    if (lastMs !== undefined && nowMs - lastMs < this.#pauseMs) return false;
    let lately = 0;
    for (const atMs of answeredMs.values()) if (nowMs - atMs < this.#pauseMs) lately++;
    return lately < (lastMs === undefined ? this.#answersMax : this.#answersMax / 2);
  }

  /** Records that the question was answered, which costs its sender the turn. */
  spend(sender: Address, question: string, nowMs: number): void {
    const answeredMs = this.#answeredMs[sender];
    if (answeredMs === undefined) return;
    answeredMs.delete(question);
    answeredMs.set(question, nowMs);
    if (answeredMs.size <= REMEMBERED * this.#answersMax) return;
    const [oldest = ""] = answeredMs.keys();
    answeredMs.delete(oldest);
  }
}
