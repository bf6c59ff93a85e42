// Proposals that come before their round: the next proposer is ahead of the others as a rule.

import type { Signer, Sizes } from "../../actor.ts";
import { footprintOf } from "../kit/batch.ts";
import type { Proposed, ProposalMessage } from "./message.ts";

/** Memory for their batches; who proposed what does not fit sends it again. */
const BYTES_MAX = 16 * 1024 * 1024;

/** Of each signer the one of the highest height and round. */
export class EarlyProposals {
  readonly #n: number;
  readonly #bySigner = new Map<Signer, ProposalMessage>();
  #bytes = 0;

  constructor(n: number) {
    this.#n = n;
  }

  get sizes(): Sizes {
    return [
      { name: "normal.early proposals", size: this.#bySigner.size, max: this.#n },
      { name: "normal.early bytes", size: this.#bytes, max: BYTES_MAX },
    ];
  }

  /** Whether it has that one of its signer, or a later one. */
  holds({ replica, height, round }: Proposed): boolean {
    const known = this.#bySigner.get(replica);
    if (known === undefined) return false;
    return known.height > height || (known.height === height && known.round >= round);
  }

  /** False if there is no room. */
  keep(message: ProposalMessage): boolean {
    const { replica } = message;
    if (this.holds(message)) return true;
    this.#forget(replica);
    const bytes = footprintOf(message.value.batch);
    if (this.#bytes + bytes > BYTES_MAX) return false;
    this.#bytes += bytes;
    this.#bySigner.set(replica, message);
    return true;
  }

  /** That of a signer for this round, which is there from now on. */
  take(replica: Signer, height: number, round: number): ProposalMessage | null {
    const known = this.#bySigner.get(replica);
    if (known === undefined || known.height > height) return null;
    if (known.height === height && known.round > round) return null;
    this.#forget(replica);
    return known.height === height && known.round === round ? known : null;
  }

  #forget(replica: Signer): void {
    const known = this.#bySigner.get(replica);
    if (known === undefined) return;
    this.#bySigner.delete(replica);
    this.#bytes -= footprintOf(known.value.batch);
  }
}
