// What tests of Zyzzyva say: its cluster, batches and orders by hand, and what its replicas report.

import type { App, Bytes, Signer } from "../../../src/actor.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import type { Certificate } from "../../../src/protocol/kit/quorum.ts";
import {
  extended,
  FIRST_VIEW,
  NO_HISTORY,
  type CommitCertificate,
  type Point,
  type ViewCertificate,
} from "../../../src/protocol/zyzzyva/certificate.ts";
import { ZyzzyvaClient } from "../../../src/protocol/zyzzyva/client.ts";
import type { Timer } from "../../../src/protocol/zyzzyva/context.ts";
import {
  zyzzyva,
  ZyzzyvaReplica,
  type Message,
  type Parts,
} from "../../../src/protocol/zyzzyva/index.ts";
import type {
  OrderReqMessage,
  Report,
  ViewChangeMessage,
} from "../../../src/protocol/zyzzyva/message.ts";
import { makeViewChange } from "../../../src/protocol/zyzzyva/message-codec.ts";
import * as support from "../../support/cluster.ts";
import { Packets } from "../../support/packets.ts";
import { openOf } from "../../support/requests.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;

export const packets = new Packets(zyzzyva.codec);

/** Batches that differ. */
export const [A, B, C, D] = [1, 2, 3, 4].map((i) => makeBatch([openOf(i)], [CLIENT])) as [
  Batch,
  Batch,
  Batch,
  Batch,
];

interface Options {
  readonly begin?: boolean;
  readonly app?: () => App;
  readonly codec?: Kit["codec"];
  readonly parts?: Partial<Parts>;
  readonly Client?: typeof ZyzzyvaClient;
}

type Kit = support.Tested<Message, Timer | "retry", ZyzzyvaReplica>;

function zyzzyvaOf(codec: Kit["codec"], parts: Partial<Parts>, Client: typeof ZyzzyvaClient): Kit {
  return {
    ...zyzzyva,
    codec,
    client: (config, host) => new Client(config, host),
    replica: (self, config, host, app) => new ZyzzyvaReplica(self, config, host, app, parts),
  };
}

export class ZyzzyvaCluster extends support.Cluster<Message, Timer | "retry", ZyzzyvaReplica> {
  constructor(
    changes: Partial<ProtocolConfig> = {},
    { codec = zyzzyva.codec, parts = {}, Client = ZyzzyvaClient, ...options }: Options = {},
  ) {
    super(zyzzyvaOf(codec, parts, Client), changes, options);
  }

  /** What a replica's parts know. */
  state(i: number) {
    const { views, normal, context, commits } = this.replica(i);
    const { log, executor } = context;
    return {
      view: views.view,
      active: views.active,
      executed: normal.executed,
      committed: normal.committed,
      speculated: executor.speculated,
      history: log.digest.toHex(),
      certified: commits.certificate?.slot ?? 0,
      low: log.low,
    };
  }

  /** A client of the protocol that has opened its session. */
  opened(address = CLIENT): ZyzzyvaClient {
    const client = this.client(address) as ZyzzyvaClient;
    let opened = false;
    client.invoke(new Uint8Array(0), () => (opened = true));
    if (!this.runUntil(() => opened)) throw new Error("the session did not open");
    return client;
  }

  /** Has the client ask until it is answered; gives its result. */
  ask(client: ZyzzyvaClient, op: Bytes, withinMs = 10_000): Bytes | null | undefined {
    let result: Bytes | null | undefined;
    client.invoke(op, (answer) => (result = answer));
    this.runUntil(() => result !== undefined, withinMs);
    return result;
  }
}

/** Replica `self` alone; the test plays the others. */
export function alone(self: number, options: Options = {}): ZyzzyvaCluster {
  const cluster = new ZyzzyvaCluster({}, options);
  for (let i = 0; i < cluster.config.n; i++) if (i !== self) cluster.stop(i);
  return cluster;
}

/** The digest of the history of these batches. */
export function historyOf(...batches: readonly Batch[]): Bytes {
  return batches.reduce<Bytes>((history, { digest }) => extended(history, digest), NO_HISTORY);
}

/** The order of the last of these batches, after the others. */
export function order(view: number, ...batches: readonly Batch[]): OrderReqMessage {
  const batch = batches.at(-1) ?? A;
  const { digest } = batch;
  const history = historyOf(...batches);
  const slot = batches.length;
  return { kind: "orderReq", replica: view % 4, view, slot, digest, history, batch };
}

type PointKind = "history" | "localCommit" | "viewConfirm";

/** What replica `i` says of a history. */
export function said(kind: PointKind, replica: Signer, point: Point): Message {
  const { view, slot, history } = point;
  return { kind, replica, view, slot, history };
}

export function point(view: number, ...batches: readonly Batch[]): Point {
  return { view, slot: batches.length, history: historyOf(...batches) };
}

function signedBy(kind: PointKind, signers: readonly Signer[], at: Point): Certificate {
  const blocks = signers.map((i) => {
    const { seal } = packets.carried(said(kind, i, at)) as { seal?: { signature: Bytes } };
    return seal?.signature ?? new Uint8Array(0);
  });
  return { signers, blocks };
}

/** CC: these signed the history of these batches. */
export function certified(
  view: number,
  batches: readonly Batch[],
  signers: readonly Signer[] = [0, 1, 2],
): CommitCertificate {
  const at = point(view, ...batches);
  return { ...at, named: null, votes: signedBy("history", signers, at) };
}

/** VCert: these confirmed that the view begins with these batches. */
export function begun(
  view: number,
  batches: readonly Batch[],
  signers: readonly Signer[] = [0, 1, 2],
): ViewCertificate {
  if (view === 0) return FIRST_VIEW;
  const at = point(view, ...batches);
  return { ...at, confirms: signedBy("viewConfirm", signers, at) };
}

/** A VIEW-CHANGE of a replica that was active in a view, with these batches. */
export function change(
  replica: Signer,
  view: number,
  batches: readonly Batch[],
  report: Partial<Report> = {},
): ViewChangeMessage {
  const digests = batches.map(({ digest }) => digest);
  const record = new Uint8Array(0);
  const told: Report = { entered: FIRST_VIEW, certificate: null, digests, ...report };
  return packets.carried(makeViewChange(replica, view, { stable: GENESIS, record, report: told }));
}

/** The NEW-VIEW that follows from these. */
export function newView(view: number, changes: readonly ViewChangeMessage[], at: Point): Message {
  const viewChanges = changes.map(({ replica, digest }) => ({ replica, digest }));
  const { slot, history } = at;
  return { kind: "newView", replica: view % 4, view, slot, history, viewChanges };
}
