// Bugs planted in HotStuff, each of which a campaign of the kind that owes it must find.

import type { App, Host, Signer } from "../../src/actor.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { QuorumClient } from "../../src/protocol/kit/client.ts";
import { keyOf, type Block } from "../../src/protocol/hotstuff/block.ts";
import { firstTarget, hotstuff, HotStuffReplica } from "../../src/protocol/hotstuff/index.ts";
import type { Message, Timer } from "../../src/protocol/hotstuff/index.ts";
import type { Position, VoteMessage } from "../../src/protocol/hotstuff/message.ts";
import { Pacemaker } from "../../src/protocol/hotstuff/view-change.ts";
import type { Qc, Tc } from "../../src/protocol/hotstuff/certificate.ts";
import { Start } from "../../src/protocol/hotstuff/start.ts";
import type { Tree, TreeNode } from "../../src/protocol/hotstuff/log.ts";
import { Recovery, type Verdict } from "../../src/protocol/kit/recovery.ts";
import type { Outcome, Request } from "../../src/protocol/kit/request.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { StaleLeader } from "./stale-leader.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";

type ReplicaClass = new (
  self: Signer,
  config: ProtocolConfig,
  host: Host<Message, Timer>,
  app: App,
) => HotStuffReplica;

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

class NoLock extends StaleLeader {
  protected override safeToVote(): boolean {
    return true;
  }
}

class TwoChainCommit extends StaleLeader {
  protected override committedBy({ view, parent }: TreeNode): TreeNode | null {
    return parent !== null && parent.view === view - 1 ? parent : null;
  }
}

/** tests/hotstuff/safety.test.ts has the history that convicts it: too rare for seeds. */
export class NoConsecutiveViews extends StaleLeader {
  protected override committedBy(node: TreeNode): TreeNode | null {
    return node.parent?.parent ?? null;
  }
}

class NoLateVotes extends HotStuffReplica {
  protected override sendLate(): void {}
}

/** Counts messages, not voters. */
class DuplicateSigners extends HotStuffReplica {
  #all: VoteMessage[] = [];
  protected override wantsVote({ view }: VoteMessage): boolean {
    return view > this.highQc.view;
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
class VotesForAnything extends HotStuffReplica {
  protected override matching(vote: VoteMessage): VoteMessage[] {
    const all = Array.from({ length: this.config.n }, (_, i) => this.votes.of(i));
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
class AnyQc extends HotStuffReplica {
  protected override justify(): Qc {
    return this.pacemaker.tc === null ? this.highQc : ancestor(this.tree, this.highQc, 2);
  }
}

class WeakTcPacemaker extends Pacemaker {
  protected override get tcQuorum(): number {
    return super.tcQuorum - 1;
  }
}
class WeakTc extends HotStuffReplica {
  protected override proven(certificate: Qc | Tc): boolean {
    return certificate.view === 0 || certificate.votes.signers.length >= this.quorums.quorum - 1;
  }
  protected override makePacemaker(): Pacemaker {
    return new WeakTcPacemaker(
      this.self,
      this.config,
      this.quorums,
      this.host,
      this.pacemakerOwner(),
    );
  }
}

class OrphansLost extends HotStuffReplica {
  protected override returned(): void {}
}

class OrphansTwice extends HotStuffReplica {
  readonly #app: App;
  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    super(self, config, host, app);
    this.#app = app;
  }
  protected override execute(request: Request): Outcome | null {
    if (request.session !== 0 && this.executor.lookup(request) !== undefined) {
      this.#app.execute(request.op);
      this.#app.commit(1);
    }
    return super.execute(request);
  }
}

/** X14: takes part at once, as if nobody ever lost a memory. */
class Careless extends Recovery<Position> {
  override decide(): Verdict {
    return "begin";
  }
}
class CarelessStart extends Start {
  protected override makeRecovery(): Recovery<Position> {
    return new Careless(this.quorums, this.self, (bound) => this.host.random(bound));
  }
}
class VotesAtOnce extends HotStuffReplica {
  protected override makeStart(): Start {
    return new CarelessStart(this.self, this.config, this.quorums, this.host, this);
  }
}

/** X14: votes in the view that the others are in. tests/hotstuff/regime.test.ts convicts it. */
export class VotesInViewC extends HotStuffReplica {
  override onForgotten(): void {}
}

/** X14: takes answers to an earlier question. tests/hotstuff/regime.test.ts convicts it. */
class NoNonce extends Recovery<Position> {
  protected override isOwn(): boolean {
    return true;
  }
}
class NoNonceStart extends Start {
  protected override makeRecovery(): Recovery<Position> {
    return new NoNonce(this.quorums, this.self, (bound) => this.host.random(bound));
  }
}
export class NoNonces extends HotStuffReplica {
  protected override makeStart(): Start {
    return new NoNonceStart(this.self, this.config, this.quorums, this.host, this);
  }
}

class CredulousClient extends QuorumClient {
  protected override get agreement(): number {
    return 1;
  }
}

function mutant(
  name: string,
  Class: ReplicaClass,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
  first?: number,
): Mutant {
  const protocol: typeof hotstuff = {
    ...hotstuff,
    replica: (self, config, host, app) => new Class(self, config, host, app),
  };
  const { name: _, protocol: __, ...hints } = registered.get("hotstuff") ?? {};
  const subject = subjectOf(`hotstuff-${name}`, protocol as never, { ...hints, marks: [] });
  const seeds = first === undefined ? {} : { first };
  return { subject, kind, convictedBy, within: 1000, ...seeds };
}

const credulous: typeof hotstuff = {
  ...hotstuff,
  client: (config, host) => new CredulousClient(config, host, (view) => firstTarget(config, view)),
};

/**
 * Of the exhaustive scenarios: from here on come those in which the twins lead views in a row with
 * the same two others on their side, who have to vote for both twins' blocks in each of them.
 */
const TWINS_LEAD = 19_000;

export const mutants: readonly Mutant[] = [
  mutant("no-lock", NoLock, "twins", ["agreement", "throw"]),
  mutant("two-chain", TwoChainCommit, "twins", ["agreement", "throw", "liveness"]),
  mutant("no-late-votes", NoLateVotes, "short", ["liveness"]),
  mutant("duplicate-signers", DuplicateSigners, "short", ["certificates"]),
  mutant("votes-for-anything", VotesForAnything, "short", ["certificates"]),
  mutant("voted-view-not-kept", VotedViewNotKept, "twins", ["agreement", "throw"], TWINS_LEAD),
  mutant("any-qc", AnyQc, "short", ["liveness"]),
  mutant("weak-tc", WeakTc, "short", ["certificates"]),
  mutant("orphans-lost", OrphansLost, "short", ["liveness"]),
  mutant("orphans-twice", OrphansTwice, "short", ["exactly once"]),
  mutant("votes-at-once", VotesAtOnce, "deep", ["agreement", "exactly once", "throw", "liveness"]),
  {
    subject: subjectOf("hotstuff-one-reply", credulous as never),
    kind: "adversary",
    convictedBy: ["client agreement"],
    within: 1000,
  },
];
