// Leaders by reputation: who is named, that all name the same one, and that something commits in
// the end, whoever does not propose.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Random } from "../../../src/base/seeded-random.ts";
import { EMPTY_BATCH } from "../../../src/protocol/kit/batch.ts";
import { hashOf, keyOf, makeBlock, type Block } from "../../../src/protocol/chained/block.ts";
import type { Parts } from "../../../src/protocol/chained/index.ts";
import {
  GENESIS_HASH,
  GENESIS_QC,
  signersOf,
  type Qc,
} from "../../../src/protocol/chained/certificate.ts";
import { firstTarget } from "../../../src/protocol/kit/first-target.ts";
import { HOTSTUFF_RULES } from "../../../src/protocol/chained/hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "../../../src/protocol/chained/hotstuff2-rules.ts";
import { JOLTEON_RULES } from "../../../src/protocol/chained/jolteon-rules.ts";
import { Leaders } from "../../../src/protocol/chained/leaders.ts";
import { trailMax, type Lineage } from "../../../src/protocol/chained/lineage.ts";
import { Tree, type Installed, type TreeNode } from "../../../src/protocol/chained/log.ts";
import { NormalCase } from "../../../src/protocol/chained/normal.ts";
import type { ChainRules } from "../../../src/protocol/chained/rules.ts";
import {
  AfterAnyQc,
  AnyCandidate,
  AuthorsStay,
  ByOwnCommits,
  NoLineageInStates,
} from "../../mutants/reputation.ts";
import { EMPTY } from "../../../src/wire.ts";
import { block, ChainedCluster, CLIENT, openRequest, put, qc, Solo, tc } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const FAMILY: readonly (readonly [string, ChainRules])[] = [
  ["hotstuff", HOTSTUFF_RULES],
  ["hotstuff2", HOTSTUFF2_RULES],
  ["jolteon", JOLTEON_RULES],
];

const REPUTATION = { reputation: true, leader: (view: number) => view % 4 } as const;

/** A chain of blocks, each on the one before, that nobody signed. */
class Chain {
  readonly tree: Tree;
  readonly #n: number;
  #top: TreeNode;

  constructor(n: number, f: number, rules: ChainRules) {
    this.#n = n;
    this.tree = new Tree(GENESIS_HASH, 1000, rules, trailMax(f));
    this.#top = this.tree.root;
  }

  get lineage(): Lineage {
    return this.#top.lineage;
  }

  /** The QC of the top. */
  qc(signers: readonly number[] = []): Qc {
    const { view, hash } = this.#top;
    if (view === 0) return GENESIS_QC;
    return { view, block: hash, votes: { signers, blocks: signers.map(() => EMPTY) } };
  }

  add(view: number, author: number, signers: readonly number[] = []): Block {
    const made = makeBlock(view, author, this.qc(signers), EMPTY_BATCH);
    this.#top = this.tree.add(made, this.#top);
    return made;
  }

  leaders(rules: ChainRules, f: number, Class: typeof Leaders = Leaders): Leaders {
    const leader = (view: number) => view % this.#n;
    return new Class({ f, leader, reputation: true }, rules.chain, this.tree);
  }
}

