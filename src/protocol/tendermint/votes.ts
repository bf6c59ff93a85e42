// PREVOTEs and PRECOMMITs of a height.

import type { Signer } from "../../actor.ts";
import { LatestVotes } from "../kit/quorum.ts";
import type { VoteMessage } from "./message.ts";

/** Of each signer the vote of its highest round. */
export class RoundVotes extends LatestVotes<VoteMessage> {
  protected viewOf({ round }: VoteMessage): number {
    return round;
  }
}

export class HeightVotes {
  readonly prevotes: RoundVotes;
  readonly precommits: RoundVotes;
  readonly #n: number;

  /** Of n replicas; `Votes` makes the two stores. */
  constructor(n: number, Votes: typeof RoundVotes) {
    this.#n = n;
    this.prevotes = new Votes(n);
    this.precommits = new Votes(n);
  }

  /** Of the two stores the one that the vote belongs to. */
  storeOf({ kind }: Pick<VoteMessage, "kind">): RoundVotes {
    return kind === "prevote" ? this.prevotes : this.precommits;
  }

  /** The latest round in which a signer voted; -1 if it did not. */
  latestRound(signer: Signer): number {
    const prevote = this.prevotes.of(signer)?.round ?? -1;
    return Math.max(prevote, this.precommits.of(signer)?.round ?? -1);
  }

  /**
   * How many signers have passed this round's last step. Who PREVOTEs in a later round may have
   * left this one without a PRECOMMIT, by those of a Byzantine replica that only it was sent.
   */
  passed(round: number): number {
    let count = 0;
    for (let signer = 0; signer < this.#n; signer++) {
      const precommit = this.precommits.of(signer)?.round ?? -1;
      const prevote = this.prevotes.of(signer)?.round ?? -1;
      if (precommit >= round || prevote > round) count++;
    }
    return count;
  }

  /** How many signers voted in any round. */
  get signers(): number {
    let count = 0;
    for (let signer = 0; signer < this.#n; signer++) if (this.latestRound(signer) >= 0) count++;
    return count;
  }

  /** The highest round that so many signers reached; -1 if they did not. */
  reachedBy(count: number): number {
    const rounds: number[] = [];
    for (let signer = 0; signer < this.#n; signer++) rounds.push(this.latestRound(signer));
    return rounds.sort((a, b) => b - a)[count - 1] ?? -1;
  }
}
