// What every part of a replica is given.

import type { Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import type { Executor } from "../kit/executor.ts";
import type { Quorums } from "../kit/quorum.ts";
import type { RequestPool } from "../kit/request-pool.ts";
import type { Service } from "../kit/service.ts";
import type { Tree } from "./log.ts";
import type { Message } from "./message.ts";
import type { ChainRules } from "./rules.ts";

export type Timer = "view" | "flush" | "fetch" | "recover";

export interface Context {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly host: Host<Message, Timer>;
  readonly quorums: Quorums;
  readonly executor: Executor;
  readonly pool: RequestPool;
  readonly service: Service;
  readonly tree: Tree;
  readonly rules: ChainRules;
}
