// What clients of Zyzzyva see of a replica: SPEC-REPLYs to what may still be undone, replies to
// what is committed.

import type { Address, Bytes, Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { EMPTY, equal, latin1 } from "../../wire.ts";
import type { Batch } from "../kit/batch.ts";
import { heard, type ServiceOptions } from "../kit/service.ts";
import type { Source } from "../kit/pending.ts";
import {
  FORGOTTEN_OUTCOME,
  isLong,
  isOpen,
  nonceOf,
  sameOperationDigest,
  replierOf,
  type Outcome,
  type Request,
  type Told,
} from "../kit/request.ts";
import { NOWHERE, type Session } from "../kit/sessions.ts";
import { SpeculativeService } from "../kit/speculative-service.ts";
import type { SpecReplyMessage } from "./message.ts";
import type { Named } from "./certificate.ts";
import { outcomeDigestOf } from "./outcome-digest.ts";

/** Where in which view a request was executed. */
export interface Place {
  readonly view: number;
  readonly slot: number;
  readonly history: Bytes;
}

export interface SpeculativeOwner {
  /** Where a session's last request was executed, while this replica speaks of it. */
  placeOf(session: Session): Place | null;
  sendSpecReply(to: Address, message: SpecReplyMessage): void;
}

export class ZyzzyvaService extends SpeculativeService {
  readonly #self: Signer;
  readonly #n: number;
  readonly #host: ServiceOptions["host"];
  readonly #owner: ServiceOptions["owner"];
  /** Set once the replica is there. */
  speculative: SpeculativeOwner | null = null;

  constructor(options: ServiceOptions) {
    super(options);
    this.#self = options.self;
    this.#n = options.n;
    this.#host = options.host;
    this.#owner = options.owner;
  }

  /** Tells the clients of a batch that was executed what came of it. */
  replyAll(
    { requests, clients }: Batch,
    outcomes: readonly (Outcome | null)[],
    place: Place,
  ): void {
    for (const [i, request] of requests.entries()) {
      const outcome = outcomes[i] ?? null;
      // What opens a session is told when it is committed, because it names the run.
      if (outcome === null || outcome.status === "opened" || outcome.status === "no session") {
        continue;
      }
      const session = this.executor.sessionOf(request);
      const waiting = this.pool.clientOf(request);
      if (session !== undefined && waiting !== NOWHERE) heard(session, request, waiting);
      const home = this.homeOf(session);
      const to = home === NOWHERE ? (clients.at(i) ?? NOWHERE) : home;
      const given = !isLong(outcome) || replierOf(request.number, this.#n) === this.#self;
      const told = this.#told(session, request, outcome, place, given);
      this.#specReply(to, told);
      const away = session?.away ?? NOWHERE;
      if (away !== to && this.isKnown(away)) this.#specReply(away, told);
    }
  }

  /** What its client is told of a request that was executed; `given`: with the outcome itself. */
  #told(
    executed: Session | undefined,
    { session, tag, number, op }: Request,
    outcome: Outcome,
    { view, slot, history }: Place,
    given: boolean,
  ): SpecReplyMessage {
    // That of a large operation takes long, and its session has it unless another one was executed.
    const known = executed?.number === number && outcome.status !== "number used";
    const digest = known ? executed.digest : sameOperationDigest(op);
    return {
      ...{ kind: "specReply", replica: this.#self, view, slot, history },
      ...{ session, tag, number, digest, outcomeDigest: outcomeDigestOf(outcome, executed) },
      outcome: given ? outcome : null,
    };
  }

  #specReply(to: Address, message: SpecReplyMessage): void {
    if (to === NOWHERE) return;
    if (to < this.#n) return this.#host.drop("not admitted: request in a replica's name");
    this.speculative?.sendSpecReply(to, message);
  }

  /** A batch that was executed is committed: tells of sessions that it opened, or did not find. */
  override settle({ requests, clients }: Batch): void {
    const before = this.executor.committed;
    const opened = this.executor.commit(requests.length);
    this.onOrdered(requests, this.executor.committed - before);
    let gone: Map<string, Session> | null = null;
    for (const [i, request] of requests.entries()) {
      const waiting = this.pool.executed(request);
      const opens = isOpen(request);
      if (!opens && this.executor.alive(request)) continue;
      const asked = waiting !== NOWHERE;
      const client = asked ? waiting : (clients.at(i) ?? NOWHERE);
      if (this.repeats(client, request, asked ? "client" : 0) || !opens) continue;
      gone ??= new Map(opened.map((session) => [latin1(session.nonce), session]));
      this.#tellGone(client, request, gone);
    }
  }

  /**
   * Tells that a session was opened which what was executed since has evicted: its client, told
   * nothing, would wait to ask again, and be evicted again by whoever asks at the same time.
   */
  #tellGone(client: Address, request: Request, opened: ReadonlyMap<string, Session>): void {
    const session = opened.get(latin1(nonceOf(request)));
    if (session === undefined) return;
    coverageMark("zyzzyva: a session is gone when it is committed");
    this.repeatAt(client, session, request, { status: "opened", session: session.id });
  }

  protected override repeats(client: Address, request: Request, source: Source): boolean {
    if (this.isSettled(request)) return super.repeats(client, request, source);
    const outcome = this.executor.lookup(request);
    if (outcome === undefined) return false;
    const session = this.executor.sessionOf(request);
    if (outcome.status === "opened" || session === undefined) {
      if (session !== undefined && source === "client") heard(session, request, client);
      return true;
    }
    const place = this.speculative?.placeOf(session) ?? null;
    if (place === null) return true;
    const home = source === "client" ? NOWHERE : this.homeOf(session);
    const to = home === NOWHERE ? client : home;
    if (source === "client" && outcome.status !== "number used") heard(session, request, client);
    if (this.mayRepeat(to, session, outcome)) {
      this.#specReply(to, this.#told(session, request, outcome, place, true));
    }
    return true;
  }

  /** Tells a client that its last request is committed, if it is. */
  tellCommitted(client: Address, { session: id, tag, number, digest }: Named): void {
    const request: Request = { session: id, tag, number, op: EMPTY };
    const session = this.executor.sessionOf(request);
    const known = session?.number === number && equal(session.digest, digest);
    if (session === undefined || !known || session.stamp > this.executor.committed) {
      return this.#host.drop("not admitted: certificate of a request that is not known");
    }
    const { result } = session;
    const outcome: Outcome = result === null ? FORGOTTEN_OUTCOME : { status: "done", result };
    if (!this.mayRepeat(client, session, outcome)) return;
    const given: Told =
      result === null && session.length !== null
        ? { status: "digest", digest: session.resultDigest }
        : outcome;
    const { view } = this.#owner;
    const names = { replica: this.#self, view, session: id, tag, number, digest };
    this.#host.send(client, { kind: "reply", ...names, outcome: given });
  }

  /** A session that is gone is named by a position that is committed. */
  protected override isSettled(request: Request): boolean {
    const { executor } = this;
    if (executor.sessionOf(request) === undefined) return request.session <= executor.committed;
    return super.isSettled(request);
  }
}
