import type { App, Host, Protocol } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { byzantineQuorums } from "../../../src/protocol/kit/quorum.ts";
import { RoundsClient } from "./client.ts";
import { codec, type Message } from "./message.ts";
import { RoundsReplica, type Timer } from "./replica.ts";

type ReplicaClass = new (
  self: number,
  config: ProtocolConfig,
  host: Host<Message, Timer>,
  app: App,
) => RoundsReplica;

/** Rounds with the given replica: the good one, or a mutant of it. */
export function roundsWith(Replica: ReplicaClass): Protocol<Message, Timer> {
  return {
    codec,
    signed: true,
    faults: "byzantine",
    quorums: byzantineQuorums,
    replica: (self, config, host, app) => new Replica(self, config, host, app),
    client: (config, host) => new RoundsClient(config, host),
  };
}

export const rounds: Protocol<Message, Timer> = roundsWith(RoundsReplica);
