// PBFT whose replicas speculate what nobody ordered and take it back, each at times of its own, and
// bugs planted in how it is undone.

import type { App, Bytes, Part, Snapshot, State } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import type { Batch } from "../../src/protocol/kit/batch.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import { isOpen, tagOf, type Request } from "../../src/protocol/kit/request.ts";
import { Service, type ServiceOptions } from "../../src/protocol/kit/service.ts";
import { pbft, PbftReplica, type Parts } from "../../src/protocol/pbft/index.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";

/** A request that would change something if it were executed after this one. */
function another(request: Request): Request {
  if (!isOpen(request)) return { ...request, number: request.number + 1000 };
  const op = request.op.map((byte) => byte ^ 0xff);
  return { ...request, op, tag: tagOf(op) };
}

/** Before some batches speculates others in two goes, and takes all of them back. */
class Hesitant extends Service {
  readonly #every: number;
  #batches = 0;
  #before: readonly Request[] = [];

  constructor(options: ServiceOptions) {
    super(options);
    this.#every = options.self + 1;
  }

  override execute(batch: Batch): void {
    const others = [...this.#before, ...batch.requests].map(another);
    if (++this.#batches % this.#every === 0) {
      const { executor } = this;
      for (const request of others) executor.speculate(request);
      executor.rollback(Math.min(1, executor.speculated));
      executor.rollback(executor.speculated);
    }
    this.#before = batch.requests;
    super.execute(batch);
  }
}

/** What sessions did stays done. */
class KeepsSessions extends Executor {
  protected override undoSessions(): void {}
}

/** An application that all is passed on to. */
class Passing implements App {
  protected readonly app: App;

  constructor(app: App) {
    this.app = app;
  }
  execute(op: Bytes): Bytes {
    return this.app.execute(op);
  }
  snapshot(): Snapshot {
    return this.app.snapshot();
  }
  restore(state: State, changed: Iterable<number>): void {
    this.app.restore(state, changed);
  }
  rollback(count: number): void {
    this.app.rollback(count);
  }
  commit(count: number): void {
    this.app.commit(count);
  }
}

/** Undoes one operation fewer. */
class KeepsOne extends Passing {
  override rollback(count: number): void {
    this.app.rollback(count - 1);
  }
}

/** A part that was written to by what is rolled back is in the next snapshot as it was then. */
class InSnapshot extends Passing {
  #changed = new Map<number, Part>();
  #stale = -1;

  override rollback(count: number): void {
    const { changed, part } = this.app.snapshot();
    for (const index of changed) this.#changed.set(index, part(index));
    this.#stale = Math.max(...changed);
    this.app.rollback(count);
  }
  override snapshot(): Snapshot {
    const state = this.app.snapshot();
    const { count } = state;
    const [stale, before] = [this.#stale, this.#changed.get(this.#stale)];
    const all = [...this.#changed.keys(), ...state.changed].filter((index) => index < count);
    this.#changed = new Map();
    const part = (index: number) => (index === stale && before) || state.part(index);
    return { count, changed: new Set(all), part };
  }
}

function hesitant(
  name: string,
  parts: Partial<Parts> = {},
  wrap: (app: App) => App = (app) => app,
): Subject {
  const all = { Service: Hesitant, ...parts };
  return subjectOf(name, {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, wrap(app), all),
  });
}

/** What is undone was never there, so that it is as right as PBFT. */
export const correct = hesitant("pbft-hesitant");

export const subjects: readonly Subject[] = [correct];

function mutant(subject: Subject): Mutant {
  const convictedBy = ["agreement", "client agreement", "exactly once", "certificates", "throw"];
  return { subject, kind: "short", convictedBy, within: 1000 };
}

export const mutants: readonly Mutant[] = [
  mutant(hesitant("pbft-keeps-undone-sessions", { Executor: KeepsSessions })),
  mutant(hesitant("pbft-undoes-one-fewer", {}, (app) => new KeepsOne(app))),
  mutant(hesitant("pbft-undone-in-snapshot", {}, (app) => new InSnapshot(app))),
];
