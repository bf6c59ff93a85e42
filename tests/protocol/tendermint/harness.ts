// What tests of Tendermint say: its cluster, one replica fed by hand, and values, votes and
// certificates that are really signed.

import type { Bytes, Proof } from "../../../src/actor.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import type { Certificate } from "../../../src/protocol/kit/quorum.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import {
  decisionProofs,
  polcProofs,
  type Decision,
  type Polc,
} from "../../../src/protocol/tendermint/certificate.ts";
import type { Timer } from "../../../src/protocol/tendermint/context.ts";
import {
  tendermint,
  TendermintReplica,
  type Message,
  type Parts,
} from "../../../src/protocol/tendermint/index.ts";
import type { Position, ProposalMessage } from "../../../src/protocol/tendermint/message.ts";
import { makeValue, NIL, type Value } from "../../../src/protocol/tendermint/value.ts";
import { EMPTY } from "../../../src/wire.ts";
import * as support from "../../support/cluster.ts";
import { signatureOf } from "../../support/packets.ts";
import { openOf } from "../../support/requests.ts";
import { PeekedExecutor } from "../../support/states.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;
/** With this tenure proposers are fixed, and the leader of view v is that of turn v. */
export const TENURE = 1000;

/** The run that a replica is in from the start, unless a test has it start. */
const RUN = new Uint8Array(32).fill(7);

function tendermintOf(
  parts: Partial<Parts>,
): support.Tested<Message, Timer | "retry", TendermintReplica> {
  return {
    ...tendermint,
    replica: (self, config, host, app) => new TendermintReplica(self, config, host, app, parts),
  };
}

/** A value of this height that differs by its number; of no requests if it is 0. */
export function value(height: number, number: number, origin = 0): Value {
  const requests = number === 0 ? [] : [openOf(number)];
  const clients = requests.map(() => CLIENT);
  return makeValue(height, origin, makeBatch(requests, clients));
}

function certificate(signers: readonly number[], proofs: readonly Proof[]): Certificate {
  return { signers, blocks: proofs.map(({ signer, signed }) => signatureOf(signer, signed)) };
}

function unsigned(signers: readonly number[]): Certificate {
  return { signers, blocks: signers.map(() => EMPTY) };
}

export function polcOf(
  height: number,
  round: number,
  { digest }: Value,
  signers: readonly number[] = [0, 1, 2],
): Polc {
  const polc = { height, round, digest, prevotes: unsigned(signers) };
  return { ...polc, prevotes: certificate(signers, polcProofs(polc)) };
}

export function decisionOf(
  height: number,
  { digest }: Value,
  signers: readonly number[] = [0, 1, 2],
  round = 0,
): Decision {
  const decision = { height, round, digest, precommits: unsigned(signers) };
  return { ...decision, precommits: certificate(signers, decisionProofs(decision)) };
}

export function put(key: string, text: string): Bytes {
  return encodeKvOperation({ kind: "put", key: Buffer.from(key), value: Buffer.from(text) });
}

interface SoloOptions {
  readonly started?: boolean;
  readonly parts?: Partial<Parts>;
}

/** What a replica voted, as texts: kind, height, round, and whether for nil. */
export type Voted = readonly [kind: string, round: number, what: string];

/** One replica that runs, the proposers of which are 0, 1, 2, … unless told. */
export class Solo extends support.Solo<Message, Timer | "retry", TendermintReplica> {
  readonly self: number;

  constructor(
    self = 3,
    changes: Partial<ProtocolConfig> = {},
    { started = true, parts = {} }: SoloOptions = {},
  ) {
    const n = changes.n ?? 4;
    const fixed = { tenure: TENURE, leader: (view: number) => Math.floor(view / TENURE) % n };
    super(tendermintOf(parts), self, { ...(started && { run: RUN }), ...fixed, ...changes });
    this.self = self;
    if (started) this.host.take();
  }

