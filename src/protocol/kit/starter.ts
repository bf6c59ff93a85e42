// How a replica starts: at genesis with others that start, else by recovering in the run that there
// is (docs/guarantees.md, X14 and X15).

import type { Bytes, Census, Host, Phase, Refusal } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import type { Signer } from "../../wire.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal, latin1 } from "../../wire.ts";
import type { RecoverMessage } from "./messages.ts";
import type { NamingMessage } from "./naming-messages.ts";
import type { NamingOptions, NamingOwner } from "./naming-options.ts";
import { NAMING_TICK, type Naming } from "./naming.ts";
import { AnswerLimit, ANSWER_PAUSE } from "./peers.ts";
import type { Recovery, AnswerMessage } from "./recovery.ts";
import { STARTS_MAX } from "./start-turns.ts";

/**
 * How often, in view timeouts, a replica asks in which run the others are: while it recovers, and
 * while it runs and has executed nothing since it last looked.
 */
const ASK_RECOVERING_TIMEOUTS = 4;
const ASK_RUNNING_TIMEOUTS = 16;
/** How long one that recovers stays in a run of which it hears nothing, in view timeouts. */
const UNHEARD_TIMEOUTS = 16;

/** What a start asks of its replica; P says where a replica is, with the proof of it. */
export interface StarterOwner<P> {
  /** Where this replica is. */
  readonly position: P;
  /** The last slot, or block height, that was executed. */
  readonly executed: number;
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

type StarterHost<P> = Pick<
  Host<NamingMessage | RecoverMessage | AnswerMessage<P>, "start">,
  "send" | "now" | "random" | "drop" | "setTimer" | "enterRun"
>;

export interface StarterOptions<P> {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly host: StarterHost<P>;
  readonly recovery: Recovery<P>;
  readonly owner: StarterOwner<P>;
  readonly Naming: new (options: NamingOptions) => Naming;
}

type StartProgress = Pick<Census, "phase" | "recovered" | "waitsFor" | "run" | "endedBy">;

export class Starter<P> implements NamingOwner {
  readonly #self: Signer;
  readonly #config: ProtocolConfig;
  readonly #host: StarterHost<P>;
  readonly #naming: Naming;
  readonly #recovery: Recovery<P>;
  readonly #answers: AnswerLimit;
  readonly #owner: StarterOwner<P>;
  #phase: Phase = "starting";
  /** Whether n - f replicas have said where they are. */
  #located = false;
  /** The run that has ended this replica's. */
  #endedBy: Bytes | null = null;
  /** When n - f replicas were last known to run in this one's run, or when it learnt of that. */
  #heardMs = 0;
  #askedAnewMs = 0;
  #executedBefore = -1;

