// One-time signatures written down once more, straight from docs/guarantees.md (G1 to G4), as the
// reference for csrc/onetime.c.

import type { Bytes } from "../../src/actor.ts";
import { ONE_TIME_BLOCK } from "../../src/base/one-time-form.ts";
import { sha256 } from "./signatures.ts";

export const CHAINS = 68;
export const ELEMENTS_AT = 26;
export const PATH_AT = ELEMENTS_AT + 16 * CHAINS;
export const SIGNATURE_AT = PATH_AT + 16 * 7;

const cut = (...parts: readonly (Bytes | number)[]): Bytes => sha256(...parts).slice(0, 16);

/** The number of a batch as hashes have it. */
export function numberBytes(number: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

export interface Key {
  readonly salt: Bytes;
  /** By chain, what it shows for each digit. */
  readonly values: readonly (readonly Bytes[])[];
  readonly public: Bytes;
}

function step(salt: Bytes, chain: number, from: number, element: Bytes): Bytes {
  return cut(5, salt, chain, from, element);
}

function publicOf(who: Bytes, number: Bytes, index: number, salt: Bytes, ends: Bytes[]): Bytes {
  return cut(6, who, number, index, salt, ...ends);
}

export function makeKey(seed: Bytes, who: Bytes, number: Bytes, index: number): Key {
  const head = (chain: number): Bytes => cut(8, seed, number, index, chain);
  const salt = head(255);
  const values = Array.from({ length: CHAINS }, (_, chain) => {
    const shown = [head(chain)];
    for (let i = 0; i < 3; i++) shown.push(step(salt, chain, i, shown[i]!));
    return shown;
  });
  const ends = values.map((shown) => shown[3]!);
  return { salt, values, public: publicOf(who, number, index, salt, ends) };
}

/** 64 digits of two bits, most significant first, then four of the sum of what they lack. */
export function digitsOf(salt: Bytes, leaf: Bytes): readonly number[] {
  const digits = [...cut(7, salt, leaf)].flatMap((byte) =>
    [6, 4, 2, 0].map((by) => (byte >> by) & 3),
  );
  const sum = digits.reduce((total, digit) => total + 3 - digit, 0);
  return [...digits, ...[6, 4, 2, 0].map((by) => (sum >> by) & 3)];
}

/** The nodes above public keys, level by level, those included. */
export function levelsOf(who: Bytes, number: Bytes, keys: readonly Bytes[]): readonly Bytes[][] {
  const levels = [[...keys]];
  for (let level = 1; level <= 7; level++) {
    const below = levels[level - 1]!;
    levels.push(
      Array.from({ length: below.length / 2 }, (_, i) =>
        cut(9, who, number, level, i, below[2 * i]!, below[2 * i + 1]!),
      ),
    );
  }
  return levels;
}

/** The root that a block leads to for a leaf. */
export function rootOf(who: Bytes, block: Bytes, leaf: Bytes): Bytes {
  const number = block.slice(1, 9);
  let index = block[9]!;
  const salt = block.slice(10, 26);
  const ends = digitsOf(salt, leaf).map((digit, chain) => {
    let element: Bytes = block.slice(ELEMENTS_AT + 16 * chain, ELEMENTS_AT + 16 * (chain + 1));
    for (let i = digit; i < 3; i++) element = step(salt, chain, i, element);
    return element;
  });
  let node: Bytes = publicOf(who, number, index, salt, ends);
  for (let level = 1; level <= 7; level++) {
    const at = PATH_AT + 16 * (level - 1);
    const sibling = block.slice(at, at + 16);
    const [left, right] = (index & 1) === 1 ? [sibling, node] : [node, sibling];
    index >>= 1;
    node = cut(9, who, number, level, index, left, right);
  }
  return node;
}

/** A block by key `index` of these, of a batch with this root signature. */
export function signOnce(
  {
    keys,
    index,
    number,
    levels,
    signature,
  }: {
    readonly keys: readonly Key[];
    readonly index: number;
    readonly number: Bytes;
    readonly levels: readonly Bytes[][];
    readonly signature: Bytes;
  },
  leaf: Bytes,
): Bytes {
  const { salt, values } = keys[index]!;
  const elements = digitsOf(salt, leaf).map((digit, chain) => values[chain]![digit]!);
  const path = levels.slice(0, 7).map((level, i) => level[(index >> i) ^ 1]!);
  const block = Buffer.concat([
    ...[Uint8Array.of(0x80), number, Uint8Array.of(index), salt, ...elements, ...path, signature],
  ]);
  if (block.length !== ONE_TIME_BLOCK) throw new Error("not the form of G4");
  return new Uint8Array(block);
}
