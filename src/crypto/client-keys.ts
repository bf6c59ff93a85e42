// Which clients' keys the native signer has parsed: a key costs a square root to parse, a third of
// what a check does.

import type { Bytes } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { CLIENT_KEYS_MAX, KEYS_MAX } from "../ffi/native.ts";
import { latin1 } from "../wire.ts";

/** A slot that no key is ever put into: no signature holds by it. */
export const NO_KEY_SLOT = KEYS_MAX + CLIENT_KEYS_MAX;

/**
 * The slots behind those of replicas, each with a key; the one that was used least recently gives
 * way, unless a check of it is under way, of which there are fewer than slots.
 */
export class ClientKeys {
  readonly #parse: (slot: number, key: Bytes) => boolean;
  /** Least recently used first. */
  readonly #slots = new Map<string, number>();
  /** Checks under way, by slot. */
  readonly #checks = new Map<number, number>();
  readonly #free: number[] = [];
  #used = 0;

  /** `parse` puts a key into a slot, unless it is none: then it returns false. */
  constructor(parse: (slot: number, key: Bytes) => boolean) {
    this.#parse = parse;
  }

  /** The key's slot; NO_KEY_SLOT if it is none. */
  slotOf(key: Bytes): number {
    const name = latin1(key);
    const known = this.#slots.get(name);
    if (known !== undefined) {
      this.#slots.delete(name);
      this.#slots.set(name, known);
      return known;
    }
    const slot = this.#take();
    if (!this.#parse(slot, key)) {
      this.#free.push(slot);
      return NO_KEY_SLOT;
    }
    this.#slots.set(name, slot);
    return slot;
  }

  /** A check by the key in this slot begins. */
  begin(slot: number): void {
    if (slot < KEYS_MAX) return;
    this.#checks.set(slot, (this.#checks.get(slot) ?? 0) + 1);
  }

  end(slot: number): void {
    if (slot < KEYS_MAX) return;
    const left = (this.#checks.get(slot) ?? 0) - 1;
    if (left > 0) this.#checks.set(slot, left);
    else this.#checks.delete(slot);
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used < CLIENT_KEYS_MAX) return KEYS_MAX + this.#used++;
    for (const [name, slot] of this.#slots) {
      if (this.#checks.has(slot)) continue;
      this.#slots.delete(name);
      return slot;
    }
    return assert.fail("fewer checks are under way than there are slots");
  }
}
