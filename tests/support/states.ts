// States in parts, as tests look at them.

import type { App, Bytes, Part, Snapshot, State } from "../../src/actor.ts";

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
