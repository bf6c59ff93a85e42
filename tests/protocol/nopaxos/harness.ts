// What tests of NOPaxos say: its cluster with sequencers, what its replicas' parts know, and
// requests of clients that the test plays.

import type { Address, App, Signer } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import type { Batch } from "../../../src/protocol/kit/batch.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { unsequenced } from "../../../src/protocol/kit/sequencing-messages.ts";
import { nopaxos, NoPaxosReplica, type Parts } from "../../../src/protocol/nopaxos/index.ts";
import type { Message, SlotReplyMessage } from "../../../src/protocol/nopaxos/message.ts";
import { bytes, openOf } from "../../support/requests.ts";
import * as support from "../../support/cluster.ts";

/** The address of the first client, and that of the first sequencer. */
export const CLIENT = 100;
export const SEQUENCER = 50;
/** Longer than a cluster takes to begin. */
const BEGIN_MS = 40;

type Timer = Parameters<NonNullable<NoPaxosReplica["timeout"]>>[0];

interface Options {
  readonly begin?: boolean;
  readonly sequencers?: number;
  readonly app?: () => App;
  readonly parts?: Partial<Parts>;
}

/** Three replicas, with a view timeout of 100 ms and checkpoints every four slots. */
export class NoPaxosCluster extends support.Cluster<
  Message,
  Timer | "retry" | "hello" | "flush",
  NoPaxosReplica
> {
  constructor(
    changes: Partial<ProtocolConfig> = {},
    { parts = {}, begin = true, sequencers = 1, ...options }: Options = {},
  ) {
    const protocol = {
      ...nopaxos,
      replica: (...[self, config, host, app]: Parameters<typeof nopaxos.replica>) =>
        new NoPaxosReplica(self, config, host, app, parts),
    };
    const n = changes.n ?? 3;
    const addresses = Array.from({ length: sequencers }, (_, i) => SEQUENCER + i);
    const roles = new Map([["sequencer", addresses]]);
    const f = Math.floor((n - 1) / 2);
    super(protocol, { n, f, roles, ...changes }, { ...options, begin: false });
    if (begin) this.advance(BEGIN_MS);
  }

  /** What a replica's parts know. */
  state(i: Signer) {
    const { views, normal, timer, start, syncs, context } = this.replica(i);
    const { log, incarnations, executor } = context;
    const { view, lastNormal, status, leads, stream } = views;
    return {
      ...{ view, lastNormal, status, leads, stream, op: log.op, floor: log.floor },
      executed: normal.executed,
      speculated: normal.speculated,
      confirmed: syncs.confirmed,
      timeoutMs: timer.lengthMs,
      phase: start.phase,
      number: incarnations.own,
      vector: incarnations.vector,
      position: executor.position,
    };
  }

  /** Which slots of a replica's log are empty, above its floor. */
  empty(i: Signer): number[] {
    const { log } = this.replica(i).context;
    const slots: number[] = [];
    for (let slot = log.floor + 1; slot <= log.op; slot++) {
      if (log.at(slot)?.requests.length === 0) slots.push(slot);
    }
    return slots;
  }

  /** A client's request by way of a sequencer. */
  sequence(request: Request, client = CLIENT, sequencer: Address = SEQUENCER): void {
    this.inject(client, sequencer, unsequenced(request));
    this.settle();
  }

  /** What a sequencer has stamped in the session of a replica's view, to some replicas. */
  stamp(number: number, to: readonly Signer[], batch = batchOf(number), of: Signer = 0): void {
    const { stream } = this.state(of);
    const { session = 0, incarnation = 0, index = 0 } = stream ?? {};
    for (const i of to) {
      const stamp = { session, incarnation, number };
      this.inject(SEQUENCER + index, i, { kind: "sequenced", stamp, reference: false, batch });
    }
    this.settle();
  }

  /** A message of another replica, whatever the network loses. */
  tell(from: Signer, to: Signer, message: Message): void {
    this.replica(to).receive(from, message);
    this.settle();
  }

  /** Opens a session by way of the sequencer; its request maker counts numbers up. */
  open(client = CLIENT): (op?: string) => Request {
    const op = new Uint8Array(13).fill(client);
    const tag = new DataView(op.buffer).getUint32(0);
    this.sequence({ session: 0, tag, number: 0, op }, client);
    this.advance(5);
    const outcome = this.replies(0, tag, 0).find(({ leader }) => leader !== null)?.leader?.outcome;
    if (outcome?.status !== "opened") throw new Error("the session did not open");
    const { session } = outcome;
    let number = 0;
    return (operation = "") => ({ session, tag, number: ++number, op: bytes(operation) });
  }

  /** What was replied to a request in slots. */
  replies(session: number, tag: number, number: number): SlotReplyMessage[] {
    const all = this.heard.flatMap(({ message }) => (message.kind === "slotReply" ? message : []));
    return all.filter(
      (reply) => reply.session === session && reply.tag === tag && reply.number === number,
    );
  }

  repliesTo({ session, tag, number }: Request): SlotReplyMessage[] {
    return this.replies(session, tag, number);
  }
}

export function batchOf(number: number): Batch {
  return makeBatch([openOf(number)], [CLIENT]);
}
