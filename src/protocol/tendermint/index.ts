import type { Protocol } from "../../actor.ts";
import { leaderClient } from "../kit/first-target.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
import type { Timer } from "./context.ts";
import { codec, type Message } from "./message.ts";
import { options } from "./options.ts";
import { TendermintReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { TendermintReplica, type Parts } from "./replica.ts";

/** Tendermint, with checkpoints and recovery, and without gossip. */
export const tendermint: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  faults: "byzantine",
  quorums: byzantineQuorums,
  options,
  simulation,
  timing,
  replica: (self, config, host, app) => new TendermintReplica(self, config, host, app),
  client: (config, host) => leaderClient(config, host),
};
