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

/**
 * Lets each question of a replica be answered no sooner than `pauseMs` after its last answer. A
 * question that is new is answered at once, so that one that somebody recorded and sends again and
 * again does not use up the turn of the one that matters.
 */
export class AnswerLimit {
  readonly #pauseMs: number;
  readonly #questionsMax: number;
  readonly #random: (bound: number) => number;
  /** Of each replica, by question, when it was answered last. */
  readonly #answeredMs: readonly Map<string, number>[];

  /**
   * Tells at most `questionsMax` questions of a replica apart at a time; `random` gives a uniform
   * integer in [0, bound).
   */
  constructor(options: {
    readonly n: number;
    readonly pauseMs: number;
    readonly questionsMax: number;
    readonly random: (bound: number) => number;
  }) {
    const { n } = options;
    this.#pauseMs = options.pauseMs;
    this.#questionsMax = options.questionsMax;
    this.#random = options.random;
    this.#answeredMs = Array.from({ length: n }, () => new Map());
  }

  /** Whether this question of a replica may be answered now; never that of a stranger. */
  allows(sender: Address, question: string, nowMs: number): boolean {
    const answeredMs = this.#answeredMs[sender];
    if (answeredMs === undefined) return false;
    const lastMs = answeredMs.get(question);
    if (lastMs !== undefined) return nowMs - lastMs >= this.#pauseMs;
    if (answeredMs.size < this.#questionsMax) return true;
    for (const [known, atMs] of answeredMs) {
      if (nowMs - atMs >= this.#pauseMs) answeredMs.delete(known);
    }
    // More questions than one replica can have: each has the same chance, whoever sends more.
    return answeredMs.size < this.#questionsMax || this.#random(this.#questionsMax) === 0;
  }

  /** Records that the question was answered, which costs its sender the turn. */
  spend(sender: Address, question: string, nowMs: number): void {
    const answeredMs = this.#answeredMs[sender];
    if (answeredMs === undefined) return;
    if (!answeredMs.has(question) && answeredMs.size >= this.#questionsMax) {
      const [oldest = ""] = answeredMs.keys();
      answeredMs.delete(oldest);
    }
    answeredMs.delete(question);
    answeredMs.set(question, nowMs);
  }
}
