// Which STARTs are answered: they are signed for the cluster, so that those of all lives that a
// replica ever had can be sent again.

import type { Refusal } from "../../actor.ts";
import { latin1 } from "../../wire.ts";
import type { StartMessage } from "./naming-messages.ts";
import { AnswerLimit, ANSWER_PAUSE } from "./peers.ts";

/** Starts of one replica that are answered in one pause. */
export const STARTS_MAX = 16;

export class StartTurns {
  readonly #nameless: AnswerLimit;
  readonly #running: AnswerLimit;

  constructor({ n, viewTimeoutMs }: { readonly n: number; readonly viewTimeoutMs: number }) {
    const limit = { n, pauseMs: ANSWER_PAUSE * viewTimeoutMs, answersMax: STARTS_MAX };
    this.#nameless = new AnswerLimit(limit);
    this.#running = new AnswerLimit(limit);
  }

  /** Why a START has no turn now. */
  refuse(message: StartMessage, nowMs: number): Refusal | null {
    const allowed = this.#limitOf(message).allows(message.replica, latin1(message.nonce), nowMs);
    return allowed ? null : "not admitted: start that was answered just now";
  }

  spend(message: StartMessage, nowMs: number): void {
    this.#limitOf(message).spend(message.replica, latin1(message.nonce), nowMs);
  }

  /**
   * Those in a run ask with one nonce after another: recorded, these would leave no turn for one
   * that is in none.
   */
  #limitOf({ runs }: StartMessage): AnswerLimit {
    return runs ? this.#running : this.#nameless;
  }
}
