// Messages whose bodies are not all here, held back within bounds.

import type { Bytes, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { AddressBook } from "../../wire.ts";
import type { NamedMessage } from "./named-message.ts";
import { Shares } from "./shares.ts";

/** Of one replica: more proposals than it has under way. */
export const HELD_MAX = 64;
/** Memory of all, with the bodies that they lack; what is over falls to the replica with most. */
export const HELD_BYTES_MAX = 32 * 1024 * 1024;
const OVERHEAD_BYTES = 512;

export interface Held {
  readonly from: Signer;
  readonly named: NamedMessage;
  /** That of the packet. */
  readonly book: AddressBook;
  /** The bodies that are here, in their order. */
  readonly found: (Bytes | undefined)[];
  /** The digests of the others. */
  readonly missing: Set<string>;
  readonly sinceMs: number;
  /** When they are asked for next, and how often they were. */
  askMs: number;
  asked: number;
}

export class HeldMessages {
  /** The oldest first. */
  readonly #held = new Set<Held>();
  /** By digest, those that lack it. */
  readonly #lacking = new Map<string, Set<Held>>();
  /** By replica, how many there are, and their bytes. */
  readonly #counts = new Shares();
  readonly #shares = new Shares();

  get size(): number {
    return this.#held.size;
  }

  get sizes(): Sizes {
    const most = this.#counts.greatest();
    const ofOne = most === undefined ? 0 : this.#counts.of(most);
    return [
      { name: "bodies.held", size: ofOne, max: HELD_MAX },
      { name: "bodies.held bytes", size: this.#shares.total, max: HELD_BYTES_MAX },
    ];
  }

  /** The oldest first; they may be forgotten meanwhile. */
  values(): Iterable<Held> {
    return this.#held.values();
  }

  add(held: Held): void {
    this.#held.add(held);
    for (const key of held.missing) {
      const lacking = this.#lacking.get(key);
      if (lacking === undefined) this.#lacking.set(key, new Set([held]));
      else lacking.add(held);
    }
    this.#charge(held, 1);
    this.makeRoom(held.from);
  }

  /** Those that lack the body of this digest and length have it; those that lack no other leave. */
  fill(key: string, body: Bytes): { readonly wanted: boolean; readonly whole: readonly Held[] } {
    const whole: Held[] = [];
    let wanted = false;
    for (const held of this.#lacking.get(key) ?? []) {
      if (!held.named.bodies.every((one) => one.key !== key || one.length === body.length))
        continue;
      wanted = true;
      for (const [i, one] of held.named.bodies.entries()) {
        if (one.key === key) held.found[i] = body;
      }
      this.#lacksNoMore(key, held);
      held.missing.delete(key);
      if (held.missing.size > 0) continue;
      this.forget(held);
      whole.push(held);
    }
    return { wanted, whole };
  }

  forget(held: Held): void {
    if (!this.#held.delete(held)) return;
    for (const key of held.missing) this.#lacksNoMore(key, held);
    this.#charge(held, -1);
  }

  clear(): void {
    for (const held of this.#held) this.forget(held);
  }

  /** As long as there is too much, the replica that has most loses its oldest. */
  protected makeRoom(from: Signer): void {
    if (this.#counts.of(from) > HELD_MAX) this.#forgetOldest(from);
    while (this.#shares.total > HELD_BYTES_MAX) {
      coverageMark("bodies: there is no room for all messages that lack some");
      this.#forgetOldest(this.#shares.greatest() ?? from);
    }
  }

  #forgetOldest(from: Signer): void {
    for (const held of this.#held) if (held.from === from) return this.forget(held);
  }

  #lacksNoMore(key: string, held: Held): void {
    const lacking = this.#lacking.get(key);
    lacking?.delete(held);
    if (lacking?.size === 0) this.#lacking.delete(key);
  }

  #charge({ from, named }: Held, times: 1 | -1): void {
    this.#counts.add(from, times);
    this.#shares.add(from, times * (OVERHEAD_BYTES + named.bare.length + named.length));
  }
}
