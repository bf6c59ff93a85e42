// Bugs planted in checkpoints and state transfer, in PBFT, whose parts of them all protocols share.

import type { App, Bytes, Snapshot, State } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import { StateAssembly } from "../../src/protocol/kit/state-assembly.ts";
import type { StateTree, TreeNode } from "../../src/protocol/kit/state-tree.ts";
import { StateVersions } from "../../src/protocol/kit/state-versions.ts";
import { pbft, PbftReplica, type Parts } from "../../src/protocol/pbft/index.ts";
import { subjectOf } from "../../src/simulation/subject.ts";

/** Parts that a mutant has something against. */
const EVERY = 5;

/** Says of some parts that they did not change. */
class ForgetsChanges implements App {
  readonly #app: App;
  #count = 0;

  constructor(app: App) {
    this.#app = app;
  }
  execute(op: Bytes): Bytes {
    return this.#app.execute(op);
  }
  snapshot(): Snapshot {
    const snapshot = this.#app.snapshot();
    const { count } = snapshot;
    const before = this.#count;
    this.#count = count;
    const changed = [...snapshot.changed].filter((i) => i >= before || i % EVERY !== 2);
    return { count, changed: new Set(changed), part: (index) => snapshot.part(index) };
  }
  restore(state: State, changed: Iterable<number>): void {
    this.#count = state.count;
    this.#app.restore(state, changed);
  }
  rollback(count: number): void {
    this.#app.rollback(count);
  }
  commit(count: number): void {
    this.#app.commit(count);
  }
}

/** Keeps the digests of some parts that changed. */
class StaleDigests extends StateVersions {
  protected override leafOf(before: StateTree, index: number, leaf: TreeNode): TreeNode {
    if (index % EVERY !== 2) return leaf;
    return { ...leaf, digest: before.node(0, index)?.digest ?? leaf.digest };
  }
}

const NO_SESSIONS: Snapshot = { count: 1, changed: new Set([0]), part: () => [] };

/** Sessions and their replies are in no checkpoint. */
export class SessionsLeftOut extends Executor {
  override snapshot() {
    const { head, states } = super.snapshot();
    return { head, states: [NO_SESSIONS, ...states.slice(1)] };
  }
}

/** Takes a part that came for another checkpoint for one of this. */
class MixesCheckpoints extends StateAssembly {
  protected override fits(): boolean {
    return true;
  }
}

/** Takes whatever a replica that was asked sends. */
class Unchecked extends StateAssembly {
  protected override proves(): boolean {
    return true;
  }
}

function mutant(
  name: string,
  parts: Partial<Parts>,
  {
    kind = "short",
    first = 0,
    wrap = (app: App) => app,
  }: { kind?: Mutant["kind"]; first?: number; wrap?: (app: App) => App },
): Mutant {
  const subject = subjectOf(`pbft-${name}`, {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, wrap(app), parts),
  });
  const convictedBy = ["agreement", "certificates", "throw", "exactly once", "convergence"];
  return { subject, kind, convictedBy, first, within: 1000 };
}

export const mutants: readonly Mutant[] = [
  mutant("part-not-marked", {}, { wrap: (app) => new ForgetsChanges(app) }),
  mutant("stale-digest", { StateVersions: StaleDigests }, {}),
  mutant("sessions-left-out", { Executor: SessionsLeftOut }, {}),
  mutant("mixes-checkpoints", { StateAssembly: MixesCheckpoints }, {}),
  // Few Byzantine replicas are asked for a state, and fewer send another one that can be read.
  mutant("parts-unchecked", { StateAssembly: Unchecked }, { kind: "adversary", first: 100 }),
];
