import type { Context } from "../kit/context.ts";
import type { Log } from "./log.ts";
import type { Message } from "./message.ts";
import type { Proposers } from "./proposers.ts";

export type Timer =
  "propose" | "prevote" | "precommit" | "flush" | "tick" | "start" | "bodies" | "checkpoint";

/** What every part of a replica is given. */
export interface TendermintContext extends Context<Message, Timer> {
  readonly log: Log;
  readonly proposers: Proposers;
}
