// Checkpoints, which every replica takes for itself where nobody lies: what is committed is equal
// everywhere, and any one replica can be believed. Liskov and Cowling, MIT-CSAIL-TR-2012-021, 5.1.

import type { Address, Bytes, Host, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal } from "../../wire.ts";
import { NO_DIGEST } from "./digest.ts";
import type { CheckpointMessage, FetchStateMessage, StateMessage } from "./messages.ts";
import { StateHashing } from "./state-hashing.ts";
import { answerPieces } from "./state-sync.ts";
import { StateTransfer } from "./state-transfer.ts";
import type { StateVersion } from "./state-tree.ts";
import type { Hashed } from "./state-versions.ts";
import { FETCH_PAUSE } from "./log-fetch.ts";
import type { AnswerRate } from "./peers.ts";
import type { Log } from "./slot-log.ts";
import type { StateVersions } from "./state-versions.ts";

/** Own states that are kept: others may be fetching the older one. */
const STATES_MAX = 2;

/** Retries without a piece after which a state is not fetched any more. */
const STALLED_MAX = 8;

const DIFFERS =
  "not admitted: checkpoint that differs, so that the application is not deterministic";

interface Kept {
  readonly slot: number;
  readonly digest: Bytes;
  /** Null at genesis, which nobody fetches. */
  readonly version: StateVersion | null;
}

type Sent = CheckpointMessage | FetchStateMessage | StateMessage;

interface StatesContext {
  readonly self: Signer;
  readonly config: ProtocolConfig;
  readonly host: Pick<Host<Sent, "checkpoint" | "fetch">, "send" | "setTimer" | "drop" | "now">;
  readonly log: Log;
  readonly answers: AnswerRate;
  readonly versions: StateVersions;
}

/** What checkpoints ask of the replica whose state it is. */
export interface StatesOwner {
  /** `executed` slots are committed and executed. */
  readonly normal: { readonly executed: number };
  /** The executor has become the state after `slot`. */
  onInstalled(slot: number): void;
}

export class States {
  protected readonly context: StatesContext;
  readonly #owner: StatesOwner;
  readonly #transfer: StateTransfer;
  readonly #hashing: StateHashing;
  #kept: readonly Kept[] = [{ slot: 0, digest: NO_DIGEST, version: null }];
  /** Whether a piece came since it was last asked for. */
  #progresses = false;
  /** Retries since a piece came last. */
  #stalled = 0;
  /** Another replica has another state after the same slot. */
  diverged = false;

  /** With `speculates`, slots are executed before they are committed (`onCommitted`). */
  constructor(context: StatesContext, owner: StatesOwner, speculates = false) {
    this.context = context;
    this.#owner = owner;
    const { self, config, host, versions } = context;
    this.#transfer = new StateTransfer({
      ...{ self, n: config.n, own: versions },
      ask: (peer, slot, pieces) => host.send(peer, { kind: "fetchState", slot, pieces }),
    });
    const { checkpointInterval } = config;
    const onHashed = (hashed: Hashed) => this.#onHashed(hashed);
    const options = { versions, checkpointInterval, host, onHashed };
    this.#hashing = new StateHashing({ ...options, speculates });
  }

  get sizes(): Sizes {
    const { checkpointInterval } = this.context.config;
    const heldMax = Math.ceil(this.context.log.size / checkpointInterval);
    return [
      { name: "states.kept", size: this.#kept.length, max: STATES_MAX },
      { name: "states.held", size: this.#hashing.held, max: heldMax },
      ...this.#transfer.sizes,
    ];
  }
  /** Whether a state is being fetched. */
  get fetching(): boolean {
    return this.#transfer.target !== null;
  }
  /** Bytes of states that others sent and that were of use. */
  get fetchedBytes(): number {
    return this.#transfer.fetchedBytes;
  }
  /** The last one taken or installed. */
  get last(): { readonly slot: number; readonly digest: Bytes } {
    return this.#kept.at(-1) ?? { slot: 0, digest: NO_DIGEST };
  }

  /**
   * A slot was executed, committed or not, which may be one that a checkpoint is taken after: of
   * the state as it is then, because it cannot be had once others are executed.
   */
  onExecuted(slot: number): void {
    this.#hashing.onExecuted(slot);
  }

  /** Slots up to this one, which were executed, are committed. */
  onCommitted(slot: number): void {
    this.#hashing.onCommitted(slot);
  }

  /** What was executed above this slot was undone. */
  onRolledBack(slot: number): void {
    this.#hashing.onRolledBack(slot);
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
    if (slot <= this.#owner.normal.executed) return this.compare(slot, digest);
    const target = this.#transfer.target?.slot ?? 0;
    if (slot <= target || (target > 0 && this.#progresses)) {
      return host.drop("not admitted: checkpoint while another is fetched");
    }
    coverageMark("own checkpoints: a state is fetched");
    host.setTimer("fetch", FETCH_PAUSE * config.viewTimeoutMs);
    this.#transfer.start({ slot, digest });
  }

  /** Compares a checkpoint of another replica with the own one of the same slot. */
  compare(slot: number, digest: Bytes): void {
    const own = this.#kept.find((kept) => kept.slot === slot);
    if (own === undefined || equal(own.digest, digest)) return;
    this.diverged = true;
    this.context.host.drop(DIFFERS);
  }

  /** Asks others for what did not come. */
  retry(): void {
    const { target } = this.#transfer;
    if (target === null) return;
    if (this.#progresses) this.#stalled = 0;
    else if (++this.#stalled === STALLED_MAX) {
      // Who had it may have lost its memory, and others may have an earlier one.
      coverageMark("own checkpoints: a state that nobody has is given up");
      this.#stalled = 0;
      return this.#transfer.stop();
    }
    if (target.slot <= this.#owner.normal.executed) this.#transfer.stop();
    else this.#transfer.retry();
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
    coverageMark("own checkpoints: a state is installed");
    this.#kept = [{ slot, digest, version }];
    this.#hashing.onRestored(slot);
    log.onExecuted(slot);
    log.forget(slot);
    this.#owner.onInstalled(slot);
  }
}
