// Clients that wait for a replica's LOCAL-COMMIT of a slot to be signed.

import type { Address, Sizes } from "../../actor.ts";
import type { History } from "./log.ts";

/** Of one slot. */
const OWED_MAX = 4096;

export class OwedCommits {
  readonly #clients = new Map<number, Set<Address>>();

  /** Of a log with so many slots. */
  sizesOf(slots: number): Sizes {
    let most = 0;
    for (const clients of this.#clients.values()) most = Math.max(most, clients.size);
    return [
      { name: "commits.owed", size: most, max: OWED_MAX },
      { name: "commits.owed slots", size: this.#clients.size, max: slots },
    ];
  }

  add(slot: number, client: Address, { size, low }: Pick<History, "size" | "low">): void {
    // What was never signed is behind the window by now.
    if (this.#clients.size >= size) {
      for (const known of this.#clients.keys()) if (known <= low) this.#clients.delete(known);
    }
    const clients = this.#clients.get(slot) ?? new Set();
    if (clients.size < OWED_MAX) this.#clients.set(slot, clients.add(client));
  }

  /** Those who waited for it, who wait no more. */
  take(slot: number): Iterable<Address> {
    const clients = this.#clients.get(slot) ?? [];
    this.#clients.delete(slot);
    return clients;
  }

  clear(): void {
    this.#clients.clear();
  }
}
