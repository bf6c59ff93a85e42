import type { Context } from "../kit/context.ts";
import type { Leaders } from "./leaders.ts";
import type { Tree } from "./log.ts";
import type { Message } from "./message.ts";
import type { ChainRules } from "./rules.ts";

export type Timer =
  | "view"
  | "listen"
  | "flush"
  | "fetch"
  | "relay"
  | "start"
  | "tell"
  | "repeat"
  | "checkpoint"
  | "watermark";

/** What every part of a replica is given. */
export interface ChainContext extends Context<Message, Timer> {
  readonly tree: Tree;
  readonly rules: ChainRules;
  readonly leaders: Leaders;
}
