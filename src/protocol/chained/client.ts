import type { Client, Host, Target } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { QuorumClient } from "../kit/client.ts";
import { quorumsOf } from "../kit/quorum.ts";
import type { Message } from "./message.ts";

/** Views after its own whose leaders a client compares. */
const LOOK_AHEAD = 4;

/** Sends a request to the leader if it is there to stay, else to all, since any may be next. */
export function chainedClient(
  config: ProtocolConfig,
  host: Host<Message, "retry">,
): Client<Message, "retry"> {
  return new QuorumClient(config, host, quorumsOf(config), (view) => firstTarget(config, view));
}

/** Where a request goes first. */
export function firstTarget({ leader }: ProtocolConfig, view: number): Target {
  const now = leader(view);
  for (let ahead = 1; ahead < LOOK_AHEAD; ahead++) if (leader(view + ahead) !== now) return "all";
  return now;
}
