import type { Protocol, Target } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { QuorumClient } from "../kit/client.ts";
import { codec, type Message } from "./message.ts";
import type { Timer } from "./view-change.ts";
import { HotStuffReplica } from "./replica.ts";

export type { Message } from "./message.ts";
export type { Timer } from "./view-change.ts";
export { HotStuffReplica } from "./replica.ts";

/** Views ahead of the one that a client believes in whose leaders it considers. */
const LOOK_AHEAD = 4;

/**
 * Where a request goes first: to the leader if it is there to stay, else to all, since any may be
 * next.
 */
export function firstTarget({ leader }: ProtocolConfig, view: number): Target {
  const now = leader(view);
  for (let ahead = 1; ahead < LOOK_AHEAD; ahead++) if (leader(view + ahead) !== now) return "all";
  return now;
}

export const hotstuff: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  tenures: true,
  replicasMin: (f) => 3 * f + 1,
  replica: (self, config, host, app) => new HotStuffReplica(self, config, host, app),
  client: (config, host) => new QuorumClient(config, host, (view) => firstTarget(config, view)),
};
