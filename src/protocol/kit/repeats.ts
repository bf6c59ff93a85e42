// How often what was executed is answered again: the cost of an answer, which may be 2 MiB for a
// request of 41 bytes, is charged to who asks.

import type { Address, Host, Sizes } from "../../actor.ts";
import { Budgets, SOURCES_MAX } from "./budgets.ts";
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
export class RepeatLimit {
  readonly #host: Pick<Host<never, never>, "now" | "sourceOf">;
  readonly #pauseMs: number;
  readonly #budgets = new Budgets(REPEAT_BYTES_A_SECOND / 1000, REPEAT_BYTES_BURST);

  constructor(host: Pick<Host<never, never>, "now" | "sourceOf">, viewTimeoutMs: number) {
    this.#host = host;
    this.#pauseMs = REPEAT_PAUSE * viewTimeoutMs;
  }

  get sizes(): Sizes {
    return [{ name: "repeats.sources", size: this.#budgets.size, max: SOURCES_MAX }];
  }

  /**
   * Whether a request that is repeated is answered at this address now; then that is charged. Who
   * asks from elsewhere than where the session was opened takes no turn of its client's. A result
   * of which the digest alone was given is owed once, because its execution has paid for it.
   */
  allows(session: Session | undefined, to: Address, outcome: Outcome): boolean {
    const { now } = this.#host;
    const atHome = session !== undefined && to === session.home;
    if (atHome && session.owed) {
      session.owed = false;
      return true;
    }
    if (session !== undefined) {
      const lastMs = atHome ? session.answeredMs : session.answeredAwayMs;
      if (now - lastMs < this.#pauseMs) return false;
    }
    const bytes = REPLY_BYTES + (outcome.status === "done" ? outcome.result.length : 0);
    if (!this.#budgets.spend(this.#host.sourceOf(to), bytes, now)) return false;
    if (atHome) session.answeredMs = now;
    else if (session !== undefined) session.answeredAwayMs = now;
    return true;
  }
}
