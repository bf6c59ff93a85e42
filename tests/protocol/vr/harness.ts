// What tests of Viewstamped Replication say: its cluster, what its replicas' parts know, and requests
// of clients that the test plays.

import type { App, Signer } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import type { ReplyMessage } from "../../../src/protocol/kit/messages.ts";
import { makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import type { Timer } from "../../../src/protocol/vr/context.ts";
import { vr, VrReplica, type Message, type Parts } from "../../../src/protocol/vr/index.ts";
import { repliesIn } from "../../support/replies.ts";
import { bytes, openOf } from "../../support/requests.ts";
import * as support from "../../support/cluster.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;
/** Longer than a cluster takes to begin. */
const BEGIN_MS = 40;

interface Options {
  readonly begin?: boolean;
  readonly app?: () => App;
  readonly parts?: Partial<Parts>;
}

/** Three replicas, with a view timeout of 100 ms and checkpoints every four slots. */
export class VrCluster extends support.Cluster<Message, Timer | "retry", VrReplica> {
  constructor(
    changes: Partial<ProtocolConfig> = {},
    { parts = {}, begin = true, ...options }: Options = {},
  ) {
    const protocol = {
      ...vr,
      replica: (...[self, config, host, app]: Parameters<typeof vr.replica>) =>
        new VrReplica(self, config, host, app, parts),
    };
    const n = changes.n ?? 3;
    super(protocol, { n, f: Math.floor((n - 1) / 2), ...changes }, { ...options, begin: false });
    if (begin) this.advance(BEGIN_MS);
  }

  /** What a replica's parts know. */
  state(i: Signer) {
    const { views, normal, timer, start, context } = this.replica(i);
    const { log, executor, incarnations } = context;
    const { view, lastNormal, status, leads } = views;
    return {
      ...{ view, lastNormal, status, leads, op: log.op, floor: log.floor },
      executed: normal.executed,
      timeoutMs: timer.lengthMs,
      phase: start.phase,
      number: incarnations.own,
      vector: incarnations.vector,
      position: executor.position,
    };
  }

  /** A client's request to some replicas, all unless told. */
  request(request: Request, to = this.replicas.map((_, i) => i), client = CLIENT): void {
    for (const i of to) this.inject(client, i, { kind: "request", request });
    this.settle();
  }

  /** Opens a session by way of all replicas; its request maker counts numbers up. */
  open(client = CLIENT): (op?: string) => Request {
    const op = new Uint8Array(13).fill(client);
    const tag = new DataView(op.buffer).getUint32(0);
    this.request({ session: 0, tag, number: 0, op }, undefined, client);
    this.advance(5);
    const outcome = this.replies.findLast((reply) => reply.session === 0)?.outcome;
    if (outcome?.status !== "opened") throw new Error("the session did not open");
    const { session } = outcome;
    let number = 0;
    return (operation = "") => ({ session, tag, number: ++number, op: bytes(operation) });
  }

  get replies(): ReplyMessage[] {
    return repliesIn(this.heard);
  }

  /** Replicas that replied to a request, in the order of replies. */
  repliers(request: Request): Signer[] {
    return this.replies
      .filter(({ session, number }) => session === request.session && number === request.number)
      .map(({ replica }) => replica);
  }
}

export function batchOf(number: number): Batch {
  return makeBatch([openOf(number)], [CLIENT]);
}