describe("J17 who is named", () => {
  test("J17 of the signers of a healthy block's justify the one whose turn it is, but no last author", () => {
    const chain = new Chain(4, 1, JOLTEON_RULES);
    const leaders = chain.leaders(JOLTEON_RULES, 1);
    // Genesis, and the first block above it, are not healthy.
    expect(leaders.of(1, GENESIS_QC)).toBe(1);
    chain.add(1, 1);
    expect(leaders.of(2, chain.qc())).toBe(2);
    chain.add(2, 2, [0, 2, 3]);
    // 0 and 3 are left of the signers: the first of them in view 4, the second in view 3.
    expect(leaders.of(3, chain.qc())).toBe(3);
    chain.add(3, 3, [3, 1, 2]);
    expect(leaders.of(4, chain.qc())).toBe(1);
    // What a TC lets into, and a block of an earlier view, goes by the schedule.
    expect([5, 6, 7].map((view) => leaders.of(view, chain.qc()))).toEqual([1, 2, 3]);
    chain.add(6, 2, [0, 1, 2]);
    expect(leaders.of(7, chain.qc())).toBe(3);
    chain.add(7, 3, [0, 1, 2]);
    expect(leaders.of(8, chain.qc())).toBe(2);
  });

  test("J17 under a three-chain a block is healthy with its two nearest ancestors", () => {
    const chain = new Chain(4, 1, HOTSTUFF_RULES);
    const leaders = chain.leaders(HOTSTUFF_RULES, 1);
    const named: (number | null)[] = [];
    for (const view of [1, 2, 3, 4, 6, 7, 8]) {
      chain.add(view, 1, [0, 1, 3]);
      named.push(leaders.of(view + 1, chain.qc()));
    }
    // By the schedule 2, 3, of signers 0 and 3 then; after the gap by the schedule again.
    expect(named).toEqual([2, 3, 0, 3, 3, 0, 3]);
  });

  test("J17 at least q - f are left of the signers, and who did not sign is not named", () => {
    for (const [n, f] of [
      [4, 1],
      [7, 2],
      [10, 3],
    ] as const) {
      const quorum = Math.ceil((n + f + 1) / 2);
      for (const [, rules] of FAMILY) {
        const random = new Random(n, "reputation");
        const chain = new Chain(n, f, rules);
        class Counting extends Leaders {
          fewest: number = n;
          protected override candidates(lineage: Lineage): readonly number[] {
            const found = super.candidates(lineage);
            this.fewest = Math.min(this.fewest, found.length);
            return found;
          }
        }
        const leaders = chain.leaders(rules, f, Counting) as Counting;
        let author = 1;
        for (let view = 1; view < 300; view++) {
          if (random.chance(0.1)) {
            author = (view + 1) % n;
            continue;
          }
          const signers = random.shuffle(Array.from({ length: n }, (_, i) => i)).slice(0, quorum);
          const { justify } = chain.add(view, author, signers);
          const next = leaders.of(view + 1, chain.qc());
          const scheduled = (view + 1) % n;
          if (next !== scheduled) expect(signersOf(justify)).toContain(next!);
          author = next ?? scheduled;
        }
        expect(leaders.fewest).toBeGreaterThanOrEqual(quorum - f);
        expect(leaders.fewest).toBeLessThan(n);
      }
    }
  });
});

