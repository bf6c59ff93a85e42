// What clients see of a replica: requests are executed once, in order, and answered.

import type { Address, Bytes, Host, Refusal, Signer, Sizes } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { answerTo, type AnswerToClient } from "./answer.ts";
import type { Batch } from "./batch.ts";
import { digestOf } from "./digest.ts";
import type { Executor } from "./executor.ts";
import type { RequestPool } from "./request-pool.ts";
import type { Source } from "./pending.ts";
import {
  isBody,
  isLong,
  isOpen,
  replierOf,
  type Outcome,
  type Request,
  type Told,
} from "./request.ts";
import type { Ordered } from "./service-level.ts";
import { OpenLimit } from "./open-ration.ts";
import { RepeatLimit } from "./repeats.ts";
import { NOWHERE, type Session } from "./sessions.ts";

type ServiceHost = Pick<Host<AnswerToClient, never>, "send" | "drop" | "sourceOf" | "now">;

export interface ServiceOptions {
  readonly self: Signer;
  /** Replicas have the addresses 0..n-1. */
  readonly n: number;
  /** How many replicas a client needs that say the same. */
  readonly weak: number;
  readonly host: ServiceHost;
  readonly executor: Executor;
  readonly pool: RequestPool;
  /** Tells what answers name. */
  readonly owner: ServiceOwner;
  readonly viewTimeoutMs: number;
  /** Whether clients send bodies to all replicas. */
  readonly broadcasts: boolean;
}

export interface ServiceOwner {
  readonly view: number;
  /** The name of the run; null before there is one, when nothing is answered. */
  readonly run: Bytes | null;
  /** Whether what is executed is answered to those alone who were heard asking for it here. */
  readonly quiet?: boolean;
}

/** Why a repeated request is not answered. */
export const ANSWERED_JUST_NOW =
  "not admitted: request that was answered just now, or too many bytes for its host";

/** Why the address of a replica is not replied to. */
const NO_CLIENT = "not admitted: request in a replica's name";

/**
 * Where replies go. A client sends its `open` to all replicas, and each remembers where it heard
 * it: replies go there, whatever address a batch or a relay names, because whoever orders could
 * name its own for all clients. If this replica itself has heard the client elsewhere since (with
 * the operation that was executed, or is), they go there as well, until it is heard at home again:
 * a client that moves is served, and who asks in its name takes no reply away from it. A question
 * that is repeated is answered where it came from, and not too often. What a batch or a relay names
 * serves for sessions whose `open` this replica did not hear.
 *
 * Of replicas that have to agree only one gives a long result when it is executed, the others its
 * digest; whoever asks again gets the result from each.
 */
export class Service {
  readonly #self: Signer;
  readonly #n: number;
  readonly #weak: number;
  readonly #host: ServiceHost;
  readonly #owner: ServiceOwner;
  protected readonly executor: Executor;
  readonly #pool: RequestPool;
  readonly #broadcasts: boolean;
  readonly #ordered = { operations: 0, bytes: 0 };
  readonly #repeats: RepeatLimit;
  readonly #opens: OpenLimit;

  constructor(options: ServiceOptions) {
    const { self, n, weak, host, executor, pool, owner, viewTimeoutMs, broadcasts } = options;
    this.#self = self;
    this.#n = n;
    this.#weak = weak;
    this.#host = host;
    this.executor = executor;
    this.#pool = pool;
    this.#owner = owner;
    this.#broadcasts = broadcasts;
    this.#repeats = new RepeatLimit(host, viewTimeoutMs);
    this.#opens = new OpenLimit(host, viewTimeoutMs);
  }

