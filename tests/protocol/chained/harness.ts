// What tests of HotStuff say: its cluster, one replica fed by hand, and blocks and certificates
// that are really signed.

import type { App, Bytes, Proof } from "../../../src/actor.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { ProtocolConfig } from "../../../src/protocol-config.ts";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { Certificate } from "../../../src/protocol/kit/quorum.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { makeBlock, type Block } from "../../../src/protocol/chained/block.ts";
import {
  GENESIS_QC,
  qcProofs,
  tcProofs,
  type Qc,
  type Tc,
} from "../../../src/protocol/chained/certificate.ts";
import {
  hotstuff,
  ChainedReplica,
  type Message,
  type Parts,
  type Timer,
} from "../../../src/protocol/chained/index.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { EMPTY } from "../../../src/wire.ts";
import { PeekedExecutor } from "../../support/states.ts";
import * as support from "../../support/cluster.ts";
import { Packets, signatureOf } from "../../support/packets.ts";

/** The address of the first client; replicas have theirs below. */
export const CLIENT = 100;

export const packets = new Packets(hotstuff.codec);

function chainedOf(
  parts: Partial<Parts>,
  rules: ChainRules,
  codec = hotstuff.codec,
): support.Tested<Message, Timer | "retry", ChainedReplica> {
  return {
    ...hotstuff,
    codec,
    replica: (self, config, host, app) =>
      new ChainedReplica(self, config, host, app, { rules, ...parts }),
  };
}

/** The certificate with the signatures of those that it names. */
function signed<C extends { readonly votes: Certificate }>(
  unsigned: C,
  proofsOf: (certificate: C) => readonly Proof[],
): C {
  const blocks = proofsOf(unsigned).map(({ signer, signed }) => signatureOf(signer, signed));
  return { ...unsigned, votes: { ...unsigned.votes, blocks } };
}

function unsigned(signers: readonly number[]): Certificate {
  return { signers, blocks: signers.map(() => EMPTY) };
}

export function qc(block: Block, signers: readonly number[] = [0, 1, 2]): Qc {
  const votes = unsigned(signers);
  return signed({ view: block.view, block: block.hash, votes }, qcProofs);
}

/** A TC of signers whose highest QC was of this view. */
export function tc(view: number, signers: readonly number[] = [0, 1, 2], qcView = 0): Tc {
  const qcViews = signers.map(() => qcView);
  return signed({ view, votes: unsigned(signers), qcViews }, tcProofs);
}

export function openRequest(number: number): Request {
  const op = new Uint8Array(13).fill(number);
  return { session: 0, tag: new DataView(op.buffer).getUint32(0), number: 0, op };
}

/** A block with `requests` on what `justify` certifies, of the leader of its view. */
export function block(
  view: number,
  justify: Qc = GENESIS_QC,
  requests: Request[] = [],
  author = view % 4,
): Block {
  const clients = requests.map(() => CLIENT);
  return makeBlock(view, author, justify, makeBatch(requests, clients));
}

/** Makes blocks of one leader of all views. */
export function ledBy(author: number): typeof block {
  return (view, justify, requests) => block(view, justify, requests, author);
}

export function put(key: string, value: string): Bytes {
  return encodeKvOperation({ kind: "put", key: Buffer.from(key), value: Buffer.from(value) });
}

interface SoloOptions {
  readonly started?: boolean;
  readonly app?: App;
  readonly parts?: Partial<Parts>;
  readonly rules?: ChainRules;
  readonly codec?: typeof hotstuff.codec;
}

/** The run that a replica is in from the start, unless a test has it start. */
const RUN = new Uint8Array(32).fill(7);

/** One replica that runs. */
export class Solo extends support.Solo<Message, Timer | "retry", ChainedReplica> {
  readonly #self: number;

  constructor(
    self = 0,
    changes: Partial<ProtocolConfig> = {},
    { started = true, app, parts = {}, rules = HOTSTUFF_RULES, codec }: SoloOptions = {},
  ) {
    super(chainedOf(parts, rules, codec), self, started ? { run: RUN, ...changes } : changes, app);
    this.#self = self;
    if (!started) return;
    if (!this.running) throw new Error("it should run");
    this.host.take();
  }

  /** All others say that they run, so that it recovers: gives the nonce of its RECOVER. */
  learns(): Bytes {
    this.timeout("start");
    const [start] = this.host.takeKind("start");
    if (start === undefined) throw new Error("it asks first");
    const { nonce, asked } = start;
    const where = { kind: "runs", name: RUN } as const;
    for (let replica = 0; replica < this.config.n; replica++) {
      if (replica === this.#self) continue;
      const life = { kind: "life", replica, to: this.#self, nonce, asked, where } as const;
      this.receive(replica, { ...life, ready: null });
    }
    const [recover] = this.host.takeKind("recover");
    if (recover === undefined) throw new Error("it recovers");
    return recover.nonce;
  }

  /** The proposal of the view's leader. */
  propose(proposed: Block, timeout: Tc | null = null): void {
    const { author: replica } = proposed;
    this.receive(replica, { kind: "propose", replica, block: proposed, tc: timeout });
  }

  vote(replica: number, voted: Block, late = false): void {
    const { view, hash: digest } = voted;
    this.receive(replica, { kind: "vote", replica, view, digest, late });
  }

  timeOut(replica: number, view: number, highQc: Qc = GENESIS_QC, entry: Tc | null = null): void {
    const message = { kind: "timeout", replica, view, digest: EMPTY, highQc, tc: entry } as const;
    this.receive(replica, message);
  }

  /** The views of the votes sent since the last call. */
  voted(): number[] {
    return this.host.takeKind("vote").map(({ view }) => view);
  }

  get running(): boolean {
    return this.replica.start.running;
  }
  get committed(): number {
    return this.replica.census().committed;
  }
  get view(): number {
    return this.replica.census().view;
  }
}

export class ChainedCluster extends support.Cluster<Message, Timer | "retry", ChainedReplica> {
  constructor(
    changes: Partial<ProtocolConfig> = {},
    rules: ChainRules = HOTSTUFF_RULES,
    parts: Partial<Parts> = {},
  ) {
    super(chainedOf({ Executor: PeekedExecutor, ...parts }, rules), changes);
  }
}
