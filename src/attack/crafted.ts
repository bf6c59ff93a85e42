// Messages of single protocols that strangers make up: what no two protocols have alike.

import type { Sealed } from "../actor.ts";
import { makeBatch, type Batch } from "../protocol/kit/batch.ts";
import { DIGEST_LENGTH } from "../protocol/kit/digest.ts";
import { RECOVERY_NONCE_LENGTH, type CommonMessage } from "../protocol/kit/messages.ts";
import { NO_CERTIFICATE } from "../protocol/kit/quorum.ts";
import type { Request } from "../protocol/kit/request.ts";
import { makeBlock } from "../protocol/chained/block.ts";
import { GENESIS_QC } from "../protocol/chained/certificate.ts";
import type { Message as HotStuffMessage } from "../protocol/chained/message.ts";
import type { Message as PbftMessage } from "../protocol/pbft/message.ts";
import type { Message as TendermintMessage } from "../protocol/tendermint/message.ts";
import { makeValue } from "../protocol/tendermint/value.ts";
import { NO_HISTORY } from "../protocol/zyzzyva/certificate.ts";
import type { Message as ZyzzyvaMessage } from "../protocol/zyzzyva/message.ts";
import { forgedSeal, randomBytes } from "./arms.ts";

/** What one protocol's strangers send. */
export interface Crafted {
  /** A batch that nobody asked for. */
  batch(batch: Batch): Sealed;
  /** Asks for a batch or block; `round` makes each another one. */
  fetch(batch: Batch, round: number): Sealed;
  /** Where a replica is, behind all others. */
  behind(): Sealed;
  /** Messages of the kinds that prove where their sender is. */
  positions(): readonly Sealed[];
  /** A proposal with a signature that does not hold. */
  forgedProposal(signer: number, round: number): Sealed;
}

const pbft = (message: PbftMessage): Sealed => message;
const hotstuff = (message: HotStuffMessage): Sealed => message;
const tendermint = (message: TendermintMessage): Sealed => message;
const zyzzyva = (message: ZyzzyvaMessage): Sealed => message;

const PBFT: Crafted = {
  batch: (batch) => pbft({ kind: "batch", slot: 1, batch }),
  fetch: ({ digest }, round) => pbft({ kind: "fetchBatch", slot: 1 + (round % 256), digest }),
  behind: () => pbft({ kind: "status", view: 0, active: true, stable: 0, executed: 0 }),
  positions: () => [
    pbft({
      ...{ kind: "newView", replica: 0, view: 1, viewChanges: [], stable: 0, digests: [] },
      seal: forgedSeal(0),
    }),
  ],
  forgedProposal(replica, round) {
    const digest = randomBytes(DIGEST_LENGTH);
    const seal = forgedSeal(replica);
    const named = { replica, view: 0, slot: 1 + (round % 4096), digest, batch: null };
    return pbft({ kind: "prePrepare", ...named, seal });
  },
};

const HOTSTUFF: Crafted = {
  batch: (batch) =>
    hotstuff({ kind: "block", block: makeBlock(1, 1, GENESIS_QC, batch), more: false }),
  fetch: () => hotstuff({ kind: "fetch", block: randomBytes(DIGEST_LENGTH), view: 0, height: 0 }),
  behind: () => hotstuff({ kind: "entry", highQc: GENESIS_QC, tc: null }),
  positions: () => [hotstuff({ kind: "entry", highQc: GENESIS_QC, tc: null })],
  forgedProposal(replica, round) {
    const block = makeBlock(2 ** 40 + round, replica, GENESIS_QC, makeBatch([], []));
    return hotstuff({ kind: "propose", replica, block, tc: null, seal: forgedSeal(replica) });
  },
};

const TENDERMINT: Crafted = {
  batch: (batch) => tendermint({ kind: "batch", height: 1, value: makeValue(1, 0, batch) }),
  fetch: ({ digest }, round) =>
    tendermint({ kind: "fetchBatch", height: 1 + (round % 256), digest }),
  behind: () => tendermint({ kind: "status", height: 1, round: 0, step: "propose", stable: 0 }),
  positions() {
    const digest = randomBytes(DIGEST_LENGTH);
    const polc = { height: 1, round: 0, digest, prevotes: NO_CERTIFICATE };
    return [tendermint({ kind: "polc", polc })];
  },
  forgedProposal(replica, round) {
    const height = 1 + (round % 4096);
    const value = makeValue(height, 0, makeBatch([], []));
    const named = { replica, height, round: 0, digest: value.digest, polc: null, value };
    return tendermint({ kind: "proposal", ...named, seal: forgedSeal(replica) });
  },
};

const ZYZZYVA: Crafted = {
  batch: (batch) => zyzzyva({ kind: "batch", batch }),
  fetch: () => zyzzyva({ kind: "fetchBatch", digest: randomBytes(DIGEST_LENGTH) }),
  behind: () =>
    zyzzyva({ kind: "status", view: 0, active: true, stable: 0, executed: 0, committed: 0 }),
  positions() {
    const at = { view: 1, slot: 0, history: NO_HISTORY };
    return [
      zyzzyva({ kind: "entered", certificate: { ...at, confirms: NO_CERTIFICATE } }),
      zyzzyva({ kind: "committed", certificate: { ...at, commits: NO_CERTIFICATE }, digests: [] }),
    ];
  },
  forgedProposal(replica, round) {
    const batch = makeBatch([], []);
    const named = { replica, view: 0, slot: 1 + (round % 256), digest: batch.digest };
    const history = randomBytes(DIGEST_LENGTH);
    return zyzzyva({ kind: "orderReq", ...named, history, batch, seal: forgedSeal(replica) });
  },
};

const CRAFTED = new Map([
  ["pbft", PBFT],
  ["hotstuff", HOTSTUFF],
  ["tendermint", TENDERMINT],
  ["zyzzyva", ZYZZYVA],
]);

/** The modes that are attacked. */
export const MODES: readonly string[] = [...CRAFTED.keys()];

/** Throws RangeError for a mode that is not attacked. */
export function craftedFor(mode: string): Crafted {
  const crafted = CRAFTED.get(mode);
  if (crafted === undefined) throw new RangeError(`nothing is crafted for ${mode}`);
  return crafted;
}

const common = (message: CommonMessage): Sealed => message;

/** Signatures in these do not hold. */
export function aRecover(replica = 0): Sealed {
  const nonce = randomBytes(RECOVERY_NONCE_LENGTH);
  return common({ kind: "recover", replica, nonce, seal: forgedSeal(replica) });
}
export function aCheckpoint(): Sealed {
  const digest = randomBytes(DIGEST_LENGTH);
  return common({ kind: "checkpoint", replica: 0, slot: 128, digest, seal: forgedSeal(0) });
}
export function aStable(): Sealed {
  const checkpoint = { slot: 0, digest: randomBytes(DIGEST_LENGTH), certificate: NO_CERTIFICATE };
  return common({ kind: "stable", checkpoint });
}

/** Requests of sessions that nobody opened. */
export function inventedRequests(count: number, op: Uint8Array): readonly Request[] {
  return Array.from({ length: count }, (_, i) => ({
    session: 1 + i,
    tag: (i * 2654435761) >>> 0,
    number: 1,
    op,
  }));
}
