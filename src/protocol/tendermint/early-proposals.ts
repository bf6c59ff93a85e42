// Proposals that come before their round: the next proposer is ahead of the others as a rule.

import type { Signer, Sizes } from "../../actor.ts";
import { footprintOf } from "../kit/batch.ts";
import { SignerRoom } from "../kit/signer-room.ts";
import type { Proposed, ProposalMessage } from "./message.ts";

/** Memory for their batches; who proposed what does not fit sends it again. */
export const EARLY_BYTES_MAX = 16 * 1024 * 1024;

/** Of each signer the one of the highest height and round. */
export class EarlyProposals {
  readonly #room: SignerRoom<ProposalMessage>;

  constructor(n: number) {
    this.#room = new SignerRoom("normal.early proposals", n, EARLY_BYTES_MAX);
  }

  get sizes(): Sizes {
    return this.#room.sizes;
  }

  /** Whether it has that one of its signer, or a later one. */
  holds({ replica, height, round }: Proposed): boolean {
    const known = this.#room.get(replica);
    if (known === undefined) return false;
    return known.height > height || (known.height === height && known.round >= round);
  }

  /** False if there is no room. */
  keep(message: ProposalMessage): boolean {
    if (this.holds(message)) return true;
    return this.#room.keep(message.replica, message, footprintOf(message.value.batch));
  }

  /** That of a signer for this round, which is there from now on. */
  take(replica: Signer, height: number, round: number): ProposalMessage | null {
    const known = this.#room.get(replica);
    if (known === undefined || known.height > height) return null;
    if (known.height === height && known.round > round) return null;
    this.#room.forget(replica);
    return known.height === height && known.round === round ? known : null;
  }
}
