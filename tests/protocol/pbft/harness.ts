// What tests of PBFT say: its cluster, what its replicas' parts know, and requests of clients that
// the test plays.

import type { App, Bytes } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import type { ReplyMessage } from "../../../src/protocol/kit/messages.ts";
import { digestOf } from "../../../src/protocol/kit/digest.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import type { Timer } from "../../../src/protocol/pbft/context.ts";
import { pbft, PbftReplica, type Message, type Parts } from "../../../src/protocol/pbft/index.ts";
import { repliesIn } from "../../support/replies.ts";
import * as support from "../../support/cluster.ts";
import { Packets } from "../../support/packets.ts";
import { PeekedExecutor } from "../../support/states.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;

export const packets = new Packets(pbft.codec);

function pbftOf(parts: Partial<Parts>): support.Tested<Message, Timer | "retry", PbftReplica> {
  return {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, app, parts),
  };
}

interface Options {
  readonly begin?: boolean;
  readonly app?: () => App;
  readonly parts?: Partial<Parts>;
}

export class PbftCluster extends support.Cluster<Message, Timer | "retry", PbftReplica> {
  constructor(changes: Partial<ProtocolConfig> = {}, { parts = {}, ...options }: Options = {}) {
    super(pbftOf({ Executor: PeekedExecutor, ...parts }), changes, options);
  }

  /** What a replica's parts know. */
  state(i: number) {
    const { views, normal, timer, start, context } = this.replica(i);
    const { log, executor } = context;
    return {
      view: views.view,
      active: views.active,
      executed: normal.executed,
      timeoutMs: timer.lengthMs,
      waitsFor: start.starter.progress.waitsFor,
      log,
      low: log.low,
      position: executor.position,
      digest: digestOf((executor as PeekedExecutor).peek()).toHex(),
    };
  }

  /** A client's request to some replicas, all unless told. */
  request(request: Request, to = this.replicas.map((_, i) => i), client = CLIENT): void {
    for (const i of to) this.inject(client, i, { kind: "request", request });
    this.settle();
  }

  /** Opens a session by way of the given replicas; its request maker counts numbers up. */
  open(client = CLIENT, to?: number[]): (op: Bytes) => Request {
    const op = new Uint8Array(13).fill(client);
    const tag = new DataView(op.buffer).getUint32(0);
    this.request({ session: 0, tag, number: 0, op }, to, client);
    const outcome = this.replies.findLast((reply) => reply.session === 0)?.outcome;
    if (outcome?.status !== "opened") throw new Error("the session did not open");
    const { session } = outcome;
    let number = 0;
    return (operation) => ({ session, tag, number: ++number, op: operation });
  }

  /** What clients heard, OPENED and GONE as replies with such an outcome; `heard.length = 0` forgets it. */
  get replies(): ReplyMessage[] {
    return repliesIn(this.heard);
  }

  /** Results that replicas sent for a request, by replica. */
  results(request: Request): Map<number, Bytes> {
    const found = new Map<number, Bytes>();
    for (const { replica, session, number, outcome } of this.replies) {
      if (session !== request.session || number !== request.number) continue;
      if (outcome.status === "done") found.set(replica, outcome.result);
    }
    return found;
  }
}
