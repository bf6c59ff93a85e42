// How a replica starts: at genesis if nobody has a memory yet, else by recovering
// (docs/guarantees.md, X14 and X15).

import type { Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { RecoverMessage } from "../kit/messages.ts";
import type { Quorums } from "../kit/quorum.ts";
import { Recovery, type AnswerMessage } from "../kit/recovery.ts";
import type { Message, Position } from "./message.ts";
import { viewAfter, type Timer } from "./view-change.ts";
import { proven } from "./certificate.ts";

export interface StartOwner {
  /** Where this replica is. */
  readonly position: Position;
  /**
   * Whether it has executed, or can, all that its highest QC certifies, and that is above `view`.
   */
  caughtUp(view: number): boolean;
  /** It may have voted in any view up to this one. */
  onForgotten(view: number): void;
  /** From now on it takes part. */
  onRunning(): void;
  /** Somebody recovers and needs blocks to be made. */
  onWork(): void;
}

export class Start {
  protected readonly self: Signer;
  protected readonly config: ProtocolConfig;
  protected readonly quorums: Quorums;
  protected readonly host: Host<Message, Timer>;
  readonly #owner: StartOwner;
  readonly #recovery: Recovery<Position>;
  /** The highest view of the n - f answers; null until they are here. */
  #answered: number | null = null;

  constructor(
    self: Signer,
    config: ProtocolConfig,
    quorums: Quorums,
    host: Host<Message, Timer>,
    owner: StartOwner,
  ) {
    this.self = self;
    this.config = config;
    this.quorums = quorums;
    this.host = host;
    this.#owner = owner;
    this.#recovery = this.makeRecovery();
  }

  get running(): boolean {
    return this.#recovery.phase === "done";
  }
  get phase(): "starting" | "recovering" | "done" {
    return this.#recovery.phase;
  }

  protected makeRecovery(): Recovery<Position> {
    return new Recovery(this.quorums, this.self, (bound) => this.host.random(bound));
  }

  /** Asks, and asks again until it is known how to go on. */
  ask(): void {
    this.#decide();
    if (this.running) return;
    this.host.send("others", this.#recovery.recoverMessage());
    this.host.setTimer("recover", this.config.viewTimeoutMs / 2);
  }

  onRecover(message: RecoverMessage): void {
    const { replica } = message;
    if (replica === this.self || replica >= this.config.n) return;
    const answer = this.#recovery.answer(message, this.running ? this.#owner.position : null);
    this.host.send(replica, answer);
    const { viewTimeoutMs } = this.config;
    if (this.#recovery.takeWork(message, this.host.now, viewTimeoutMs)) this.#owner.onWork();
    this.#decide();
  }

  /** Takes an answer whose certificates the owner has found to be proven, and learnt. */
  onAnswer(message: AnswerMessage<Position>): void {
    this.#recovery.onAnswer(message);
    this.#decide();
  }

  /** Whether the certificates of an answer have enough signers. */
  holds({ position }: AnswerMessage<Position>): boolean {
    if (position === null) return true;
    const { quorum } = this.quorums;
    return proven(position.highQc, quorum) && (position.tc === null || proven(position.tc, quorum));
  }

  /** Called whenever something was learnt as well. */
  advance(): void {
    if (this.#recovery.phase === "recovering") this.#decide();
  }

  #decide(): void {
    const recovery = this.#recovery;
    if (recovery.phase === "starting") {
      const verdict = recovery.decide(this.host.now, this.config.viewTimeoutMs);
      if (verdict === "begin") this.#run();
      if (verdict === "recover") {
        coverageMark("hotstuff: recovers");
        recovery.phase = "recovering";
      }
    }
    if (recovery.phase !== "recovering") return;
    if (this.#answered === null) {
      if (recovery.positions.size < this.config.n - this.config.f) return;
      this.#answered = this.#highest();
      this.#owner.onForgotten(this.#answered);
    }
    if (this.#owner.caughtUp(this.#answered)) {
      coverageMark("hotstuff: recovered");
      this.#run();
    }
  }

  #run(): void {
    this.#recovery.phase = "done";
    this.host.clearTimer("recover");
    this.#owner.onRunning();
  }

  /** The highest view that any answer proves its sender to have been in. */
  #highest(): number {
    let highest = 0;
    for (const { highQc, tc } of this.#recovery.positions.values()) {
      const byTc = tc === null ? 0 : viewAfter(this.config, tc.view);
      highest = Math.max(highest, highQc.view + 1, byTc);
    }
    return highest;
  }
}
