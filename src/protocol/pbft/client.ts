import type { Client, Host } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { QuorumClient } from "../kit/client.ts";
import { quorumsOf } from "../kit/quorum.ts";
import type { Message } from "./message.ts";

/**
 * Sends to the primary of the view that it learnt from replies, then to all. OSDI '99, section 4.1.
 */
export function pbftClient(
  config: ProtocolConfig,
  host: Host<Message, "retry">,
): Client<Message, "retry"> {
  return new QuorumClient(config, host, quorumsOf(config), (view) => config.leader(view));
}
