// Bugs planted in PBFT, each of which a campaign of the kind that owes it must find. Three are
// exported on their own, because random faults hardly ever reach them: tests/protocol/pbft/mutants.test.ts
// convicts them.

import type { Address, App, Bytes, Sizes } from "../../src/actor.ts";
import { decodeKvOperation } from "../../src/app/operation.ts";
import { EMPTY_BATCH } from "../../src/protocol/kit/batch.ts";
import { Checkpoints } from "../../src/protocol/kit/checkpoint.ts";
import type { Executor } from "../../src/protocol/kit/executor.ts";
import { quorumsOf, Votes, type Vote } from "../../src/protocol/kit/quorum.ts";
import type { Source } from "../../src/protocol/kit/pending.ts";
import { Recovery } from "../../src/protocol/kit/recovery.ts";
import {
  isOpen,
  operationDigest,
  type Outcome,
  type Request,
} from "../../src/protocol/kit/request.ts";
import { Service } from "../../src/protocol/kit/service.ts";
import { CatchUp } from "../../src/protocol/pbft/catch-up.ts";
import type { PbftContext } from "../../src/protocol/pbft/context.ts";
import { pbft, PbftReplica, type Parts } from "../../src/protocol/pbft/index.ts";
import type { Slot } from "../../src/protocol/pbft/log.ts";
import type { PrepareMessage, PrePrepareMessage } from "../../src/protocol/pbft/message.ts";
import type { StatusMessage, ViewChangeMessage } from "../../src/protocol/pbft/message.ts";
import { NormalCase } from "../../src/protocol/pbft/normal.ts";
import { Start } from "../../src/protocol/pbft/start.ts";
import { ViewChanger, type NewViewLog } from "../../src/protocol/pbft/view-change.ts";
import { ViewTimer } from "../../src/protocol/pbft/view-timer.ts";
import { STAMP_LENGTH } from "../../src/simulation/judge.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { equal } from "../../src/wire.ts";
import { AnyNonce, CredulousClient } from "./credulous.ts";
import { namings, withoutRuns } from "./naming.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";

/** More than clients ask of sessions that are gone. */
const REFUSED_BYTES_MAX = 16 * 1024;
const SULKED_TIMEOUTS = 30;

const quorumOf2f: Parts["quorumsOf"] = ({ n, f }) => ({
  ...quorumsOf({ n, f }),
  quorum: Math.max(1, 2 * f),
});

