// An abstract model of how replicas of Zyzzyva lose their memory and recover, for any n = 3 f + 1 and
// any order of events: views and checkpoints, no histories. What a replica said stays on its way for
// ever; liars have said everything, and answer that they are nowhere. Slots are counted in intervals
// between checkpoints.
//
// What has to hold (Z25): of the replicas that promised to leave views below u, and forgot that, so
// few speak in such a view again that with the liars they are f at most; else a view could begin with
// what they reported before. So few confirm a view's beginning twice. And nobody speaks again before
// all slots are committed that it had spoken for.

import { Random } from "../../../src/base/seeded-random.ts";

/** Rules left out: each must be found to be needed. */
export type Rule = "none" | "later views" | "bound of slots";

export interface ModelOptions {
  readonly f: number;
  /** Of the n replicas, those that lie. */
  readonly liars: number;
  readonly without?: Rule;
  readonly steps: number;
}

interface Replica {
  view: number;
  active: boolean;
  stable: number;
  committed: number;
  /** It speaks in later views only. */
  above: number;
  /** Views whose beginning it confirmed, as far as it knows. */
  confirmed: Set<number>;
  /** null: it has its memory; where those are that it has heard, until it knows where to resume. */
  answers: Map<number, { readonly view: number; readonly stable: number }> | null;
  /** Once n - f have answered: when it runs again. */
  resumeAt: number;
  /** The last slot that it ever spoke for, whether it knows that or not. */
  spoken: number;
  /** What it did and forgot. */
  readonly forgotten: { readonly left: Set<number>; readonly confirmed: Set<number> };
}

const VIEWS_MAX = 6;
const WINDOW = 2;
const RECOVERY_INTERVALS = 4;

/** What a run of the model came to: what was violated, or null; and how many recovered. */
export interface Outcome {
  readonly violation: string | null;
  readonly recoveries: number;
  /** Most replicas of one view that spoke below what they had promised and forgotten. */
  readonly forgetful: number;
}

/** Runs the model once: same options and seed, same outcome. */
export function runModel(options: ModelOptions, seed: number): Outcome {
  const model = new Model(options, new Random(seed, "recovery model"));
  for (let step = 0; step < options.steps && model.violation === null; step++) model.step();
  return model;
}

class Model implements Outcome {
  violation: string | null = null;
  recoveries = 0;
  forgetful = 0;
  readonly #n: number;
  readonly #f: number;
  readonly #quorum: number;
  readonly #liars: number;
  readonly #without: Rule;
  readonly #random: Random;
  readonly #replicas: readonly Replica[];
  /** How often each acts: some lag behind. */
  readonly #pace: readonly number[];
  /** How readily each leaves its view. */
  readonly #leaves: readonly number[];
  readonly #joins: number;
  readonly #loses: number;
  // What was said, by what is said: the signers, liars left out.
  readonly #left = new Map<string, Set<number>>();
  readonly #confirms = new Map<string, Set<number>>();
  readonly #spoken = new Map<string, Set<number>>();
  readonly #localCommits = new Map<string, Set<number>>();
  readonly #checkpoints = new Map<string, Set<number>>();
  /** Those who broke a promise for a view that they had forgotten. */
  readonly #broken = new Map<string, Set<number>>();
  readonly #twice = new Map<string, Set<number>>();

