// States in parts, as tests look at them.

import type { App, Bytes, Part, Snapshot, State } from "../../src/actor.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import type { StateMachine } from "../../src/protocol/kit/state-versions.ts";

/** All parts of a state, which nothing has changed since. */
export function partsOf(state: State): readonly Part[] {
  return Array.from({ length: state.count }, (_, index) => state.part(index));
}

export function stateOf(parts: readonly Part[]): State {
  return { count: parts.length, part: (index) => parts[index] ?? [] };
}

/** An application's whole state. */
export function stateIn(app: App): readonly Part[] {
  return partsOf(app.snapshot());
}

/** The application becomes this state, none of which it has. */
export function restoreAll(app: App, parts: readonly Part[]): void {
  app.restore(stateOf(parts), parts.keys());
}

/** A state that is one part, in whatever application. */
export function onePart(bytes: Bytes): Snapshot {
  return { count: 1, changed: new Set([0]), part: () => [bytes] };
}

/** Bytes of parts that changed, large values that were there before left out. */
export function changedBytes(snapshot: Snapshot, before: readonly Part[]): number {
  const known = new Set(before.flat());
  let bytes = 0;
  for (const index of snapshot.changed) {
    for (const one of snapshot.part(index)) if (!known.has(one)) bytes += one.length;
  }
  return bytes;
}

/** The whole state of a machine, and the machine becomes it. */
export function wholeOf(machine: StateMachine): Whole {
  const { head, states } = machine.snapshot();
  return { head, states: states.map((state) => partsOf(state)) };
}

export interface Whole {
  readonly head: Bytes;
  readonly states: readonly (readonly Part[])[];
}

export function becomes(machine: StateMachine, { head, states }: Whole): boolean {
  return machine.restore(
    head,
    states.map(stateOf),
    states.map((parts) => [...parts.keys()]),
  );
}

/** An executor that tests look into, without taking changes from the next checkpoint. */
export class PeekedExecutor extends Executor {
  #owed: ReadonlySet<number>[] = [];

  override snapshot() {
    const { head, states } = super.snapshot();
    const owed = this.#owed;
    this.#owed = [];
    return { head, states: states.map((state, i) => alsoChanged(state, owed[i])) };
  }

  override restore(...state: Parameters<Executor["restore"]>): boolean {
    this.#owed = [];
    return super.restore(...state);
  }

  /** All of the state, one part behind the other. */
  peek(): Bytes {
    const { head, states } = this.snapshot();
    this.#owed = states.map(({ changed }) => changed);
    return Buffer.concat([head, ...states.flatMap((state) => partsOf(state).flat())]);
  }
}

function alsoChanged(state: Snapshot, owed: ReadonlySet<number> = new Set()): Snapshot {
  const all = [...state.changed, ...owed].filter((index) => index < state.count);
  return { count: state.count, changed: new Set(all), part: (index) => state.part(index) };
}
