// Checkpoints every K blocks, and state transfer for a replica that lacks blocks which nobody
// keeps.

import type { Address, Bytes, HeldCertificate, Host, Signer } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { manyBytesOf, Reader } from "../../wire.ts";
import { Checkpoints } from "../kit/checkpoint.ts";
import {
  stableProofs,
  type CheckpointMessage,
  type FetchStateMessage,
  type StableMessage,
  type StateMessage,
} from "../kit/messages.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import type { Executor } from "../kit/executor.ts";
import type { Quorums } from "../kit/quorum.ts";
import { StateTransfer } from "../kit/state-transfer.ts";
import type { Message } from "./message.ts";
import type { Timer } from "./view-change.ts";
import type { Tree, TreeNode } from "./log.ts";

/**
 * Own snapshots above the stable checkpoint: older ones than the votes that are kept are of no use.
 */
const SNAPSHOTS_MAX = 8;

export interface CatchUpOwner {
  /** Whether it may sign: not while it recovers. */
  readonly running: boolean;
  /** The executor has become the state after the block of this hash. */
  onInstalled(hash: Bytes, view: number, height: number): void;
}

export class CatchUp {
  readonly #self: Signer;
  readonly #n: number;
  readonly #interval: number;
  readonly #host: Host<Message, Timer>;
  readonly #tree: Tree;
  readonly #executor: Executor;
  readonly #owner: CatchUpOwner;
  readonly #checkpoints: Checkpoints;
  readonly #transfer: StateTransfer;

  constructor(
    self: Signer,
    config: ProtocolConfig,
    quorums: Quorums,
    parts: { host: Host<Message, Timer>; tree: Tree; executor: Executor; owner: CatchUpOwner },
  ) {
    this.#self = self;
    this.#n = config.n;
    this.#interval = config.checkpointInterval;
    this.#host = parts.host;
    this.#tree = parts.tree;
    this.#executor = parts.executor;
    this.#owner = parts.owner;
    this.#checkpoints = new Checkpoints(quorums, this.#interval);
    this.#transfer = new StateTransfer(self, config.n, (peer, slot, piece) => {
      this.#host.send(peer, { kind: "fetchState", slot, piece });
    });
  }

  /** Whether nothing is being fetched. */
  get idle(): boolean {
    return this.#transfer.target === null;
  }
  get sizes(): readonly { readonly name: string; readonly size: number; readonly max: number }[] {
    const { snapshots, votes } = this.#checkpoints;
    return [
      { name: "checkpoints.snapshots", size: snapshots, max: SNAPSHOTS_MAX },
      { name: "checkpoints.votes", size: votes, max: Checkpoints.votesMax },
    ];
  }
  /** That of the last stable checkpoint; none at genesis. */
  get certificates(): readonly HeldCertificate[] {
    const { latest } = this.#checkpoints;
    return latest.slot === 0 ? [] : [{ certificate: latest, proofs: () => stableProofs(latest) }];
  }

  wants(message: CheckpointMessage): boolean {
    return this.#checkpoints.wants(message);
  }

  /** Takes a checkpoint if it is time for one after this block. */
  onExecuted({ view, hash, height }: TreeNode): void {
    if (height % this.#interval !== 0) return;
    const digest = this.#checkpoints.take(height, this.#state(view, hash));
    if (this.#owner.running) {
      this.#host.send("all", { kind: "checkpoint", replica: this.#self, slot: height, digest });
    }
    this.#settle();
  }

  onCheckpoint(message: CheckpointMessage): void {
    if (this.#checkpoints.vote(message)) this.#settle();
  }

  /** Blocks that this replica asked for are not kept any more by one that has this checkpoint. */
  onStable({ checkpoint }: StableMessage): void {
    if (!this.#checkpoints.proven(checkpoint)) return;
    this.#checkpoints.learn(checkpoint);
    this.#settle();
    const { latest } = this.#checkpoints;
    const target = this.#transfer.target;
    if (latest.slot <= this.#tree.root.height) return;
    if (target !== null && target.slot === latest.slot) return;
    coverageMark("hotstuff: state transfer begins");
    this.#transfer.start(latest);
    this.#host.setTimer("fetch", 0);
  }

  onFetchState(from: Address, { slot, piece }: FetchStateMessage): void {
    if (from >= this.#n) return;
    const bytes = this.#checkpoints.snapshot(slot)?.piece(piece);
    if (bytes !== null && bytes !== undefined) {
      this.#host.send(from, { kind: "state", slot, piece, bytes });
    } else this.offer(from, slot);
  }

  onState(from: Address, message: StateMessage): void {
    const { target } = this.#transfer;
    const state = this.#transfer.receive(from, message);
    if (state === null || target === null || target.slot <= this.#tree.root.height) return;
    const input = new Reader(state);
    const view = input.u53();
    const hash = input.bytes(DIGEST_LENGTH);
    const inner = input.blob(state.length);
    const whole = input.done && this.#executor.restore(inner);
    assert(whole, "a quorum signed a state that is malformed");
    coverageMark("hotstuff: state transfer ends");
    this.#checkpoints.take(target.slot, state);
    this.#owner.onInstalled(hash, view, target.slot);
    this.#settle();
  }

  /**
   * Shows a replica that lacks blocks below it the stable checkpoint; votes for one if there is
   * none yet.
   */
  offer(to: Address, height: number): void {
    const { latest } = this.#checkpoints;
    if (latest.slot > height) this.#host.send(to, { kind: "stable", checkpoint: latest });
    else this.repeatVotes();
  }

  /** Sends own CHECKPOINTs that are not stable yet again. */
  repeatVotes(): void {
    const { latest } = this.#checkpoints;
    for (const vote of this.#checkpoints.votesOf(this.#self, latest.slot)) {
      this.#host.send("others", vote);
    }
  }

  retry(): void {
    const { target } = this.#transfer;
    if (target === null) return;
    if (target.slot <= this.#tree.root.height) this.#transfer.stop();
    else this.#transfer.retry();
  }

  /** The digest covers the block's view and hash too. */
  #state(view: number, hash: Bytes): Bytes {
    return manyBytesOf((out) => {
      out.u53(view);
      out.bytes(hash);
      out.blob(this.#executor.snapshot());
    });
  }

  /** Forgets what came before a stable checkpoint that this replica has reached. */
  #settle(): void {
    const { latest, stable } = this.#checkpoints;
    const { height } = this.#tree.root;
    if (latest.slot === stable.slot || latest.slot > height) return;
    this.#checkpoints.advance();
    this.#tree.dropBelow(latest.slot - this.#interval);
  }
}
