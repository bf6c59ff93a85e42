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
  isNew({ replica, view, slot }: Pick<V, "replica" | "view" | "slot">): boolean {
    const votes = this.#bySigner[replica];
    if (votes === undefined) return false;
    if (votes.some((vote) => vote.view === view && vote.slot === slot)) return false;
    const [first] = votes;
    return votes.length < this.#max || first === undefined || isAfter({ view, slot }, first);
  }

  add(vote: V): boolean {
    const votes = this.#bySigner[vote.replica];
    if (votes === undefined || !this.isNew(vote)) return false;
    votes.push(vote);
    votes.sort((a, b) => (isAfter(a, b) ? 1 : -1));
    if (votes.length > this.#max) votes.shift();
    return true;
  }

  /** Votes of different signers for one history in one view. */
  matching(view: number, slot: number, history: Bytes): V[] {
    const found: V[] = [];
    for (const votes of this.#bySigner) {
      const vote = votes.find(
        (one) => one.view === view && one.slot === slot && equal(one.history, history),
      );
      if (vote !== undefined) found.push(vote);
    }
    return found;
  }
}

interface Place {
  readonly view: number;
  readonly slot: number;
}

function isAfter(a: Place, b: Place): boolean {
  return a.view > b.view || (a.view === b.view && a.slot > b.slot);
}
