// Where clients of protocols send a request first whose leaders may stay or change all the time.

import type { Client, Host, Target } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { QuorumClient } from "./client.ts";
import type { CommonMessage } from "./messages.ts";
import { quorumsOf } from "./quorum.ts";

/** Views after its own whose leaders a client compares. */
const LOOK_AHEAD = 4;

/** Sends a request to the leader if it is there to stay, else to all, since any may be next. */
export function leaderClient(
  config: ProtocolConfig,
  host: Host<CommonMessage, "retry">,
): Client<CommonMessage, "retry"> {
  return new QuorumClient(config, host, quorumsOf(config), (view) => firstTarget(config, view));
}

/** Where a request goes first. */
export function firstTarget({ leader }: ProtocolConfig, view: number): Target {
  const now = leader(view);
  for (let ahead = 1; ahead < LOOK_AHEAD; ahead++) if (leader(view + ahead) !== now) return "all";
  return now;
}
