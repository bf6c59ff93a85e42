// Who would go on to which view: a wish is no promise (docs/guarantees.md, V8).

import type { Signer, Sizes } from "../../actor.ts";

export class Wishes {
  readonly #self: Signer;
  /** By replica, the view that it wants, and when that was heard; this one's own as well. */
  readonly #wanted: number[];
  readonly #heardMs: number[];

  constructor(self: Signer, n: number) {
    this.#self = self;
    this.#wanted = new Array<number>(n).fill(0);
    this.#heardMs = new Array<number>(n).fill(-Infinity);
  }

  /** The view that this replica wants; 0 if it is content. */
  get own(): number {
    return this.#wanted[this.#self] ?? 0;
  }
  get sizes(): Sizes {
    const { length } = this.#wanted;
    return [{ name: "view-change.wishes", size: length, max: length }];
  }

  note(replica: Signer, wanted: number, nowMs: number): void {
    this.#wanted[replica] = wanted;
    this.#heardMs[replica] = nowMs;
  }

  withdraw(): void {
    this.#wanted[this.#self] = 0;
  }

  /** The highest view that `count` replicas want at least; another's wish counts for `lastsMs`. */
  target(count: number, nowMs: number, lastsMs: number): number {
    const wanted = this.#wanted.map((view, replica) => {
      const counts = replica === this.#self || nowMs - (this.#heardMs[replica] ?? 0) < lastsMs;
      return counts ? view : 0;
    });
    wanted.sort((a, b) => b - a);
    return wanted[count - 1] ?? 0;
  }
}
