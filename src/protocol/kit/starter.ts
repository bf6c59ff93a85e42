// How a replica starts: at genesis if the cluster is new, else by recovering
// (docs/guarantees.md, X14 and X15).

import type { Census, Host, Phase, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { latin1 } from "../../wire.ts";
import type { RecoverMessage } from "./messages.ts";
import { AnswerLimit, ANSWER_PAUSE } from "./peers.ts";
import type { Recovery, AnswerMessage } from "./recovery.ts";

/** Starts of one replica that are answered in one pause. */
const STARTS_MAX = 16;

/** What a start asks of its replica; P says where a replica is, with the proof of it. */
export interface StarterOwner<P> {
  /** Where this replica is. */
  readonly position: P;
  /** Begins at genesis: the cluster is new. */
  onBegin(): void;
  /** Learns where n - f replicas are, and so what this one may have forgotten. */
  onPositions(positions: readonly P[]): void;
  /** Whether what it may have forgotten does not matter any more. */
  caughtUp(): boolean;
  /** Takes part from now on. */
  onRecovered(): void;
  /** Another replica recovers and needs slots, or blocks, to be filled. */
  onWork(): void;
}

export interface StarterOptions<P> {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly host: Pick<Host<RecoverMessage | AnswerMessage<P>, never>, "send" | "now" | "drop">;
  readonly recovery: Recovery<P>;
  readonly owner: StarterOwner<P>;
}

type StartProgress = Pick<Census, "phase" | "recovered" | "waitsFor">;

const BEGUN: StartProgress = { phase: "running" };
const RECOVERED: StartProgress = { phase: "running", recovered: true };

export class Starter<P> {
  readonly #self: Signer;
  readonly #config: ProtocolConfig;
  readonly #host: Pick<Host<RecoverMessage | AnswerMessage<P>, never>, "send" | "now" | "drop">;
  readonly #recovery: Recovery<P>;
  readonly #answers: AnswerLimit;
  readonly #owner: StarterOwner<P>;
  /** Whether n - f replicas have said where they are. */
  #located = false;

  constructor({ self, config, host, recovery, owner }: StarterOptions<P>) {
    this.#self = self;
    this.#config = config;
    this.#host = host;
    this.#recovery = recovery;
    this.#answers = new AnswerLimit({
      n: config.n,
      pauseMs: ANSWER_PAUSE * config.viewTimeoutMs,
      answersMax: STARTS_MAX,
    });
    this.#owner = owner;
  }

  get phase(): Phase {
    return this.#recovery.phase;
  }
  /** Whether it takes part: it is neither starting nor recovering. */
  get running(): boolean {
    return this.#recovery.phase === "running";
  }
  /** For the census. */
  get progress(): StartProgress {
    const { phase, missing } = this.#recovery;
    if (this.running) return this.#located ? RECOVERED : BEGUN;
    return { phase, waitsFor: this.#located ? [] : missing };
  }

  /** Asks all others where they are. */
  ask(): void {
    this.#host.send("others", this.#recovery.recoverMessage());
  }

  onRecover(message: RecoverMessage): void {
    const { replica, nonce } = message;
    if (replica === this.#self || replica >= this.#config.n) {
      return this.#host.drop("not admitted: recover of no other replica");
    }
    const question = latin1(nonce);
    if (this.#answers.allows(replica, question, this.#host.now)) {
      this.#answers.spend(replica, question, this.#host.now);
      const position = this.running ? this.#owner.position : null;
      this.#host.send(replica, this.#recovery.answer(message, position));
    }
    const { viewTimeoutMs } = this.#config;
    if (this.#recovery.takeWork(message, this.#host.now, viewTimeoutMs)) this.#owner.onWork();
  }

  /** Takes an answer whose position the owner has found to be proven. */
  onAnswer(message: AnswerMessage<P>): void {
    if (!this.#recovery.onAnswer(message)) {
      this.#host.drop("not admitted: answer to another question");
    }
    this.decide();
  }

  /** Takes the next step that the answers allow; called when an answer or time may allow one. */
  decide(): void {
    const recovery = this.#recovery;
    if (recovery.phase === "starting") {
      const verdict = recovery.decide(this.#host.now, this.#config.viewTimeoutMs);
      if (verdict === "begin") {
        recovery.phase = "running";
        this.#owner.onBegin();
      }
      if (verdict === "recover") recovery.phase = "recovering";
    }
    this.advance();
  }

  /** Goes on recovering, if it does. */
  advance(): void {
    const recovery = this.#recovery;
    if (recovery.phase !== "recovering") return;
    if (!this.#located) {
      const positions = [...recovery.positions.values()];
      if (positions.length < this.#config.n - this.#config.f) return;
      this.#located = true;
      this.#owner.onPositions(positions);
    }
    if (!this.running && this.#owner.caughtUp()) {
      coverageMark("start: a replica recovers");
      recovery.phase = "running";
      this.#owner.onRecovered();
    }
  }
}
