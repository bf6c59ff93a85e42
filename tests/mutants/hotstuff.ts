// Bugs planted in HotStuff, each of which a campaign of the kind that owes it must find.

import type { App, Bytes, Refusal } from "../../src/actor.ts";
import { QuorumClient } from "../../src/protocol/kit/client.ts";
import { quorumsOf } from "../../src/protocol/kit/quorum.ts";
import { Naming } from "../../src/protocol/kit/naming.ts";
import { Recovery } from "../../src/protocol/kit/recovery.ts";
import type { Outcome, Request } from "../../src/protocol/kit/request.ts";
import { Service } from "../../src/protocol/kit/service.ts";
import { keyOf, type Block } from "../../src/protocol/chained/block.ts";
import type { Qc, Tc } from "../../src/protocol/chained/certificate.ts";
import { firstTarget } from "../../src/protocol/chained/client.ts";
import { hotstuff, HotStuffReplica, type Parts } from "../../src/protocol/chained/index.ts";
import type { Tree } from "../../src/protocol/chained/log.ts";
import type { VoteMessage } from "../../src/protocol/chained/message.ts";
import { NormalCase } from "../../src/protocol/chained/normal.ts";
import { HOTSTUFF_RULES, type ChainRules } from "../../src/protocol/chained/rules.ts";
import { Pacemaker } from "../../src/protocol/chained/view-change.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
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

/** Other rules, under a leader without which they would be missed by nobody. */
function ruled(rules: Partial<ChainRules>): Partial<Parts> {
  return { NormalCase: StaleLeader, rules: { ...HOTSTUFF_RULES, ...rules } };
}

const noLock = ruled({ safeToVote: () => true });

const twoChain = ruled({
  committedBy: ({ view, parent }) => (parent !== null && parent.view === view - 1 ? parent : null),
});

/** tests/protocol/chained/normal.test.ts has the history that convicts it: too rare for seeds. */
export const noConsecutiveViews = ruled({ committedBy: (node) => node.parent?.parent ?? null });

class NoLateVotes extends NormalCase {
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
  protected override takesProposal({ view }: Block): boolean {
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

/** The same of replica 2 alone; tests/scenarios/hotstuff-old-qc shows what the others do. */
class OldQc extends AnyQc {
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

/** X14: takes answers to an earlier question. tests/protocol/chained/start.test.ts convicts it. */
class AnyNonce<P> extends Recovery<P> {
  protected override isOwn(): boolean {
    return true;
  }
}
export const noNonce: Partial<Parts> = { Recovery: AnyNonce };

class CredulousClient extends QuorumClient {
  protected override get agreement(): number {
    return 1;
  }
}

function subjectWith(name: string, parts: Partial<Parts> | ((app: App) => Partial<Parts>)) {
  const of = typeof parts === "function" ? parts : () => parts;
  const protocol: typeof hotstuff = {
    ...hotstuff,
    replica: (self, config, host, app) => new HotStuffReplica(self, config, host, app, of(app)),
  };
  return subjectOf(`hotstuff-${name}`, protocol);
}

function mutant(
  name: string,
  parts: Partial<Parts> | ((app: App) => Partial<Parts>),
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  first?: number,
): Mutant {
  const subject = subjectWith(name, parts);
  const seeds = first === undefined ? {} : { first };
  return { subject, kind, convictedBy, within: 1000, ...seeds };
}

/** One Byzantine leader, for scripts. */
export const oldQc = subjectWith("old-qc", { NormalCase: OldQc });

const credulous: typeof hotstuff = {
  ...hotstuff,
  client: (config, host) =>
    new CredulousClient(config, host, quorumsOf(config), (view) => firstTarget(config, view)),
};

/**
 * Of the exhaustive scenarios: from here on come those in which the twins lead views in a row with
 * the same two others on their side, who have to vote for both twins' blocks in each of them.
 */
const TWINS_LEAD = 19_000;

export const mutants: readonly Mutant[] = [
  ...namings.map(([name, naming, by]) => mutant(name, { Naming: naming }, "short", by)),
  {
    subject: subjectOf("hotstuff-runless-signatures", withoutRuns(hotstuff)),
    ...{ kind: "short", convictedBy: ["fresh"], within: 1000 },
  },
  mutant("no-lock", noLock, "twins", ["agreement", "throw"]),
  mutant("two-chain", twoChain, "twins", ["agreement", "throw", "liveness"]),
  mutant("no-late-votes", { NormalCase: NoLateVotes }, "short", ["liveness"]),
  mutant("duplicate-signers", { NormalCase: DuplicateSigners }, "short", ["certificates"]),
  mutant("votes-for-anything", { NormalCase: VotesForAnything }, "short", ["certificates"]),
  mutant(
    "voted-view-not-kept",
    { NormalCase: VotedViewNotKept },
    "twins",
    ["agreement", "throw"],
    TWINS_LEAD,
  ),
  mutant("any-qc", { NormalCase: AnyQc }, "short", ["liveness"]),
  mutant("weak-tc", { NormalCase: WeakTc, Pacemaker: WeakTcPacemaker }, "short", ["certificates"]),
  mutant("orphans-lost", { NormalCase: OrphansLost }, "short", ["liveness"]),
  mutant("orphans-twice", orphansTwice, "short", ["exactly once"]),
  mutant("votes-at-once", { Naming: Careless }, "deep", [
    "agreement",
    "exactly once",
    "throw",
    "liveness",
  ]),
  {
    subject: subjectOf("hotstuff-one-reply", credulous as never),
    kind: "adversary",
    convictedBy: ["client agreement"],
    within: 1000,
  },
];
