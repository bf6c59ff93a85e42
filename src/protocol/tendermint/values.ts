// Values of the height that is being decided: what was proposed, and what others voted for.

import type { Bytes, Sizes } from "../../actor.ts";
import { equal } from "../../wire.ts";
import type { Value } from "./value.ts";

/**
 * Values kept of a height. Each costs a round, and one that is locked here, or that a quorum
 * prevoted, is kept.
 */
const VALUES_MAX = 16;

export class Values {
  readonly #values: Value[] = [];

  get sizes(): Sizes {
    return [{ name: "normal.values", size: this.#values.length, max: VALUES_MAX }];
  }

  get(digest: Bytes): Value | undefined {
    return this.#values.find((value) => equal(value.digest, digest));
  }

  /** Keeps a value; the oldest that is none of `kept` makes room. */
  add(value: Value, kept: readonly (Bytes | undefined)[]): void {
    if (this.get(value.digest) !== undefined) return;
    if (this.#values.length === VALUES_MAX) {
      const isKept = ({ digest }: Value): boolean =>
        kept.some((other) => other !== undefined && equal(other, digest));
      this.#values.splice(
        this.#values.findIndex((known) => !isKept(known)),
        1,
      );
    }
    this.#values.push(value);
  }

  /** Whether there is any other than this one. */
  hasOther(digest: Bytes): boolean {
    return this.#values.some((value) => !equal(value.digest, digest));
  }

  clear(): void {
    this.#values.length = 0;
  }
}