  get sizes(): Sizes {
    return [...this.#repeats.sizes, ...this.#opens.sizes];
  }

  /** What was executed here, in all. */
  get ordered(): Ordered {
    return this.#ordered;
  }

  /**
   * Whether the request is to be ordered. One that was executed before gets the cached reply. One
   * of a session that is not open here is ordered only where its client asks a replica that
   * `leads`, because any process can make up a session: such a request must cost the others no
   * relay, no view timer and no place in the pool, and a Byzantine replica must not fill half of
   * each batch with those that it made up. Who relays an honest one has its session open, and
   * relays it again.
   */
  admits(client: Address, request: Request, source: Source, leads: boolean): boolean {
    const refusal = this.refuse(request);
    if (refusal !== null) {
      this.#host.drop(refusal);
      return false;
    }
    if (isOpen(request) && source === "client" && !this.#opens.admits(client)) {
      this.#host.drop("not admitted: too many opens of a host");
      return false;
    }
    if (this.repeats(client, request, source)) return false;
    if (this.executor.canExecute(request) || (leads && source === "client")) return true;
    this.#host.drop("not admitted: request of a session that is not open");
    return false;
  }

  /** Why a request is not worth the check of its signature, where clients sign. */
  refuse(request: Request): Refusal | null {
    if (request.key === undefined) return null;
    if (this.executor.isPast(request)) return "not admitted: request before one that was executed";
    if (!this.executor.isAnothers(request)) return null;
    return "not admitted: request of a session that has another key";
  }

  /** Answers a request that needs no order; false if it needs one. `client` asked, or is named. */
  protected repeats(client: Address, request: Request, source: Source): boolean {
    const outcome = this.executor.lookup(request);
    if (outcome === undefined) return false;
    const session = this.executor.sessionOf(request);
    if (source !== "client") {
      const home = this.homeOf(session);
      this.repeatAt(home === NOWHERE ? client : home, session, request, outcome);
      return true;
    }
    if (session !== undefined && outcome.status !== "number used") heard(session, request, client);
    this.repeatAt(client, session, request, outcome);
    return true;
  }

  /** Answers pending requests that an installed state has executed. */
  answerExecuted(): void {
    for (const { client, request, source } of this.#pool.dropExecuted()) {
      this.repeats(client, request, source);
    }
  }

  /** Executes a batch whose turn it is, and replies to its clients. */
  execute({ requests, clients }: Batch): void {
    const before = this.executor.position;
    const quiet = this.#owner.quiet === true;
    if (requests.some((request) => !isOpen(request))) this.#opens.onOperations();
    for (const [i, request] of requests.entries()) {
      const { position } = this.executor;
      const outcome = this.executeOne(request);
      const repeated = this.executor.position === position;
      if (!repeated) this.#ordered.bytes += request.op.length;
      const client = this.#pool.executed(request);
      if (outcome === null) continue;
      const session = this.executor.served;
      if (session !== undefined && client !== NOWHERE) heard(session, request, client);
      if (quiet && (client === NOWHERE || this.#isSentToAll(request))) continue;
      let home = this.homeOf(session);
      if (home === NOWHERE) home = client === NOWHERE ? (clients.at(i) ?? 0) : client;
      // What was executed before could be in every batch of a Byzantine leader.
      if (repeated) this.repeatAt(home, session, request, outcome);
      else this.#replyAll(session, home, request, outcome);
    }
    this.#ordered.operations += this.executor.position - before;
  }

  /** Whether its client asks all replicas before anything is late. */
  #isSentToAll({ op }: Request): boolean {
    return this.#broadcasts && isBody(op);
  }

  protected repeatAt(
    client: Address,
    session: Session | undefined,
    request: Request,
    outcome: Outcome,
  ): void {
    if (!this.mayRepeat(client, session, outcome)) return;
    // Its client is told what to look for rather than that it is gone.
    const lacks = session !== undefined && lacksAlone(outcome, session);
    const told: Told = lacks ? { status: "digest", digest: session.resultDigest } : outcome;
    this.#reply(client, request, told);
  }

  /** Whether what was executed is told again now; then it is charged. */
  protected mayRepeat(client: Address, session: Session | undefined, outcome: Outcome): boolean {
    const allowed = this.#repeats.allows(session, client, outcome);
    if (!allowed) this.#host.drop(ANSWERED_JUST_NOW);
    return allowed;
  }

  /** Counts what was executed for good. */
  protected onOrdered(requests: readonly Request[], operations: number): void {
    if (requests.some((request) => !isOpen(request))) this.#opens.onOperations();
    for (const { op } of requests) this.#ordered.bytes += op.length;
    this.#ordered.operations += operations;
  }

  /** Where the session's `open` was heard, if anything is known to be there. */
  protected homeOf(session: Session | undefined): Address {
    const home = session?.home ?? NOWHERE;
    return this.isKnown(home) ? home : NOWHERE;
  }

  protected isKnown(address: Address): boolean {
    return address !== NOWHERE && this.#host.sourceOf(address) !== 0;
  }

  /** Replies to `home`, and to where the session's client was heard since. */
  #replyAll(session: Session | undefined, home: Address, request: Request, outcome: Outcome): void {
    const told = this.#share(session, request, outcome);
    if (session !== undefined) session.owed = told.status === "digest";
    this.#reply(home, request, told);
    const away = session?.away ?? NOWHERE;
    if (away !== home && this.isKnown(away)) this.#reply(away, request, told);
  }

  /** What this replica says, as one of several, of what was executed just now. */
  #share(session: Session | undefined, { number }: Request, outcome: Outcome): Told {
    if (this.#weak === 1 || !isLong(outcome)) return outcome;
    if (replierOf(number, this.#n) === this.#self) return outcome;
    coverageMark("service: the digest of a long result is given");
    const known = session?.result === outcome.result;
    return { status: "digest", digest: known ? session.resultDigest : digestOf(outcome.result) };
  }

  protected executeOne(request: Request): Outcome | null {
    return this.executor.execute(request);
  }

  #reply(client: Address, request: Request, told: Told): void {
    // Replicas ask for nothing: their address was forged, to have them flooded.
    if (client !== NOWHERE && client < this.#n) return this.#host.drop(NO_CLIENT);
    const { view, run } = this.#owner;
    assert(run !== null, "only replicas that are in a run answer");
    this.#host.send(client, answerTo(request, told, this.#self, view, run));
  }
}

/** Whether the result is not here because this replica has its state from others, who have it. */
export function lacksAlone(outcome: Outcome, session: Session): boolean {
  return outcome.status === "forgotten" && session.length !== null;
}

/** The session's client asked from this address. */
export function heard(session: Session, request: Request, client: Address): void {
  if (!isOpen(request)) session.away = client === session.home ? NOWHERE : client;
  else if (session.home === NOWHERE) session.home = client;
}
