// Bugs planted in the protocols of the chained replica, each of which a campaign of the kind that
// owes it must find: those that all of them share, and those of each one's rules.

import type { App, Bytes, Refusal } from "../../src/actor.ts";
import { quorumsOf } from "../../src/protocol/kit/quorum.ts";
import { Naming } from "../../src/protocol/kit/naming.ts";
import type { Outcome, Request } from "../../src/protocol/kit/request.ts";
import { Service } from "../../src/protocol/kit/service.ts";
import { keyOf, type Block } from "../../src/protocol/chained/block.ts";
import {
  GENESIS_QC,
  highestQcView,
  type Qc,
  type Tc,
} from "../../src/protocol/chained/certificate.ts";
import { firstTarget } from "../../src/protocol/kit/first-target.ts";
import {
  ChainedReplica,
  hotstuff,
  hotstuff2,
  jolteon,
  streamlet,
  type Parts,
} from "../../src/protocol/chained/index.ts";
import type { Tree, TreeNode } from "../../src/protocol/chained/log.ts";
import type { Position, VoteMessage } from "../../src/protocol/chained/message.ts";
import { NormalCase } from "../../src/protocol/chained/normal.ts";
import { justifyView, twoChain, type ChainRules } from "../../src/protocol/chained/rules.ts";
import { HOTSTUFF_RULES } from "../../src/protocol/chained/hotstuff-rules.ts";
import { HOTSTUFF2_RULES } from "../../src/protocol/chained/hotstuff2-rules.ts";
import { JOLTEON_RULES } from "../../src/protocol/chained/jolteon-rules.ts";
import { STREAMLET_RULES } from "../../src/protocol/chained/streamlet-rules.ts";
import { Start } from "../../src/protocol/chained/start.ts";
import { Pacemaker, viewAfter } from "../../src/protocol/chained/view-change.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";
import { AnyNonce, CredulousClient } from "./credulous.ts";
import { namings, withoutRuns } from "./naming.ts";
import { StaleLeader } from "./stale-leader.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";

/** The QC that certifies what `qc` certifies `back` blocks above. */
function ancestor(tree: Tree, qc: Qc, back: number): Qc {
  let at = qc;
  for (let i = 0; i < back; i++) {
    const block = tree.get(keyOf(at.block))?.block;
    if (block === null || block === undefined) return at;
    at = block.justify;
  }
  return at;
}

/** A protocol of the family under its name. */
interface Member {
  readonly name: string;
  readonly protocol: typeof hotstuff;
  readonly rules: ChainRules;
}

const HOTSTUFF: Member = { name: "hotstuff", protocol: hotstuff, rules: HOTSTUFF_RULES };
const HOTSTUFF2: Member = { name: "hotstuff2", protocol: hotstuff2, rules: HOTSTUFF2_RULES };
const STREAMLET: Member = { name: "streamlet", protocol: streamlet, rules: STREAMLET_RULES };
const JOLTEON: Member = { name: "jolteon", protocol: jolteon, rules: JOLTEON_RULES };

/** Other rules, under a leader without which they would be missed by nobody. */
function ruled({ rules }: Member, others: Partial<ChainRules>): Partial<Parts> {
  return { NormalCase: StaleLeader, rules: { ...rules, ...others } };
}

/** Whatever its views are, the parent of a certified block is committed, or the parent's parent. */
const loose = {
  parent: ({ parent }: TreeNode) => parent,
  grandparent: ({ parent }: TreeNode) => parent?.parent ?? null,
};

/** tests/protocol/chained/rules.test.ts has the histories that convict them: too rare for seeds. */
export const noConsecutiveViews = ruled(HOTSTUFF, { committedBy: loose.grandparent });
export const fastHotStuff = [HOTSTUFF2, JOLTEON].map(({ name, rules }) => {
  return { name, rules: { ...rules, committedBy: loose.parent } };
});
/** J14: of two blocks in a row the first. */
export const twoInARow: ChainRules = { ...STREAMLET_RULES, committedBy: twoChain };
export const lockOnParent: ChainRules = { ...HOTSTUFF2_RULES, lockedBy: HOTSTUFF_RULES.lockedBy };

