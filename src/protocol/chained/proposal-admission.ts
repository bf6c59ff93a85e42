// Why a proposal changes nothing, told by what comes before its batch; and what the first proposal
// of a view came with.

import type { Refusal } from "../../actor.ts";
import { keyOf, type Block } from "./block.ts";
import type { Qc, Tc } from "./certificate.ts";
import type { ChainContext } from "./context.ts";
import type { Position, Proposed, VoteMessage } from "./message.ts";
import type { Retransmission } from "./retransmission.ts";
import { viewAfter } from "./view-change.ts";

/** What it has to know of its replica. */
export interface AdmissionOwner {
  readonly view: number;
  readonly highQc: Qc;
  readonly lastVote: VoteMessage | null;
  readonly retransmission: Pick<Retransmission, "wants">;
  /** Whether the block of this key is being fetched. */
  isMissing(key: string): boolean;
}

export class ProposalAdmission {
  readonly #context: ChainContext;
  readonly #owner: AdmissionOwner;
  /** The first proposal of the highest view, and the TC that came with it. */
  #block: Block | null = null;
  #provenBy: Tc | null = null;

  constructor(context: ChainContext, owner: AdmissionOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** A block is the first that was proposed in its view. */
  see(block: Block, tc: Tc | null): void {
    this.#block = block;
    this.#provenBy = tc;
  }

  /** The TC that a block was proposed with; null: none, or it was fetched. */
  tcOf(block: Block | null): Tc | null {
    return this.#block === block ? this.#provenBy : null;
  }

  /**
   * Why it changes nothing, whatever is in its block, if its certificates are what it says of them;
   * `first`: whether it would be the first of its view.
   */
  refuse(proposed: Proposed, first: boolean): Refusal | null {
    const { config, leaders } = this.#context;
    const owner = this.#owner;
    const { replica, view, justifyView, parent, tcView, hash } = proposed;
    if (!leaders.admits(replica, view, { view: justifyView, block: parent })) {
      return "not admitted: proposal of a replica that does not lead its view";
    }
    const entered = tcView === 0 ? 0 : viewAfter(config, tcView);
    if (justifyView !== view - 1 && entered !== view) {
      return "not admitted: proposal without proof of its view";
    }
    if (justifyView > owner.highQc.view || entered > owner.view) return null;
    if (first || owner.isMissing(keyOf(hash))) return null;
    // The first one of the present view shows that its leader lives, a repeated one asks for votes.
    if (view === owner.view && this.#block?.view !== view) return null;
    if (owner.retransmission.wants(owner.lastVote, proposed)) return null;
    return "not admitted: proposal of an earlier view";
  }

  /** Whether a position shows more than what is known. */
  isNews({ highQc, tc }: Position): boolean {
    if (highQc.view > this.#owner.highQc.view) return true;
    return tc !== null && viewAfter(this.#context.config, tc.view) > this.#owner.view;
  }
}
