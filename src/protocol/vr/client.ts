import type { Client, Host } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { QuorumClient } from "../kit/client.ts";
import { majorityOf } from "../kit/quorum.ts";
import type { Message } from "./message.ts";

/** Sends to the primary that it knows of, then to all; one reply is enough. */
export function vrClient(
  config: ProtocolConfig,
  host: Host<Message, "retry">,
): Client<Message, "retry"> {
  return new QuorumClient(config, host, majorityOf(config), (view) => config.leader(view));
}