/** Any QC does after a TC. */
const ANY_QC_AFTER_TC: Partial<ChainRules> = {
  safeToVote: (node, lock, tc) => JOLTEON_RULES.safeToVote(node, lock, tc) || tc !== null,
};

/**
 * J6: a TC speaks for whatever view it lets into. rules.test.ts has the history; 1,000 scenarios of
 * Twins, half of them with long tenures, have none.
 */
export const anyTcThatLetsIn: ChainRules = {
  ...JOLTEON_RULES,
  safeToVote: (node, lock, tc) => {
    if (JOLTEON_RULES.safeToVote(node, lock, tc)) return true;
    return tc !== null && justifyView(node) >= highestQcView(tc);
  },
};

/** J11: where two-chains commit it costs blocks, not liveness; rules.test.ts counts them. */
export class NoLateVotes extends NormalCase {
  protected override sendLate(): void {}
}

/** Counts messages, not voters. */
class DuplicateSigners extends NormalCase {
  #all: VoteMessage[] = [];
  override refuseVote({ view }: VoteMessage): Refusal | null {
    return view > this.highQc.view ? null : "not admitted: vote of a view that has its certificate";
  }
  protected override matching(vote: VoteMessage): VoteMessage[] {
    this.#all = this.#all.filter(({ view }) => view > this.highQc.view);
    this.#all.push(vote);
    return this.#all.filter(({ view, digest }) => {
      return view === vote.view && Buffer.compare(digest, vote.digest) === 0;
    });
  }
}

/** Counts votes for other blocks, and of other views, as votes for this one. */
class VotesForAnything extends NormalCase {
  protected override matching(vote: VoteMessage): VoteMessage[] {
    const all = Array.from({ length: this.context.config.n }, (_, i) => this.votes.of(i));
    return [vote, ...all.filter((other) => other !== undefined && other !== vote)] as VoteMessage[];
  }
}

class VotedViewNotKept extends StaleLeader {
  protected override mayVote(): boolean {
    return true;
  }
  protected override takesProposal({ view }: Pick<Block, "view">): boolean {
    return view >= this.seenView;
  }
}

/** After a timeout it proposes on what it knew two blocks ago. */
class AnyQc extends NormalCase {
  protected override justify(): Qc {
    if (this.owner.pacemaker.tc === null) return this.highQc;
    return ancestor(this.context.tree, this.highQc, 2);
  }
}

/**
 * The same of replica 2 alone, for whose TCs nobody asks; tests/scenarios/hotstuff-old-qc shows what
 * the locks of the others do.
 */
class OldQc extends AnyQc {
  protected override backs(): boolean {
    return true;
  }
  protected override justify(): Qc {
    return this.context.self === 2 ? super.justify() : this.highQc;
  }
}

class WeakTcPacemaker extends Pacemaker {
  protected override get tcQuorum(): number {
    return super.tcQuorum - 1;
  }
}
class WeakTc extends NormalCase {
  override proven({ view, votes }: Qc | Tc): boolean {
    return view === 0 || votes.signers.length >= this.context.quorums.quorum - 1;
  }
}

/** J5: takes a TC whatever its signers knew; the rules of some have to hold without it. */
export class Unbacked extends NormalCase {
  protected override backs(): boolean {
    return true;
  }
}

/** J3: what the signers of a TC knew is not theirs to say; rules.test.ts has a leader lower it. */
export const tcUnchecked: typeof hotstuff.codec = {
  ...hotstuff.codec,
  proofs: (message, signs) => {
    return hotstuff.codec.proofs("tc" in message ? { ...message, tc: null } : message, signs);
  },
};

/** J4: votes in views that it has given up; tests/protocol/chained/rules.test.ts convicts it. */
export class StaleTimeouts extends NormalCase {
  override onGivenUp(): void {}
}

