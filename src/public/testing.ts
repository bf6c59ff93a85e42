// The package "oskr/testing": whether an application keeps the rules that replication needs, by
// random operations, commits, rollbacks and snapshots, against one that only ever executes.

import type { App, Bytes, Part, State } from "../actor.ts";
import { Random } from "../base/seeded-random.ts";
import { EMPTY, equal } from "../wire.ts";

export { Random } from "../base/seeded-random.ts";

interface AppTrial {
  /** A new application, in its first state. */
  make(): App;
  /** A random operation, which may be malformed. */
  operation(random: Random): Bytes;
  /** Runs of `steps` steps each. */
  readonly runs?: number;
  readonly steps?: number;
}

/**
 * What an application does that it may not, in a line for each run that shows it, which begins with
 * its seed: an operation throws, or has another result at another time (`execute`); what is rolled
 * back is not undone (`rollback`); equal states have different parts, or a part changed that the
 * snapshot does not tell of, or that changed after it (`snapshot`); a state that is restored is
 * another one (`restore`). None if it keeps the rules.
 */
export function appProblems({ runs = 50, steps = 60, ...trial }: AppTrial): readonly string[] {
  const problems: string[] = [];
  for (let seed = 0; seed < runs; seed++) {
    const problem = new Run(trial, new Random(seed, "application")).problem(steps);
    if (problem !== null) problems.push(`seed ${seed}: ${problem}`);
  }
  return problems;
}

class Run {
  readonly #trial: AppTrial;
  readonly #random: Random;
  readonly #app: App;
  /** Operations that were not undone, and how many of them are committed. */
  readonly #done: { readonly op: Bytes; readonly result: Bytes }[] = [];
  #committed = 0;
  /** Gets what each snapshot tells of alone. */
  readonly #follower: App;
  #followed: Part[] = [];

  constructor(trial: AppTrial, random: Random) {
    this.#trial = trial;
    this.#random = random;
    this.#app = trial.make();
    this.#follower = trial.make();
  }

  problem(steps: number): string | null {
    try {
      for (let i = 0; i < steps; i++) {
        const problem = this.#step();
        if (problem !== null) return problem;
      }
      return this.#look();
    } catch (error) {
      return `throw: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #step(): string | null {
    const random = this.#random;
    const pending = this.#done.length - this.#committed;
    const dice = random.int(10);
    if (dice < 6) this.#execute();
    else if (dice < 7) {
      const count = random.int(pending + 1);
      this.#app.commit(count);
      this.#committed += count;
    } else if (dice < 9) {
      const count = random.int(pending + 1);
      this.#app.rollback(count);
      this.#done.length -= count;
    } else return this.#look();
    return null;
  }

  #execute(): void {
    const op = this.#trial.operation(this.#random);
    this.#done.push({ op, result: new Uint8Array(this.#app.execute(op)) });
  }

  /** Compares the state with that of an application that has only executed what was not undone. */
  #look(): string | null {
    const reference = this.#trial.make();
    for (const [i, { op, result }] of this.#done.entries()) {
      if (!equal(reference.execute(op), result)) {
        return `execute: operation ${i} had another result`;
      }
      reference.commit(1);
    }
    const wanted = partsOf(reference.snapshot());
    const told = this.#follow();
    const snapshot = this.#app.snapshot();
    const differs = firstDifference(partsOf(snapshot), wanted);
    if (differs !== null) return `rollback: ${differs} is not what operations left alone make`;
    const missed = firstDifference(this.#followed, wanted);
    if (missed !== null) return `snapshot: ${missed} is not as it was when it was taken`;
    for (const index of snapshot.changed) this.#followed[index] = snapshot.part(index);
    return this.#restore(wanted, new Set([...told, ...snapshot.changed]));
  }

  /** Takes a snapshot, and what it tells of only when the application has gone on. */
  #follow(): ReadonlySet<number> {
    const snapshot = this.#app.snapshot();
    const more = this.#random.int(5);
    for (let i = 0; i < more; i++) this.#execute();
    this.#followed.length = snapshot.count;
    for (const index of snapshot.changed) this.#followed[index] = snapshot.part(index);
    this.#app.rollback(more);
    this.#done.length -= more;
    return snapshot.changed;
  }

  #restore(wanted: readonly Part[], changed: ReadonlySet<number>): string | null {
    // No slices: that of a Buffer would be a view.
    const copies = wanted.map((part) => part.map((bytes) => new Uint8Array(bytes)));
    this.#follower.restore(stateOf(copies), changed);
    const other = this.#trial.make();
    other.restore(stateOf(copies), copies.keys());
    for (const app of [this.#follower, other]) {
      const differs = firstDifference(partsOf(app.snapshot()), wanted);
      if (differs !== null) return `restore: ${differs} is another one afterwards`;
    }
    if (this.#random.int(3) > 0) return null;
    // One that was restored has nothing to undo.
    this.#app.restore(stateOf(copies), copies.keys());
    this.#committed = this.#done.length;
    return null;
  }
}

function partsOf(state: State): readonly Part[] {
  return Array.from({ length: state.count }, (_, index) => state.part(index));
}

function stateOf(parts: readonly Part[]): State {
  return { count: parts.length, part: (index) => parts[index] ?? [] };
}

/** Names the first part in which two states differ; null if they are equal. */
function firstDifference(one: readonly Part[], other: readonly Part[]): string | null {
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const [a = null, b = null] = [one[i], other[i]];
    const same =
      a !== null && a.length === b?.length && a.every((bytes, at) => equal(bytes, b[at] ?? EMPTY));
    if (!same) return `part ${i}`;
  }
  return null;
}
