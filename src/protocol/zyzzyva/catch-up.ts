// How replicas learn what they missed: STATUS, and what answers it; states of stable checkpoints.

import type { Address, Bytes, Phase } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { Backoff } from "../kit/backoff.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import type { StateMessage } from "../kit/messages.ts";
import { AnswerLimit, ANSWER_PAUSE } from "../kit/peers.ts";
import type { StateSync, StateSyncOwner } from "../kit/state-sync.ts";
import { StateVersion } from "../kit/state-tree.ts";
import type { CommittedCertificate } from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { Message, StatusMessage } from "./message.ts";

/**
 * The first and the last interval of STATUS while something waits, in view timeouts; the last if
 * nothing does.
 */
const FIRST_INTERVAL = 1 / 8;
const LAST_INTERVAL = 1 / 2;
const IDLE_INTERVAL = 1;
/** Positions of one replica that are answered in one pause, because a STATUS is not signed. */
const POSITIONS_MAX = 4;

/** What catching up asks of its replica. */
export interface CatchUpOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    entry(): readonly Message[];
    fetchMissing(): void;
    advance(): void;
  };
  readonly normal: {
    readonly committed: number;
    readonly executed: number;
    commit(slot: number): void;
    relayOverdue(): void;
    onInstalled(slot: number, history: Bytes): void;
    onStable(slot: number): void;
  };
  readonly holes: {
    readonly waits: boolean;
    sendOrders(to: Address, first: number, last: number): number;
  };
  readonly commits: {
    readonly committed: CommittedCertificate | null;
    readonly awaited: { readonly slot: number } | null;
  };
  readonly hates: { readonly hates: boolean; repeat(): void };
  readonly start: {
    readonly phase: Phase;
    readonly mayAttest: boolean;
    readonly waitsForView: boolean;
    advance(): void;
    sayRecovered(): void;
  };
  readonly timer: { oldestMs(): number; judge(): void };
  readonly sync: Pick<
    StateSync,
    | "checkpoints"
    | "fetching"
    | "behind"
    | "offer"
    | "retry"
    | "onState"
    | "speculated"
    | "fetchState"
  >;
}

export class CatchUp implements StateSyncOwner {
  readonly #context: ZyzzyvaContext;
  readonly #owner: CatchUpOwner;
  readonly #backoff: Backoff;
  readonly #answers: AnswerLimit;
  /** Whether nothing waits, so that ticks are far apart. */
  #idle = true;
  #committedBefore = 0;
  /** Whether it committed between the last two ticks, and got a piece of a state since the last. */
  #committedLately = false;
  #receivedSinceTick = false;

  constructor(context: ZyzzyvaContext, owner: CatchUpOwner) {
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
    const { normal, start, sync, views, timer, hates } = this.#owner;
    timer.judge();
    this.#committedLately = normal.committed > this.#committedBefore;
    this.#committedBefore = normal.committed;
    normal.relayOverdue();
    hates.repeat();
    start.sayRecovered();
    if (!this.#committedLately) {
      sync.retry();
      if (sync.behind) this.onBehind();
    }
    views.fetchMissing();
    // One that executed what others may have committed asks for the proof of that.
    const lags = normal.executed > normal.committed || !this.#committedLately;
    if (lags && start.phase !== "starting") this.#sendStatus();
    this.#idle = !this.#waits();
    if (this.#committedLately || this.#receivedSinceTick) this.#backoff.reset();
    this.#receivedSinceTick = false;
    const idleMs = IDLE_INTERVAL * config.viewTimeoutMs;
    host.setTimer("tick", this.#idle ? idleMs : this.#backoff.next());
  }

  #waits(): boolean {
    const { views, sync, start, timer, hates, holes, commits } = this.#owner;
    if (!views.active || sync.fetching || start.phase !== "running") return true;
    if (hates.hates || start.waitsForView || holes.waits) return true;
    return timer.oldestMs() < Infinity || sync.behind || commits.awaited !== null;
  }

  // STATUS and what answers it.

  #sendStatus(): void {
    const { view, active } = this.#owner.views;
    const { committed, executed } = this.#owner.normal;
    const stable = this.#context.log.low;
    const message = { kind: "status", view, active, stable, executed, committed } as const;
    this.#context.host.send("others", message);
  }

