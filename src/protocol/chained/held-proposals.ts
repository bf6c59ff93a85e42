// Proposals whose parent is not here, where the parent tells who may make them: they wait for it,
// and are not the first of their view.

import type { Address, Sizes } from "../../actor.ts";
import { FOOTPRINT_MAX, footprintOf } from "../kit/batch.ts";
import { SignerRoom } from "../kit/signer-room.ts";
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
  readonly #tree: Tree;
  readonly #room: SignerRoom<Held>;

  constructor(n: number, tree: Tree) {
    this.#tree = tree;
    this.#room = new SignerRoom("held.proposals", n, HELD_BYTES_MAX);
  }

  get sizes(): Sizes {
    return this.#room.sizes;
  }

  /** Keeps it in the place of those below `view`, if there is room and no later one is kept. */
  keep(from: Address, message: ProposeMessage, view: number): void {
    const { replica, block } = message;
    for (const [signer, held] of this.#room.entries()) {
      if (held.message.block.view < view) this.#room.forget(signer);
    }
    const other = this.#room.get(replica);
    if (other !== undefined && other.message.block.view >= block.view) return;
    this.#room.keep(replica, { from, message }, footprintOf(block.batch));
  }

  /** Gives those whose parents have come, which are kept no longer. */
  take(): Held[] {
    if (this.#room.isEmpty) return [];
    const ready = this.#room.entries().filter(([, { message }]) => {
      return this.#tree.get(keyOf(message.block.justify.block)) !== undefined;
    });
    for (const [signer] of ready) this.#room.forget(signer);
    return ready.map(([, held]) => held);
  }
}
