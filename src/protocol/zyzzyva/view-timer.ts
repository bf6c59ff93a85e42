// The timer by which a replica comes to hate its primary: Kotla et al., SOSP '07, section 3.3.

import type { Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { ServiceLevel } from "../kit/service-level.ts";
import { ViewTimeout } from "../kit/view-timeout.ts";
import type { ZyzzyvaContext } from "./context.ts";

/** What the timer asks of its replica. */
export interface ViewTimerOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly enteredMs: number;
    readonly primary: Signer;
    leave(): void;
  };
  readonly hates: { readonly hates: boolean; hate(): void };
  readonly normal: {
    readonly committed: number;
    readonly uncommittedMs: number;
  };
  readonly holes: { readonly waits: boolean };
  readonly start: {
    readonly mayAttest: boolean;
    /** The last slot that a replica which recovers waits for, and since when. */
    readonly recoveryTargetSlot: number;
    readonly recoveryRequestedMs: number;
  };
  readonly catchUp: { wake(): void };
}

export class ViewTimer {
  readonly #context: ZyzzyvaContext;
  readonly #owner: ViewTimerOwner;
  readonly #timeout: ViewTimeout;
  readonly #level: ServiceLevel;
  #set = false;
  /** Since when an order waits for one before it; Infinity: none does. */
  #holeMs = Infinity;

  constructor(context: ZyzzyvaContext, owner: ViewTimerOwner) {
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
   * committed, because onTimeout looks for the oldest again.
   */
  arm(): void {
    const { views, start, catchUp, hates } = this.#owner;
    this.#countWaiting();
    if (this.#set || !views.active || !start.mayAttest || hates.hates) return;
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

  /** Something was committed: the timer is short again, the one that runs included. */
  onExecuted(): void {
    this.#countWaiting();
    this.#holeMs = Infinity;
    if (!this.#timeout.reset() || !this.#owner.views.active) return;
    this.stop();
    this.arm();
  }

  /** A view begins. */
  onEntered(): void {
    const { host, service } = this.#context;
    this.#holeMs = Infinity;
    this.stop();
    this.#level.begin(this.#owner.views.primary, host.now, service.ordered);
    this.arm();
  }

  /** Hates a primary that serves less than others did. */
  judge(): void {
    const { host, service, self } = this.#context;
    const { views, start } = this.#owner;
    if (!views.active || !start.mayAttest || views.primary === self) return;
    this.#level.judge(host.now, service.ordered);
    if (!this.#level.slow) return;
    coverageMark("zyzzyva: slow primary is hated");
    this.#owner.hates.hate();
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
    if (leftMs > TIMER_SLACK_MS) return this.arm();
    coverageMark("zyzzyva: view timer runs out");
    if (views.active) this.#owner.hates.hate();
    else this.#owner.views.leave();
  }

  /**
   * Since when the oldest request, order or slot waits in this view to be committed; Infinity if
   * none does.
   */
  oldestMs(): number {
    const { pool, host } = this.#context;
    const { views, normal, start, holes } = this.#owner;
    let oldestMs = Math.min(pool.oldestMs, normal.uncommittedMs);
    if (start.recoveryTargetSlot > normal.committed) {
      oldestMs = Math.min(oldestMs, start.recoveryRequestedMs);
    }
    if (holes.waits) {
      this.#holeMs = Math.min(this.#holeMs, host.now);
      oldestMs = Math.min(oldestMs, this.#holeMs);
    }
    return Math.max(oldestMs, views.enteredMs);
  }
}
