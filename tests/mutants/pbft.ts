// Bugs planted in PBFT, each of which a campaign of the kind that owes it must find. Three are
// exported on their own, because random faults hardly ever reach them: tests/pbft/mutants.test.ts
// convicts them.

import type { App, Bytes, Host, Signer } from "../../src/actor.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { EMPTY_BATCH, type Batch } from "../../src/protocol/kit/batch.ts";
import { Checkpoints } from "../../src/protocol/kit/checkpoint.ts";
import { QuorumClient } from "../../src/protocol/kit/client.ts";
import { pbft, PbftReplica, type Message } from "../../src/protocol/pbft/index.ts";
import { Slot } from "../../src/protocol/pbft/log.ts";
import type { PrepareMessage, PrePrepareMessage } from "../../src/protocol/pbft/message.ts";
import type { ViewChangeMessage } from "../../src/protocol/pbft/message.ts";
import type { Timer } from "../../src/protocol/pbft/normal.ts";
import type { Plan } from "../../src/protocol/pbft/view-change.ts";
import { quorumsOf, Votes, type Quorums, type Vote } from "../../src/protocol/kit/quorum.ts";
import { Recovery } from "../../src/protocol/kit/recovery.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { equal } from "../../src/wire.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";

type ReplicaClass = new (
  self: Signer,
  config: ProtocolConfig,
  host: Host<Message, Timer>,
  app: App,
) => PbftReplica;

class QuorumOf2f extends PbftReplica {
  protected override quorumsFor(config: ProtocolConfig): Quorums {
    return { ...quorumsOf(config), quorum: Math.max(1, 2 * config.f) };
  }
}

/** Counts votes, not voters. */
class AllVotes<V extends Vote> extends Votes<V> {
  readonly #all: V[] = [];
  override wants(): boolean {
    return true;
  }
  override add(vote: V): boolean {
    this.#all.push(vote);
    return super.add(vote);
  }
  override matching(view: number, digest: Bytes, except = -1): V[] {
    return this.#all.filter(
      (vote) => vote.view === view && vote.replica !== except && equal(vote.digest, digest),
    );
  }
}
class CountsVotes extends PbftReplica {
  protected override newSlot(number: number): Slot {
    return new Slot(number, new AllVotes(this.quorums.n), new AllVotes(this.quorums.n));
  }
}

/** Keeps every vote that it hears. */
class HoardedVotes<V extends Vote> extends Votes<V> {
  readonly #all: V[] = [];
  override wants(): boolean {
    return true;
  }
  override add(vote: V): boolean {
    this.#all.push(vote);
    return super.add(vote);
  }
  override get size(): number {
    return this.#all.length;
  }
}
class UnboundedVotes extends PbftReplica {
  protected override newSlot(number: number): Slot {
    return new Slot(number, new HoardedVotes(this.quorums.n), new HoardedVotes(this.quorums.n));
  }
}

