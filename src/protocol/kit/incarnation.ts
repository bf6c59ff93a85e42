// Which life of each replica is over, where replicas start empty and nobody lies: crash vectors, of
// Michael et al., "Recovering Shared Objects Without Stable Storage", DISC '17.

import type { Signer } from "../../actor.ts";

/** What a replica said in one of its lives: its own entry of the vector is that life's number. */
export interface Dated {
  readonly replica: Signer;
  readonly vector: readonly number[];
}

export class Incarnations {
  readonly #self: Signer;
  readonly #vector: number[];
  #own = 0;

  constructor(self: Signer, n: number) {
    this.#self = self;
    this.#vector = new Array<number>(n).fill(0);
  }

  /** The number of this life: 0 at genesis. */
  get own(): number {
    return this.#own;
  }
  /** Of each replica the highest number that is known here. */
  get vector(): readonly number[] {
    return this.#vector;
  }
  /** Whether a later life of this replica is known of than this one: an earlier one wrote it. */
  get exceeded(): boolean {
    return this.numberOf(this.#self) > this.#own;
  }

  numberOf(replica: Signer): number {
    return this.#vector[replica] ?? 0;
  }

  /** This life has that number from now on. */
  become(number: number): void {
    this.#own = number;
    this.learn(this.#self, number);
  }

  /** A replica has a life of that number. */
  learn(replica: Signer, number: number): void {
    if (replica < this.#vector.length && number > this.numberOf(replica)) {
      this.#vector[replica] = number;
    }
  }

  merge(vector: readonly number[]): void {
    for (const [replica, number] of vector.entries()) this.learn(replica, number);
  }

  /**
   * Those that no other one tells to be of a life that is over: only they may count for a quorum.
   */
  consistent<A extends Dated>(messages: readonly A[]): A[] {
    const latest = (replica: Signer): number =>
      messages.reduce((most, { vector }) => Math.max(most, vector[replica] ?? 0), 0);
    return messages.filter(({ replica, vector }) => (vector[replica] ?? 0) >= latest(replica));
  }
}
