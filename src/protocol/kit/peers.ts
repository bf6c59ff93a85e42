// Which replica to ask next, and how often and how much to answer one.

import type { Address, Refusal, Signer, Sizes } from "../../actor.ts";

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

/**
 * Bytes of answers that one replica gets at once, a third of the largest state that it may fetch
 * from three others and as much again; and a second, over time.
 */
const ANSWER_BYTES_BURST = 48 * 1024 * 1024;
const ANSWER_BYTES_A_SECOND = 16 * 1024 * 1024;
/** What is charged for a message beside its large parts: certificates, and the time it takes. */
const ANSWER_OVERHEAD_BYTES = 4096;
/** Questions of one replica that are remembered in a pause. */
const QUESTIONS_MAX = 256;

/** Why a question is not answered. */
export const ASKED_TOO_MUCH: Refusal = "not admitted: question of one who asked too much";

/** What one replica asked lately, and how much it may still be sent. */
interface Asker {
  /** By question, when it was answered; the longest ago first. */
  readonly answeredMs: Map<string, number>;
  /** Bytes that may still be sent, negative after a large answer, and since when it is so. */
  bytes: number;
  sinceMs: number;
}

/**
 * What questions cost whoever asks them: they are not signed, and short, and an answer may have
 * megabytes. Each replica has bytes that come back at a steady rate (a token bucket), and the same
 * question of it is answered once in `pauseMs`; strangers get no answers.
 */
export class AnswerRate {
  readonly #pauseMs: number;
  readonly #askers: readonly Asker[];

  constructor(options: { readonly n: number; readonly pauseMs: number }) {
    this.#pauseMs = options.pauseMs;
    this.#askers = Array.from({ length: options.n }, () => ({
      answeredMs: new Map(),
      bytes: ANSWER_BYTES_BURST,
      sinceMs: 0,
    }));
  }

  get sizes(): Sizes {
    const questions = Math.max(...this.#askers.map(({ answeredMs }) => answeredMs.size));
    return [{ name: "answers.questions", size: questions, max: QUESTIONS_MAX }];
  }

  /** Whether this question of a replica may be answered now. */
  allows(sender: Address, question: string, nowMs: number): boolean {
    const lastMs = this.#askers[sender]?.answeredMs.get(question);
    if (lastMs !== undefined && nowMs - lastMs < this.#pauseMs) return false;
    return this.hasRoom(sender, nowMs);
  }

  /** Whether a replica may be sent more; never a stranger. */
  hasRoom(sender: Address, nowMs: number): boolean {
    const asker = this.#askers[sender];
    if (asker === undefined) return false;
    const gained = ((nowMs - asker.sinceMs) / 1000) * ANSWER_BYTES_A_SECOND;
    asker.bytes = Math.min(ANSWER_BYTES_BURST, asker.bytes + gained);
    asker.sinceMs = nowMs;
    return asker.bytes > 0;
  }

  /** Records that the question is answered. */
  begin(sender: Address, question: string, nowMs: number): void {
    const answeredMs = this.#askers[sender]?.answeredMs;
    if (answeredMs === undefined) return;
    answeredMs.delete(question);
    answeredMs.set(question, nowMs);
    if (answeredMs.size <= QUESTIONS_MAX) return;
    const [oldest = ""] = answeredMs.keys();
    answeredMs.delete(oldest);
  }

  /** Charges a replica for a message whose large parts have so many bytes. */
  charge(sender: Address, bytes: number): void {
    const asker = this.#askers[sender];
    if (asker !== undefined) asker.bytes -= bytes + ANSWER_OVERHEAD_BYTES;
  }
}