/** J4: its TIMEOUT says what it knew when it entered the view; rules.test.ts convicts it. */
export class ReportsEntry extends Pacemaker {
  #entered: Qc = GENESIS_QC;
  override get position(): Position {
    return { ...super.position, highQc: this.#entered };
  }
  override onQc(qc: Qc): void {
    const { view } = this;
    super.onQc(qc);
    if (this.view > view) this.#entered = super.position.highQc;
  }
  override onTc(tc: Tc | null): void {
    const { view } = this;
    super.onTc(tc);
    if (this.view > view) this.#entered = super.position.highQc;
  }
}

/** J4, J10: neither TIMEOUT nor ENTRY tells of a QC; rules.test.ts convicts it. */
export class HidesQcs extends Pacemaker {
  override get position(): Position {
    return { highQc: GENESIS_QC, tc: super.position.tc };
  }
}

/** J9: a leader that a TC lets in waits until it has heard from all. */
class WaitsForAll extends Pacemaker {
  override onListened(): void {}
}

class OrphansLost extends NormalCase {
  protected override requeueOrphans(): void {}
}

function orphansTwice(app: App): Partial<Parts> {
  class OrphansTwice extends Service {
    protected override executeOne(request: Request): Outcome | null {
      if (request.session !== 0 && this.executor.lookup(request) !== undefined) {
        app.execute(request.op);
        app.commit(1);
      }
      return super.executeOne(request);
    }
  }
  return { Service: OrphansTwice };
}

/** X14: takes part at once, as if nobody ever lost a memory. */
class Careless extends Naming {
  protected override learn(name: Bytes): void {
    this.beginIn(name);
  }
}

/** X14: votes in the view that the others are in. tests/protocol/chained/start.test.ts convicts it. */
class ForgetsNothing extends NormalCase {
  override onForgotten(): void {}
}
export const votesInViewC: Partial<Parts> = { NormalCase: ForgetsNothing };

/** J12: its lock is what it can remember; rules.test.ts convicts it. */
export class LockNotRaised extends NormalCase {
  override onForgotten(view: number): void {
    this.onGivenUp(viewAfter(this.context.config, view));
  }
}

/** J12: votes in the second view of a tenure as if no other replica had ever lost its memory. */
class ForgetsOneView extends NormalCase {
  override onForgotten(view: number): void {
    this.onGivenUp(viewAfter(this.context.config, view));
  }
}
export const votesInSecondView: Partial<Parts> = { NormalCase: ForgetsOneView };

/** J12: goes on with the QCs of the answers, without one above C. */
class NoQcAboveC extends Start {
  override caughtUp(): boolean {
    return true;
  }
}
export const goesOnWithAnswers: Partial<Parts> = { Start: NoQcAboveC };

/** X14: takes answers to an earlier question. tests/protocol/chained/start.test.ts convicts it. */
export const noNonce: Partial<Parts> = { Recovery: AnyNonce };

type Planted = Partial<Parts> | ((app: App) => Partial<Parts>);

function subjectWith({ name: of, protocol, rules }: Member, name: string, planted: Planted) {
  const parts = typeof planted === "function" ? planted : () => planted;
  const changed: typeof hotstuff = {
    ...protocol,
    replica: (self, config, host, app) => {
      return new ChainedReplica(self, config, host, app, { rules, ...parts(app) });
    },
  };
  return subjectOf(`${of}-${name}`, changed);
}

/** One Byzantine leader, for scripts. */
export const oldQc = subjectWith(HOTSTUFF, "old-qc", { NormalCase: OldQc });

/**
 * Of the exhaustive scenarios: from here on come those in which the twins lead views in a row with
 * the same two others on their side, who have to vote for both twins' blocks in each of them.
 */
const TWINS_LEAD = 19_000;

const BROKEN = ["agreement", "throw"] as const;

/** The bugs that every protocol of the family could have, in code that all of them share. */
function shared(member: Member): Mutant[] {
  return sharedOf(member).map((mutant) => ({ ...mutant, again: member !== HOTSTUFF }));
}

function sharedOf(member: Member): Mutant[] {
  const { name, protocol } = member;
  const plant = (
    bug: string,
    planted: Planted,
    kind: Mutant["kind"],
    convictedBy: readonly string[],
  ): Mutant => {
    return { subject: subjectWith(member, bug, planted), kind, convictedBy, within: 1000 };
  };
  const credulous: typeof hotstuff = {
    ...protocol,
    client: (config, host) =>
      new CredulousClient(config, host, quorumsOf(config), (view) => firstTarget(config, view)),
  };
  const weakTc = { NormalCase: WeakTc, Pacemaker: WeakTcPacemaker };
  return [
    ...namings.map(([bug, naming, by]) => plant(bug, { Naming: naming }, "short", by)),
    {
      subject: subjectOf(`${name}-runless-signatures`, withoutRuns(protocol)),
      ...{ kind: "short", convictedBy: ["fresh"], within: 1000 },
    },
    plant("duplicate-signers", { NormalCase: DuplicateSigners }, "short", ["certificates"]),
    plant("votes-for-anything", { NormalCase: VotesForAnything }, "short", ["certificates"]),
    {
      ...plant("voted-view-not-kept", { NormalCase: VotedViewNotKept }, "twins", BROKEN),
      first: TWINS_LEAD,
    },
    plant("any-qc", { NormalCase: AnyQc }, "short", ["liveness"]),
    plant("weak-tc", weakTc, "short", ["certificates"]),
    plant("orphans-lost", { NormalCase: OrphansLost }, "short", ["liveness"]),
    plant("orphans-twice", orphansTwice, "short", ["exactly once"]),
    plant("votes-at-once", { Naming: Careless }, "deep", [...BROKEN, "exactly once", "liveness"]),
    {
      subject: subjectOf(`${name}-one-reply`, credulous),
      ...{ kind: "adversary", convictedBy: ["client agreement"], within: 1000 },
    },
  ];
}

/** A rule that Twins miss. */
function ruleless(
  member: Member,
  name: string,
  others: Partial<ChainRules>,
  convictedBy: readonly string[] = BROKEN,
): Mutant {
  const subject = subjectWith(member, name, ruled(member, others));
  return { subject, kind: "twins", convictedBy, within: 1000 };
}

/**
 * What Twins seldom or never find by dice, and, for comparison, the right rules under a leader that
 * proposes on old QCs.
 */
export const subjects: readonly Subject[] = [HOTSTUFF, HOTSTUFF2, JOLTEON, STREAMLET].flatMap(
  (member) => {
    return [
      subjectWith(member, "stale-leader", ruled(member, {})),
      subjectWith(member, "fast", ruled(member, { committedBy: loose.parent })),
    ];
  },
);

const LOCK_ON_PARENT: Partial<ChainRules> = { lockedBy: HOTSTUFF_RULES.lockedBy };
const NO_LOCK: Partial<ChainRules> = { safeToVote: () => true };

export const mutants: readonly Mutant[] = [
  ...[HOTSTUFF, HOTSTUFF2, JOLTEON, STREAMLET].flatMap(shared),
  ruleless(HOTSTUFF, "no-lock", NO_LOCK),
  ruleless(HOTSTUFF, "two-chain", { committedBy: twoChain }, [...BROKEN, "liveness"]),
  {
    subject: subjectWith(HOTSTUFF, "no-late-votes", { NormalCase: NoLateVotes }),
    ...{ kind: "short", convictedBy: ["liveness"], within: 1000 },
  },
  ruleless(HOTSTUFF2, "no-lock", NO_LOCK),
  // Some certificates have to reach one replica alone.
  ruleless(HOTSTUFF2, "lock-on-parent", LOCK_ON_PARENT, [...BROKEN, "exactly once"]),
  {
    subject: subjectWith(HOTSTUFF2, "waits-for-all", { Pacemaker: WaitsForAll }),
    ...{ kind: "short", convictedBy: ["liveness"], within: 1000 },
  },
  ruleless(JOLTEON, "any-qc-after-tc", ANY_QC_AFTER_TC),
  {
    subject: subjectOf("jolteon-tc-unchecked", { ...jolteon, codec: tcUnchecked }),
    ...{ kind: "adversary", convictedBy: ["certificates", "throw"], within: 1000 },
  },
  ruleless(STREAMLET, "any-parent", NO_LOCK),
];
