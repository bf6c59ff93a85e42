// Rounds with one bug each, and who has to find it.

import type { Address, Bytes } from "../../src/actor.ts";
import { subjectOf, type Kind } from "../../src/simulation/subject.ts";
import { decodeKvOperation } from "../../src/app/kv.ts";
import type { Outcome, Request } from "../../src/protocol/kit/request.ts";
import { STAMP_LENGTH } from "../../src/simulation/judge.ts";
import { equal } from "../../src/wire.ts";
import { roundsWith } from "../protocols/rounds/index.ts";
import type { RequestMessage, VoteMessage } from "../protocols/rounds/message.ts";
import { RoundsReplica } from "../protocols/rounds/replica.ts";
import { HINTS, roundsSubject } from "../protocols/rounds/subject.ts";
import type { Loaded, Mutant } from "../../src/campaign/mutants.ts";

/** Decides with one vote too few. */
class QuorumTooSmall extends RoundsReplica {
  protected override quorum(): number {
    return super.quorum() - 1;
  }
}

/** Counts votes, not voters. */
class VotesTwice extends RoundsReplica {
  readonly #counted: VoteMessage[] = [];

  protected override count(vote: VoteMessage): void {
    this.#counted.push(vote);
  }

  protected override matching(phase: 0 | 1, view: number, digest: Bytes): VoteMessage[] {
    return this.#counted.filter(
      (vote) =>
        vote.height === this.height &&
        vote.phase === phase + 1 &&
        vote.view === view &&
        equal(vote.digest, digest),
    );
  }
}

/** Executes a request again when it is decided again. */
class ExecutesTwice extends RoundsReplica {
  protected override lookup(request: Request): Outcome | null | undefined {
    const outcome = super.lookup(request);
    return request.session === 0 ? outcome : undefined;
  }

  protected override execute(request: Request): Outcome | null {
    const known = request.session === 0 ? undefined : super.lookup(request);
    if (known?.status !== "done") return super.execute(request);
    const result = this.app.execute(request.op);
    this.app.commit(1);
    return { status: "done", result };
  }
}

/** Has no answer to a request that it executed before. */
class LosesReplies extends RoundsReplica {
  protected override onRequest(client: Address, message: RequestMessage): void {
    if (this.lookup(message.request) === undefined) super.onRequest(client, message);
  }
}

/** Answers a read by what it has, without an order. */
class StaleRead extends RoundsReplica {
  protected override onRequest(client: Address, message: RequestMessage): void {
    const { request } = message;
    const operation = decodeKvOperation(request.op.subarray(STAMP_LENGTH));
    if (request.session === 0 || operation?.kind !== "get") {
      super.onRequest(client, message);
      return;
    }
    const result = this.app.execute(request.op);
    this.app.rollback(1);
    this.reply(client, request, { status: "done", result });
  }
}

/** Keeps every request that it hears of. */
class Leaks extends RoundsReplica {
  protected override pendingMax = Infinity;
}

/** Gives the leader more time whenever it hears a request: its first author's own bug. */
class RestartsTimer extends RoundsReplica {
  protected override watch(): void {
    this.setViewTimer();
  }
}

/** Votes at once after it lost its memory. */
class Amnesiac extends RoundsReplica {
  protected override recover(): void {
    this.phase = "running";
  }
}

function mutant(
  name: string,
  Replica: typeof RoundsReplica,
  kind: Kind,
  convictedBy: readonly string[],
): Mutant {
  const subject = subjectOf(`rounds/${name}`, roundsWith(Replica), HINTS);
  return { subject, kind, convictedBy, within: 1000 };
}

export const mutants: readonly Mutant[] = [
  mutant("quorum-too-small", QuorumTooSmall, "short", ["agreement", "certificates"]),
  mutant("votes-twice", VotesTwice, "short", ["agreement", "certificates"]),
  mutant("executes-twice", ExecutesTwice, "short", ["exactly once", "agreement"]),
  mutant("loses-replies", LosesReplies, "short", ["liveness"]),
  mutant("stale-read", StaleRead, "short", ["client agreement", "linearizability"]),
  mutant("leaks", Leaks, "adversary", ["bounded"]),
  mutant("restarts-timer", RestartsTimer, "short", ["liveness"]),
  mutant("amnesiac", Amnesiac, "short", ["agreement", "certificates", "exactly once"]),
];

export const subjects: Loaded["subjects"] = [roundsSubject];
