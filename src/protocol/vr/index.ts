import type { Protocol } from "../../actor.ts";
import { crashQuorums } from "../kit/quorum.ts";
import { vrClient } from "./client.ts";
import type { Timer } from "./context.ts";
import { codec, type Message } from "./message.ts";
import { options } from "./options.ts";
import { VrReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { VrReplica, type Parts } from "./replica.ts";

/** Viewstamped Replication Revisited: replicas that crash and come back without their memory. */
export const vr: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: false,
  faults: "crash",
  quorums: crashQuorums,
  options,
  simulation,
  timing,
  replica: (self, config, host, app) => new VrReplica(self, config, host, app),
  client: (config, host) => vrClient(config, host),
};
