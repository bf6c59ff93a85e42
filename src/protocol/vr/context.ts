import type { Context } from "../kit/context.ts";
import type { Incarnations } from "../kit/incarnation.ts";
import type { Log } from "../kit/slot-log.ts";
import type { Message } from "./message.ts";

/**
 * view: a leader fails; flush: a batch is due; told: backups are to be told what is committed;
 * tick: progress is looked at; moves, fetch and start: what moves replicas to a view, asks for a
 * log, or asks where the others are, is sent again; bodies: those that a proposal lacks are asked
 * for; checkpoint: a state is hashed further.
 */
export type Timer =
  "view" | "flush" | "told" | "tick" | "moves" | "fetch" | "start" | "bodies" | "checkpoint";

/** What every part of a replica is given. */
export interface VrContext extends Context<Message, Timer> {
  readonly log: Log;
  readonly incarnations: Incarnations;
}
