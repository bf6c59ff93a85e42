// How a replica catches up: one that makes no progress broadcasts STATUS, and others resend what it
// lacks (Castro and Liskov, TOCS '02); where they keep that no more, it fetches a state.

import type { Address, Phase } from "../../actor.ts";
import { Backoff } from "../kit/backoff.ts";
import { lengthOf } from "../kit/batch.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import type { StateMessage } from "../kit/messages.ts";
import { AnswerLimit, ANSWER_PAUSE } from "../kit/peers.ts";
import type { StateSync, StateSyncOwner } from "../kit/state-sync.ts";
import type { StateVersion } from "../kit/state-tree.ts";
import type { PbftContext } from "./context.ts";
import type { CommittedMessage, Message, StatusMessage } from "./message.ts";
import type { NewViewMessage, ViewChangeMessage } from "./message.ts";

/**
 * The first and the last interval of STATUS while something waits, in view timeouts; the last if
 * nothing does.
 */
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
const IDLE_INTERVAL = 1;
/**
 * After which a slot is asked for while a later one is committed: it is late no longer, but lost.
 */
const GAP_PAUSE = 1 / 64;
/** Positions of one replica that are answered in one pause, because a STATUS is not signed. */
const POSITIONS_MAX = 4;
/** Slots sent in answer to one STATUS, those that the sender needs first. */
const SLOTS_MAX = 16;

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly entry: NewViewMessage | ViewChangeMessage | null;
    fetchViewChanges(): void;
    onStable(): void;
  };
  readonly normal: {
    readonly executed: number;
    retry(): void;
    relayOverdue(): void;
    execute(): void;
    propose(): void;
    onCommitted(message: CommittedMessage): void;
    onInstalled(slot: number): void;
    onStable(): void;
  };
  readonly start: {
    readonly phase: Phase;
    readonly mayAttest: boolean;
    advance(): void;
  };
  readonly timer: { oldestMs(): number; judge(): void };
  readonly sync: Pick<
    StateSync,
    "checkpoints" | "fetching" | "behind" | "offer" | "advance" | "retry" | "onState"
  >;
}

/** About as many bytes as a NEW-VIEW has. */
function sizeOf({ viewChanges, digests }: NewViewMessage): number {
  return (1 + DIGEST_LENGTH) * (viewChanges.length + digests.length);
}

export class CatchUp implements StateSyncOwner {
  readonly #context: PbftContext;
  readonly #owner: CatchUpOwner;
  readonly #backoff: Backoff;
  readonly #answers: AnswerLimit;
  /** The slot that was asked for, or soon will be, because a later one is committed. */
  #gap = 0;
  /** Whether nothing waits, so that ticks are far apart. */
  #idle = true;
  #executedBefore = 0;
  /** Whether it executed between the last two ticks, and got a piece of a state since the last. */
  #executedLately = false;
  #receivedSinceTick = false;
  /** Whether it executed since the last tick what others had to send: more may be missing. */
  #helpedSinceTick = false;

