// How long an operation may wait for leaders by reputation: a search over all that f replicas that
// lead badly can do, in lock-step, with the timers that replicas have; against the judge's bound.

import { expect, setDefaultTimeout, test } from "bun:test";
import { EMPTY_BATCH } from "../../../src/protocol/kit/batch.ts";
import { VIEW_TIMEOUTS_MAX } from "../../../src/protocol/kit/view-timeout.ts";
import { makeBlock } from "../../../src/protocol/chained/block.ts";
import { GENESIS_HASH, GENESIS_QC } from "../../../src/protocol/chained/certificate.ts";
import { Tree } from "../../../src/protocol/chained/log.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import { livenessUs } from "../../../src/simulation/liveness.ts";
import type { ReplicaHandle } from "../../../src/simulation/replica-handle.ts";
import { FAMILY } from "./family.ts";
import { ChainedCluster, CLIENT, put, qc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

// Virtual time: only a loaded machine makes it slow.
setDefaultTimeout(PATIENCE_MS);

/** A leader that is correct, whichever it is. */
const CORRECT = -1;
/** A leader that a QC of late votes lets in gets so much of a view timeout. */
const SUSPECT = 1 / 2;

/** By how many certified blocks above it the newest one commits a block, at least. */
function aboveCommitted(rules: ChainRules): number {
  const tree = new Tree(GENESIS_HASH, 100, rules, 3);
  let top = tree.root;
  let justify = GENESIS_QC;
  for (let view = 1; view <= 5; view++) {
    const block = makeBlock(view, 0, justify, EMPTY_BATCH);
    justify = qc(block);
    top = tree.add(block, top);
  }
  return top.height - (rules.committedBy(top)?.height ?? NaN);
}

/** Where all correct replicas are: times are in view timeouts. */
interface Place {
  readonly view: number;
  readonly leader: number;
  /** Certified blocks of consecutive views that end in the view before; 0: a TC let in. */
  readonly run: number;
  /** Authors of the last f of them. */
  readonly authors: readonly number[];
  readonly doublings: number;
  /** Whether late votes made the QC that let in. */
  readonly suspect: boolean;
  /** Certified blocks above the one with the operation; -1: it is in none. */
  readonly above: number;
  /** Whether leaders know of it; who has proposed just now does not. */
  readonly known: boolean;
}

class LongestWait {
  readonly #rules: ChainRules;
  readonly #above: number;
  readonly #n: number;
  readonly #faulty: readonly number[];
  /** Whether leaders go by the schedule until something commits. */
  readonly #untilCommit: boolean;
  readonly #known = new Map<string, number>();

  constructor(rules: ChainRules, n: number, faulty: readonly number[], untilCommit: boolean) {
    this.#rules = rules;
    this.#above = aboveCommitted(rules);
    this.#n = n;
    this.#faulty = faulty;
    this.#untilCommit = untilCommit;
  }

  /** From whatever was before; Infinity if there is no end. */
  get timeouts(): number {
    let longest = 0;
    const { chain } = this.#rules;
    for (let view = this.#n; view < 2 * this.#n; view++) {
      for (let run = 0; run <= chain; run++) {
        const before = { view, run, authors: [], doublings: 0, suspect: false };
        for (const leader of this.#leaders(view, run, [])) {
          const place = { ...before, leader, above: -1, known: false };
          longest = Math.max(longest, this.#from(place));
        }
      }
    }
    return longest;
  }

  /** Who may lead a view: the signers of a justify are the adversary's choice, as the view is. */
  #leaders(view: number, run: number, authors: readonly number[]): number[] {
    const scheduled = view % this.#n;
    const least = this.#untilCommit ? this.#rules.chain : 1;
    if (run < least) return [this.#faulty.includes(scheduled) ? scheduled : CORRECT];
    return [CORRECT, ...this.#faulty.filter((replica) => !authors.includes(replica))];
  }

  #from(place: Place): number {
    const { view, leader, run, authors, doublings, suspect, above, known } = place;
    const at = [view % this.#n, leader, run, authors, doublings, suspect, above, known].join(" ");
    const before = this.#known.get(at);
    if (before !== undefined) return before;
    // A place that comes again while it is looked at comes again for ever.
    this.#known.set(at, Infinity);
    const longest = Math.max(leader === CORRECT ? 0 : this.#givenUp(place), this.#voted(place));
    this.#known.set(at, longest);
    return longest;
  }

  /** Nobody proposes. */
  #givenUp({ view, authors, doublings, suspect, above }: Place): number {
    const tookMs = suspect ? SUSPECT : timer(doublings);
    const [leader = CORRECT] = this.#leaders(view + 1, 0, authors);
    const next = { view: view + 1, leader, run: 0, authors, suspect: false, above, known: true };
    return tookMs + this.#from({ ...next, doublings: capped(doublings + 1) });
  }

  /** The leader proposes, at once or, if it is faulty, as late as it may, without the operation. */
  #voted(place: Place): number {
    const { view, leader, doublings, suspect, known } = place;
    const { chain } = this.#rules;
    const correct = leader === CORRECT;
    const run = Math.min(place.run + 1, chain);
    const authors = [...place.authors, leader].slice(-this.#faulty.length);
    const included = correct && known ? 0 : -1;
    const above = place.above < 0 ? included : Math.min(place.above + 1, this.#above);
    const commits = run >= chain;
    const answered = commits && above >= this.#above;
    const listens = place.run === 0 ? this.#rules.listens(view, view - 1) : 0;
    const late = suspect ? SUSPECT : timer(doublings);
    const proposed = correct ? listens * timer(doublings) : late;
    // A leader that proposes is suspected no more: its view lasts as long as any.
    const given = suspect ? (correct ? 0 : SUSPECT) + timer(doublings) : timer(doublings);
    let longest = 0;
    for (const next of this.#leaders(view + 1, run, authors)) {
      // Who is to make the QC may leave it to late votes.
      for (const mute of next === CORRECT ? [false] : [false, true]) {
        const took = mute ? given : proposed;
        const place = { view: view + 1, leader: next, run, authors, suspect: mute, above };
        const later = { ...place, doublings: commits ? 0 : doublings, known: true };
        longest = Math.max(longest, took + (answered ? 0 : this.#from(later)));
      }
    }
    return longest;
  }
}

function capped(doublings: number): number {
  return Math.min(doublings, Math.log2(VIEW_TIMEOUTS_MAX));
}

function timer(doublings: number): number {
  return 2 ** doublings;
}

/** All sets of f of n replicas that have replica 0, up to rotation all there are. */
function faultySets(n: number, f: number): number[][] {
  const sets = (from: number, size: number): number[][] => {
    if (size === 0) return [[]];
    const first = Array.from({ length: n - from }, (_, i) => from + i);
    return first.flatMap((one) => sets(one + 1, size - 1).map((rest) => [one, ...rest]));
  };
  return sets(1, f - 1).map((rest) => [0, ...rest]);
}

function longestWait(rules: ChainRules, n: number, f: number, untilCommit = true): number {
  let longest = 0;
  for (const faulty of faultySets(n, f)) {
    longest = Math.max(longest, new LongestWait(rules, n, faulty, untilCommit).timeouts);
  }
  return longest;
}

/** The judge's bound without what slow clocks and the client's own pause take. */
function bound(f: number): number {
  const replica = { census: () => ({ view: 0, viewTimerMs: 1 }) } as ReplicaHandle["replica"];
  const handle = { replica } as ReplicaHandle;
  return (livenessUs({ viewTimeoutMs: 1, f }, [handle], []) / 1000 - 1) / 2;
}

test("J22 an operation waits no longer than the judge's bound, for f up to 3, whoever leads badly", () => {
  const waits = [1, 2, 3].map((f) => {
    return FAMILY.map(([, rules]) => longestWait(rules, 3 * f + 1, f));
  });
  expect(waits).toEqual([
    [12, 13, 12.5, 10.25],
    [28, 20.5, 19.5, 21.25],
    [46, 40, 37.5, 41.25],
  ]);
  for (const [i, row] of waits.entries()) expect(Math.max(...row)).toBeLessThan(bound(i + 1));
  expect([1, 2, 3].map(bound)).toEqual([19, 35, 51]);
});

test("J22 if leaders were named again after any QC an operation could wait for ever", () => {
  for (const [, rules] of FAMILY) expect(longestWait(rules, 4, 1, false)).toBe(Infinity);
});

test("J22 with three of ten that vote and never propose operations wait no longer than that either", () => {
  for (const [name, rules] of FAMILY) {
    for (const mute of [
      [0, 1, 2],
      [1, 4, 7],
    ]) {
      const leader = (view: number) => view % 10;
      const timing = { viewTimeoutMs: 100, flushDelayMs: 1 };
      const cluster = new ChainedCluster(
        { n: 10, f: 3, reputation: true, leader, ...timing },
        rules,
      );
      cluster.drops = (from, _to, { kind }) => mute.includes(from) && kind === "propose";
      for (let i = 0; i < 20; i++) {
        const box = cluster.invoke(CLIENT, put("k", `${i}`));
        const done = cluster.runUntil(() => box.result !== undefined, 100 * bound(3));
        expect([name, mute, i, done]).toEqual([name, mute, i, true]);
      }
    }
  }
});