describe("J18 J19 all name the same leader", () => {
  test("J18 a block's hash covers its author and who signed its justify, not their signatures", () => {
    const parent = block(1);
    const hash = (signers: number[], author = 2) => {
      return Buffer.from(makeBlock(2, author, qc(parent, signers), EMPTY_BATCH).hash).toString(
        "hex",
      );
    };
    expect(hash([0, 1, 2])).toBe(hash([2, 0, 1]));
    const unsigned: Qc = {
      ...qc(parent),
      votes: { signers: [0, 1, 2], blocks: [EMPTY, EMPTY, EMPTY] },
    };
    expect(hash([0, 1, 2])).toBe(
      Buffer.from(makeBlock(2, 2, unsigned, EMPTY_BATCH).hash).toString("hex"),
    );
    const others = [hash([0, 1, 3]), hash([1, 2, 3]), hash([0, 1, 2], 3)];
    expect(new Set([hash([0, 1, 2]), ...others]).size).toBe(4);
  });

  test("J18 with the signers outside the hash one block would name two leaders", () => {
    const named = [
      [0, 1, 2],
      [0, 2, 3],
    ].map((signers) => {
      const chain = new Chain(4, 1, JOLTEON_RULES);
      chain.add(1, 1);
      const { view, author, justify, batch, hash } = chain.add(2, 2, signers);
      const { view: justifyView, block: parent } = justify;
      const head = { view, author, justifyView, parent, digest: batch.digest };
      const key = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
      const leader = chain.leaders(JOLTEON_RULES, 1).of(3, chain.qc());
      return { hash: key(hash), outside: key(hashOf({ ...head, voters: [] })), leader };
    });
    const [one, other] = [named[0]!, named[1]!];
    expect(one.leader).not.toBe(other.leader);
    expect(one.hash).not.toBe(other.hash);
    expect(one.outside).toBe(other.outside);
  });

  test("J18 the signature of a proposal covers them, and a packet that says otherwise is malformed", () => {
    const { packets } = new Solo();
    const second = block(2, qc(block(1)));
    const packet = packets.packetOf({ kind: "propose", replica: 2, block: second, tc: null }, 2);
    // Kind, view of the TC, author, view, view and block of the justify come before the signers.
    const at = 1 + 8 + 1 + 8 + 8 + 32;
    expect([...packet.subarray(at, at + 4)]).toEqual([3, 0, 1, 2]);
    const changed = packet.slice();
    changed[at + 3] = 3;
    expect(packets.decoded(packet)).not.toBeNull();
    expect(packets.decoded(changed)).toBeNull();
  });

  /** Whom two replicas name that hold the same blocks, of which one has committed some. */
  function named(Class: typeof Leaders): Set<string> {
    const differ = new Set<string>();
    const chains = [new Chain(4, 1, JOLTEON_RULES), new Chain(4, 1, JOLTEON_RULES)];
    for (let view = 1; view <= 12; view++) {
      for (const [i, chain] of chains.entries()) {
        chain.add(view, view % 4, [view % 4, (view + 1) % 4, (view + 2) % 4]);
        const { tree } = chain;
        const next = tree.live.values().next().value;
        if (i === 0 && view > 4 && next !== undefined) tree.advance(next);
      }
      const [one, other] = chains.map((chain) => {
        return chain.leaders(JOLTEON_RULES, 1, Class).of(view + 1, chain.qc());
      });
      if (one !== other) differ.add(`${view}`);
    }
    return differ;
  }

  test("J19 leaders are read off a block and its ancestors, whatever a replica has committed", () => {
    expect(named(Leaders).size).toBe(0);
    expect(named(ByOwnCommits).size).toBeGreaterThan(0);
  });
});

