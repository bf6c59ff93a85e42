// Scenarios of Twins: in which sets the instances are in each view, and who leads it. All of a few
// views, one of each class of symmetric ones; then longer ones that are drawn.

import type { AnyProtocol, Quorums } from "../actor.ts";
import { Random } from "../base/seeded-random.ts";
import { smallestCluster } from "../protocol/index.ts";

/** Operations of a scenario. */
export const OPERATIONS = 14;
/** Splits of all views together are at most 2^so many: those of five views of four replicas. */
const SPLIT_BITS_MAX = 20;
/** Views that a leader keeps in half of the guided scenarios, where leaders may keep many. */
const LONG_TENURE = 4;

export interface Scenario {
  /** For each view the set of each instance, and who leads. */
  readonly views: readonly { readonly sides: readonly number[]; readonly leader: number }[];
  /** Views that a leader keeps: the first of them says who leads. */
  readonly tenure: number;
  /** Whether the blocks before a view tell who leads it, and `leader` only where they do not. */
  readonly reputation: boolean;
  /** Whether some kinds of messages do not reach some instances, others in each view. */
  readonly losesKinds: boolean;
  /** Whether the certificates of some views reach one instance alone. */
  readonly hides: boolean;
  /** How long a view's messages are delivered, in view timeouts. */
  readonly viewLength: number;
  /**
   * Operations asked after the network has healed, at most: they show what a scenario has wedged,
   * and take longer than one of five views itself.
   */
  readonly askedMax: number;
  /** A second one makes a scenario of five views longer by a quarter, and finds no more. */
  readonly clients: number;
}

/** What guided scenarios may have leaders do. */
interface LeaderHints {
  readonly tenures?: boolean | undefined;
  readonly reputation?: boolean | undefined;
  readonly hides?: boolean;
}

/** The scenarios of clusters of n replicas, of which one identity, 0, has two instances. */
export class TwinsScenarios {
  readonly #n: number;
  readonly #quorum: number;
  /** Views of an exhaustive scenario. */
  readonly #views: number;
  /** Ways to split the n + 1 instances into at most two sets. */
  readonly #splits: number;
  readonly #hints: LeaderHints;
  #canonical: Uint32Array | null = null;

  constructor({ n, quorum }: Pick<Quorums, "n" | "quorum">, hints: LeaderHints = {}) {
    this.#n = n;
    this.#quorum = quorum;
    this.#views = Math.floor(SPLIT_BITS_MAX / n);
    this.#splits = 1 << n;
    this.#hints = hints;
  }

  /**
   * How many there are of a few views led by the twins, one of each class of symmetric ones: 98,736
   * of four replicas.
   */
  get exhaustive(): number {
    return this.#all.length;
  }

