// Which replica to ask next, and how often and how much to answer one.

import type { Address, Refusal, Signer, Sizes } from "../../actor.ts";
import { FNV_BASIS, fnv1a } from "./digest.ts";

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

/** Questions of one replica that are remembered; beyond, those that have turns are drawn by lot. */
const REMEMBERED_MAX = 1024;
/** Of how many new questions one has a turn, at most. */
const LOTS_MAX = 4096;

/** What one replica asked lately. */
interface Turns {
  /** By question, when it was answered last; the longest ago first. */
  readonly answeredMs: Map<string, number>;
  /** When the last answers of a pause were given. */
  readonly latelyMs: number[];
  /** The pause that it is, by its number, and whether new questions found no turn in it. */
  pause: number;
  ranOut: boolean;
  /** Of so many new questions one has a turn in this pause. */
  lots: number;
}

/**
 * Limits answers: each question of a replica is answered once in `pauseMs` at most, and at most
 * `answersMax` of them. Half of these are kept for questions that were never answered before, so
 * that recorded ones which an attacker repeats do not use up the turn of a new one. If more are
 * repeated than are remembered, all seem new: then lots say which of them may have a turn in a
 * pause, because whoever came first would have them all.
 */
export class AnswerLimit {
  readonly #pauseMs: number;
  readonly #answersMax: number;
  readonly #turns: readonly Turns[];

  constructor(options: {
    readonly n: number;
    readonly pauseMs: number;
    readonly answersMax: number;
  }) {
    this.#pauseMs = options.pauseMs;
    this.#answersMax = options.answersMax;
    this.#turns = Array.from({ length: options.n }, () => ({
      ...{ answeredMs: new Map<string, number>(), latelyMs: [] },
      ...{ pause: 0, ranOut: false, lots: 1 },
    }));
  }

  /** Whether this question of a replica may be answered now; never that of a stranger. */
  allows(sender: Address, question: string, nowMs: number): boolean {
    const turns = this.#turns[sender];
    if (turns === undefined) return false;
    const lastMs = turns.answeredMs.get(question);
    if (lastMs !== undefined && nowMs - lastMs < this.#pauseMs) return false;
    this.#goOn(turns, nowMs);
    const isNew = lastMs === undefined;
    if (turns.latelyMs.length < (isNew ? this.#answersMax : this.#answersMax / 2)) {
      return !isNew || turns.lots === 1 || isDrawn(question, turns);
    }
    if (isNew) turns.ranOut = true;
    return false;
  }

  /** Records that the question was answered, which costs its sender the turn. */
  spend(sender: Address, question: string, nowMs: number): void {
    const turns = this.#turns[sender];
    if (turns === undefined) return;
    const { answeredMs, latelyMs } = turns;
    answeredMs.delete(question);
    answeredMs.set(question, nowMs);
    latelyMs.push(nowMs);
    if (answeredMs.size <= REMEMBERED_MAX) return;
    const [oldest = ""] = answeredMs.keys();
    answeredMs.delete(oldest);
  }

  /** Forgets answers that are older than a pause; each pause has lots of its own. */
  #goOn(turns: Turns, nowMs: number): void {
    const { latelyMs, answeredMs } = turns;
    while (nowMs - (latelyMs[0] ?? nowMs) >= this.#pauseMs) latelyMs.shift();
    const pause = Math.floor(nowMs / this.#pauseMs);
    if (pause === turns.pause) return;
    const crowded = turns.ranOut && answeredMs.size === REMEMBERED_MAX;
    turns.lots = crowded ? Math.min(2 * turns.lots, LOTS_MAX) : Math.max(1, turns.lots / 2);
    turns.pause = pause;
    turns.ranOut = false;
  }
}

/** By the question and the pause alone, well mixed (FNV-1a, then MurmurHash3's finaliser). */
function isDrawn(question: string, { pause, lots }: Turns): boolean {
  let hash = fnv1a(question, FNV_BASIS ^ pause);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % lots === 0;
}

/** Bytes of answers that one replica gets at once, and a second, over time. */
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
