// Bugs planted in Tendermint, each of which a campaign of the kind that owes it must find. Those
// that are exported as parts are convicted by histories in tests/protocol/tendermint as well, which
// some need, because dice hardly ever have their order of events.

import type { App, Bytes } from "../../src/actor.ts";
import { quorumsOf } from "../../src/protocol/kit/quorum.ts";
import { firstTarget } from "../../src/protocol/kit/first-target.ts";
import { Naming } from "../../src/protocol/kit/naming.ts";
import type { Request, Outcome } from "../../src/protocol/kit/request.ts";
import { Service } from "../../src/protocol/kit/service.ts";
import type { Polc } from "../../src/protocol/tendermint/certificate.ts";
import {
  tendermint,
  TendermintReplica,
  type Message,
  type Parts,
} from "../../src/protocol/tendermint/index.ts";
import type { ProposalMessage, VoteMessage } from "../../src/protocol/tendermint/message.ts";
import type { Lock } from "../../src/protocol/tendermint/lock.ts";
import { NormalCase } from "../../src/protocol/tendermint/normal.ts";
import { Proposers } from "../../src/protocol/tendermint/proposers.ts";
import { Start } from "../../src/protocol/tendermint/start.ts";
import { Rounds } from "../../src/protocol/tendermint/view-change.ts";
import { RoundVotes } from "../../src/protocol/tendermint/votes.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";
import { equal, Reader } from "../../src/wire.ts";
import { AnyNonce, CredulousClient } from "./credulous.ts";
import { namings, withoutRuns } from "./naming.ts";
import { FalsePolc, slyTwins, StaleProposer } from "./stale-proposer.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";

class NoLock extends NormalCase {
  protected override mayPrevote(): boolean {
    return true;
  }
}
export const noLock: Partial<Parts> = { NormalCase: NoLock };

/** PRECOMMITs, and remembers nothing of it. */
class Unlocked extends NormalCase {
  protected override lockOn(before: Lock | null): Lock | null {
    return before;
  }
}
export const unlocked: Partial<Parts> = { NormalCase: Unlocked };

/** A new value is prevoted whatever is locked. */
class AnyLock extends NormalCase {
  protected override mayPrevote(locked: Lock | null, proposal: ProposalMessage): boolean {
    return proposal.polc === null || super.mayPrevote(locked, proposal);
  }
}
export const anyLock: Partial<Parts> = { NormalCase: AnyLock };

/** A valid round is believed without the PREVOTEs of it. */
class NoPolc extends NormalCase {
  protected override proven(): boolean {
    return true;
  }
}
export const noPolc: Partial<Parts> = { NormalCase: NoPolc };

class NilUnlocks extends NormalCase {
  protected override onNil(): Lock | null {
    return null;
  }
}
export const nilUnlocks: Partial<Parts> = { NormalCase: NilUnlocks };

/** The locked round stays that of the first lock on a value. */
class LockRoundKept extends NormalCase {
  protected override lockOn(before: Lock | null, next: Lock): Lock | null {
    return before !== null && equal(before.digest, next.digest) ? before : next;
  }
}
export const lockRoundKept: Partial<Parts> = { NormalCase: LockRoundKept };

