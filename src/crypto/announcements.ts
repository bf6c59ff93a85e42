// Batches of one-time keys that others announced and that were not checked yet: a signer's next
// messages cost hashes alone once they are. What is lost, or comes too late, costs one check more.

import type { Bytes, Signer } from "../actor.ts";
import { BATCH_SIZE } from "./one-time.ts";

/** Of one signer that wait: as many as it announces at its start. */
export const WAITING_MAX = 4;
/** Announcements of a signer that are not even checked after one in its name that did not hold. */
export const DOUBTED = 64;

export interface Announcement {
  readonly signer: Signer;
  /** number | root */
  readonly batch: Bytes;
  readonly signature: Bytes;
}

interface Heard {
  readonly waiting: Announcement[];
  /** The number of the last one that held; only higher ones are of use. */
  highest: number;
  doubts: number;
}

export class Announcements {
  readonly #bySigner: readonly Heard[];
  /** Whose turn it is. */
  #next = 0;
  #waiting = 0;

  /** Of signers 0..n-1. */
  constructor(n: number) {
    const heard = (): Heard => ({ waiting: [], highest: -1, doubts: 0 });
    this.#bySigner = Array.from({ length: n }, heard);
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Keeps one until there is time to check it; false: it is of no use, or there are too many. */
  add(announcement: Announcement): boolean {
    const heard = this.#bySigner[announcement.signer];
    if (heard === undefined || announcement.batch.length !== BATCH_SIZE) return false;
    const { waiting, highest } = heard;
    if (numberOf(announcement.batch) <= highest) return false;
    if (heard.doubts > 0) {
      heard.doubts--;
      return false;
    }
    if (waiting.length >= WAITING_MAX) return false;
    waiting.push(announcement);
    this.#waiting++;
    return true;
  }

  /** The next one to check: signers take turns. */
  shift(): Announcement | undefined {
    for (let i = 0; i < this.#bySigner.length && this.#waiting > 0; i++) {
      const heard = this.#bySigner[this.#next];
      this.#next = (this.#next + 1) % this.#bySigner.length;
      const announcement = heard?.waiting.shift();
      if (announcement === undefined) continue;
      this.#waiting--;
      return announcement;
    }
    return undefined;
  }

  /** What came of its check. */
  end({ signer, batch }: Announcement, valid: boolean): void {
    const heard = this.#bySigner[signer];
    if (heard === undefined) return;
    if (valid) heard.highest = Math.max(heard.highest, numberOf(batch));
    else heard.doubts = DOUBTED;
  }
}

/** Of any eight bytes: one that no batch has is higher than all, and does not hold. */
export function numberOf(batch: Bytes): number {
  let number = 0;
  for (let i = 0; i < 8; i++) number = number * 256 + (batch[i] ?? 0);
  return number;
}