  constructor(context: PbftContext, owner: CatchUpOwner) {
    const { viewTimeoutMs, n } = context.config;
    this.#context = context;
    this.#owner = owner;
    this.#backoff = new Backoff(FIRST_INTERVAL * viewTimeoutMs, LAST_INTERVAL * viewTimeoutMs);
    this.#answers = new AnswerLimit({
      n,
      pauseMs: ANSWER_PAUSE * viewTimeoutMs,
      answersMax: POSITIONS_MAX,
    });
  }

  /** Has ticks follow each other soon, because there is something to do from now on. */
  wake(): void {
    if (!this.#idle) return;
    this.#idle = false;
    this.#backoff.reset();
    this.#context.host.setTimer("tick", this.#backoff.next());
  }

  onTick(): void {
    const { host, config } = this.#context;
    const { normal, start, sync, views, timer } = this.#owner;
    timer.judge();
    this.#executedLately = normal.executed > this.#executedBefore;
    this.#executedBefore = normal.executed;
    normal.relayOverdue();
    const helped = this.#helpedSinceTick;
    this.#helpedSinceTick = false;
    if (!this.#executedLately) {
      sync.retry();
      normal.retry();
      views.fetchViewChanges();
    }
    if ((!this.#executedLately || helped) && start.phase !== "starting") this.#sendStatus();
    this.#idle = !helped && !this.#waits();
    if (this.#executedLately || this.#receivedSinceTick) this.#backoff.reset();
    this.#receivedSinceTick = false;
    const idleMs = IDLE_INTERVAL * config.viewTimeoutMs;
    host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  onCommitted(message: CommittedMessage): void {
    const { normal } = this.#owner;
    const before = normal.executed;
    normal.onCommitted(message);
    if (normal.executed === before) return;
    this.#helpedSinceTick = true;
    this.wake();
  }

  /** A slot was committed, and the next one to be executed is before it. */
  onGap(): void {
    const { host, config } = this.#context;
    if (this.#gap > this.executed) return;
    this.#gap = this.executed + 1;
    host.setTimer("gap", GAP_PAUSE * config.viewTimeoutMs);
  }

  /**
   * Asks for the slot, again and again until it is executed, as often as that is answered; not
   * where it comes with a state, or with a view.
   */
  onGapTimer(): void {
    const { host, config } = this.#context;
    const { sync, start, views } = this.#owner;
    const missing = this.#gap === this.executed + 1;
    if (!missing || sync.fetching || !views.active || start.phase === "starting") {
      this.#gap = 0;
      return;
    }
    this.#sendStatus();
    host.setTimer("gap", ANSWER_PAUSE * config.viewTimeoutMs);
  }

  #waits(): boolean {
    const { views, sync, start, timer } = this.#owner;
    if (!views.active || sync.fetching || start.phase !== "running") return true;
    return timer.oldestMs() < Infinity || sync.behind;
  }

  // STATUS and what answers it.

  #sendStatus(): void {
    const { view, active } = this.#owner.views;
    const { executed } = this;
    const stable = this.#context.log.low;
    this.#context.host.send("others", { kind: "status", view, active, stable, executed });
  }

  onStatus(from: Address, status: StatusMessage): void {
    const { host, self } = this.#context;
    const { view, active, stable, executed } = status;
    const position = `${view} ${active} ${stable} ${executed}`;
    const { answers } = this.#context;
    const mayAnswer = this.#answers.allows(from, position, host.now);
    if (from === self || !mayAnswer || !answers.hasRoom(from, host.now)) {
      return host.drop("not admitted: status that was answered just now");
    }
    const offered = this.#owner.sync.offer(from, stable);
    const shown = this.#sendView(from, status);
    const sent = this.#sendSlots(from, status);
    // One that lacks nothing does not use up the turn of one that does.
    if (offered || shown || sent) this.#answers.spend(from, position, host.now);
  }

  /** Shows the way to this replica's view; false if that is no news. */
  #sendView(from: Address, { view, active }: StatusMessage): boolean {
    const { views } = this.#owner;
    const { entry } = views;
    if (view > views.view || (view === views.view && active) || entry === null) return false;
    const { host, answers } = this.#context;
    answers.charge(from, entry.kind === "viewChange" ? entry.body.length : sizeOf(entry));
    host.send(from, entry);
    return true;
  }

  /** Sends slots that the other replica lacks; false if there are none. */
  #sendSlots(from: Address, { view, active, executed }: StatusMessage): boolean {
    const { log, host, self, answers } = this.#context;
    const { views } = this.#owner;
    const first = Math.max(executed, log.low) + 1;
    const last = Math.min(first + SLOTS_MAX - 1, log.high);
    let sent = false;
    const send = (message: Message, bytes: number) => {
      sent = true;
      answers.charge(from, bytes);
      host.send(from, message);
    };
    for (let number = first; number <= last && answers.hasRoom(from, host.now); number++) {
      const slot = log.get(number);
      if (slot === undefined) continue;
      const certificate = slot.committed;
      const batch = certificate === null ? undefined : slot.batch(certificate.digest);
      if (certificate !== null && batch !== undefined) {
        send({ kind: "committed", certificate, batch }, lengthOf(batch));
        continue;
      }
      if (!active || !views.active || view !== views.view) continue;
      const proposal = slot.proposal(view);
      if (proposal?.replica === self && proposal.seal !== undefined) {
        const known = slot.batch(proposal.digest) ?? null;
        const whole = { ...proposal, batch: proposal.batch ?? known };
        send(whole, whole.batch === null ? 0 : lengthOf(whole.batch));
      }
      for (const vote of [slot.prepares.of(self), slot.commits.of(self)]) {
        if (vote?.view === view) send(vote, 0);
      }
    }
    return sent;
  }

  // State transfer.

  get executed(): number {
    return this.#owner.normal.executed;
  }
  get mayAttest(): boolean {
    return this.#owner.start.mayAttest;
  }
  get progresses(): boolean {
    return this.#owner.sync.fetching ? this.#receivedSinceTick : this.#executedLately;
  }

  onBehind(): void {
    this.wake();
  }

  /**
   * Moves h and H to the checkpoint that is being fetched: until its state is here nothing is
   * executed, but slots after it can be agreed on.
   */
  onStateFetch(): void {
    const { sync } = this.#owner;
    if (sync.checkpoints.stable.slot > this.#context.log.low) sync.advance();
    this.wake();
  }

  onState(from: Address, message: StateMessage): void {
    const outcome = this.#owner.sync.onState(from, message);
    if (outcome !== "useless") this.#receivedSinceTick = true;
    if (outcome === "installed") this.#owner.normal.execute();
  }

  install(state: StateVersion, slot: number): boolean {
    const { versions, service } = this.#context;
    if (!versions.restore(state.head, state)) return false;
    this.#owner.normal.onInstalled(slot);
    service.answerExecuted();
    this.#owner.start.advance();
    return true;
  }

  onStable(slot: number): void {
    const { views, normal, start } = this.#owner;
    this.#context.log.advance(slot);
    views.onStable();
    normal.onStable();
    start.advance();
    normal.propose();
  }
}