class VotesOfAnyRound extends RoundVotes {
  readonly #n: number;
  constructor(n: number) {
    super(n);
    this.#n = n;
  }
  protected all(): VoteMessage[] {
    const all = Array.from({ length: this.#n }, (_, signer) => this.of(signer));
    return all.filter((vote) => vote !== undefined);
  }
  override matching(_round: number, digest: Bytes): VoteMessage[] {
    return this.all().filter((vote) => equal(vote.digest, digest));
  }
}

/** PRECOMMITs of several rounds count together. */
export const precommitsAddUp: Partial<Parts> = { RoundVotes: VotesOfAnyRound };

class VotesForAnything extends VotesOfAnyRound {
  override matching(round: number): VoteMessage[] {
    return this.all().filter((vote) => vote.round === round);
  }
}

/** Counts votes, not voters. */
class AllVotes extends RoundVotes {
  readonly #all: VoteMessage[] = [];
  override isNew(): boolean {
    return true;
  }
  override add(vote: VoteMessage): boolean {
    this.#all.push(vote);
    return super.add(vote);
  }
  override matching(round: number, digest: Bytes): VoteMessage[] {
    return this.#all.filter((vote) => vote.round === round && equal(vote.digest, digest));
  }
}

class LocksOnFewer extends NormalCase {
  protected override get lockQuorum(): number {
    return super.lockQuorum - 1;
  }
}
class DecidesOnFewer extends NormalCase {
  protected override get decisionQuorum(): number {
    return super.decisionQuorum - 1;
  }
}

class NoPrevoteTimeout extends Rounds {
  override onPrevoteTimer(): void {}
}

/** T9: f + 1 that are ahead take nobody with them. */
class JoinsNobody extends Rounds {
  protected override join(): void {}
}
export const joinsNobody: Partial<Parts> = { Rounds: JoinsNobody };

/** T6, T7: only votes of the present round start timers. */
class RoundOnly extends Rounds {
  protected override prevoted(): number {
    const { prevotes } = this.owner.normal.votes;
    return prevotes.countFrom(this.round) - prevotes.countFrom(this.round + 1);
  }
  protected override precommitted(): number {
    const { precommits } = this.owner.normal.votes;
    return precommits.countFrom(this.round) - precommits.countFrom(this.round + 1);
  }
}
export const roundOnly: Partial<Parts> = { Rounds: RoundOnly };

/** T7: a PREVOTE of a later round is no sign that its sender left this one. */
class PrecommitsOnly extends Rounds {
  protected override precommitted(): number {
    return this.owner.normal.votes.precommits.countFrom(this.round);
  }
}
export const precommitsOnly: Partial<Parts> = { Rounds: PrecommitsOnly };

/** POLCs are in no proposal, and nobody is shown one. */
class HiddenPolc extends NormalCase {
  override get valid(): Polc | null {
    return null;
  }
  protected override show(): void {}
}

function executesTwice(app: App): Partial<Parts> {
  class ExecutesTwice extends Service {
    protected override executeOne(request: Request): Outcome | null {
      if (request.session !== 0 && this.executor.lookup(request) !== undefined) {
        app.execute(request.op);
        app.commit(1);
      }
      return super.executeOne(request);
    }
  }
  return { Service: ExecutesTwice };
}

/** A state that is fetched leaves the turn as it was. */
class TurnForgotten extends Proposers {
  override install(head: Bytes): Bytes | null {
    const input = new Reader(head);
    input.u53();
    return input.ok ? input.bytes(input.remaining) : null;
  }
}

/** X14: takes part at once, as if nobody ever lost a memory. */
class Careless extends Naming {
  protected override learn(name: Bytes): void {
    this.beginIn(name);
  }
}

/** X14: takes part in the highest height that an answer has. */
class InC extends Start {
  protected override resumeAfter(height: number): number {
    return height;
  }
}
export const takesPartInC: Partial<Parts> = { Start: InC };

/** X14: and in the one after it. */
class InNext extends Start {
  protected override resumeAfter(height: number): number {
    return height + 1;
  }
}
export const takesPartInNext: Partial<Parts> = { Start: InNext };

/** X14: takes answers to an earlier question. */
export const noNonce: Partial<Parts> = { Recovery: AnyNonce };

type Planted = Partial<Parts> | ((app: App) => Partial<Parts>);

function subjectWith(name: string, planted: Planted) {
  const parts = typeof planted === "function" ? planted : () => planted;
  return subjectOf(`tendermint-${name}`, {
    ...tendermint,
    replica: (self, config, host, app) =>
      new TendermintReplica(self, config, host, app, parts(app)),
  });
}

function plant(
  name: string,
  planted: Planted,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
): Mutant {
  return { subject: subjectWith(name, planted), kind, convictedBy, within: 1000 };
}

/** The signatures of a POLC in a proposal are not checked. */
export const polcUnchecked: typeof tendermint.codec = {
  ...tendermint.codec,
  proofs: (message: Message, signs) => {
    const unproven = message.kind === "proposal" ? { ...message, polc: null } : message;
    return tendermint.codec.proofs(unproven, signs);
  },
};

/** Rules under a proposer without which Twins would miss nothing of them. */
function ruled(planted: Partial<Parts>, Proposer: typeof StaleProposer): Partial<Parts> {
  const { NormalCase: Rules = NormalCase } = planted;
  return { Proposing: Proposer, ...planted, NormalCase: slyTwins(Rules) };
}

/** A rule that Twins miss. */
function ruleless(name: string, planted: Partial<Parts>, Proposer = StaleProposer): Mutant {
  const subject = subjectWith(name, ruled(planted, Proposer));
  return { subject, kind: "twins", convictedBy: ["agreement", "throw"], within: 1000 };
}

/** For comparison, the right rules under proposers that break them. */
export const subjects: readonly Subject[] = [
  subjectWith("stale-proposer", ruled({}, StaleProposer)),
  subjectWith("false-polc", ruled({}, FalsePolc)),
];

export const mutants: readonly Mutant[] = [
  ruleless("no-lock", noLock),
  ruleless("unlocked", unlocked),
  ruleless("any-lock", anyLock),
  ruleless("nil-unlocks", nilUnlocks),
  {
    ...ruleless("no-polc", noPolc, FalsePolc),
    convictedBy: ["agreement", "throw", "certificates"],
  },
  {
    subject: subjectOf("tendermint-polc-unchecked", {
      ...tendermint,
      codec: polcUnchecked,
      replica: (self, config, host, app) =>
        new TendermintReplica(self, config, host, app, ruled({}, FalsePolc)),
    }),
    ...{ kind: "twins", convictedBy: ["certificates"], within: 1000 },
  },
  ...namings.map(([name, naming, by]) => plant(name, { Naming: naming }, "short", by)),
  {
    subject: subjectOf("tendermint-runless-signatures", withoutRuns(tendermint)),
    ...{ kind: "short", convictedBy: ["fresh"], within: 1000 },
  },
  plant("precommits-add-up", precommitsAddUp, "short", ["certificates"]),
  plant("votes-for-anything", { RoundVotes: VotesForAnything }, "adversary", ["certificates"]),
  plant("duplicate-signers", { RoundVotes: AllVotes }, "adversary", ["certificates"]),
  plant("locks-on-fewer", { NormalCase: LocksOnFewer }, "short", ["certificates"]),
  plant("decides-on-fewer", { NormalCase: DecidesOnFewer }, "short", ["certificates"]),
  plant("no-prevote-timeout", { Rounds: NoPrevoteTimeout }, "short", ["liveness"]),
  plant("hidden-polc", { NormalCase: HiddenPolc }, "adversary", ["liveness"]),
  plant("executes-twice", executesTwice, "short", ["exactly once"]),
  // The turn is in the state: who forgot it has another one at the next checkpoint.
  plant("turn-forgotten", { Proposers: TurnForgotten }, "deep", ["liveness", "throw"]),
  plant("votes-at-once", { Naming: Careless }, "deep", [
    ...["agreement", "throw", "exactly once", "liveness"],
  ]),
  {
    subject: subjectOf("tendermint-one-reply", {
      ...tendermint,
      client: (config, host) =>
        new CredulousClient(config, host, quorumsOf(config), (view) => firstTarget(config, view)),
    }),
    ...{ kind: "adversary", convictedBy: ["client agreement"], within: 1000 },
  },
];