describe("J19 J20 proposals and votes", () => {
  /** Blocks of views 1 and 2 that make replica 3 or 0 the leader of views 3 and 4. */
  const first = block(1, undefined, [openRequest(1)]);
  const second = block(2, qc(first, [0, 2, 3]));
  const third = (author: number, justify = qc(second)) => block(3, justify, [], author);

  function solo(self = 1, parts = {}): Solo {
    return new Solo(self, REPUTATION, { rules: JOLTEON_RULES, parts });
  }

  test("J19 a proposal is taken of the leader that its parent names, and of no other candidate", () => {
    const votes = (author: number, parts = {}) => {
      const replica = solo(1, parts);
      replica.propose(first);
      replica.propose(second);
      replica.host.take();
      replica.propose(third(author));
      return replica.voted();
    };
    expect([0, 1, 2, 3].map((author) => votes(author))).toEqual([[], [], [], [3]]);
    expect(votes(0, { Leaders: AnyCandidate })).toEqual([3]);
  });

  test("J19 with a TC the scheduled leader proposes, on a lower QC than that of the view before", () => {
    const replica = solo(1);
    replica.propose(first);
    replica.propose(second);
    replica.host.take();
    replica.propose(block(5, qc(second), [], 0), tc(4, undefined, 2));
    expect(replica.voted()).toEqual([]);
    replica.propose(block(6, qc(second), [], 2), tc(5, undefined, 2));
    expect(replica.voted()).toEqual([6]);
  });

  test("J19 a proposal whose parent is not here waits, and is not the first of its view", () => {
    const replica = solo(1);
    replica.propose(first);
    replica.host.take();
    const held = () => {
      return replica.replica.census().sizes.find(({ name }) => name === "held.proposals")?.size;
    };
    replica.propose(third(0));
    expect([replica.view, replica.replica.normal.highQc.view, held()]).toEqual([3, 2, 1]);
    expect(replica.host.takeKind("fetch").map(({ block: hash }) => hash)).toEqual([second.hash]);
    replica.propose(third(3));
    expect([replica.voted(), held()]).toEqual([[], 2]);
    replica.receive(0, { kind: "block", block: second, more: false });
    // Of the two only that of the named leader counts.
    expect([replica.voted(), held()]).toEqual([[3], 0]);
  });

  test("J19 votes for a block that is not here are kept, and make their QC", () => {
    // Replica 3 leads view 3, which it does not know before it has the block of view 2.
    const replica = solo(3);
    replica.propose(first);
    replica.receive(CLIENT, { kind: "request", request: openRequest(7) });
    replica.host.take();
    for (const voter of [0, 1, 2]) replica.vote(voter, second);
    expect([replica.view, replica.host.takeKind("propose")]).toEqual([3, []]);
    replica.receive(0, { kind: "block", block: second, more: false });
    const [proposal] = replica.host.takeKind("propose");
    expect([proposal?.block.view, proposal?.block.author]).toEqual([3, 3]);
  });

  test("J19 a vote goes to the leader that its block names", () => {
    const replica = solo(1);
    replica.propose(first);
    replica.host.take();
    replica.propose(second);
    const to = replica.host.take().filter(({ message }) => message.kind === "vote");
    expect(to.map(({ to: leader }) => leader)).toEqual([3]);
  });

  test("J20 of two leaders of a view, by QC and by TC, one gets the vote", () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const replica = solo(1);
      replica.propose(first);
      replica.propose(second);
      replica.host.take();
      // The schedule names 3 for view 3, as the block of view 2 does; so let view 4 be split.
      const healthy = third(3, qc(second, [0, 2, 3]));
      replica.propose(healthy);
      expect(replica.voted()).toEqual([3]);
      const named = replica.replica.context.leaders.of(4, qc(healthy));
      expect([named, replica.config.leader(4)]).toEqual([2 % 4 === named ? 2 : named!, 0]);
      const byQc = block(4, qc(healthy), [], named!);
      const byTc = block(4, qc(second), [openRequest(5)], 0);
      for (const i of order) {
        if (i === 0) replica.propose(byQc);
        else replica.propose(byTc, tc(3, undefined, 2));
      }
      expect(replica.voted()).toHaveLength(1);
    }
  });

  test("J20 who was let in by TC and then learns the QC proposes only if that names it", () => {
    // The schedule has 0 lead view 4; what the QC of view 3 certifies names another one.
    const healthy = third(3, qc(second, [1, 2, 3]));
    const replica = new Solo(0, REPUTATION, { rules: HOTSTUFF2_RULES });
    replica.propose(first);
    replica.propose(second);
    replica.propose(healthy);
    replica.receive(CLIENT, { kind: "request", request: openRequest(7) });
    replica.host.take();
    replica.receive(1, { kind: "entry", highQc: qc(second), tc: tc(3, undefined, 2) });
    expect([replica.view, replica.host.takeKind("propose")]).toEqual([4, []]);
    replica.receive(1, { kind: "entry", highQc: qc(healthy), tc: null });
    replica.host.clockMs += 100;
    replica.timeout("listen");
    expect(replica.host.takeKind("propose")).toEqual([]);
    expect(replica.replica.context.leaders.of(4, qc(healthy))).not.toBe(0);
  });
});

/** A cluster that leads by reputation. */
function clusterOf(rules: ChainRules, parts: Partial<Parts> = {}, changes = {}): ChainedCluster {
  return new ChainedCluster({ ...REPUTATION, viewTimeoutMs: 100, ...changes }, rules, parts);
}

/** Has a client ask so often, one operation after another; false if one takes too long. */
function operate(cluster: ChainedCluster, times: number, withinMs = 10_000): boolean {
  for (let i = 0; i < times; i++) {
    const box = cluster.invoke(CLIENT, put("k", `${i}`));
    if (!cluster.runUntil(() => box.result !== undefined, withinMs)) return false;
  }
  return true;
}

