import type { Context } from "../kit/context.ts";
import type { Log } from "./log.ts";
import type { Message } from "./message.ts";

export type Timer = "view" | "flush" | "tick" | "gap" | "start" | "checkpoint";

/** What every part of a replica is given. */
export interface PbftContext extends Context<Message, Timer> {
  readonly log: Log;
}
