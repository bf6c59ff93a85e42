import type { Protocol } from "../../actor.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
import { ZyzzyvaClient } from "./client.ts";
import type { Timer } from "./context.ts";
import type { Message } from "./message.ts";
import { codec } from "./message-codec.ts";
import { options } from "./options.ts";
import { ZyzzyvaReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { ZyzzyvaClient } from "./client.ts";
export { ZyzzyvaReplica, type Parts } from "./replica.ts";

/** Zyzzyva: replicas execute before they agree, and clients see whether they do. */
export const zyzzyva: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  faults: "byzantine",
  quorums: byzantineQuorums,
  options,
  hasFastPath: true,
  simulation,
  timing,
  replica: (self, config, host, app) => new ZyzzyvaReplica(self, config, host, app),
  client: (config, host) => new ZyzzyvaClient(config, host),
};
