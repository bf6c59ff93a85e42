// Bodies of proposals by digest, kept for those that ask.

import type { Bytes } from "../../actor.ts";

/** Memory for them: more than a leader has under way. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** What a body takes beside its bytes, about. */
const KEPT_OVERHEAD = 256;

/** The oldest give way. Keys are digests, a character a byte. */
export class BodyStore {
  readonly #bodies = new Map<string, Bytes>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Bytes | undefined {
    return this.#bodies.get(key);
  }

  keep(key: string, body: Bytes): void {
    if (this.#bodies.has(key)) return;
    this.#bodies.set(key, body);
    this.#bytes += KEPT_OVERHEAD + body.length;
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= KEPT_BYTES_MAX) return;
      this.#bodies.delete(oldest);
      this.#bytes -= KEPT_OVERHEAD + length;
    }
  }
}
