// The timer by which a replica, the leader included, wishes for another leader or sequencer.

import { coverageMark } from "../../base/coverage-mark.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { ViewTimeout } from "../kit/view-timeout.ts";
import type { NoPaxosContext } from "./context.ts";
import type { Status } from "./view-change.ts";

/** The part of the timer after which it is asked whether the sequencer is there. */
const PROBED_AT = 1 / 2;

/** What the timer asks of its replica. */
export interface ViewTimerOwner {
  readonly views: { readonly status: Status; readonly enteredMs: number; suspect(): void };
  readonly normal: { readonly executed: number };
  readonly gaps: { readonly lackingSinceMs: number };
  /** Since when a replica waits that recovers; Infinity if none does. */
  readonly start: { readonly workSinceMs: number };
  readonly sequencers: { probe(): void };
  readonly catchUp: { wake(): void };
}

export class ViewTimer {
  protected readonly context: NoPaxosContext;
  protected readonly owner: ViewTimerOwner;
  readonly #timeout: ViewTimeout;
  #set = false;

  constructor(context: NoPaxosContext, owner: ViewTimerOwner) {
    this.context = context;
    this.owner = owner;
    this.#timeout = new ViewTimeout(context.config.viewTimeoutMs);
  }

  /** The timer's length now, in milliseconds. */
  get lengthMs(): number {
    return this.#timeout.ms;
  }

  /**
   * Starts the timer for the oldest that waits. It is not touched when that is executed, because
   * onTimeout looks for the oldest again.
   */
  arm(): void {
    if (this.#set) return;
    const sinceMs = this.#sinceMs();
    if (sinceMs === Infinity) return;
    this.owner.catchUp.wake();
    this.#set = true;
    const { host } = this.context;
    const waitedMs = host.now - sinceMs;
    const half = PROBED_AT * this.lengthMs;
    const dueMs = waitedMs < half - TIMER_SLACK_MS ? half : this.lengthMs;
    host.setTimer("view", Math.max(0, dueMs - waitedMs));
  }

  stop(): void {
    this.#set = false;
    this.context.host.clearTimer("view");
  }

  /** A view was left: the next one gets twice the time. */
  onViewLeft(): void {
    this.#timeout.double();
    this.stop();
  }

  /** A view begins here. */
  onEntered(): void {
    this.stop();
    this.arm();
  }

  /** Something was executed: the timer is short again, the one that runs included. */
  onExecuted(): void {
    if (this.#timeout.reset()) this.stop();
    this.arm();
  }

  onTimeout(): void {
    this.#set = false;
    const waitedMs = this.context.host.now - this.#sinceMs();
    if (this.lengthMs - waitedMs > TIMER_SLACK_MS) {
      if (waitedMs >= PROBED_AT * this.lengthMs - TIMER_SLACK_MS) this.owner.sequencers.probe();
      return this.arm();
    }
    coverageMark("nopaxos: view timer runs out");
    this.owner.views.suspect();
  }

  /** Since when the timer runs; Infinity: it does not. */
  #sinceMs(): number {
    const { status, enteredMs } = this.owner.views;
    if (status === "outside" || !this.runs()) return Infinity;
    if (status !== "normal") return enteredMs;
    return Math.max(this.oldestMs(), enteredMs);
  }

  /** Whether this replica may suspect anybody: the leader as well, with whom sequencers fail. */
  protected runs(): boolean {
    return true;
  }

  /** Since when the oldest request, slot, gap or recovery waits; Infinity if none does. */
  oldestMs(): number {
    const { pool, log } = this.context;
    const { normal, gaps, start } = this.owner;
    let oldestMs = Math.min(pool.oldestMs, start.workSinceMs, gaps.lackingSinceMs);
    if (log.op > normal.executed) oldestMs = Math.min(oldestMs, log.sinceMs(normal.executed + 1));
    return oldestMs;
  }
}
