import type { Protocol } from "../../actor.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
import { hotstuffClient } from "./client.ts";
import type { Timer } from "./context.ts";
import { codec, type Message } from "./message.ts";
import { options } from "./options.ts";
import { HotStuffReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { timing } from "./timing.ts";

export type { Timer } from "./context.ts";
export type { Message } from "./message.ts";
export { HotStuffReplica, type Parts } from "./replica.ts";

/** Chained HotStuff, with a pacemaker of timeout certificates, checkpoints and recovery. */
export const hotstuff: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  faults: "byzantine",
  quorums: byzantineQuorums,
  options,
  simulation,
  timing,
  replica: (self, config, host, app) => new HotStuffReplica(self, config, host, app),
  client: (config, host) => hotstuffClient(config, host),
};