  constructor({ self, config, host, recovery, owner, Naming }: StarterOptions<P>) {
    this.#self = self;
    this.#config = config;
    this.#host = host;
    this.#recovery = recovery;
    const { n, f, viewTimeoutMs } = config;
    this.#naming = new Naming({ self, n, f, viewTimeoutMs, host, owner: this });
    this.#answers = new AnswerLimit({
      n,
      pauseMs: ANSWER_PAUSE * viewTimeoutMs,
      answersMax: STARTS_MAX,
    });
    this.#owner = owner;
  }

  get phase(): Phase {
    return this.#phase;
  }
  /** Whether it takes part: it is neither starting nor recovering. */
  get running(): boolean {
    return this.#phase === "running";
  }
  /** The name of the run that it is in; null: it is in none. */
  get run(): Bytes | null {
    return this.#naming.name;
  }
  /** For the census. */
  get progress(): StartProgress {
    const { name } = this.#naming;
    const run = name === null ? {} : { run: name };
    switch (this.#phase) {
      case "running":
        return { phase: "running", ...(this.#located && { recovered: true }), ...run };
      case "starting":
        return { phase: "starting", waitsFor: this.#naming.missing };
      case "recovering":
        return {
          phase: "recovering",
          waitsFor: this.#located ? [] : this.#recovery.missing,
          ...run,
        };
      case "over":
        return { phase: "over", ...run, ...(this.#endedBy && { endedBy: this.#endedBy }) };
    }
  }

  /** Begins to ask, or is in the configured run at once. */
  start(): void {
    const { run } = this.#config;
    if (run !== undefined) {
      this.#naming.enter(run);
      this.onBegin(run);
    }
    this.#host.setTimer("start", 0);
  }

  /** Asks again. */
  onTimer(): void {
    const { viewTimeoutMs } = this.#config;
    switch (this.#phase) {
      case "starting":
        this.#naming.tick();
        break;
      case "recovering":
        this.#host.send("others", this.#recovery.recoverMessage());
        this.#watchRun();
        break;
      case "running":
        // One that cannot go on may be left over from a run that has ended.
        if (this.#owner.executed === this.#executedBefore) this.#naming.askAnew();
        this.#executedBefore = this.#owner.executed;
        break;
      case "over":
        return;
    }
    const pause = this.running ? ASK_RUNNING_TIMEOUTS : NAMING_TICK;
    this.#host.setTimer("start", pause * viewTimeoutMs);
  }

  /** Why a message of the run changes nothing: this replica is in none. */
  refuse(): Refusal | null {
    if (this.#phase === "starting") return "not admitted: this replica is starting";
    return this.#phase === "over" ? "not admitted: this replica's run is over" : null;
  }

  refuseNaming(message: NamingMessage): Refusal | null {
    if (this.#phase === "over") return "not admitted: this replica's run is over";
    return this.#naming.refuse(message, this.running);
  }

  onNaming(message: NamingMessage): void {
    if (this.#phase === "over") return;
    this.#naming.receive(message, this.running);
  }

  /** Why a RECOVER is not answered, and brings no work. */
  refuseRecover(message: RecoverMessage): Refusal | null {
    const { replica, nonce } = message;
    if (replica === this.#self || replica >= this.#config.n) {
      return "not admitted: recover of no other replica";
    }
    // One that recovers itself knows nothing, and must not vouch for the run.
    if (!this.running) return "not admitted: recover while this one recovers";
    const { now } = this.#host;
    if (this.#answers.allows(replica, latin1(nonce), now)) return null;
    if (this.#recovery.mayWork(message, now)) return null;
    return "not admitted: recover that was answered just now";
  }

  onRecover(message: RecoverMessage): void {
    const refusal = this.refuseRecover(message);
    if (refusal !== null) return this.#host.drop(refusal);
    const { replica, nonce } = message;
    const { now } = this.#host;
    const question = latin1(nonce);
    if (this.#answers.allows(replica, question, now)) {
      this.#answers.spend(replica, question, now);
      this.#host.send(replica, this.#recovery.answer(message, this.#owner.position));
    }
    if (this.#recovery.takeWork(message, now)) this.#owner.onWork();
  }

  /** Why an answer says nothing that this replica still asks. */
  refuseAnswer(message: AnswerMessage<P>): Refusal | null {
    const asks = this.#phase === "recovering" && !this.#located;
    if (asks && this.#recovery.awaits(message)) return null;
    return "not admitted: answer that is not awaited";
  }

  /** Takes an answer whose position the owner has found to be proven. */
  onAnswer(message: AnswerMessage<P>): void {
    const awaited = this.#phase === "recovering" && this.#recovery.onAnswer(message);
    if (!awaited) return this.#host.drop("not admitted: answer to another question");
    this.advance();
  }

  /** Goes on recovering, if it does. */
  advance(): void {
    if (this.#phase !== "recovering") return;
    if (!this.#located) {
      if (!this.#recovery.located) return;
      this.#located = true;
      this.#owner.onPositions([...this.#recovery.positions.values()]);
    }
    if (this.#owner.caughtUp()) {
      coverageMark("start: a replica recovers");
      this.#phase = "running";
      this.#owner.onRecovered();
    }
  }

  /** Asks whether the run goes on in which this replica recovers, and gives it up in the end. */
  #watchRun(): void {
    const { now } = this.#host;
    const { viewTimeoutMs } = this.#config;
    if (now - this.#heardMs >= UNHEARD_TIMEOUTS * viewTimeoutMs) {
      coverageMark("start: a run of which nothing is heard is given up");
      this.#phase = "over";
    } else if (now - this.#askedAnewMs >= ASK_RECOVERING_TIMEOUTS * viewTimeoutMs) {
      this.#askedAnewMs = now;
      this.#naming.askAnew();
    }
  }

  // What the agreement on the name tells.

  onBegin(name: Bytes): void {
    this.#host.enterRun(name);
    this.#phase = "running";
    this.#owner.onBegin();
  }

  onLearn(name: Bytes): void {
    this.#host.enterRun(name);
    this.#phase = "recovering";
    this.#heardMs = this.#host.now;
    this.#host.send("others", this.#recovery.recoverMessage());
  }

  /**
   * That so many run in another run proves that this one cannot commit any more: more than f that
   * were in it have lost it.
   */
  onNews(name: Bytes): void {
    this.#heardMs = this.#host.now;
    if (this.#naming.name !== null && equal(name, this.#naming.name)) return;
    coverageMark("start: a replica is left over from a run that has ended");
    this.#endedBy = name;
    this.#phase = "over";
  }
}
