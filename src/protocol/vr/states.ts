// Checkpoints, which every replica takes for itself: what was executed is committed, and any one
// replica can be believed. Liskov and Cowling, "Viewstamped Replication Revisited", 2012, 5.1.

import type { Address, Bytes, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { DIGEST_LENGTH } from "../kit/digest.ts";
import type { CheckpointMessage, FetchStateMessage, StateMessage } from "../kit/messages.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import { NO_CERTIFICATE } from "../kit/quorum.ts";
import { Snapshot, StateTransfer } from "../kit/state-transfer.ts";
import type { VrContext } from "./context.ts";
import { FETCH_PAUSE } from "./log-fetch.ts";
import type { StatusMessage } from "./message.ts";

/** Own states that are kept: others may be fetching the older one. */
const STATES_MAX = 2;

const NO_DIGEST: Bytes = new Uint8Array(DIGEST_LENGTH);

const DIFFERS =
  "not admitted: checkpoint that differs, so that the application is not deterministic";

interface Kept {
  readonly slot: number;
  readonly digest: Bytes;
  /** Null at genesis, which nobody fetches. */
  readonly snapshot: Snapshot | null;
}

/** What checkpoints ask of the replica whose state it is. */
export interface StatesOwner {
  readonly normal: { readonly executed: number };
  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void;
}

export class States {
  protected readonly context: VrContext;
  readonly #owner: StatesOwner;
  readonly #transfer: StateTransfer;
  #kept: readonly Kept[] = [{ slot: 0, digest: NO_DIGEST, snapshot: null }];
  /** Of the parts of states, which are hashed once. */
  readonly #digests = new WeakMap<Bytes, Bytes>();
  /** Whether a piece came since it was last asked for. */
  #progresses = false;
  /** Another replica has another state after the same slot. */
  diverged = false;

  constructor(context: VrContext, owner: StatesOwner) {
    this.context = context;
    this.#owner = owner;
    const { self, config, host } = context;
    this.#transfer = new StateTransfer(self, config.n, (peer, slot, piece) => {
      host.send(peer, { kind: "fetchState", slot, piece });
    });
  }

  get sizes(): Sizes {
    return [{ name: "states.snapshots", size: this.#kept.length, max: STATES_MAX }];
  }
  /** Whether a state is being fetched. */
  get fetching(): boolean {
    return this.#transfer.target !== null;
  }
  /** The last one taken or installed. */
  get last(): { readonly slot: number; readonly digest: Bytes } {
    return this.#kept.at(-1) ?? { slot: 0, digest: NO_DIGEST };
  }

  /** Takes a checkpoint: `state` is what the slot, the last one executed, left. */
  take(slot: number, state: readonly Bytes[]): void {
    const snapshot = Snapshot.of(this.kept(state), this.#digests);
    const later = [...this.#kept, { slot, digest: snapshot.digest, snapshot }];
    this.#kept = later.slice(-STATES_MAX);
    this.context.log.forget(this.#kept[0]?.slot ?? 0);
  }

  protected kept(state: readonly Bytes[]): readonly Bytes[] {
    return state;
  }

  /** Shows a replica that lacks slots which are dropped here where it can go on. */
  offer(to: Address): void {
    const { slot, digest } = this.last;
    const { self, host, answers } = this.context;
    if (slot === 0) return;
    answers.charge(to, 0);
    host.send(to, { kind: "checkpoint", replica: self, slot, digest });
  }

  onCheckpoint({ slot, digest }: Pick<CheckpointMessage, "slot" | "digest">): void {
    const { host, config } = this.context;
    if (slot <= this.#owner.normal.executed) return this.#compare(slot, digest);
    const target = this.#transfer.target?.slot ?? 0;
    if (slot <= target || (target > 0 && this.#progresses)) {
      return host.drop("not admitted: checkpoint while another is fetched");
    }
    coverageMark("vr: a state is fetched");
    host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
    this.#transfer.start({ slot, digest, certificate: NO_CERTIFICATE });
  }

  /** Compares a checkpoint of another replica with the own one of the same slot. */
  onStatus({ slot, digest }: StatusMessage): void {
    this.#compare(slot, digest);
  }

  #compare(slot: number, digest: Bytes): void {
    const own = this.#kept.find((kept) => kept.slot === slot);
    if (own === undefined || equal(own.digest, digest)) return;
    this.diverged = true;
    this.context.host.drop(DIFFERS);
  }

  /** Asks others for what did not come. */
  retry(): void {
    const { target } = this.#transfer;
    if (target === null) return;
    if (target.slot <= this.#owner.normal.executed) this.#transfer.stop();
    else if (!this.#progresses) this.#transfer.retry();
    this.#progresses = false;
  }

  onFetchState(from: Address, { slot, piece }: FetchStateMessage): void {
    const { host, answers } = this.context;
    const kept = this.#kept.find((state) => state.slot === slot);
    const bytes = kept?.snapshot?.piece(piece) ?? null;
    if (bytes === null) return this.offer(from);
    const { now } = host;
    const question = `state ${slot} ${piece}`;
    if (!answers.allows(from, question, now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, now);
    answers.charge(from, bytes.length);
    host.send(from, { kind: "state", slot, piece, bytes });
  }

  onState(from: Address, message: StateMessage): void {
    const { host, executor, log } = this.context;
    const { target } = this.#transfer;
    const state = this.#transfer.receive(from, message);
    if (state === false || target === null) {
      return host.drop("not admitted: piece of a state that was not asked for");
    }
    this.#progresses = true;
    if (state === null || target.slot <= this.#owner.normal.executed) return;
    const { slot, digest } = target;
    const snapshot = Snapshot.of(state, this.#digests);
    if (!executor.restore(state)) return host.drop("not admitted: state that is malformed");
    coverageMark("vr: a state is installed");
    this.#kept = [{ slot, digest, snapshot }];
    log.onExecuted(slot);
    log.forget(slot);
    this.#owner.onInstalled(slot);
  }
}
