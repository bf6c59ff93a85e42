// Batches of one-time keys that clients announced: those that were not checked yet, and the roots
// of those that hold until a request comes under them. Anybody may announce, so that a host takes
// the place of its own alone; what has no room costs a check more, and is never refused for it.

import type { Bytes } from "../actor.ts";
import { DoubtedHosts } from "../base/doubted-hosts.ts";
import { equal, latin1 } from "../wire.ts";
import { DOUBTED, numberOf } from "./announcements.ts";
import { signatureIn } from "./merkle.ts";
import { BATCH_SIZE } from "./one-time.ts";

/** Keys whose roots are kept, and roots of each (docs/guarantees.md, G5). */
export const ANNOUNCED_KEYS_MAX = 64;
export const ANNOUNCED_MAX = 2;
/** Announcements that wait for their check. */
export const CLIENTS_WAITING_MAX = ANNOUNCED_KEYS_MAX * ANNOUNCED_MAX;

export interface ClientAnnouncement {
  /** The host that it came from, as of Host.sourceOf. */
  readonly source: number;
  readonly key: Bytes;
  /** number | root */
  readonly batch: Bytes;
  readonly signature: Bytes;
}

interface Held {
  readonly source: number;
  /** Of the highest numbers that were heard, which rise. */
  readonly roots: HeldRoot[];
}

interface HeldRoot {
  readonly number: number;
  readonly digest: Bytes;
  readonly signature: Bytes;
}

export class ClientAnnouncements {
  /** By host; the first has the next turn. */
  readonly #waiting = new Map<number, ClientAnnouncement[]>();
  #size = 0;
  /** Announcements of a host that are not even checked after one that did not hold. */
  readonly #doubts = new DoubtedHosts(DOUBTED);
  /** By key, the oldest first. */
  readonly #held = new Map<string, Held>();

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Keys whose roots are kept. */
  get keys(): number {
    return this.#held.size;
  }

  /** Keeps one until there is time to check it; false: it is of no use. */
  add(announcement: ClientAnnouncement): boolean {
    const { source, key, batch } = announcement;
    if (batch.length !== BATCH_SIZE || this.#isDoubted(source)) return false;
    const waiting = this.#waiting.get(source) ?? [];
    if (waiting.some((other) => equal(other.batch, batch) && equal(other.key, key))) return false;
    this.#waiting.set(source, waiting);
    waiting.push(announcement);
    this.#size++;
    const same = waiting.filter((other) => equal(other.key, key));
    if (same.length > ANNOUNCED_MAX) this.#drop(source, waiting.indexOf(same[0] ?? announcement));
    if (this.#size > CLIENTS_WAITING_MAX) this.#drop(this.#greatest(), 0);
    return true;
  }

  /** The next one to check: hosts take turns. */
  shift(): ClientAnnouncement | undefined {
    for (const [source, waiting] of this.#waiting) {
      const [next] = waiting;
      this.#drop(source, 0);
      if (waiting.length > 0) {
        this.#waiting.delete(source);
        this.#waiting.set(source, waiting);
      }
      return next;
    }
    return undefined;
  }

  /** What came of its check; `digest` is what its key signed, but for the domain. */
  end({ source, key, batch, signature }: ClientAnnouncement, digest: Bytes, valid: boolean): void {
    if (!valid) return this.#doubts.doubt(source);
    const name = latin1(key);
    let held = this.#held.get(name);
    if (held === undefined) {
      if (this.#held.size >= ANNOUNCED_KEYS_MAX) this.#forgetOne();
      held = { source, roots: [] };
      this.#held.set(name, held);
    }
    const { roots } = held;
    if (roots.some((root) => equal(root.digest, digest))) return;
    roots.push({ number: numberOf(batch), digest, signature });
    roots.sort((a, b) => a.number - b.number);
    if (roots.length > ANNOUNCED_MAX) roots.shift();
  }

  /** Whether the key announced the root of this block, which is not kept any longer then. */
  take(key: Bytes, digest: Bytes, block: Bytes): boolean {
    if (this.#held.size === 0) return false;
    const name = latin1(key);
    const roots = this.#held.get(name)?.roots ?? [];
    const at = roots.findIndex((root) => equal(root.digest, digest));
    if (at < 0 || !equal(roots[at]?.signature ?? digest, signatureIn(block))) return false;
    roots.splice(at, 1);
    if (roots.length === 0) this.#held.delete(name);
    return true;
  }

  #isDoubted(source: number): boolean {
    const doubted = this.#doubts.has(source);
    this.#doubts.forgive(source);
    return doubted;
  }

  #drop(source: number, at: number): void {
    const waiting = this.#waiting.get(source);
    if (waiting === undefined) return;
    waiting.splice(at, 1);
    this.#size--;
    if (waiting.length === 0) this.#waiting.delete(source);
  }

  /** The host of which most wait. */
  #greatest(): number {
    let greatest = 0;
    let most = 0;
    for (const [source, { length }] of this.#waiting) {
      if (length > most) [greatest, most] = [source, length];
    }
    return greatest;
  }

  /** The oldest key of the host that has most of them gives way. */
  #forgetOne(): void {
    const counts = new Map<number, number>();
    for (const { source } of this.#held.values()) {
      counts.set(source, (counts.get(source) ?? 0) + 1);
    }
    const most = Math.max(...counts.values());
    for (const [name, { source }] of this.#held) {
      if (counts.get(source) !== most) continue;
      this.#held.delete(name);
      return;
    }
  }
}
