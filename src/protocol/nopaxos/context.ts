import type { Address } from "../../actor.ts";
import type { Context } from "../kit/context.ts";
import type { Incarnations } from "../kit/incarnation.ts";
import type { Log } from "../kit/slot-log.ts";
import type { Message } from "./message.ts";

/**
 * view: nothing is done for what waits; hole: slots that did not come are asked for; sync: the log
 * is to be compared; tick: progress is looked at; moves, open, fetch and start: what moves replicas
 * to a view, opens a session, asks for a log, or asks where the others are, is sent again;
 * checkpoint: a state is hashed further.
 */
export type Timer =
  "view" | "hole" | "sync" | "tick" | "moves" | "open" | "fetch" | "start" | "checkpoint";

/** What every part of a replica is given. */
export interface NoPaxosContext extends Context<Message, Timer> {
  readonly log: Log;
  readonly incarnations: Incarnations;
  /** Where the sequencers are, in their order. */
  readonly sequencers: readonly Address[];
  /** Slots above the sync point that a replica takes. */
  readonly windowSize: number;
}
