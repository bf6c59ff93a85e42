import type { Context } from "../kit/context.ts";
import type { History } from "./log.ts";
import type { Message } from "./message.ts";

/**
 * view: the primary is hated; flush: a batch leaves; tick: progress is looked at; hole: an order
 * that is missing is asked for; commit: what was executed is to be committed; start and checkpoint
 * as in other protocols.
 */
export type Timer = "view" | "flush" | "tick" | "hole" | "commit" | "start" | "checkpoint";

/** What every part of a replica is given. */
export interface ZyzzyvaContext extends Context<Message, Timer> {
  readonly log: History;
}
