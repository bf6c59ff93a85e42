// Who holds how much of a bound that all share.

/** A source host (Host.sourceOf), or a replica that relays (relayerOf). */
export type Holder = number;

/** The holder for what replica `signer` relayed: below the numbers of hosts. */
export function relayerOf(signer: number): Holder {
  return -1 - signer;
}

/** How an ordered `open` names its holder: a relaying replica by its index, below any host. */
export function sourceOf(holder: Holder): number {
  return holder < 0 ? -1 - holder : holder;
}

/** What each holder has, in bytes or in number. */
export class Shares {
  readonly #held = new Map<Holder, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  of(holder: Holder): number {
    return this.#held.get(holder) ?? 0;
  }

  add(holder: Holder, more: number): void {
    this.#total += more;
    const held = this.of(holder) + more;
    if (held === 0) this.#held.delete(holder);
    else this.#held.set(holder, held);
  }

  /** Who has most, the first of equals; takes a step for each holder. */
  greatest(): Holder | undefined {
    let found: Holder | undefined;
    let most = 0;
    for (const [holder, held] of this.#held) {
      if (held <= most) continue;
      found = holder;
      most = held;
    }
    return found;
  }
}
