import type { Protocol } from "../../actor.ts";
import { crashQuorums } from "../kit/quorum.ts";
import { sequencer, SEQUENCER } from "../kit/sequencer.ts";
import { NoPaxosClient } from "./client.ts";
import type { Timer } from "./context.ts";
import { codec, type Message } from "./message.ts";
import { NoPaxosReplica } from "./replica.ts";
import { simulation } from "./simulation.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { NoPaxosReplica, type Parts } from "./replica.ts";

/**
 * Slots between checkpoints: one is a single request where the fabric stamps, so that of as many as
 * a batch has elsewhere the window would be full with a few hundred clients.
 */
const CHECKPOINT_USUAL = 2048;

/** NOPaxos: replicas that crash, over a network in which a sequencer orders what clients send. */
export const nopaxos: Protocol<Message, Timer | "retry" | "hello" | "flush"> = {
  codec,
  signed: false,
  faults: "crash",
  quorums: crashQuorums,
  usual: { checkpointInterval: CHECKPOINT_USUAL },
  sequenced: "crash",
  // What a sequencer stamps has to fit a packet, and a signature block takes a quarter of one.
  without: ["request-auth", "client-key"],
  roles: new Map([[SEQUENCER, sequencer]]),
  simulation,
  timing,
  replica: (self, config, host, app) => new NoPaxosReplica(self, config, host, app),
  client: (config, host) => new NoPaxosClient(config, host),
};
