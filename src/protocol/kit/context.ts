// What all parts of a replica share.

import type { App, Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { AnswerRate, ANSWER_PAUSE } from "./peers.ts";
import { Naming } from "./naming.ts";
import { Executor } from "./executor.ts";
import { quorumsOf, type Quorums } from "./quorum.ts";
import { RequestPool } from "./request-pool.ts";
import type { AnswerToClient } from "./answer.ts";
import { Service, type ServiceOwner } from "./service.ts";
import { StateAssembly } from "./state-assembly.ts";
import { StateVersions } from "./state-versions.ts";

export interface Context<M, T extends string> {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly host: Host<M, T>;
  readonly quorums: Quorums;
  readonly executor: Executor;
  readonly versions: StateVersions;
  readonly pool: RequestPool;
  readonly service: Service;
  /** What other replicas' questions cost them. */
  readonly answers: AnswerRate;
}

/** What of it tests may replace. */
export const CONTEXT_PARTS = {
  ...{ quorumsOf, Service, Naming, Executor, RequestPool, StateVersions, StateAssembly },
};

/** Makes what all parts of a replica share; answers name `owner.view` and `owner.run`. */
export function contextOf<M, T extends string>(
  self: Signer,
  config: ProtocolConfig,
  host: Host<M | AnswerToClient, T>,
  app: App,
  parts: typeof CONTEXT_PARTS,
  owner: ServiceOwner,
): Context<M, T> {
  const quorums = parts.quorumsOf(config);
  const executor = new parts.Executor(app, config);
  const versions = new parts.StateVersions(executor, config.sliceBytes);
  versions.prime();
  const pool = new parts.RequestPool(config, executor, (address) => host.sourceOf(address));
  const { n, viewTimeoutMs, broadcastsRequests: broadcasts = false } = config;
  const { weak } = quorums;
  const shared = { self, n, weak, host, executor, pool, owner, viewTimeoutMs, broadcasts };
  const service = new parts.Service(shared);
  const pauseMs = ANSWER_PAUSE * config.viewTimeoutMs;
  const answers = new AnswerRate({ n: config.n, pauseMs });
  return { self, config, host, quorums, executor, versions, pool, service, answers };
}