class VotesForAnything<V extends Vote> extends Votes<V> {
  readonly #n: number;
  constructor(n: number) {
    super(n);
    this.#n = n;
  }
  override matching(view: number, _digest: Bytes, except = -1): V[] {
    const all = Array.from({ length: this.#n }, (_, signer) => this.of(signer));
    return all.filter((vote) => vote?.view === view && vote.replica !== except) as V[];
  }
}
class DigestNotMatched extends PbftReplica {
  protected override newSlot(number: number): Slot {
    return new Slot(
      number,
      new VotesForAnything(this.quorums.n),
      new VotesForAnything(this.quorums.n),
    );
  }
}

class VotesOfAnyView<V extends Vote> extends Votes<V> {
  readonly #n: number;
  constructor(n: number) {
    super(n);
    this.#n = n;
  }
  override matching(_view: number, digest: Bytes, except = -1): V[] {
    const all = Array.from({ length: this.#n }, (_, signer) => this.of(signer));
    return all.filter(
      (vote) => vote !== undefined && vote.replica !== except && equal(vote.digest, digest),
    ) as V[];
  }
}
class ViewNotMatched extends PbftReplica {
  protected override newSlot(number: number): Slot {
    return new Slot(number, new VotesOfAnyView(this.quorums.n), new VotesOfAnyView(this.quorums.n));
  }
}

/** The primary prepares too, and that counts. */
class PrimaryPrepares extends PbftReplica {
  protected override vote(slot: Slot): void {
    const proposal = slot.proposal(this.view);
    if (this.leads && proposal !== null && slot.votedView < this.view) {
      slot.votedView = this.view;
      const { digest } = proposal;
      const { self: replica, view } = this;
      this.host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
    }
    super.vote(slot);
  }
  protected override prepares(slot: Slot, { view, digest }: PrePrepareMessage): PrepareMessage[] {
    return slot.prepares.matching(view, digest);
  }
}

/** The new view forgets the last slot that was prepared. */
class ForgetsSlot extends PbftReplica {
  protected override plan(viewChanges: readonly ViewChangeMessage[]): Plan {
    const { stable, digests } = super.plan(viewChanges);
    return {
      stable,
      digests: digests.map((d, i) => (i === digests.length - 1 ? EMPTY_BATCH.digest : d)),
    };
  }
}

/** A request that is ordered in two views is executed in both. */
class ExecutesTwice extends PbftReplica {
  readonly #app: App;
  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    super(self, config, host, app);
    this.#app = app;
  }
  protected override executeBatch(batch: Batch): void {
    for (const request of batch.requests) {
      if (request.session === 0 || this.executor.lookup(request)?.status !== "done") continue;
      this.#app.execute(request.op);
      this.#app.commit(1);
    }
    super.executeBatch(batch);
  }
}

class OneIsEnough extends Checkpoints {
  protected override sufficient(): boolean {
    return true;
  }
}
class StableWithoutProof extends PbftReplica {
  protected override newCheckpoints(): Checkpoints {
    return new OneIsEnough(this.quorums, this.config.checkpointInterval);
  }
}

/** Once the timer has run out in a view it never runs again. */
class TimerNotRearmed extends PbftReplica {
  #spent = false;
  protected override suspect(): void {
    this.#spent = true;
    super.suspect();
  }
  protected override setViewTimer(delayMs: number): void {
    if (!this.#spent) super.setViewTimer(delayMs);
  }
}

/** What it accepted is recorded only when its own PREPARE has looped back. */
export class RecordsAtLoopback extends PbftReplica {
  readonly #offered: PrePrepareMessage[] = [];
  protected override accept(slot: Slot, message: PrePrepareMessage): void {
    if (message.replica === this.self || message.batch === null || !this.mayVote()) {
      super.accept(slot, message);
      return;
    }
    if (this.#offered.push(message) > 64) this.#offered.shift();
    const { self: replica } = this;
    const { view, digest } = message;
    this.host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
  }
  protected override onPrepare(message: PrepareMessage): void {
    const { slot: number, view, digest } = message;
    const offered = this.#offered.find(
      (other) => other.slot === number && other.view === view && equal(other.digest, digest),
    );
    const slot = this.log.at(number);
    if (message.replica === this.self && offered !== undefined && slot !== undefined) {
      slot.votedView = Math.max(slot.votedView, view);
      if (this.active && view === this.view) super.accept(slot, offered);
    }
    super.onPrepare(message);
  }
}

/** Takes no RECOVER as work: nobody waits for anything. */
class Careless<P> extends Recovery<P> {
  override takeWork(): boolean {
    return false;
  }
}

/** Votes as soon as it knows where the others are. */
class VotesAtOnce extends PbftReplica {
  protected override newRecovery(): PbftReplica["recovery"] {
    return new Careless(this.quorums, this.self, (bound) => this.host.random(bound));
  }
  protected override resumeAt() {
    return { view: -1, slot: 0 };
  }
}

export class VotesInViewC extends PbftReplica {
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), view: view - 1 };
  }
}

class WithoutDistance extends PbftReplica {
  protected override newRecovery(): PbftReplica["recovery"] {
    return new Careless(this.quorums, this.self, (bound) => this.host.random(bound));
  }
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), slot: stable };
  }
}

class AnyNonce<P> extends Recovery<P> {
  protected override isOwn(): boolean {
    return true;
  }
}
export class NoNonce extends PbftReplica {
  protected override newRecovery(): PbftReplica["recovery"] {
    return new AnyNonce(this.quorums, this.self, (bound) => this.host.random(bound));
  }
}

class CredulousClient extends QuorumClient {
  protected override get agreement(): number {
    return 1;
  }
}

function mutant(
  name: string,
  protocol: typeof pbft,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
): Mutant {
  const { name: _, protocol: __, ...hints } = registered.get("pbft") ?? {};
  const subject = subjectOf(`pbft-${name}`, protocol, { ...hints, marks: [] });
  return { subject, kind, convictedBy, within: 1000 };
}

function replicas(Class: ReplicaClass): typeof pbft {
  return { ...pbft, replica: (self, config, host, app) => new Class(self, config, host, app) };
}

/** Checkpoints as far apart as in real life: what a replica forgets stays unstable for long. */
function sparse(protocol: typeof pbft): typeof pbft {
  return {
    ...protocol,
    replica: (self, config, host, app) =>
      protocol.replica(self, { ...config, checkpointInterval: 64 }, host, app),
  };
}

const credulous: typeof pbft = {
  ...pbft,
  client: (config, host) => new CredulousClient(config, host, (view) => config.leader(view)),
};

const SPLIT = ["agreement", "certificates"];
/** A forgotten `open` is an executed request that is lost. */
const FORGOTTEN = [...SPLIT, "exactly once"];

export const mutants: readonly Mutant[] = [
  mutant("quorum-of-2f", replicas(QuorumOf2f), "short", SPLIT),
  mutant("counts-votes", replicas(CountsVotes), "short", SPLIT),
  mutant("digest-not-matched", replicas(DigestNotMatched), "adversary", SPLIT),
  mutant("view-not-matched", replicas(ViewNotMatched), "short", SPLIT),
  mutant("primary-prepares", replicas(PrimaryPrepares), "short", SPLIT),
  mutant("forgets-slot", replicas(ForgetsSlot), "twins", ["agreement", "throw"]),
  mutant("executes-twice", replicas(ExecutesTwice), "short", ["exactly once"]),
  mutant("stable-without-proof", replicas(StableWithoutProof), "short", ["certificates"]),
  mutant("timer-not-rearmed", replicas(TimerNotRearmed), "short", ["liveness"]),
  mutant("unbounded-votes", replicas(UnboundedVotes), "short", ["bounded"]),
  mutant("one-reply", credulous, "adversary", ["client agreement"]),
  mutant("votes-at-once", replicas(VotesAtOnce), "deep", FORGOTTEN),
  mutant("without-distance", sparse(replicas(WithoutDistance)), "deep", FORGOTTEN),
];
