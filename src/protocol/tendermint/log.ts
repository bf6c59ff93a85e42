// Heights that were decided: what others that are behind are sent.

import type { Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { GENESIS } from "../kit/checkpoint.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import type { Decision } from "./certificate.ts";
import type { Value } from "./value.ts";

/** A height that was decided here, or that another replica has the proof of. */
export interface Decided {
  readonly decision: Decision;
  readonly value: Value;
  /** When it was decided here, in milliseconds. */
  readonly atMs: number;
}

/** It alone writes the height. */
export class Log {
  readonly #max: number;
  readonly #decided = new Map<number, Decided>();
  #height = 1;
  #lowest = 1;
  /** What the state before the decided heights is known by. */
  #base: StableCheckpoint = GENESIS;

  /** Keeps `max` decided heights, whatever becomes stable. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The height that is being decided: all before it are executed. */
  get height(): number {
    return this.#height;
  }
  get sizes(): Sizes {
    return [{ name: "log.decided", size: this.#decided.size, max: this.#max }];
  }

  get(height: number): Decided | undefined {
    return this.#decided.get(height);
  }

  /** Those that are kept, in no order that matters. */
  known(): Iterable<Decided> {
    return this.#decided.values();
  }

  /** The checkpoint by which the state was installed that this replica's begins with. */
  get base(): StableCheckpoint {
    return this.#base;
  }

  /** The present height is decided. */
  append(decided: Decided): void {
    assert(decided.decision.height === this.#height, "heights are decided one after another");
    this.#decided.set(this.#height++, decided);
    this.dropBelow(this.#height - this.#max);
  }

  /** The state after the checkpoint's height is here. */
  install(base: StableCheckpoint): void {
    assert(base.slot >= this.#height, "heights never fall");
    this.#base = base;
    this.#height = base.slot + 1;
    this.dropBelow(this.#height);
  }

  /** Forgets decided heights below this one. */
  dropBelow(height: number): void {
    for (; this.#lowest < Math.min(height, this.#height); this.#lowest++) {
      this.#decided.delete(this.#lowest);
    }
  }
}
