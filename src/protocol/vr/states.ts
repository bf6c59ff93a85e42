// Checkpoints, which every replica takes for itself: what was executed is committed, and any one
// replica can be believed. Liskov and Cowling, "Viewstamped Replication Revisited", 2012, 5.1.

import type { Address, Bytes, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { NO_DIGEST } from "../kit/digest.ts";
import type { CheckpointMessage, FetchStateMessage, StateMessage } from "../kit/messages.ts";
import { StateHashing } from "../kit/state-hashing.ts";
import { answerPieces } from "../kit/state-sync.ts";
import { StateTransfer } from "../kit/state-transfer.ts";
import type { StateVersion } from "../kit/state-tree.ts";
import type { Hashed } from "../kit/state-versions.ts";
import type { VrContext } from "./context.ts";
import { FETCH_PAUSE } from "./log-fetch.ts";
import type { StatusMessage } from "./message.ts";

/** Own states that are kept: others may be fetching the older one. */
const STATES_MAX = 2;

const DIFFERS =
  "not admitted: checkpoint that differs, so that the application is not deterministic";

interface Kept {
  readonly slot: number;
  readonly digest: Bytes;
  /** Null at genesis, which nobody fetches. */
  readonly version: StateVersion | null;
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
  readonly #hashing: StateHashing;
  #kept: readonly Kept[] = [{ slot: 0, digest: NO_DIGEST, version: null }];
  /** Whether a piece came since it was last asked for. */
  #progresses = false;
  /** Another replica has another state after the same slot. */
  diverged = false;

  constructor(context: VrContext, owner: StatesOwner) {
    this.context = context;
    this.#owner = owner;
    const { self, config, host, versions } = context;
    this.#transfer = new StateTransfer({
      ...{ self, n: config.n, own: versions },
      ask: (peer, slot, pieces) => host.send(peer, { kind: "fetchState", slot, pieces }),
    });
    const { checkpointInterval } = config;
    const onHashed = (hashed: Hashed) => this.#onHashed(hashed);
    this.#hashing = new StateHashing({ versions, checkpointInterval, host, onHashed });
  }

  get sizes(): Sizes {
    const kept = { name: "states.kept", size: this.#kept.length, max: STATES_MAX };
    return [kept, ...this.#transfer.sizes];
  }
  /** Whether a state is being fetched. */
  get fetching(): boolean {
    return this.#transfer.target !== null;
  }
  /** The last one taken or installed. */
  get last(): { readonly slot: number; readonly digest: Bytes } {
    return this.#kept.at(-1) ?? { slot: 0, digest: NO_DIGEST };
  }

  /** A slot was executed, which may be one that a checkpoint is taken after. */
  onExecuted(slot: number): void {
    this.#hashing.onExecuted(slot);
  }

  /** The timer "checkpoint" is due. */
  onTimer(): void {
    this.#hashing.onTimer();
  }

  #onHashed({ slot, version }: Hashed): void {
    this.#kept = [...this.#kept, { slot, digest: version.digest, version }].slice(-STATES_MAX);
    this.context.log.forget(this.#kept[0]?.slot ?? 0);
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
    this.#transfer.start({ slot, digest });
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

  onFetchState(from: Address, { slot, pieces }: FetchStateMessage): void {
    const { host, answers, versions } = this.context;
    const version = this.#kept.find((state) => state.slot === slot)?.version ?? null;
    if (version === null) return this.offer(from);
    answerPieces(host, answers, { from, slot, pieces, version, versions });
  }

  onState(from: Address, message: StateMessage): void {
    const { host, versions, log } = this.context;
    const { target } = this.#transfer;
    if (!this.#transfer.receive(from, message) || target === null) {
      return host.drop("not admitted: piece of a state that was not asked for");
    }
    this.#progresses = true;
    const version = this.#transfer.take();
    if (version === null || target.slot <= this.#owner.normal.executed) return;
    const { slot, digest } = target;
    if (!versions.restore(version.head, version)) {
      return host.drop("not admitted: state that is malformed");
    }
    coverageMark("vr: a state is installed");
    this.#kept = [{ slot, digest, version }];
    log.onExecuted(slot);
    log.forget(slot);
    this.#owner.onInstalled(slot);
  }
}
