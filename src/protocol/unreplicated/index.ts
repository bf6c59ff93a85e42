import type { Protocol } from "../../actor.ts";
import { UnreplicatedClient } from "./client.ts";
import { codec, type Message } from "./message.ts";
import { UnreplicatedReplica } from "./replica.ts";
import { timing } from "./timing.ts";

export type { Message } from "./message.ts";
export { UnreplicatedClient } from "./client.ts";
export { UnreplicatedReplica } from "./replica.ts";

function unreplicatedProtocol(signed: boolean): Protocol<Message, "retry"> {
  return {
    codec: codec(signed),
    signed,
    faults: "none",
    quorums: (n, f) => (f === 0 ? { n, f, quorum: n, weak: 1 } : null),
    // One replica executes what it hears when it hears it, and nobody asks it for its state.
    without: ["batch", "batch-bytes", "adaptive", "checkpoint"],
    timing,
    replica: (_self, config, host, app) => new UnreplicatedReplica(config, host, app, signed),
    client: (config, host) => new UnreplicatedClient(config, host, signed),
  };
}

/** Replies as they come. */
export const unreplicated = unreplicatedProtocol(false);
/** Replies that the replica signs and the client verifies. */
export const unreplicatedSigned = unreplicatedProtocol(true);
