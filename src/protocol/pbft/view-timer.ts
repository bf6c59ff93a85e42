// The timer by which a backup suspects its primary: Castro and Liskov, OSDI '99, sections 4.4 and
// 4.5.2.

import type { Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { ServiceLevel } from "../kit/service-level.ts";
import { ViewTimeout } from "../kit/view-timeout.ts";
import type { PbftContext } from "./context.ts";

/** What the timer asks of its replica. */
export interface ViewTimerOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly enteredMs: number;
    readonly primary: Signer;
    suspect(): void;
  };
  readonly normal: { readonly executed: number };
  readonly start: {
    readonly mayAttest: boolean;
    /** The last slot that a replica which recovers waits for, and since when. */
    readonly recoveryTargetSlot: number;
    readonly recoveryRequestedMs: number;
  };
  readonly catchUp: { wake(): void };
}

export class ViewTimer {
  readonly #context: PbftContext;
  readonly #owner: ViewTimerOwner;
  readonly #timeout: ViewTimeout;
  readonly #level: ServiceLevel;
  #set = false;

  constructor(context: PbftContext, owner: ViewTimerOwner) {
    this.#context = context;
    this.#owner = owner;
    this.#timeout = new ViewTimeout(context.config.viewTimeoutMs);
    this.#level = new ServiceLevel(context.config, 0);
  }

  /** The timer's length now, in milliseconds. */
  get lengthMs(): number {
    return this.#timeout.ms;
  }

  /**
   * Starts the timer for the oldest that waits in this view. The timer is not touched when that is
   * executed, because onTimeout looks for the oldest again.
   */
  arm(): void {
    const { views, start, catchUp } = this.#owner;
    this.#countWaiting();
    if (this.#set || !views.active || !start.mayAttest) return;
    const sinceMs = this.oldestMs();
    if (sinceMs === Infinity) return;
    catchUp.wake();
    this.set(Math.max(0, sinceMs + this.lengthMs - this.#context.host.now));
  }

  set(delayMs: number): void {
    this.#set = true;
    this.#context.host.setTimer("view", delayMs);
  }

  stop(): void {
    this.#set = false;
    this.#context.host.clearTimer("view");
  }

  /** A view was left: the next one gets twice the time. */
  onViewLeft(): void {
    this.#timeout.double();
    this.stop();
  }

  /** Something was executed: the timer is short again, the one that runs included. */
  onExecuted(): void {
    this.#countWaiting();
    if (!this.#timeout.reset() || !this.#owner.views.active) return;
    this.stop();
    this.arm();
  }

  /** A view begins. */
  onEntered(): void {
    const { host, service } = this.#context;
    this.#level.begin(this.#owner.views.primary, host.now, service.ordered);
    this.arm();
  }

  /** Leaves a primary that serves less than others did. */
  judge(): void {
    const { host, service, self } = this.#context;
    const { views, start } = this.#owner;
    if (!views.active || !start.mayAttest || views.primary === self) return;
    this.#level.judge(host.now, service.ordered);
    if (!this.#level.slow) return;
    coverageMark("pbft: slow primary is left");
    this.#owner.views.suspect();
  }

  #countWaiting(): void {
    const { pool, host } = this.#context;
    if (pool.ownSize !== this.#level.waiting) this.#level.wait(pool.ownSize, host.now);
  }

  onTimeout(): void {
    const { views, start } = this.#owner;
    this.#set = false;
    if (!start.mayAttest) return;
    const leftMs = views.active ? this.oldestMs() + this.lengthMs - this.#context.host.now : 0;
    if (leftMs > TIMER_SLACK_MS) this.arm();
    else this.expire();
  }

  protected expire(): void {
    coverageMark("pbft: view timer runs out");
    this.#owner.views.suspect();
  }

  /** Since when the oldest request, slot or recovery waits in this view; Infinity if none does. */
  oldestMs(): number {
    const { pool, log } = this.#context;
    const { views, normal, start } = this.#owner;
    let oldestMs = pool.oldestMs;
    if (start.recoveryTargetSlot > normal.executed)
      oldestMs = Math.min(oldestMs, start.recoveryRequestedMs);
    for (const slot of log.known()) {
      if (slot.number <= normal.executed) continue;
      const waits = slot.committed !== null || slot.proposal(views.view) !== null;
      if (waits) oldestMs = Math.min(oldestMs, slot.acceptedMs);
    }
    return Math.max(oldestMs, views.enteredMs);
  }
}
