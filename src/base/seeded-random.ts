// Random numbers of a seed, in streams split by name, so that the dice of one fault never move
// those of another. The generator is sfc32 (Chris Doty-Humphrey's PractRand), on 32-bit integers
// only.

import { assert } from "./assert.ts";

const TWO_32 = 0x1_0000_0000;
const BOUND_MAX = 2 ** 48;

/** Mixes an integer into a 32-bit hash (the finaliser of MurmurHash3). */
export function mix32(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

export class Random {
  readonly #seed: number;
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The stream `name` of a seed, an integer below 2^53. */
  constructor(seed: number, name: string) {
    assert(Number.isSafeInteger(seed) && seed >= 0, "a seed is an integer from 0");
    this.#seed = seed;
    this.#name = name;
    let h = mix32(mix32(0x9e3779b9, seed >>> 0), Math.floor(seed / TWO_32));
    for (let i = 0; i < name.length; i++) h = mix32(h, name.charCodeAt(i));
    this.#a = mix32(h, 1);
    this.#b = mix32(h, 2);
    this.#c = mix32(h, 3);
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** A stream of its own, the same however much was drawn from this one. */
  stream(name: string): Random {
    return new Random(this.#seed, `${this.#name}/${name}`);
  }

  u32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /**
   * An integer in [0, bound), 0 < bound <= 2^48; the bias is below 2^-4 only for the largest
   * bounds.
   */
  int(bound: number): number {
    assert(bound > 0 && bound <= BOUND_MAX, "bound out of range");
    if (bound <= 0x1_0000) return Math.floor((this.u32() / TWO_32) * bound);
    return Math.floor(((this.u32() & 0xf_ffff) * TWO_32 + this.u32()) % bound);
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.u32() < probability * TWO_32;
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "nothing to pick from");
    return items[this.int(items.length)] as T;
  }

  /** A copy in random order. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) out[i] = this.u32() & 255;
    return out;
  }
}