/** The authors of the blocks of all views from one on, in their order. */
function authors(cluster: ChainedCluster, from = 0): number[] {
  const byView = new Map<number, number>();
  for (const { block: proposed } of cluster.sent("propose")) {
    if (proposed.view >= from) byView.set(proposed.view, proposed.author);
  }
  return [...byView.values()];
}

/** Views that were given up by a quorum: what was proposed with a TC tells. */
function skippedAbove(cluster: ChainedCluster, view: number): number[] {
  const views = cluster.sent("propose").flatMap(({ tc: timeout }) => timeout?.view ?? []);
  return [...new Set(views)].filter((skipped) => skipped > view);
}

describe.each(FAMILY)("%s", (_name, rules) => {
  test("J21 who took a state names the leaders that the others do", () => {
    const named = (Base: typeof NormalCase) => {
      const installed: { hash: Uint8Array; lineage: Lineage | undefined }[] = [];
      class Watched extends Base {
        override onInstalled(node: Installed): void {
          super.onInstalled(node);
          const { lineage } = this.context.tree.get(keyOf(node.hash)) ?? {};
          installed.push({ hash: node.hash, lineage });
        }
      }
      const cluster = clusterOf(rules, { NormalCase: Watched }, { checkpointInterval: 8 });
      expect(operate(cluster, 4)).toBe(true);
      cluster.stop(2);
      expect(operate(cluster, 40)).toBe(true);
      cluster.start(2);
      expect(operate(cluster, 4)).toBe(true);
      const caughtUp = () => {
        const [own, other] = [2, 0].map((i) => cluster.replica(i).census().executed);
        return own === other && installed.length > 0;
      };
      expect(cluster.runUntil(caughtUp)).toBe(true);
      return installed.map(({ hash, lineage }) => {
        return [lineage, cluster.replica(0).context.tree.get(keyOf(hash))?.lineage];
      });
    };
    const right = named(NormalCase);
    expect(right.length).toBeGreaterThan(0);
    for (const [own, other] of right) {
      expect(other?.trail.length).toBe(3);
      expect(own).toEqual(other!);
    }
    const [wrong] = named(NoLineageInStates);
    expect(wrong?.[0]).not.toEqual(wrong?.[1]);
  });

  test("J22 one that votes and does not propose stands in the way of nothing for long", () => {
    const commits = (mute: number, slow: number | null, parts: Partial<Parts> = {}) => {
      const cluster = clusterOf(rules, parts);
      cluster.drops = (from, _to, { kind }) => {
        return (from === mute && kind === "propose") || (from === slow && kind === "vote");
      };
      return operate(cluster, 20, 4000);
    };
    for (const mute of [0, 1, 2, 3]) expect([mute, commits(mute, null)]).toEqual([mute, true]);
    expect(commits(0, 2)).toBe(true);
    // Where the votes of replica 2 are late, 0 is named after each block of 1 and of 3.
    expect(commits(0, 2, { Leaders: AfterAnyQc })).toBe(false);
  });

  test("J23 who crashed leads no more, and who comes back leads again", () => {
    const cluster = clusterOf(rules);
    expect(operate(cluster, 10)).toBe(true);
    expect(authors(cluster)).toContain(2);
    cluster.stop(2);
    const crashed = cluster.replica(0).view;
    expect(operate(cluster, 20)).toBe(true);
    const { view } = cluster.replica(0);
    expect(authors(cluster, crashed + 16)).not.toContain(2);
    cluster.start(2);
    expect(cluster.runUntil(() => cluster.replica(2).census().phase === "running")).toBe(true);
    expect(operate(cluster, 40)).toBe(true);
    const again = authors(cluster, view).indexOf(2);
    expect(again).toBeGreaterThanOrEqual(0);
    expect(again).toBeLessThan(16 * 4);
  });

  test("J24 with one crashed no view ends by TC once a healthy block stands above its first", () => {
    let tried = 0;
    for (const crashed of [0, 1, 2, 3]) {
      const cluster = clusterOf(rules);
      expect(operate(cluster, 10)).toBe(true);
      const before = cluster.replica((crashed + 1) % 4).view;
      cluster.stop(crashed);
      expect(operate(cluster, 40)).toBe(true);
      const skipped = skippedAbove(cluster, before - 1);
      // One whose votes come last did not lead.
      if (skipped.length === 0) continue;
      tried++;
      const first = Math.min(...skipped);
      const views = cluster.sent("propose").map(({ block: { view } }) => view);
      const healthy = views.find((view) => {
        const chained = Array.from({ length: rules.chain }, (_, i) => view - i);
        return view > first + rules.chain && chained.every((at) => views.includes(at));
      });
      expect(skippedAbove(cluster, healthy ?? Infinity)).toEqual([]);
      expect(new Set(authors(cluster, healthy ?? Infinity)).has(crashed)).toBe(false);
      expect(healthy).toBeLessThan(before + 20);
    }
    expect(tried).toBeGreaterThanOrEqual(2);
  });
});

