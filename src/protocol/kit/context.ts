// What all parts of a replica share.

import type { Address, App, Host, Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { Bodies, type ProposalForm } from "./bodies.ts";
import { AnswerRate, ANSWER_PAUSE } from "./peers.ts";
import type { BodiesMessage, FetchBodiesMessage } from "./body-messages.ts";
import { Naming } from "./naming.ts";
import { Executor } from "./executor.ts";
import { quorumsOf, type Quorums } from "./quorum.ts";
import { RequestPool } from "./request-pool.ts";
import type { AnswerToClient } from "./answer.ts";
import { Service, type ServiceOwner } from "./service.ts";
import { StateAssembly } from "./state-assembly.ts";
import { StateVersions } from "./state-versions.ts";

type Kind = { readonly kind: string };

export interface Context<M extends Kind, T extends string> {
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
  /** Proposals come and leave through it. */
  readonly bodies: Bodies<M>;
}

/** What of it tests may replace. */
export const CONTEXT_PARTS = {
  quorumsOf,
  Service,
  Naming,
  Executor,
  StateVersions,
  StateAssembly,
  Bodies,
};

/** Makes what all parts of a replica share; answers name `owner.view` and `owner.run`. */
export function contextOf<M extends Kind, T extends string>(
  self: Signer,
  config: ProtocolConfig,
  host: Host<M | AnswerToClient | FetchBodiesMessage | BodiesMessage, T | "bodies">,
  app: App,
  parts: typeof CONTEXT_PARTS,
  owner: ServiceOwner & { receive(from: Address, message: M): void },
  form: ProposalForm<M>,
): Context<M, T> {
  const quorums = parts.quorumsOf(config);
  const executor = new parts.Executor(app, config);
  const versions = new parts.StateVersions(executor, config.sliceBytes);
  versions.prime();
  const pool = new RequestPool(config, executor, (address) => host.sourceOf(address));
  const { n, viewTimeoutMs, broadcastsBodies: broadcasts = false } = config;
  const { weak } = quorums;
  const service = new parts.Service({
    self,
    n,
    weak,
    host,
    executor,
    pool,
    owner,
    viewTimeoutMs,
    broadcasts,
  });
  const pauseMs = ANSWER_PAUSE * config.viewTimeoutMs;
  const answers = new AnswerRate({ n: config.n, pauseMs });
  const receive = (from: Address, message: M) => owner.receive(from, message);
  const bodies = new parts.Bodies({ self, config, host, pool, answers, form, receive });
  return { self, config, host, quorums, executor, versions, pool, service, answers, bodies };
}
