// Words of replicas for histories. Of each signer a few are kept, those of the latest views and
// slots, so that a Byzantine signer displaces its own only.

import type { Bytes, Signer } from "../../actor.ts";
import { equal } from "../../wire.ts";
import type { PointVote } from "./certificate.ts";

export class PointVotes<V extends PointVote> {
  /** By signer, in ascending order of views and slots. */
  readonly #bySigner: V[][];
  readonly #max: number;

  /** Keeps at most `max` of each of n signers. */
  constructor(n: number, max: number) {
    this.#max = max;
    this.#bySigner = Array.from({ length: n }, () => []);
  }

  /** The most of one signer. */
  get size(): number {
    let size = 0;
    for (const votes of this.#bySigner) size = Math.max(size, votes.length);
    return size;
  }

  of(signer: Signer): readonly V[] {
    return this.#bySigner[signer] ?? [];
  }

  /** Whether a vote would change anything: a signer has one word for a slot of a view. */
  isNew(place: Pick<V, "replica" | "view" | "slot">): boolean {
    const votes = this.#bySigner[place.replica];
    if (votes === undefined || isThere(votes, indexOf(votes, place), place)) return false;
    const [first] = votes;
    return votes.length < this.#max || first === undefined || isAfter(place, first);
  }

  add(vote: V): boolean {
    const votes = this.#bySigner[vote.replica];
    if (votes === undefined || !this.isNew(vote)) return false;
    votes.splice(indexOf(votes, vote), 0, vote);
    if (votes.length > this.#max) votes.shift();
    return true;
  }

  /** Votes of different signers for one history in one view. */
  matching(view: number, slot: number, history: Bytes): V[] {
    const found: V[] = [];
    for (const votes of this.#bySigner) {
      const index = indexOf(votes, { view, slot });
      const vote = votes[index];
      if (vote === undefined || !isThere(votes, index, { view, slot })) continue;
      if (equal(vote.history, history)) found.push(vote);
    }
    return found;
  }

  /** Forgets those for slots up to this one. */
  forget(slot: number): void {
    for (const [signer, votes] of this.#bySigner.entries()) {
      this.#bySigner[signer] = votes.filter((vote) => vote.slot > slot);
    }
  }
}

interface Place {
  readonly view: number;
  readonly slot: number;
}

function isAfter(a: Place, b: Place): boolean {
  return a.view > b.view || (a.view === b.view && a.slot > b.slot);
}

/** Where a vote of this place is in ascending order, or would be. */
function indexOf(votes: readonly Place[], place: Place): number {
  let [low, high] = [0, votes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const vote = votes[middle];
    if (vote !== undefined && isAfter(place, vote)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isThere(votes: readonly Place[], index: number, { view, slot }: Place): boolean {
  return votes[index]?.view === view && votes[index]?.slot === slot;
}