test("J17 no choice of signers lets the author of one of the last f blocks lead the next view", () => {
  const lead = (Class: typeof Leaders) => {
    let led = 0;
    for (let view = 3; view < 15; view++) {
      for (const left of [0, 1, 2, 3]) {
        const chain = new Chain(4, 1, JOLTEON_RULES);
        chain.add(view - 1, 0);
        const signers = [0, 1, 2, 3].filter((signer) => signer !== left);
        chain.add(view, 1, signers);
        const scheduled = (view + 1) % 4;
        const leader = chain.leaders(JOLTEON_RULES, 1, Class).of(view + 1, chain.qc());
        if (leader === 1 && scheduled !== 1) led++;
      }
    }
    return led;
  };
  expect(lead(Leaders)).toBe(0);
  // One that stays a candidate leads on as long as it likes, and leaves out what it likes.
  expect(lead(AuthorsStay)).toBeGreaterThan(0);
});

test("J17 two of seven that choose signers for each other lead f views in a row at most", () => {
  const [n, f, liars] = [7, 2, [2, 4]] as const;
  const quorums = choices(n, 5);
  /** Views that the two lead in a row, of 60, whichever signers they take into their QCs. */
  const inARow = (Class: typeof Leaders, view: number) => {
    const chain = new Chain(n, f, JOLTEON_RULES);
    const all = [0, 1, 2, 3, 4];
    for (let before = 4; before > 0; before--) chain.add(view - before, before % 2, all);
    let author: number = liars[0];
    for (let led = 1; led < 60; led++, view++) {
      let next: number | null = null;
      for (const signers of quorums) {
        const tried = new Chain(n, f, JOLTEON_RULES);
        const { trail } = chain.lineage;
        for (const block of [...trail].reverse()) tried.add(block.view, block.author, all);
        tried.add(view, author, signers);
        const named = tried.leaders(JOLTEON_RULES, f, Class).of(view + 1, tried.qc()) ?? n;
        if (liars.some((liar) => liar === named)) next = named;
      }
      chain.add(view, author, all);
      if (next === null) return led;
      author = next;
    }
    return Infinity;
  };
  for (let view = 10; view < 24; view++) expect(inARow(Leaders, view)).toBeLessThanOrEqual(f);
  // Nobody else would ever lead, and what they leave out would wait for ever.
  expect(inARow(AuthorsStay, 10)).toBe(Infinity);
});

/** All ways to choose so many of n. */
function choices(n: number, size: number, from = 0): number[][] {
  if (size === 0) return [[]];
  const first = Array.from({ length: Math.max(0, n - from) }, (_, i) => from + i);
  return first.flatMap((one) => choices(n, size - 1, one + 1).map((rest) => [one, ...rest]));
}

test("J24 clients ask all, and the configuration says reputation", () => {
  expect(firstTarget({ ...new Solo(0, REPUTATION).config }, 3)).toBe("all");
});
