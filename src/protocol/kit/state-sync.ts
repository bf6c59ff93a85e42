// Checkpoints at equal distances, and state transfer for a replica that lacks slots or blocks which
// the others have dropped. Castro and Liskov, OSDI '99, section 4.3.

import type { Address, Bytes, HeldCertificate, Host, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { GENESIS, type Checkpoints } from "./checkpoint.ts";
import { ASKED_TOO_MUCH, type AnswerRate } from "./peers.ts";
import { keyOf, pieceOf, type StateAssembly, type Own } from "./state-assembly.ts";
import { StateHashing } from "./state-hashing.ts";
import { CHUNK_LENGTH, type StateVersion } from "./state-tree.ts";
import type { Hashed, StateVersions } from "./state-versions.ts";
import {
  stableProofs,
  type CheckpointMessage,
  type FetchStateMessage,
  type PieceId,
  type StableCheckpoint,
  type StableMessage,
  type StateMessage,
} from "./messages.ts";
import { StateTransfer } from "./state-transfer.ts";

/** Own states of slots that are not committed: those of a window of two intervals. */
const HELD_MAX = 2;

/** What it sends. */
type Sent = CheckpointMessage | FetchStateMessage | StableMessage | StateMessage;

/** What checkpoints and state transfer ask of the replica whose state it is. */
export interface StateSyncOwner {
  /** The last slot, or block height, that was executed for good. */
  readonly executed: number;
  /** Whether it may sign CHECKPOINTs: not while it starts or recovers. */
  readonly mayAttest: boolean;
  /** Whether it gets on without the state that others have. */
  readonly progresses: boolean;
  /** A checkpoint is stable that this replica has not reached. */
  onBehind(): void;
  /** A state is being fetched from now on. */
  onStateFetch(): void;
  /** Becomes the state after `slot`; false if it is malformed. */
  install(state: StateVersion, slot: number): boolean;
  /** The stable checkpoint has moved: what came before it can be forgotten. */
  onStable(slot: number): void;
}

export interface StateSyncOptions {
  readonly self: Signer;
  readonly n: number;
  readonly host: SyncHost;
  readonly answers: AnswerRate;
  readonly versions: StateVersions;
  readonly checkpoints: Checkpoints;
  readonly checkpointInterval: number;
  readonly owner: StateSyncOwner;
  readonly assembly: (own: Own) => StateAssembly;
  /** Slots are executed before they are committed (`onCommitted`), and may be undone until then. */
  readonly speculates?: boolean;
}

type SyncHost = Pick<Host<Sent, "checkpoint">, "send" | "drop" | "now" | "setTimer">;

export class StateSync {
  readonly checkpoints: Checkpoints;
  readonly #self: Signer;
  readonly #host: SyncHost;
  readonly #answers: AnswerRate;
  readonly #versions: StateVersions;
  readonly #hashing: StateHashing;
  readonly #owner: StateSyncOwner;
  readonly #transfer: StateTransfer;
  /** The checkpoint whose state is fetched, or was last. */
  #fetched = GENESIS;

  constructor(options: StateSyncOptions) {
    const { self, n, host, versions, assembly } = options;
    this.#self = self;
    this.#host = host;
    this.#answers = options.answers;
    this.#versions = versions;
    const { checkpointInterval, speculates = false } = options;
    const onHashed = (hashed: Hashed) => this.#onHashed(hashed);
    this.#hashing = new StateHashing({ versions, checkpointInterval, host, onHashed, speculates });
    this.checkpoints = options.checkpoints;
    this.#owner = options.owner;
    const ask = (peer: Address, slot: number, pieces: FetchStateMessage["pieces"]) =>
      host.send(peer, { kind: "fetchState", slot, pieces });
    this.#transfer = new StateTransfer({ self, n, own: versions, assembly, ask });
  }

  /** Whether a state is being fetched. */
  get fetching(): boolean {
    return this.#transfer.target !== null;
  }
  /** Bytes of states that others sent and that were of use. */
  get fetchedBytes(): number {
    return this.#transfer.fetchedBytes;
  }
  /** Whether a checkpoint is stable that this replica has not reached. */
  get behind(): boolean {
    return this.checkpoints.stable.slot > this.#owner.executed;
  }
  get sizes(): Sizes {
    const { held } = this.#hashing;
    const states = { name: "checkpoints.held", size: held, max: HELD_MAX };
    return [...this.checkpoints.sizes, states, ...this.#transfer.sizes];
  }
  /** That of the latest stable checkpoint; none at genesis. */
  get certificates(): readonly HeldCertificate[] {
    const { stable } = this.checkpoints;
    return stable.slot === 0 ? [] : [{ certificate: stable, proofs: () => stableProofs(stable) }];
  }

  /** A slot was executed, which may be one that a checkpoint is taken after. */
  onExecuted(slot: number, head?: (own: Bytes) => Bytes): void {
    this.#hashing.onExecuted(slot, head);
  }

  /** Slots up to this one, which were executed, are committed. */
  onCommitted(slot: number): void {
    this.#hashing.onCommitted(slot);
  }

  /** What was executed above this slot was undone. */
  onRolledBack(slot: number): void {
    this.#hashing.onRolledBack(slot);
  }

  /** The state after a slot that is not committed here, if it was executed and is hashed. */
  speculated(slot: number): StateVersion | undefined {
    return this.#hashing.heldAt(slot);
  }

  /** The timer "checkpoint" is due. */
  onTimer(): void {
    this.#hashing.onTimer();
  }

  /** Tells the others of a checkpoint. */
  #onHashed({ slot, version }: Hashed): void {
    this.checkpoints.take(slot, version);
    if (this.#owner.mayAttest) this.#attest(slot, version);
    this.#settle();
  }

  #attest(slot: number, { digest }: StateVersion): void {
    this.#host.send("all", { kind: "checkpoint", replica: this.#self, slot, digest });
  }

  /** It may sign from now on: signs what it could not when it was hashed. */
  attestEarlier(): void {
    for (const [slot, version] of this.checkpoints.unsigned(this.#self)) {
      this.#attest(slot, version);
    }
  }

  /** Why a CHECKPOINT changes nothing. */
  refuseCheckpoint(message: CheckpointMessage): Refusal | null {
    return this.checkpoints.isUseful(message) ? null : "not admitted: checkpoint that was counted";
  }

  onCheckpoint(message: CheckpointMessage): void {
    const refusal = this.refuseCheckpoint(message);
    if (refusal !== null) return this.#host.drop(refusal);
    if (this.checkpoints.vote(message)) this.#settle();
  }

  /** Takes in a checkpoint if it is proven. */
  adopt(checkpoint: StableCheckpoint): void {
    if (this.checkpoints.proven(checkpoint) && this.checkpoints.adopt(checkpoint)) this.#settle();
  }

  /** Why a STABLE changes nothing, or proves nothing. */
  refuseStable({ checkpoint }: StableMessage): Refusal | null {
    const { reached } = this.checkpoints;
    if (checkpoint.slot <= reached.slot) return "not admitted: stable checkpoint that is passed";
    if (this.checkpoints.proven(checkpoint)) return null;
    return "not admitted: stable checkpoint without a quorum";
  }

  /** What this replica asked for is not kept any more by one that has this checkpoint. */
  onStable(from: Address, message: StableMessage): void {
    const refusal = this.refuseStable(message);
    if (refusal !== null) return this.#host.drop(refusal);
    this.adopt(message.checkpoint);
    const gone = this.fetching && this.#transfer.unavailable(from);
    if (this.behind && (gone || !this.#owner.progresses)) this.fetchState();
  }

  /** Fetches the state of the latest stable checkpoint, which is beyond what was executed. */
  fetchState(): void {
    const { stable } = this.checkpoints;
    assert(this.behind, "a state that is behind is never fetched");
    if (this.#transfer.target?.slot === stable.slot) return;
    coverageMark("state sync: a state is fetched");
    this.#fetched = stable;
    this.#transfer.start(stable);
    this.#owner.onStateFetch();
  }

  /** Asks again, other replicas, for what did not come. */
  retry(): void {
    const { target } = this.#transfer;
    if (target === null) return;
    if (target.slot <= this.#owner.executed) this.#transfer.stop();
    else if (this.#transfer.stale && this.checkpoints.stable.slot > target.slot) this.fetchState();
    else this.#transfer.retry();
  }

  onFetchState(from: Address, { slot, pieces }: FetchStateMessage): void {
    const version = this.checkpoints.asked(slot);
    if (version === undefined) {
      this.offer(from, slot);
      return;
    }
    answerPieces(this.#host, this.#answers, {
      from,
      slot,
      pieces,
      version,
      versions: this.#versions,
    });
  }

  /**
   * Shows a replica that lacks what this one does not keep how it can go on from `above`: by the
   * latest stable checkpoint, and by this replica's votes for what may be the next. False if there
   * is nothing to show, or it was shown just now.
   */
  offer(to: Address, above: number): boolean {
    const { stable } = this.checkpoints;
    const shown = stable.slot > above;
    const votes = this.ownVotesAbove(Math.max(stable.slot, above));
    if (!shown && votes.length === 0) return false;
    const { now } = this.#host;
    const question = `offer ${shown} ${stable.slot} ${votes.length}`;
    if (!this.#answers.allows(to, question, now)) {
      this.#host.drop(ASKED_TOO_MUCH);
      return false;
    }
    this.#answers.begin(to, question, now);
    this.#answers.charge(to, 0);
    if (shown) this.#host.send(to, { kind: "stable", checkpoint: stable });
    for (const vote of votes) this.#host.send(to, vote);
    return true;
  }

  /** Takes pieces of a state: says whether they were of any use, and whether they were the last. */
  onState(from: Address, message: StateMessage): "useless" | "useful" | "installed" {
    const { target } = this.#transfer;
    if (!this.#transfer.receive(from, message)) {
      this.#host.drop("not admitted: piece of a state that was not asked for");
      return "useless";
    }
    const state = this.#transfer.take();
    if (state === null || target === null || target.slot <= this.#owner.executed) return "useful";
    coverageMark("state sync: a state is installed");
    this.checkpoints.install(this.#fetched, state);
    this.#hashing.onRestored(target.slot);
    const whole = this.#owner.install(state, target.slot);
    assert(whole, "a quorum signed a state that is malformed");
    this.#settle();
    return "installed";
  }

  /** Own CHECKPOINTs above a slot, to be sent again. */
  ownVotesAbove(slot: number): readonly CheckpointMessage[] {
    return this.checkpoints.votesOf(this.#self, slot);
  }

  /** Makes the latest stable checkpoint the one that everything begins with. */
  advance(): void {
    this.checkpoints.advance();
    this.#owner.onStable(this.checkpoints.reached.slot);
  }

  /** Advances if this replica's own state has come to the latest stable checkpoint, or says not. */
  #settle(): void {
    const { stable, reached } = this.checkpoints;
    const { oldest } = this.#hashing;
    if (this.behind) this.#owner.onBehind();
    else if (oldest !== null && oldest <= stable.slot) return;
    else if (stable.slot > reached.slot) this.advance();
  }
}

/** Sends pieces of a state to a replica that asked for them, as many as there is room for. */
export function answerPieces(
  host: Pick<Host<StateMessage, never>, "send" | "drop" | "now">,
  answers: AnswerRate,
  {
    from,
    slot,
    pieces,
    version,
    versions,
  }: {
    readonly from: Address;
    readonly slot: number;
    readonly pieces: FetchStateMessage["pieces"];
    readonly version: StateVersion;
    readonly versions: StateVersions;
  },
): void {
  const [first] = pieces;
  const question = `state ${slot} ${first === undefined ? "" : keyOf(first)}`;
  if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
  answers.begin(from, question, host.now);
  const found: { readonly id: PieceId; readonly bytes: Bytes }[] = [];
  let length = 0;
  for (const id of pieces) {
    const bytes = pieceOf(version, id, versions.digests);
    if (bytes === null || (length > 0 && length + bytes.length > CHUNK_LENGTH)) break;
    length += bytes.length;
    found.push({ id, bytes });
  }
  answers.charge(from, length);
  if (found.length > 0) host.send(from, { kind: "state", slot, pieces: found });
}
