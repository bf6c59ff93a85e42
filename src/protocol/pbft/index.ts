import type { Protocol } from "../../actor.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
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
  faults: "byzantine",
  quorums: byzantineQuorums,
  replica: (self, config, host, app) => new PbftReplica(self, config, host, app),
  client: (config, host) => pbftClient(config, host),
};