  /** All others say that they run, so that it recovers: gives the nonce of its RECOVER. */
  learns(): Bytes {
    this.timeout("start");
    const [start] = this.host.takeKind("start");
    if (start === undefined) throw new Error("it asks first");
    const { nonce, asked } = start;
    const where = { kind: "runs", name: RUN } as const;
    for (let replica = 0; replica < this.config.n; replica++) {
      if (replica === this.self) continue;
      const life = { kind: "life", replica, to: this.self, nonce, asked, where } as const;
      this.receive(replica, { ...life, ready: null });
    }
    const [recover] = this.host.takeKind("recover");
    if (recover === undefined) throw new Error("it recovers");
    return recover.nonce;
  }

  answer(replica: number, nonce: Bytes, position: Position): void {
    this.receive(replica, { kind: "answer", replica, to: this.self, nonce, position });
  }

  /** The proposal of the round's proposer, unless another is said. */
  propose(height: number, round: number, proposed: Value, others: Partial<ProposalMessage> = {}) {
    const replica = this.replica.context.proposers.of(round);
    const { digest } = proposed;
    const position = { replica, height, round, digest };
    this.receive(others.replica ?? replica, {
      ...({ kind: "proposal", ...position, polc: null, value: proposed } as const),
      ...others,
    });
  }

  vote(kind: "prevote" | "precommit", by: number[], height: number, round: number, of?: Value) {
    const digest = of?.digest ?? NIL;
    for (const replica of by) this.receive(replica, { kind, replica, height, round, digest });
  }
  prevote(by: number[], height: number, round: number, of?: Value): void {
    this.vote("prevote", by, height, round, of);
  }
  precommit(by: number[], height: number, round: number, of?: Value): void {
    this.vote("precommit", by, height, round, of);
  }
  decide(height: number, decided: Value): void {
    this.decideWith(height, decided, [0, 1, 2]);
  }
  decideWith(height: number, decided: Value, signers: readonly number[]): void {
    const decision = decisionOf(height, decided, signers);
    this.receive(0, { kind: "committed", decision, value: decided });
  }

  /** The votes sent since the last call: of these values by their place, or for nil. */
  votes(...values: Value[]): Voted[] {
    const sent = this.host.take().map(({ message }) => message);
    return sent.flatMap((message): Voted[] => {
      if (message.kind !== "prevote" && message.kind !== "precommit") return [];
      const at = values.findIndex(({ digest }) => Buffer.compare(digest, message.digest) === 0);
      return [[message.kind, message.round, at < 0 ? "nil" : `value ${at}`]];
    });
  }

  get running(): boolean {
    return this.replica.start.running;
  }
  get height(): number {
    return this.replica.context.log.height;
  }
  get round(): number {
    return this.replica.rounds.round;
  }
}

/** Where a replica is at a height, the one before being decided by this value. */
export function positionAt(height: number, decided: Value): Position {
  return {
    height,
    stable: GENESIS,
    decision: height === 1 ? null : decisionOf(height - 1, decided),
  };
}

interface ClusterOptions {
  readonly begin?: boolean;
  readonly parts?: Partial<Parts>;
}

export class TendermintCluster extends support.Cluster<
  Message,
  Timer | "retry",
  TendermintReplica
> {
  constructor(
    changes: Partial<ProtocolConfig> = {},
    { parts = {}, ...options }: ClusterOptions = {},
  ) {
    const n = changes.n ?? 4;
    const fixed = { tenure: TENURE, leader: (view: number) => Math.floor(view / TENURE) % n };
    super(tendermintOf({ Executor: PeekedExecutor, ...parts }), { ...fixed, ...changes }, options);
  }

  /** A client's request to some replicas, all unless told. */
  request(request: Request, to = this.replicas.map((_, i) => i), client = CLIENT): void {
    for (const i of to) this.inject(client, i, { kind: "request", request });
    this.settle();
  }

  /** A client's operations, one after another. */
  operate(count: number, client = CLIENT): void {
    for (let i = 0; i < count; i++) {
      const box = this.invoke(client, put("k", `${this.nowMs}`));
      if (!this.runUntil(() => box.result !== undefined, 20_000)) throw new Error("no result");
    }
  }

  height(i: number): number {
    return this.replica(i).context.log.height;
  }
}

export const rotating: Partial<ProtocolConfig> = { tenure: 1, leader: (view) => view % 4 };
