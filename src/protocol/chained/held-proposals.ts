// Proposals whose parent is not here, where the parent tells who may make them: they wait for it,
// and are not the first of their view.

import type { Address, Signer, Sizes } from "../../actor.ts";
import { FOOTPRINT_MAX, footprintOf } from "../kit/batch.ts";
import { keyOf } from "./block.ts";
import type { Tree } from "./log.ts";
import type { ProposeMessage } from "./message.ts";

/** Memory for their batches: each is one that its sender claims to be named for. */
export const HELD_BYTES_MAX = 4 * FOOTPRINT_MAX;

interface Held {
  readonly from: Address;
  readonly message: ProposeMessage;
}

/** One of each signer, that of its highest view. */
export class HeldProposals {
  readonly #n: number;
  readonly #tree: Tree;
  readonly #bySigner = new Map<Signer, Held>();
  #bytes = 0;

  constructor(n: number, tree: Tree) {
    this.#n = n;
    this.#tree = tree;
  }

  get sizes(): Sizes {
    return [
      { name: "held.proposals", size: this.#bySigner.size, max: this.#n },
      { name: "held.proposals bytes", size: this.#bytes, max: HELD_BYTES_MAX },
    ];
  }

  /** Keeps it in the place of those below `view`, if there is room and no later one is kept. */
  keep(from: Address, message: ProposeMessage, view: number): void {
    const { replica, block } = message;
    for (const held of this.#bySigner.values()) {
      if (held.message.block.view < view) this.#forget(held);
    }
    const other = this.#bySigner.get(replica);
    if (other !== undefined && other.message.block.view >= block.view) return;
    if (other !== undefined) this.#forget(other);
    const bytes = footprintOf(block.batch);
    if (this.#bytes + bytes > HELD_BYTES_MAX) return;
    this.#bySigner.set(replica, { from, message });
    this.#bytes += bytes;
  }

  /** Gives those whose parents have come, which are kept no longer. */
  take(): Held[] {
    if (this.#bySigner.size === 0) return [];
    const ready = [...this.#bySigner.values()].filter(({ message: { block } }) => {
      return this.#tree.get(keyOf(block.justify.block)) !== undefined;
    });
    for (const held of ready) this.#forget(held);
    return ready;
  }

  #forget(held: Held): void {
    this.#bySigner.delete(held.message.replica);
    this.#bytes -= footprintOf(held.message.block.batch);
  }
}
