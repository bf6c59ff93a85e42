// How often what was executed is answered again: the cost of an answer, which may be 2 MiB for a
// request of 41 bytes, is charged to who asks.

import type { Address, Host, Sizes } from "../../actor.ts";
import type { Outcome } from "./request.ts";
import type { Session } from "./sessions.ts";

/**
 * The pause between two answers to a repeated request of one session, in view timeouts; its client
 * asks again after a quarter of one, and then ever more seldom.
 */
const REPEAT_PAUSE = 1 / 8;
/**
 * Bytes of repeated answers to one source host a second, and at once. The last answer may go over:
 * so one of the largest is under way at a time, and a small one does not wait for it to be paid.
 */
export const REPEAT_BYTES_A_SECOND = 2 * 1024 * 1024;
export const REPEAT_BYTES_BURST = 1024 * 1024;
/** What a reply costs beside its result: its signature, above all. */
const REPLY_BYTES = 256;
/** Sources that are remembered; the one that asked longest ago is forgotten. */
const SOURCES_MAX = 4096;

interface Budget {
  bytes: number;
  sinceMs: number;
}

export class RepeatLimit {
  readonly #host: Pick<Host<never, never>, "now" | "sourceOf">;
  readonly #pauseMs: number;
  /** By source, that which was answered longest ago first. */
  readonly #budgets = new Map<number, Budget>();

  constructor(host: Pick<Host<never, never>, "now" | "sourceOf">, viewTimeoutMs: number) {
    this.#host = host;
    this.#pauseMs = REPEAT_PAUSE * viewTimeoutMs;
  }

  get sizes(): Sizes {
    return [{ name: "repeats.sources", size: this.#budgets.size, max: SOURCES_MAX }];
  }

  /**
   * Whether a request that is repeated is answered at this address now; then that is charged. Who
   * asks from elsewhere than where the session was opened takes no turn of its client's.
   */
  allows(session: Session | undefined, to: Address, outcome: Outcome): boolean {
    const { now } = this.#host;
    const atHome = session !== undefined && to === session.home;
    if (session !== undefined) {
      const lastMs = atHome ? session.answeredMs : session.answeredAwayMs;
      if (now - lastMs < this.#pauseMs) return false;
    }
    const budget = this.#budgetOf(this.#host.sourceOf(to), now);
    if (budget.bytes <= 0) return false;
    budget.bytes -= REPLY_BYTES + (outcome.status === "done" ? outcome.result.length : 0);
    if (atHome) session.answeredMs = now;
    else if (session !== undefined) session.answeredAwayMs = now;
    return true;
  }

  #budgetOf(source: number, nowMs: number): Budget {
    let budget = this.#budgets.get(source);
    if (budget === undefined) {
      budget = { bytes: REPEAT_BYTES_BURST, sinceMs: nowMs };
      if (this.#budgets.size === SOURCES_MAX) {
        const [oldest = 0] = this.#budgets.keys();
        this.#budgets.delete(oldest);
      }
    } else {
      const gained = ((nowMs - budget.sinceMs) / 1000) * REPEAT_BYTES_A_SECOND;
      budget.bytes = Math.min(REPEAT_BYTES_BURST, budget.bytes + gained);
      budget.sinceMs = nowMs;
      this.#budgets.delete(source);
    }
    this.#budgets.set(source, budget);
    return budget;
  }
}
