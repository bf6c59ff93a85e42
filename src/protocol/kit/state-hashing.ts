// When the version that a checkpoint names is hashed: at once if that is a slice, or else a slice
// in each turn, and faster as the next checkpoint comes near. Where slots are executed before they
// are committed, a version is of the state then, and is told of when its slot is committed.

import type { Bytes, Host } from "../../actor.ts";
import type { StateVersion } from "./state-tree.ts";
import type { Hashed, StateVersions } from "./state-versions.ts";

/** Of the interval between checkpoints, how much of it may pass until one is hashed. */
const HASHED_BY = 1 / 2;

interface StateHashingOptions {
  readonly versions: StateVersions;
  readonly checkpointInterval: number;
  readonly host: Pick<Host<never, "checkpoint">, "setTimer">;
  /** A version is there, and its slot is committed. */
  readonly onHashed: (hashed: Hashed) => void;
  /** Slots may be undone until `onCommitted`. */
  readonly speculates?: boolean;
}

export class StateHashing {
  readonly #options: StateHashingOptions;
  #committed: number;
  /** Hashed, of slots that are not committed, lowest first. */
  #held: Hashed[] = [];

  constructor(options: StateHashingOptions) {
    this.#options = options;
    this.#committed = options.speculates === true ? 0 : Infinity;
  }

  /** The first slot whose version is being hashed, or is not told of yet. */
  get oldest(): number | null {
    return this.#held[0]?.slot ?? this.pending;
  }
  /** The slot whose version is being hashed, if one is. */
  get pending(): number | null {
    return this.#options.versions.pending;
  }

  /** Versions that wait for their slots to be committed. */
  get held(): number {
    return this.#held.length;
  }

  /** That of a slot which is not committed, if it is hashed. */
  heldAt(slot: number): StateVersion | undefined {
    return this.#held.find((hashed) => hashed.slot === slot)?.version;
  }

  /** The slots up to this one are never undone: tells of versions that waited for that. */
  onCommitted(slot: number): void {
    this.#committed = Math.max(this.#committed, slot);
    while ((this.#held[0]?.slot ?? Infinity) <= this.#committed) {
      const hashed = this.#held.shift();
      if (hashed !== undefined) this.#options.onHashed(hashed);
    }
  }

  /** The slots above this one were undone, and their versions are of no use. */
  onRolledBack(slot: number): void {
    const { versions } = this.#options;
    this.#held = this.#held.filter((hashed) => hashed.slot <= slot);
    if ((versions.pending ?? 0) > slot) versions.drop();
  }

  /** The state is another one, that after a committed slot; what was executed is forgotten. */
  onRestored(slot: number): void {
    this.#held = [];
    this.#committed = Math.max(this.#committed, slot);
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
    if (hashed === null) return;
    if (hashed.slot <= this.#committed) this.#options.onHashed(hashed);
    else this.#held.push(hashed);
  }
}
