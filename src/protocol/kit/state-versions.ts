// The versions of a replica's state that checkpoints name. One is frozen at its slot, and hashed in
// slices while execution goes on, because a turn of the polling thread must stay short.

import type { Bytes, Part, Snapshot, State } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { differences, StateTree, StateVersion, updated, type TreeNode } from "./state-tree.ts";

/** Bytes that are hashed in a turn, about: in a quarter of a millisecond, or one if it is slow. */
export const SLICE_BYTES = 256 * 1024;

/** Whose state it is. */
export interface StateMachine {
  /** Freezes the state: what is not in parts, and what is. */
  snapshot(): { readonly head: Bytes; readonly states: readonly Snapshot[] };
  /**
   * Becomes another state, of which those parts differ that are in `changed`; false if it is
   * malformed.
   */
  restore(head: Bytes, states: readonly State[], changed: readonly (readonly number[])[]): boolean;
}

/** A version that is being hashed. */
interface Job {
  readonly slot: number;
  readonly states: readonly Snapshot[];
  readonly work: Generator<number, StateVersion>;
  /** What there is to do, and was done, in parts that changed. */
  readonly parts: number;
  done: number;
}

export interface Hashed {
  readonly slot: number;
  readonly version: StateVersion;
}

export class StateVersions {
  readonly #machine: StateMachine;
  readonly #sliceBytes: number;
  readonly #digests = new WeakMap<Bytes, Bytes>();
  /** Of the last version, or of that which was restored. */
  #trees: readonly StateTree[] = [];
  #job: Job | null = null;
  /** What changed from the last version to one that was dropped before it was hashed. */
  #owed: readonly ReadonlySet<number>[] = [];

  constructor(machine: StateMachine, sliceBytes = SLICE_BYTES) {
    this.#machine = machine;
    this.#sliceBytes = sliceBytes;
  }

  /** The slot of the version that is being hashed, if one is. */
  get pending(): number | null {
    return this.#job?.slot ?? null;
  }
  /** How much of it is hashed, of 1. */
  get progress(): number {
    return this.#job === null ? 1 : this.#job.done / (this.#job.parts + 1);
  }
  /** The trees of the last version. */
  get trees(): readonly StateTree[] {
    return this.#trees;
  }
  /** Digests of what stands by itself, which is hashed once. */
  get digests(): WeakMap<Bytes, Bytes> {
    return this.#digests;
  }

  /** Freezes the state after `slot`; `head` adds what a protocol has. No other is pending. */
  begin(slot: number, head: (own: Bytes) => Bytes = (own) => own): void {
    assert(this.#job === null, "one version is hashed at a time");
    const { head: own, states: present } = this.#machine.snapshot();
    const states = present.map((state, i) => alsoChanged(state, this.#owed[i]));
    this.#owed = [];
    const parts = states.reduce((sum, { changed }) => sum + changed.size, 0);
    this.#job = { slot, states, work: this.hashing(head(own), states), parts, done: 0 };
  }

  /** The version that is being hashed is of a state that was rolled back: there is none of it. */
  drop(): void {
    if (this.#job === null) return;
    this.#owed = this.#job.states.map(({ changed }) => changed);
    this.#job = null;
  }

  /** Hashes what there is at the start, all of it, because nobody waits yet. */
  prime(): void {
    this.begin(0);
    while (this.#job !== null) this.work();
  }

  /** Hashes a slice; gives the version if that was the last one. */
  work(): Hashed | null {
    const job = this.#job;
    if (job === null) return null;
    for (let left = this.#sliceBytes; left > 0;) {
      const step = job.work.next();
      if (step.done === true) {
        this.#job = null;
        this.#trees = step.value.trees;
        return { slot: job.slot, version: step.value };
      }
      left -= step.value;
      job.done = Math.min(job.parts, job.done + 1);
    }
    return null;
  }

  /** Becomes another version of the state, whose parts were checked; false if it is malformed. */
  restore(head: Bytes, { trees }: Pick<StateVersion, "trees">): boolean {
    this.drop();
    const unhashed = this.#owed;
    this.#owed = [];
    const now = this.#machine.snapshot().states;
    const changed = trees.map((tree, i) => {
      const parts = new Set(differences(tree, this.#trees[i] ?? StateTree.EMPTY));
      for (const index of unhashed[i] ?? []) if (index < tree.count) parts.add(index);
      for (const index of now[i]?.changed ?? []) if (index < tree.count) parts.add(index);
      // Where the state has become shorter since, what the versions share is not there any more.
      for (let index = now[i]?.count ?? 0; index < tree.count; index++) parts.add(index);
      return [...parts];
    });
    this.#trees = trees;
    return this.#machine.restore(head, trees, changed);
  }

  /** Gives what each step costs, in bytes hashed. */
  protected *hashing(head: Bytes, states: readonly Snapshot[]): Generator<number, StateVersion> {
    const trees: StateTree[] = [];
    for (const [i, state] of states.entries()) {
      trees.push(yield* this.#updated(this.#trees[i] ?? StateTree.EMPTY, state));
    }
    return new StateVersion(head, trees);
  }

  #updated(before: StateTree, state: Snapshot): Generator<number, StateTree> {
    return updated(before, state, this.#digests, (index, leaf) => this.leafOf(before, index, leaf));
  }

  /** The leaf that stands for a part from now on. */
  protected leafOf(_before: StateTree, _index: number, leaf: TreeNode): TreeNode {
    return leaf;
  }
}

/**
 * The snapshot, which tells of these parts too: they are as an earlier one had them, and are made
 * now, because the state keeps only those as they are that changed since then.
 */
function alsoChanged(snapshot: Snapshot, owed: ReadonlySet<number> = new Set()): Snapshot {
  const { count } = snapshot;
  const made = new Map<number, Part>();
  for (const index of owed) {
    if (index < count && !snapshot.changed.has(index)) made.set(index, snapshot.part(index));
  }
  if (made.size === 0) return snapshot;
  const changed = new Set([...snapshot.changed, ...made.keys()]);
  return { count, changed, part: (index) => made.get(index) ?? snapshot.part(index) };
}
