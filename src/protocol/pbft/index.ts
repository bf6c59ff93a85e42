import type { Protocol } from "../../actor.ts";
import { byzantineQuorums } from "../kit/quorum.ts";
import { pbftClient } from "./client.ts";
import { checkpointIntervalMax, codec, type Message } from "./message.ts";
import type { Timer } from "./context.ts";
import { PbftReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { options } from "./options.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { PbftReplica, type Parts } from "./replica.ts";

/** Practical Byzantine fault tolerance, with signatures, view changes, checkpoints and recovery. */
export const pbft: Protocol<Message, Timer | "retry"> = {
  codec,
  signed: true,
  faults: "byzantine",
  quorums: byzantineQuorums,
  refuseConfig({ n, f, checkpointInterval, signature }) {
    const quorums = byzantineQuorums(n, f);
    const most = quorums === null ? 0 : checkpointIntervalMax(quorums, signature);
    if (checkpointInterval <= most) return null;
    const given = `--checkpoint ${checkpointInterval} with ${n} replicas`;
    return `${given}: a VIEW-CHANGE would be larger than a message; at most --checkpoint ${most}`;
  },
  options,
  simulation,
  timing,
  replica: (self, config, host, app) => new PbftReplica(self, config, host, app),
  client: (config, host) => pbftClient(config, host),
};
