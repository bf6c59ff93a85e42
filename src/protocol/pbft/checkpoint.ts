// Checkpoints and state transfer: Castro and Liskov, OSDI '99, section 4.3.

import type { Address } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { Checkpoints } from "../kit/checkpoint.ts";
import type {
  CheckpointMessage,
  FetchStateMessage,
  StableCheckpoint,
  StableMessage,
  StateMessage,
} from "../kit/messages.ts";
import { StateTransfer } from "../kit/state-transfer.ts";
import type { Ordering } from "./normal.ts";
import { ViewChange } from "./view-change.ts";

/**
 * Keeps the log short, and fetches the state when the log of others does not reach back far enough.
 */
export abstract class Checkpointing extends ViewChange {
  protected readonly checkpoints: Checkpoints;
  protected readonly transfer: StateTransfer;
  /**
   * Whether anything was executed, and any piece of a state received, since the last tick but one.
   */
  protected executes = false;
  protected receives = false;

  constructor(...parameters: ConstructorParameters<typeof Ordering>) {
    super(...parameters);
    this.checkpoints = this.newCheckpoints();
    this.transfer = new StateTransfer(this.self, this.quorums.n, (peer, slot, piece) => {
      this.host.send(peer, { kind: "fetchState", slot, piece });
    });
  }

  /** The stable checkpoint has moved. */
  protected abstract onStableMoved(): void;

  protected newCheckpoints(): Checkpoints {
    return new Checkpoints(this.quorums, this.config.checkpointInterval);
  }

  protected override takeCheckpoint(): void {
    const { self: replica, executed: slot } = this;
    const digest = this.checkpoints.take(slot, this.executor.snapshot());
    if (this.speaks) this.host.send("all", { kind: "checkpoint", replica, slot, digest });
    this.#reach();
  }

  protected onCheckpoint(message: CheckpointMessage): void {
    if (this.checkpoints.vote(message)) this.#reach();
  }

  /** Takes in a checkpoint with its proof. */
  protected override learn(checkpoint: StableCheckpoint): void {
    if (this.checkpoints.proven(checkpoint) && this.checkpoints.learn(checkpoint)) this.#reach();
  }

  /** The answer of a replica that has forgotten what this one asked for. */
  protected onStable({ checkpoint }: StableMessage): void {
    this.learn(checkpoint);
    const moves = this.transfer.target === null ? this.executes : this.receives;
    if (!moves && this.checkpoints.latest.slot > this.executed) this.jump();
  }

  /** Moves h and H if this replica's own state has come to the latest stable checkpoint. */
  #reach(): void {
    const { latest } = this.checkpoints;
    if (latest.slot > this.log.low && latest.slot <= this.executed) this.#move();
  }

  #move(): void {
    this.checkpoints.advance();
    this.log.advance(this.checkpoints.stable.slot);
    this.forgetEarly();
    this.nextSlot = Math.max(this.nextSlot, this.log.low + 1);
    this.onStableMoved();
    this.propose();
  }

  /**
   * Moves h and H to the latest stable checkpoint and fetches the state: until that is here nothing
   * is executed, but slots after it can be agreed on.
   */
  protected override jump(): void {
    const { latest } = this.checkpoints;
    assert(latest.slot > this.executed, "a state that is behind is never fetched");
    if (this.transfer.target?.slot === latest.slot) return;
    coverageMark("pbft: state is fetched");
    this.transfer.start(latest);
    if (latest.slot > this.log.low) this.#move();
    this.awake();
  }

  protected onFetchState(from: Address, { slot, piece }: FetchStateMessage): void {
    if (from >= this.quorums.n) return;
    const snapshot = this.checkpoints.snapshot(slot);
    const { stable } = this.checkpoints;
    if (snapshot !== undefined) {
      const bytes = snapshot.piece(piece);
      if (bytes !== null) this.host.send(from, { kind: "state", slot, piece, bytes });
    } else if (stable.slot > slot) {
      this.host.send(from, { kind: "stable", checkpoint: stable });
    }
  }

  protected onState(from: Address, message: StateMessage): void {
    const { target } = this.transfer;
    const state = this.transfer.receive(from, message);
    this.receives = true;
    if (target === null || state === null) return;
    assert(this.executor.restore(state), "a quorum signed a state that is malformed");
    coverageMark("pbft: state is installed");
    this.executed = target.slot;
    this.checkpoints.take(target.slot, state);
    for (const { client, request } of [...this.pending.values()]) {
      const outcome = this.executor.lookup(request);
      if (outcome === undefined) continue;
      this.pending.executed(request);
      if (outcome !== null) this.reply(client, request, outcome);
    }
    this.onStableMoved();
    this.#reach();
    this.execute();
  }
}
