// Bodies that a replica has, by digest: those that clients sent, and those of proposals that it
// made or completed, for whoever lacks them.

import type { Bytes, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { Shares, type Holder } from "./shares.ts";

/** Memory for them; what is over falls to the holder with most. */
export const STORE_BYTES_MAX = 32 * 1024 * 1024;
/** What a body takes beside its bytes, about. */
const OVERHEAD_BYTES = 512;

interface Kept {
  readonly body: Bytes;
  readonly holder: Holder;
  /** When it came, or was named, last. */
  readonly atMs: number;
}

/** Keys are digests, a character a byte. */
export class BodyStore {
  readonly #keptMs: number;
  /** The longest ago first, as are those of each holder. */
  readonly #bodies = new Map<string, Kept>();
  readonly #keys = new Map<Holder, Set<string>>();
  readonly #shares = new Shares();

  /** A body that nobody names is kept so long at least, if there is room. */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  get sizes(): Sizes {
    return [{ name: "bodies.bytes", size: this.#shares.total, max: STORE_BYTES_MAX }];
  }

  get(key: string): Bytes | undefined {
    return this.#bodies.get(key)?.body;
  }

  /** One that is here already stays its first holder's, and is the latest again. */
  keep(key: string, body: Bytes, holder: Holder, nowMs: number): void {
    const known = this.#bodies.get(key);
    if (known !== undefined) this.#forget(key, known);
    const kept = { body, holder, ...known, atMs: nowMs };
    this.#bodies.set(key, kept);
    const keys = this.#keys.get(kept.holder);
    if (keys === undefined) this.#keys.set(kept.holder, new Set([key]));
    else keys.add(key);
    this.#shares.add(kept.holder, OVERHEAD_BYTES + body.length);
    if (known === undefined) this.#makeRoom(nowMs);
  }

  clear(): void {
    for (const [key, kept] of this.#bodies) this.#forget(key, kept);
  }

  #makeRoom(nowMs: number): void {
    for (const [key, kept] of this.#bodies) {
      if (nowMs - kept.atMs <= this.#keptMs) break;
      this.#forget(key, kept);
    }
    while (this.#shares.total > STORE_BYTES_MAX) {
      coverageMark("bodies: there is no room for all");
      const greatest = this.#shares.greatest() ?? 0;
      const [oldest = ""] = this.#keys.get(greatest) ?? [];
      const kept = this.#bodies.get(oldest);
      if (kept === undefined) return;
      this.#forget(oldest, kept);
    }
  }

  #forget(key: string, { body, holder }: Kept): void {
    this.#bodies.delete(key);
    const keys = this.#keys.get(holder);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(holder);
    this.#shares.add(holder, -(OVERHEAD_BYTES + body.length));
  }
}
