// When the version that a checkpoint names is hashed: at once if that is a slice, or else a slice
// in each turn, and faster as the next checkpoint comes near.

import type { Bytes, Host } from "../../actor.ts";
import type { Hashed, StateVersions } from "./state-versions.ts";

/** Of the interval between checkpoints, how much of it may pass until one is hashed. */
const HASHED_BY = 1 / 2;

interface StateHashingOptions {
  readonly versions: StateVersions;
  readonly checkpointInterval: number;
  readonly host: Pick<Host<never, "checkpoint">, "setTimer">;
  /** A version is there. */
  readonly onHashed: (hashed: Hashed) => void;
}

export class StateHashing {
  readonly #options: StateHashingOptions;

  constructor(options: StateHashingOptions) {
    this.#options = options;
  }

  /** The slot whose version is being hashed, if one is. */
  get pending(): number | null {
    return this.#options.versions.pending;
  }

  /**
   * A slot was executed: freezes a version if it is time, or goes on with the last one, so that it
   * is there before the next. `head` adds what a protocol has beside the executor's state.
   */
  onExecuted(slot: number, head?: (own: Bytes) => Bytes): void {
    const { versions, checkpointInterval } = this.#options;
    const { pending } = versions;
    if (slot % checkpointInterval !== 0) {
      if (pending === null) return;
      const due = (slot - pending) / (HASHED_BY * checkpointInterval);
      while (versions.pending !== null && versions.progress < due) this.#hash();
      return;
    }
    while (versions.pending !== null) this.#hash();
    versions.begin(slot, head);
    this.onTimer();
  }

  /** The timer "checkpoint" is due. */
  onTimer(): void {
    this.#hash();
    if (this.pending !== null) this.#options.host.setTimer("checkpoint", 0);
  }

  #hash(): void {
    const hashed = this.#options.versions.work();
    if (hashed !== null) this.#options.onHashed(hashed);
  }
}
