// Checkpoints: signed digests of the state at equal distances. A quorum's make one stable, and what
// came before it can be forgotten. Castro and Liskov, OSDI '99, section 4.3.

import type { Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { equal } from "../../wire.ts";
import type { CheckpointMessage, StableCheckpoint } from "./messages.ts";
import { NO_DIGEST } from "./digest.ts";
import { certificateOf, hasSigners, NO_CERTIFICATE, type Quorums } from "./quorum.ts";
import type { StateVersion } from "./state-tree.ts";

/** Votes kept of each signer, those of the highest slots. */
const VOTES_MAX = 3;
/** Checkpoints between the stable one and the high watermark: as many as votes are kept. */
export const WATERMARK_INTERVALS = VOTES_MAX;
/** Own states kept below the stable checkpoint, for replicas that are fetching one. */
const OLD_STATES = 1;
/**
 * One that is asked for is kept on while that goes on, for so many stable checkpoints; if nobody
 * asked between so many of them it is not.
 */
const HELD_MAX = 8;
const UNASKED_MAX = 2;

export const GENESIS: StableCheckpoint = {
  slot: 0,
  digest: NO_DIGEST,
  certificate: NO_CERTIFICATE,
};

export class Checkpoints {
  /** Where the window begins: reached here, or being fetched. */
  reached = GENESIS;
  /** The last one known to be stable, whether reached or not. */
  stable = GENESIS;
  /** The last one whose state others gave: a later one may have become stable meanwhile. */
  installed = GENESIS;
  readonly #quorums: Quorums;
  readonly #interval: number;
  readonly #statesMax: number;
  /** By signer, in ascending order of slots. */
  readonly #votes: CheckpointMessage[][];
  /** Own states by slot, ascending: the stable one, some after it and one before. */
  readonly #states = new Map<number, StateVersion>();
  /** The one that a replica fetches, and how many became stable since it, and since it asked. */
  #held = { slot: 0, age: 0, unasked: 0 };

  /** Keeps at most `statesMax` own states, at least three, and one that is fetched. */
  constructor(quorums: Quorums, interval: number, statesMax: number) {
    this.#quorums = quorums;
    this.#interval = interval;
    this.#statesMax = statesMax;
    this.#votes = Array.from({ length: quorums.n }, () => []);
  }

  /**
   * The highest slot that may be committed where logs have no other bound. f replicas that keep
   * their CHECKPOINTs to themselves, and another one that lags, keep checkpoints from being stable;
   * it can come this far by what the others keep above the stable one, and their votes up to here
   * are kept, so that its own make the checkpoints stable. "H" of Castro and Liskov, section 4.3.
   */
  get highWatermark(): number {
    return this.stable.slot + WATERMARK_INTERVALS * this.#interval;
  }

  get sizes(): Sizes {
    let most = 0;
    for (const votes of this.#votes) most = Math.max(most, votes.length);
    return [
      { name: "checkpoints.states", size: this.#states.size, max: this.#statesMax + 1 },
      { name: "checkpoints.votes", size: most, max: VOTES_MAX },
    ];
  }

  /** Keeps a state that others gave, with what proves it. */
  install(checkpoint: StableCheckpoint, version: StateVersion): void {
    this.installed = checkpoint;
    this.take(checkpoint.slot, version);
  }

  /** Keeps this replica's state after `slot`. */
  take(slot: number, version: StateVersion): void {
    this.#states.set(slot, version);
    this.#trim();
    const { stable } = this;
    assert(
      stable.slot !== slot || equal(stable.digest, version.digest),
      "this replica's state is not the one that a quorum signed",
    );
  }

  /**
   * Drops own states beyond the maximum while no checkpoint becomes stable: the oldest, but that of
   * the stable one, because votes for later ones are kept, and one that others gave.
   */
  #trim(): void {
    if (this.#states.size <= this.#statesMax + 1) return;
    const slots = [...this.#states.keys()].sort((a, b) => a - b);
    for (const slot of slots) {
      if (this.#states.size <= this.#statesMax) return;
      const kept = slot === this.reached.slot || slot === this.installed.slot;
      if (!kept) this.#states.delete(slot);
    }
  }

  /** Own states after slots above the stable one, for which a signer has no vote here. */
  unsigned(signer: Signer): readonly (readonly [slot: number, version: StateVersion])[] {
    const votes = this.#votes[signer] ?? [];
    return [...this.#states].filter(
      ([slot]) => slot > this.stable.slot && !votes.some((vote) => vote.slot === slot),
    );
  }

  /** The own state after a slot, if it is kept. */
  own(slot: number): StateVersion | undefined {
    return this.#states.get(slot);
  }

  /** The same, for a replica that fetches it. */
  asked(slot: number): StateVersion | undefined {
    const held = this.#held;
    if (slot === held.slot) held.unasked = 0;
    else if (!this.#states.has(held.slot)) this.#held = { slot, age: 0, unasked: 0 };
    return this.#states.get(slot);
  }

  /** Whether the vote could matter. */
  isUseful({ replica, slot }: CheckpointMessage): boolean {
    const votes = this.#votes[replica];
    if (votes === undefined || slot <= this.stable.slot || slot % this.#interval !== 0)
      return false;
    if (votes.some((vote) => vote.slot === slot)) return false;
    return votes.length < VOTES_MAX || slot > (votes[0]?.slot ?? 0);
  }

  /** Counts a vote; true if it makes a later checkpoint `stable`. */
  vote(message: CheckpointMessage): boolean {
    if (!this.isUseful(message)) return false;
    const votes = this.#votes[message.replica];
    if (votes === undefined) return false;
    votes.push(message);
    votes.sort((a, b) => a.slot - b.slot);
    if (votes.length > VOTES_MAX) votes.shift();
    const { slot, digest } = message;
    const matching = this.#votes.flatMap((all) =>
      all.filter((vote) => vote.slot === slot && equal(vote.digest, digest)),
    );
    if (!this.sufficient(matching)) return false;
    const certificate = certificateOf(matching, this.#quorums.quorum);
    return this.adopt({ slot, digest, certificate });
  }

  /** Whether these votes for one state, each of another signer, make it stable. */
  protected sufficient(matching: readonly CheckpointMessage[]): boolean {
    return matching.length >= this.#quorums.quorum;
  }

  /** Whether enough replicas signed it; the signatures themselves were checked before. */
  proven({ slot, certificate }: StableCheckpoint): boolean {
    if (slot === 0) return certificate.signers.length === 0;
    return slot % this.#interval === 0 && hasSigners(certificate, this.#quorums.quorum);
  }

  /** Takes in a checkpoint that is proven; true if it is later than any known before. */
  adopt(checkpoint: StableCheckpoint): boolean {
    if (checkpoint.slot <= this.stable.slot) return false;
    const own = this.#states.get(checkpoint.slot);
    assert(
      own === undefined || equal(own.digest, checkpoint.digest),
      "this replica's state is not the one that a quorum signed",
    );
    this.stable = checkpoint;
    return true;
  }

  /** The state of the `stable` one is reached: forgets what is below it. */
  advance(): void {
    this.reached = this.stable;
    const { slot } = this.reached;
    for (const [signer, votes] of this.#votes.entries()) {
      this.#votes[signer] = votes.filter((vote) => vote.slot > slot);
    }
    const held = this.#held;
    const holds = ++held.age <= HELD_MAX && ++held.unasked <= UNASKED_MAX;
    const old = [...this.#states.keys()].filter((at) => at < slot).sort((a, b) => a - b);
    for (const at of old.slice(0, Math.max(0, old.length - OLD_STATES))) {
      if (!holds || at !== held.slot) this.#states.delete(at);
    }
  }

  /** The votes of one signer above a slot, to be sent again. */
  votesOf(signer: Signer, above: number): readonly CheckpointMessage[] {
    return (this.#votes[signer] ?? []).filter((vote) => vote.slot > above);
  }
}