  constructor({ f, liars, without = "none" }: ModelOptions, random: Random) {
    this.#f = f;
    this.#n = 3 * f + 1;
    this.#quorum = 2 * f + 1;
    this.#liars = liars;
    this.#without = without;
    this.#random = random;
    this.#replicas = Array.from({ length: this.#n - liars }, () => ({
      ...{
        view: 0,
        active: true,
        stable: 0,
        committed: 0,
        above: -1,
        confirmed: new Set<number>(),
      },
      ...{
        answers: null,
        resumeAt: 0,
        spoken: 0,
        forgotten: { left: new Set<number>(), confirmed: new Set<number>() },
      },
    }));
    const slow = random.int(f + 1);
    this.#pace = this.#replicas.map((_, i) => (i < slow ? random.pick([0.003, 0.03, 0.3]) : 1));
    this.#leaves = this.#replicas.map(() => random.pick([0, 0.001, 0.01, 0.2]));
    this.#joins = random.pick([0.01, 0.1, 1]);
    this.#loses = random.pick([0.05, 0.3, 1]);
  }

  step(): void {
    const i = this.#random.int(this.#replicas.length);
    const replica = this.#replicas[i];
    if (replica === undefined || !this.#random.chance(this.#pace[i] ?? 1)) return;
    if (replica.answers !== null) return this.#recover(i, replica, replica.answers);
    const die = this.#random.int(24);
    if (die === 0 && this.#random.chance(this.#leaves[i] ?? 0)) this.#leave(i, replica);
    else if (die === 1 && this.#random.chance(this.#joins)) this.#join(i, replica);
    else if (die === 2) this.#confirm(i, replica);
    else if (die === 3) this.#enter(replica);
    else if (die === 4 && this.#random.chance(this.#loses)) this.#lose(i, replica);
    else if (die < 10) this.#commit(i, replica);
    else if (die < 14) this.#adopt(replica);
    else this.#speak(i, replica);
  }

  /** Whether a quorum said so, with the liars. */
  #isQuorum(said: ReadonlyMap<string, ReadonlySet<number>>, what: string): boolean {
    return (said.get(what)?.size ?? 0) + this.#liars >= this.#quorum;
  }

  /** How many correct ones have left for this view or a later one. */
  #leftFor(view: number): number {
    const signers = new Set<number>();
    for (let to = view; to <= VIEWS_MAX; to++) {
      for (const signer of this.#left.get(`${to}`) ?? []) signers.add(signer);
    }
    return signers.size;
  }

  #moveTo(i: number, replica: Replica, view: number): void {
    replica.view = view;
    replica.active = false;
    add(this.#left, `${view}`, i);
  }

  /** Of an active view by HATEs, which are for nothing here; of another by its timer. */
  #leave(i: number, replica: Replica): void {
    const { view, active } = replica;
    if (view >= VIEWS_MAX) return;
    const timed = this.#leftFor(view) + this.#liars >= this.#quorum;
    if (active || timed) this.#moveTo(i, replica, view + 1);
  }

  /** f + 1 are on the way to later views: liars to whichever is the smallest. */
  #join(i: number, replica: Replica): void {
    const needed = this.#f + 1 - this.#liars;
    const later: number[] = [];
    for (let view = replica.view + 1; view <= VIEWS_MAX; view++) {
      if (this.#leftFor(view) >= needed) later.push(view);
    }
    if (later.length > 0) this.#moveTo(i, replica, this.#random.pick(later));
  }

  #confirm(i: number, replica: Replica): void {
    const view = replica.view + this.#random.int(2);
    if (view === 0 || view <= replica.above || replica.confirmed.has(view)) return;
    if (view === replica.view && replica.active) return;
    if (!this.#isQuorum(this.#left, `${view}`)) return;
    if (view > replica.view) replica.active = false;
    replica.view = view;
    replica.confirmed.add(view);
    if (replica.forgotten.confirmed.has(view)) this.#breaks(this.#twice, view, i);
    this.#says(i, replica, view);
    add(this.#confirms, `${view}`, i);
  }

  #enter(replica: Replica): void {
    const view = replica.view + this.#random.int(2);
    if (view === 0 || (view === replica.view && replica.active)) return;
    if (!this.#isQuorum(this.#confirms, `${view}`)) return;
    replica.view = view;
    replica.active = true;
  }

  /** SPEC-REPLY or HISTORY, and LOCAL-COMMIT once a quorum said that. */
  #speak(i: number, replica: Replica): void {
    const { view, active, stable, above } = replica;
    if (!active || view <= above) return;
    const slot = stable + 1 + this.#random.int(WINDOW);
    const what = `${view} ${slot}`;
    this.#says(i, replica, view);
    if (this.#isQuorum(this.#spoken, what)) add(this.#localCommits, what, i);
    add(this.#spoken, what, i);
    replica.spoken = Math.max(replica.spoken, slot);
  }

  #commit(i: number, replica: Replica): void {
    const slot = replica.committed + 1;
    if (slot > replica.stable + WINDOW) return;
    for (let view = 0; view <= VIEWS_MAX; view++) {
      if (!this.#isQuorum(this.#localCommits, `${view} ${slot}`)) continue;
      replica.committed = slot;
      add(this.#checkpoints, `${slot}`, i);
      return;
    }
  }

  /** Of a checkpoint that a quorum has told of. */
  #adopt(replica: Replica): void {
    const slot = replica.stable + 1 + this.#random.int(WINDOW);
    if (!this.#isQuorum(this.#checkpoints, `${slot}`)) return;
    replica.stable = slot;
    replica.committed = Math.max(replica.committed, slot);
  }

  /** At most f are liars or without their memory. */
  #lose(i: number, replica: Replica): void {
    const recovering = this.#replicas.filter(({ answers }) => answers !== null).length;
    if (recovering + this.#liars >= this.#f) return;
    for (const [view, signers] of this.#left) {
      if (signers.has(i)) replica.forgotten.left.add(Number(view));
    }
    for (const view of replica.confirmed) replica.forgotten.confirmed.add(view);
    Object.assign(replica, { view: 0, active: false, stable: 0, committed: 0, above: Infinity });
    Object.assign(replica, { confirmed: new Set(), answers: new Map(), resumeAt: Infinity });
  }

  #recover(i: number, replica: Replica, answers: NonNullable<Replica["answers"]>): void {
    const needed = this.#n - this.#f - this.#liars;
    if (answers.size < needed) {
      const j = this.#random.int(this.#replicas.length);
      const other = this.#replicas[j];
      if (other === undefined || j === i || other.answers !== null) return;
      answers.set(j, { view: other.view, stable: other.stable });
      if (answers.size < needed) return;
      const all = [...answers.values()];
      const stable = Math.max(...all.map((answer) => answer.stable));
      replica.view = Math.max(...all.map((answer) => answer.view));
      replica.stable = stable;
      replica.committed = stable;
      replica.above = replica.view - (this.#without === "later views" ? 1 : 0);
      replica.resumeAt = stable + (this.#without === "bound of slots" ? 0 : RECOVERY_INTERVALS);
    } else this.#adopt(replica);
    if (replica.stable < replica.resumeAt) return;
    if (replica.spoken > replica.stable) {
      this.violation ??= `replica ${i} forgot what it said of slot ${replica.spoken}`;
    }
    replica.answers = null;
    this.recoveries++;
  }

  /** It speaks in this view, whatever it promised and forgot. */
  #says(i: number, replica: Replica, view: number): void {
    for (const left of replica.forgotten.left) {
      if (left > view) this.#breaks(this.#broken, left, i);
    }
  }

  #breaks(promises: Map<string, Set<number>>, view: number, i: number): void {
    const forgetful = add(promises, `${view}`, i);
    this.forgetful = Math.max(this.forgetful, forgetful);
    if (forgetful + this.#liars <= this.#f) return;
    const what = promises === this.#twice ? "confirmed twice" : "spoke below what they promised";
    this.violation ??= `view ${view}: ${forgetful} forgetful replicas ${what}`;
  }
}

function add(said: Map<string, Set<number>>, what: string, i: number): number {
  const signers = said.get(what) ?? new Set();
  said.set(what, signers.add(i));
  return signers.size;
}
