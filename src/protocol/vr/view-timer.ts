// The timer by which a backup wishes for another primary.

import { coverageMark } from "../../base/coverage-mark.ts";
import { TIMER_SLACK_MS } from "../kit/backoff.ts";
import { ViewTimeout } from "../kit/view-timeout.ts";
import type { VrContext } from "./context.ts";
import type { Status } from "./view-change.ts";

/** What the timer asks of its replica. */
export interface ViewTimerOwner {
  readonly views: {
    readonly status: Status;
    readonly leads: boolean;
    readonly enteredMs: number;
    suspect(): void;
  };
  readonly normal: { readonly executed: number };
  /** Since when a replica waits that recovers; Infinity if none does. */
  readonly start: { readonly workSinceMs: number };
  readonly catchUp: { wake(): void };
}

export class ViewTimer {
  readonly #context: VrContext;
  readonly #owner: ViewTimerOwner;
  readonly #timeout: ViewTimeout;
  #set = false;

  constructor(context: VrContext, owner: ViewTimerOwner) {
    this.#context = context;
    this.#owner = owner;
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
    this.#owner.catchUp.wake();
    this.#set = true;
    const { host } = this.#context;
    host.setTimer("view", Math.max(0, sinceMs + this.lengthMs - host.now));
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
    const leftMs = this.#sinceMs() + this.lengthMs - this.#context.host.now;
    if (leftMs > TIMER_SLACK_MS) return this.arm();
    coverageMark("vr: view timer runs out");
    this.#owner.views.suspect();
  }

  /** Since when the timer runs; Infinity: it does not. */
  #sinceMs(): number {
    const { views } = this.#owner;
    if (views.status === "outside" || views.leads) return Infinity;
    if (views.status !== "normal") return views.enteredMs;
    return Math.max(this.oldestMs(), views.enteredMs);
  }

  /** Since when the oldest request, slot or recovery waits; Infinity if none does. */
  oldestMs(): number {
    const { pool, log } = this.#context;
    const { normal, start } = this.#owner;
    let oldestMs = Math.min(pool.oldestMs, start.workSinceMs);
    if (log.op > normal.executed) oldestMs = Math.min(oldestMs, log.sinceMs(normal.executed + 1));
    return oldestMs;
  }
}
