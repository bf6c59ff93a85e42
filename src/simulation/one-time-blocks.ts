// The blocks of simulated one-time signatures: of the real form, filled with a keyed hash of the
// key and what it signs, which the world alone can compute.

import type { Bytes, Signer } from "../actor.ts";
import { HASH_SIZE } from "../crypto/merkle.ts";
import { latin1 } from "../wire.ts";
import { ONE_TIME_BLOCK, ONE_TIME_INDEX_AT } from "../base/one-time-form.ts";

/** Tells one start of a process from another; the salt of a block begins with it. */
export const START_SIZE = 8;
export const NUMBER_AT = 1;
export const SALT_AT = ONE_TIME_INDEX_AT + 1;
export const SIGNATURE_AT = ONE_TIME_BLOCK - 64;

/** The bytes that name a key: who, and what stands in its block up to the start. */
export function keyNameOf(by: Signer | Bytes, block: Bytes): Bytes {
  const who = typeof by === "number" ? Uint8Array.of(by) : by;
  const name = new Uint8Array(who.length + SALT_AT + START_SIZE - NUMBER_AT);
  name.set(who);
  name.set(block.subarray(NUMBER_AT, SALT_AT + START_SIZE), who.length);
  return name;
}

/** The name of the first key of its batch. */
export function batchNameOf(name: Bytes): Bytes {
  const first = name.slice();
  first[name.length - START_SIZE - (SALT_AT - ONE_TIME_INDEX_AT)] = 0;
  return first;
}

/** Fills what a key shows for a leaf: `hash` again and again, behind the start. */
export function fillOneTime(block: Bytes, hash: Bytes): void {
  for (let at = SALT_AT + START_SIZE; at < SIGNATURE_AT; at += HASH_SIZE) {
    block.set(hash.subarray(0, Math.min(HASH_SIZE, SIGNATURE_AT - at)), at);
  }
}

/** Whether it is filled so. */
export function isFilled(block: Bytes, hash: Bytes): boolean {
  for (let at = SALT_AT + START_SIZE, i = 0; at < SIGNATURE_AT; at++, i++) {
    if (block[at] !== hash[i % HASH_SIZE]) return false;
  }
  return true;
}

/** Where a block leads that no key made: whoever has its bytes can tell. */
export function junkRoot(block: Bytes, leaf: Bytes): Bytes {
  const root = new Uint8Array(HASH_SIZE);
  const input = new Uint8Array(1 + SIGNATURE_AT + HASH_SIZE);
  input[0] = 4;
  input.set(block.subarray(0, SIGNATURE_AT), 1);
  input.set(leaf, 1 + SIGNATURE_AT);
  Bun.SHA256.hash(input, root);
  return root;
}

/** A one-time signature, and what came of it. */
interface Climbed {
  readonly by: Signer | Bytes;
  readonly signed: Bytes;
  readonly block: Bytes;
  readonly domain: Bytes;
  readonly digest: Bytes;
}

/** Blocks remembered, beyond which all are forgotten. */
const CLIMBS_MAX = 4096;

/** What came of blocks that were climbed, found by content, whichever process asks. */
export class OneTimeClimbs {
  readonly #climbed = new Map<string, Climbed>();

  find(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    const known = this.#climbed.get(nameOf(block));
    if (known === undefined || !isOwner(known.by, by)) return null;
    const same = isSame(known.block, block) && isSame(known.signed, signed);
    return same && isSame(known.domain, domain) ? known.digest : null;
  }

  /** Keeps what it is given, which never changes. */
  keep(climbed: Climbed): void {
    if (this.#climbed.size >= CLIMBS_MAX) this.#climbed.clear();
    this.#climbed.set(nameOf(climbed.block), climbed);
  }
}

/** Salt and place, which differ from key to key. */
function nameOf(block: Bytes): string {
  return latin1(block.subarray(NUMBER_AT, SALT_AT + 2 * START_SIZE));
}

function isOwner(a: Signer | Bytes, b: Signer | Bytes): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return isSame(a, b);
}

function isSame(a: Bytes, b: Bytes): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}