  onStatus(from: Address, status: StatusMessage): void {
    const { host, self } = this.#context;
    const { view, active, stable, executed, committed } = status;
    const position = `${view} ${active} ${stable} ${executed} ${committed}`;
    const { answers } = this.#context;
    const mayAnswer = this.#answers.allows(from, position, host.now);
    if (from === self || !mayAnswer || !answers.hasRoom(from, host.now)) {
      return host.drop("not admitted: status that was answered just now");
    }
    const offered = this.#owner.sync.offer(from, stable);
    const shown = this.#sendView(from, status);
    const told = this.#sendCommitted(from, status);
    const sent = this.#sendOrders(from, status);
    // One that lacks nothing does not use up the turn of one that does.
    if (offered || shown || told || sent) this.#answers.spend(from, position, host.now);
  }

  /** Shows the way to this replica's view; false if that is no news. */
  #sendView(from: Address, { view, active }: StatusMessage): boolean {
    const { views } = this.#owner;
    if (view > views.view || (view === views.view && active)) return false;
    const { host, answers } = this.#context;
    const messages = views.entry();
    for (const message of messages) {
      answers.charge(from, message.kind === "viewChange" ? message.body.length : 0);
      host.send(from, message);
    }
    return messages.length > 0;
  }

  #sendCommitted(from: Address, { committed }: StatusMessage): boolean {
    const { host, answers, log } = this.#context;
    const certificate = this.#owner.commits.committed;
    if (certificate === null || certificate.slot <= committed) return false;
    // Behind a checkpoint it has the state in any case.
    const known = log.passes(certificate.slot, certificate.history);
    const after = Math.max(committed, log.low);
    const digests: Bytes[] = [];
    for (const { slot, digest } of known ? log.after(after) : []) {
      if (slot <= certificate.slot) digests.push(digest);
    }
    answers.charge(from, DIGEST_LENGTH * digests.length);
    host.send(from, { kind: "committed", certificate, digests });
    return true;
  }

  #sendOrders(from: Address, { view, active, executed }: StatusMessage): boolean {
    const { views, normal, holes } = this.#owner;
    if (!active || !views.active || view !== views.view || executed >= normal.executed) {
      return false;
    }
    return holes.sendOrders(from, executed + 1, normal.executed) > 0;
  }

  // State transfer.

  /** What is committed cannot be undone. */
  get executed(): number {
    return this.#owner.normal.committed;
  }
  get mayAttest(): boolean {
    return this.#owner.start.mayAttest;
  }
  get progresses(): boolean {
    return this.#owner.sync.fetching ? this.#receivedSinceTick : this.#committedLately;
  }

  /** A quorum has committed the state after a slot: so has this replica if it has that state. */
  onBehind(): void {
    const { sync, normal } = this.#owner;
    const { slot, digest } = sync.checkpoints.stable;
    const own = sync.speculated(slot);
    this.wake();
    if (own === undefined || slot > normal.executed || slot <= normal.committed) return;
    if (!equal(own.digest, digest)) {
      coverageMark("zyzzyva: a stable checkpoint is of another history");
      if (!sync.fetching) sync.fetchState();
      return;
    }
    coverageMark("zyzzyva: a stable checkpoint commits");
    normal.commit(slot);
  }

  /** Nothing changes before the state is here: what is executed is not undone for a promise. */
  onStateFetch(): void {
    this.wake();
  }

  onState(from: Address, message: StateMessage): void {
    const outcome = this.#owner.sync.onState(from, message);
    if (outcome !== "useless") this.#receivedSinceTick = true;
    if (outcome === "installed") this.#owner.views.advance();
  }

  install(state: StateVersion, slot: number): boolean {
    const { versions, service } = this.#context;
    const history = state.head.slice(0, DIGEST_LENGTH);
    const own = state.head.slice(DIGEST_LENGTH);
    if (!versions.restore(own, state)) return false;
    assert(history.length === DIGEST_LENGTH, "a state begins with the history");
    this.#owner.normal.onInstalled(slot, history);
    service.answerExecuted();
    this.#owner.start.advance();
    return true;
  }

  onStable(slot: number): void {
    const { views, normal, start } = this.#owner;
    normal.onStable(slot);
    start.advance();
    views.advance();
  }
}
