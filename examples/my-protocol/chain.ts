// The protocol as programs and the simulator take it.

import { QuorumClient, type Protocol } from "oskr";
import { ChainReplica } from "./chain-replica.ts";
import { codec, type Message } from "./message.ts";

/** Three replicas in a row. No number of them tolerates a fault. */
export const chain: Protocol<Message, "resend" | "retry"> = {
  codec,
  signed: false,
  faults: "none",
  quorums: (n, f) => (n >= 3 && f === 0 ? { n, f, quorum: n, weak: 1 } : null),
  // An update has no room for a client's signature.
  without: ["request-auth", "client-key"],
  replica: (self, config, host, app) => new ChainReplica(self, config, host, app),
  client: (config, host) => new QuorumClient(config, host, { weak: 1 }, () => 0),
};