  /** Scenario `number`: exhaustive ones first, then guided ones for ever. */
  scenario(number: number): Scenario {
    const code = this.#all[number];
    if (code === undefined) return this.#guided(number);
    const views = Array.from({ length: this.#views }, (_, view) => ({
      sides: this.#sidesOf(this.#splitOf(code, view)),
      leader: 0,
    }));
    const rest = { losesKinds: false, hides: false, viewLength: 0.6, askedMax: 0, clients: 1 };
    return { views, tenure: 1, reputation: false, ...rest };
  }

  get #all(): Uint32Array {
    this.#canonical ??= this.#enumerate();
    return this.#canonical;
  }

  #enumerate(): Uint32Array {
    const tables = this.#symmetries();
    const total = this.#splits ** this.#views;
    const found: number[] = [];
    for (let code = 0; code < total; code++) {
      if (tables.every((table) => this.#imageOf(table, code) >= code)) found.push(code);
    }
    return Uint32Array.from(found);
  }

  /**
   * Twins can be exchanged, and so can the other replicas: what each of the 2 (n-1)! exchanges
   * makes of a split.
   */
  #symmetries(): number[][] {
    const others = Array.from({ length: this.#n - 1 }, (_, i) => i + 2);
    return [
      [0, 1],
      [1, 0],
    ].flatMap((twins) =>
      permutations(others).map((rest) => {
        const order = [...twins, ...rest];
        return Array.from({ length: this.#splits }, (_, code) => {
          const sides = this.#sidesOf(code);
          return codeOf(order.map((i) => sides[i] ?? 0));
        });
      }),
    );
  }

  #splitOf(code: number, view: number): number {
    return (code >> (this.#n * view)) & (this.#splits - 1);
  }

  #imageOf(table: readonly number[], code: number): number {
    let image = 0;
    for (let view = this.#views - 1; view >= 0; view--) {
      image = image * this.#splits + (table[this.#splitOf(code, view)] ?? 0);
    }
    return image;
  }

  /** The split `code`: the side of each instance, that of the first being 0. */
  #sidesOf(code: number): number[] {
    return Array.from({ length: this.#n + 1 }, (_, i) => (i === 0 ? 0 : (code >> (i - 1)) & 1));
  }

  /**
   * Eight to twelve views; splits that leave a quorum on one side, held for 1-4 views, leaders
   * mostly from there.
   */
  #guided(number: number): Scenario {
    const sizes = { instances: this.#n + 1, quorum: this.#quorum };
    const { tenures = false, reputation = false, hides = false } = this.#hints;
    const long = new Random(number, "twins/tenure").chance(0.5) && tenures;
    const told = new Random(number, "twins/reputation").chance(0.5) && reputation && !long;
    const hidden = new Random(number, "twins/hidden").chance(0.25) && hides;
    const drawn = guided(new Random(number, "twins"), sizes, identityOf);
    return { ...drawn, tenure: long ? LONG_TENURE : 1, reputation: told, hides: hidden };
  }
}

function guided(
  random: Random,
  { instances, quorum }: { readonly instances: number; readonly quorum: number },
  leaderOf: (instance: number) => number,
): Scenario {
  const length = random.between(8, 12);
  const everyone = Array.from({ length: instances }, (_, i) => i);
  const views: { sides: number[]; leader: number }[] = [];
  while (views.length < length) {
    const order = random.shuffle(everyone);
    const majority = order.slice(0, random.between(quorum, instances - 1));
    const sides = everyone.map((i) => (majority.includes(i) ? 0 : 1));
    for (let held = random.between(1, 4); held > 0 && views.length < length; held--) {
      const from = random.chance(0.8) ? majority : everyone;
      views.push({ sides, leader: leaderOf(random.pick(from)) });
    }
  }
  const losesKinds = random.chance(0.5);
  const viewLength = random.pick([0.3, 0.6, 1.5]);
  const asked = { askedMax: OPERATIONS, clients: 2 };
  return { views, tenure: 1, reputation: false, losesKinds, hides: false, viewLength, ...asked };
}

/** A drawn scenario of replicas that do not lie, of which one may be faulty. */
export function splitsScenario(protocol: AnyProtocol, number: number): Scenario {
  const { n: instances, quorum } = smallestCluster(protocol, 1);
  return guided(new Random(number, "splits"), { instances, quorum }, (instance) => instance);
}

/** Of which replica an instance is one: the twins come first. */
export function identityOf(instance: number): number {
  return instance <= 1 ? 0 : instance - 1;
}

function codeOf(sides: readonly number[]): number {
  const first = sides[0] ?? 0;
  let code = 0;
  for (let i = 1; i < sides.length; i++) code |= ((sides[i] ?? 0) ^ first) << (i - 1);
  return code;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

/** By n, quorum and hints: they are enumerated once. */
const known = new Map<string, TwinsScenarios>();

/** The scenarios of the smallest cluster that tolerates one fault. */
export function twinsScenarios(protocol: AnyProtocol): TwinsScenarios {
  const { n, quorum } = smallestCluster(protocol, 1);
  const { tenures = false, reputation = false, certifies } = protocol.simulation ?? {};
  const hides = certifies !== undefined;
  const key = `${n} ${quorum} ${tenures} ${reputation} ${hides}`;
  const scenarios =
    known.get(key) ?? new TwinsScenarios({ n, quorum }, { tenures, reputation, hides });
  known.set(key, scenarios);
  return scenarios;
}