/** Counts votes, not voters. */
class AllVotes<V extends Vote> extends Votes<V> {
  readonly #all: V[] = [];
  override isNew(): boolean {
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

/** Keeps every vote that it hears. */
class HoardedVotes<V extends Vote> extends Votes<V> {
  readonly #all: V[] = [];
  override isNew(): boolean {
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

/** The primary prepares too, and that counts. */
class PrimaryPrepares extends NormalCase {
  override vote(slot: Slot): void {
    const { self: replica, host } = this.context;
    const { view, leads } = this.owner.views;
    const proposal = slot.proposal(view);
    if (leads && proposal !== null && slot.votedView < view) {
      slot.votedView = view;
      const { digest } = proposal;
      host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
    }
    super.vote(slot);
  }
  protected override preparesOf(slot: Slot, { view, digest }: PrePrepareMessage): PrepareMessage[] {
    return slot.prepares.matching(view, digest);
  }
}

/** The new view forgets the last slot that was prepared. */
class ForgetsSlot extends ViewChanger {
  protected override newLog(viewChanges: readonly ViewChangeMessage[]): NewViewLog {
    const { stable, digests } = super.newLog(viewChanges);
    return {
      stable,
      digests: digests.map((d, i) => (i === digests.length - 1 ? EMPTY_BATCH.digest : d)),
    };
  }
}

/** A request that is ordered in two views is executed in both. */
function executesTwice(app: App): Partial<Parts> {
  class ExecutesTwice extends Service {
    protected override executeOne(request: Request): Outcome | null {
      if (request.session !== 0 && this.executor.lookup(request)?.status === "done") {
        app.execute(request.op);
        app.commit(1);
      }
      return super.executeOne(request);
    }
  }
  return { Service: ExecutesTwice };
}

/** Executes something else than what was ordered, alike at every replica. */
class AltersOperations extends Service {
  protected override executeOne(request: Request): Outcome | null {
    const op = isOpen(request) ? request.op : Uint8Array.of(...request.op, 0);
    return super.executeOne({ ...request, op });
  }
}

/** Has no answer to a request that it executed before. */
class LosesReplies extends Service {
  protected override repeats(_client: Address, request: Request): boolean {
    return this.executor.lookup(request) !== undefined;
  }
}

/** Whether the request is of a session that was never opened. */
function isMadeUp(executor: Executor, request: Request): boolean {
  return !executor.canExecute(request) && executor.lookup(request) === undefined;
}

/** Keeps what it refuses, without the bound that it reports. */
class KeepsRefused extends Service {
  #bytes = 0;
  override get sizes(): Sizes {
    const kept = { name: "service.refused bytes", size: this.#bytes, max: REFUSED_BYTES_MAX };
    return [...super.sizes, kept];
  }
  override admits(...given: Parameters<Service["admits"]>): boolean {
    const [, request] = given;
    if (isMadeUp(this.executor, request)) this.#bytes += request.op.length;
    return super.admits(...given);
  }
}

/** Serves nobody for a while once it was asked in the name of a session that never was. */
class Sulks extends Service {
  readonly #now: () => number;
  #untilMs = 0;
  readonly #pauseMs: number;
  constructor(options: ConstructorParameters<typeof Service>[0]) {
    super(options);
    this.#now = () => options.host.now;
    this.#pauseMs = SULKED_TIMEOUTS * options.viewTimeoutMs;
  }
  override admits(...given: Parameters<Service["admits"]>): boolean {
    const [, request] = given;
    const now = this.#now();
    if (isMadeUp(this.executor, request)) this.#untilMs = now + this.#pauseMs;
    return now >= this.#untilMs && super.admits(...given);
  }
}

/** Answers a read by what it has, without an order. */
function staleRead(app: App): Partial<Parts> {
  class StaleRead extends NormalCase {
    override onRequest(client: Address, request: Request, source: Source): void {
      const { session, tag, number, op } = request;
      const operation = decodeKvOperation(op.subarray(STAMP_LENGTH));
      if (session === 0 || operation?.kind !== "get") {
        super.onRequest(client, request, source);
        return;
      }
      const result = app.execute(op);
      app.rollback(1);
      const { self: replica, host } = this.context;
      const { view } = this.owner.views;
      const outcome = { status: "done", result } as const;
      const named = { session, tag, number, digest: operationDigest(op) };
      host.send(client, { kind: "reply", replica, view, ...named, outcome });
    }
  }
  return { NormalCase: StaleRead };
}

/** Sends again what others missed while a request waits, and never once all is quiet. */
class QuietIsDone extends CatchUp {
  readonly #context: PbftContext;
  constructor(...[context, owner]: ConstructorParameters<typeof CatchUp>) {
    super(context, owner);
    this.#context = context;
  }
  override onStatus(from: Address, status: StatusMessage): void {
    if (this.#context.pool.size > 0) super.onStatus(from, status);
  }
}

class OneIsEnough extends Checkpoints {
  protected override sufficient(): boolean {
    return true;
  }
}

/** Once the timer has run out in a view it never runs again. */
class TimerNotRearmed extends ViewTimer {
  #spent = false;
  protected override expire(): void {
    this.#spent = true;
    super.expire();
  }
  override set(delayMs: number): void {
    if (!this.#spent) super.set(delayMs);
  }
}

/** Gives the primary more time whenever it hears of something. */
class TimerRestarted extends ViewTimer {
  override arm(): void {
    if (this.oldestMs() < Infinity) this.set(this.lengthMs);
  }
}

/** What it accepted is recorded only when its own PREPARE has looped back. */
class AcceptsAtLoopback extends NormalCase {
  readonly #offered: PrePrepareMessage[] = [];
  protected override accept(slot: Slot, message: PrePrepareMessage): void {
    const { self: replica, host } = this.context;
    const { view, digest } = message;
    const mayVote = this.owner.start.mayVote(this.owner.views.view);
    if (message.replica === replica || message.batch === null || !mayVote) {
      super.accept(slot, message);
      return;
    }
    if (this.#offered.push(message) > 64) this.#offered.shift();
    host.send("all", { kind: "prepare", replica, view, slot: slot.number, digest });
  }
  override onPrepare(message: PrepareMessage): void {
    const { slot: number, view, digest } = message;
    const offered = this.#offered.find(
      (other) => other.slot === number && other.view === view && equal(other.digest, digest),
    );
    const slot = this.context.log.at(number);
    if (message.replica === this.context.self && offered !== undefined && slot !== undefined) {
      slot.votedView = Math.max(slot.votedView, view);
      const { active, view: current } = this.owner.views;
      if (active && view === current) super.accept(slot, offered);
    }
    super.onPrepare(message);
  }
}
export const recordsAtLoopback: Partial<Parts> = { NormalCase: AcceptsAtLoopback };

/** Takes no RECOVER as work: nobody waits for anything. */
class Careless<P> extends Recovery<P> {
  override takeWork(): boolean {
    return false;
  }
}

/** Votes as soon as it knows where the others are. */
class ResumesAtOnce extends Start {
  protected override resumeAt() {
    return { view: -1, slot: 0 };
  }
}

class ResumesInViewC extends Start {
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), view: view - 1 };
  }
}
export const votesInViewC: Partial<Parts> = { Start: ResumesInViewC };

class ResumesAtStable extends Start {
  protected override resumeAt(view: number, stable: number) {
    return { ...super.resumeAt(view, stable), slot: stable };
  }
}

export const noNonce: Partial<Parts> = { Recovery: AnyNonce };

function mutant(
  name: string,
  protocol: typeof pbft,
  kind: Mutant["kind"],
  convictedBy: readonly string[],
): Mutant {
  const subject = subjectOf(`pbft-${name}`, protocol);
  return { subject, kind, convictedBy, within: 1000 };
}

function withParts(parts: Partial<Parts> | ((app: App) => Partial<Parts>)): typeof pbft {
  const of = typeof parts === "function" ? parts : () => parts;
  return {
    ...pbft,
    replica: (self, config, host, app) => new PbftReplica(self, config, host, app, of(app)),
  };
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
  client: (config, host) => new CredulousClient(config, host, quorumsOf(config), config.leader),
};

/** Some are seen first by a replica itself: its state is not the one that a quorum signed. */
const SPLIT = ["agreement", "certificates", "throw"];
/** A forgotten `open` is an executed request that is lost. */
const FORGOTTEN = [...SPLIT, "exactly once"];

export const mutants: readonly Mutant[] = [
  ...namings.map(([name, naming, by]) => mutant(name, withParts({ Naming: naming }), "short", by)),
  mutant("runless-signatures", withoutRuns(pbft), "short", ["fresh"]),
  mutant("quorum-of-2f", withParts({ quorumsOf: quorumOf2f }), "short", SPLIT),
  mutant("counts-votes", withParts({ Votes: AllVotes }), "short", SPLIT),
  mutant("digest-not-matched", withParts({ Votes: VotesForAnything }), "adversary", SPLIT),
  mutant("view-not-matched", withParts({ Votes: VotesOfAnyView }), "short", SPLIT),
  mutant("primary-prepares", withParts({ NormalCase: PrimaryPrepares }), "short", SPLIT),
  mutant("forgets-slot", withParts({ ViewChanger: ForgetsSlot }), "twins", ["agreement", "throw"]),
  mutant("executes-twice", withParts(executesTwice), "short", ["exactly once"]),
  mutant("stable-without-proof", withParts({ Checkpoints: OneIsEnough }), "short", [
    "certificates",
  ]),
  mutant("alters-operations", withParts({ Service: AltersOperations }), "short", ["validity"]),
  mutant("loses-replies", withParts({ Service: LosesReplies }), "short", ["liveness"]),
  mutant("keeps-refused", withParts({ Service: KeepsRefused }), "short", ["bounded"]),
  mutant("sulks", withParts({ Service: Sulks }), "short", ["liveness"]),
  mutant("stale-read", withParts(staleRead), "short", ["client agreement"]),
  mutant("quiet-is-done", withParts({ CatchUp: QuietIsDone }), "short", ["convergence"]),
  mutant("timer-restarted", withParts({ ViewTimer: TimerRestarted }), "short", ["liveness"]),
  mutant("timer-not-rearmed", withParts({ ViewTimer: TimerNotRearmed }), "short", ["liveness"]),
  mutant("unbounded-votes", withParts({ Votes: HoardedVotes }), "short", ["bounded"]),
  mutant("one-reply", credulous, "adversary", ["client agreement"]),
  mutant(
    "votes-at-once",
    withParts({ Start: ResumesAtOnce, Recovery: Careless }),
    "deep",
    FORGOTTEN,
  ),
  mutant(
    "without-distance",
    sparse(withParts({ Start: ResumesAtStable, Recovery: Careless })),
    "deep",
    FORGOTTEN,
  ),
];
