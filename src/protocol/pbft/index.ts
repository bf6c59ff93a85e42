import type { Protocol } from "../../actor.ts";
import { pbftClient } from "./client.ts";
import { codec, type Message } from "./message.ts";
import type { Timer } from "./context.ts";
import { PbftReplica } from "./replica.ts";

export type { Message } from "./message.ts";
export { PbftReplica, type Parts } from "./replica.ts";

/** Practical Byzantine fault tolerance, with signatures, view changes, checkpoints and recovery. */
export const pbft: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  replicasMin: (f) => 3 * f + 1,
  replica: (self, config, host, app) => new PbftReplica(self, config, host, app),
  client: (config, host) => pbftClient(config, host),
};
