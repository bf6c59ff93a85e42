// The replicated state machine: sessions in front of an App. The same in every protocol.

import type { App, Bytes, Snapshot, State } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import { Queue } from "../../base/queue.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { bytesOf, equal, Reader } from "../../wire.ts";
import {
  isOpen,
  FORGOTTEN_OUTCOME,
  NO_SESSION_OUTCOME,
  nonceOf,
  NUMBER_USED_OUTCOME,
  RESULT_MAX,
  sameKey,
  sameOperationDigest,
  type Outcome,
  type Request,
} from "./request.ts";
import { Sessions, type Session, type SessionBefore } from "./sessions.ts";
import type { StateMachine } from "./state-versions.ts";

/** Requests that may be executed before they are committed; a protocol has others wait. */
export const SPECULATED_MAX = 65_536;

/** A request that was executed and may be taken back. */
interface Speculated {
  /** The position before it. */
  readonly position: number;
  /** Operations that the application executed for it: one or none. */
  readonly operations: number;
  readonly sessions: readonly SessionBefore[];
}

/**
 * Executes requests for good, or speculatively: then all that they changed is journalled, and can
 * be undone exactly, the latest first, until it is committed.
 */
export class Executor implements StateMachine {
  readonly #app: App;
  readonly #sessions: Sessions;
  readonly #journal = new Queue<Speculated>();
  #position = 0;
  #served: Session | undefined;

  constructor(app: App, config: Pick<ProtocolConfig, "sessionsMax" | "replyCacheBytesMax">) {
    this.#app = app;
    this.#sessions = new Sessions(config.sessionsMax, config.replyCacheBytesMax);
  }

  /** Requests executed since genesis, sessions opened included; it falls when some are undone. */
  get position(): number {
    return this.#position;
  }
  /** Those of them that are never undone. */
  get committed(): number {
    return this.#journal.peek()?.position ?? this.#position;
  }
  /** Requests that can be rolled back, those included that changed nothing. */
  get speculated(): number {
    return this.#journal.length;
  }
  get sessions(): number {
    return this.#sessions.size;
  }

  /** The session of what was executed last, if there is one: to look it up again costs as much. */
  get served(): Session | undefined {
    return this.#served;
  }

  /**
   * Executes a request whose turn it is, once: a repeated one gets the cached outcome, another
   * operation under the same number that the number was used; null is for one older than that,
   * because most such clients have moved on, and one that has not asks again. Nothing may be
   * speculated: it is committed at once.
   */
  execute(request: Request): Outcome | null {
    assert(this.#journal.length === 0, "what is speculated is committed or undone first");
    return this.#run(request, true);
  }

  /** As `execute`, but so that it can be undone; at most SPECULATED_MAX at a time. */
  speculate(request: Request): Outcome | null {
    assert(this.#journal.length < SPECULATED_MAX, "more is not speculated");
    const position = this.#position;
    const sessions: SessionBefore[] = [];
    this.#sessions.journal = sessions;
    const outcome = this.#run(request, false);
    this.#sessions.journal = null;
    const executed = outcome?.status === "done" && this.#position > position;
    this.#journal.push({ position, operations: executed ? 1 : 0, sessions });
    return outcome;
  }

  /** Undoes the last `count` speculated requests, those included that changed nothing. */
  rollback(count: number): void {
    assert(count <= this.#journal.length, "rollback of committed requests");
    const changes: (readonly SessionBefore[])[] = [];
    let operations = 0;
    for (let i = 0; i < count; i++) {
      const undone = this.#journal.pop();
      if (undone === undefined) break;
      this.#position = undone.position;
      operations += undone.operations;
      changes.push(undone.sessions);
    }
    this.#served = undefined;
    if (operations > 0) this.#app.rollback(operations);
    this.undoSessions(changes.toReversed().flat());
  }

  /** The first `count` speculated requests are never undone; gives the sessions they opened. */
  commit(count: number): readonly Session[] {
    assert(count <= this.#journal.length, "commit of requests that were not executed");
    let operations = 0;
    const opened: Session[] = [];
    for (let i = 0; i < count; i++) {
      const committed = this.#journal.shift();
      if (committed === undefined) break;
      operations += committed.operations;
      for (const { session, open } of committed.sessions) if (!open) opened.push(session);
    }
    if (operations > 0) this.#app.commit(operations);
    return opened;
  }

  /** What sessions were before, oldest first, they are again. */
  protected undoSessions(changes: readonly SessionBefore[]): void {
    if (changes.length > 0) this.#sessions.undo(changes);
  }

  #run(request: Request, forGood: boolean): Outcome | null {
    if (isOpen(request)) {
      const session = this.opened(request) ?? this.open(request);
      this.#served = session;
      return { status: "opened", session: session.id };
    }
    const session = this.named(request);
    this.#served = session;
    if (session === undefined) return NO_SESSION_OUTCOME;
    if (request.number < session.number) return null;
    if (request.number === session.number) return cached(session, request);
    const position = ++this.#position;
    const { number, op } = request;
    const result = this.#app.execute(op);
    assert(result.length <= RESULT_MAX, "an application gives results of 2 MiB at most");
    if (forGood) this.#app.commit(1);
    this.#sessions.executed(session, position, number, sameOperationDigest(op), result);
    return { status: "done", result: session.result ?? result };
  }

  /**
   * What is known of a request before its turn: the outcome if it was executed, or never will be
   * because its number was used, or because its session is gone for good; undefined if it, or its
   * session, is still to come. What is speculated counts as executed.
   */
  lookup(request: Request): Outcome | undefined {
    if (isOpen(request)) {
      const session = this.opened(request);
      return session === undefined ? undefined : { status: "opened", session: session.id };
    }
    const session = this.named(request);
    if (session === undefined) {
      // A session is named by the position of its `open`, so that this one was opened, if ever,
      // before, and evicted since.
      return request.session <= this.#position ? NO_SESSION_OUTCOME : undefined;
    }
    return request.number > session.number ? undefined : cached(session, request);
  }

  /** The session that the request is of, or has opened. */
  sessionOf(request: Request): Session | undefined {
    if (isOpen(request)) return this.opened(request);
    return this.named(request);
  }

  /** Whether the request would be executed if its turn came now. */
  canExecute(request: Request): boolean {
    return isOpen(request) || this.alive(request);
  }

  /** Whether the session that the request claims to be of exists. */
  alive(request: Request): boolean {
    return this.named(request) !== undefined;
  }

  /** Whether the session that the request names is another client's. */
  isAnothers(request: Request): boolean {
    const session = this.#sessions.get(request.session, request.tag);
    return session !== undefined && !sameKey(session.key, request.key);
  }

  /** Whether its session, which is its client's, has executed a later one. */
  isPast(request: Request): boolean {
    const session = isOpen(request) ? undefined : this.named(request);
    return session !== undefined && request.number < session.number;
  }

  /** The session that an `open` has opened, if it is there. */
  protected opened(request: Request): Session | undefined {
    return this.#sessions.opened(nonceOf(request));
  }

  /** Opens one, whose id is the position. */
  protected open(request: Request): Session {
    const { key, source = 0 } = request;
    return this.#sessions.open(nonceOf(request), ++this.#position, source, key);
  }

  /** Whosever it is. */
  protected sessionNamed(id: number, tag: number): Session | undefined {
    return this.#sessions.get(id, tag);
  }

  /** The session that the request names, unless it is bound to another key: then there is none. */
  protected named(request: Request): Session | undefined {
    const session = this.sessionNamed(request.session, request.tag);
    return session !== undefined && sameKey(session.key, request.key) ? session : undefined;
  }

  /**
   * The position, and the states of the sessions and of the application, as they are: with what is
   * speculated.
   */
  snapshot(): { readonly head: Bytes; readonly states: readonly Snapshot[] } {
    const head = bytesOf((out) => out.u53(this.#position));
    return { head, states: [this.#sessions.snapshot(), this.#app.snapshot()] };
  }

  /** As a StateMachine; nothing is speculated afterwards. */
  restore(
    head: Bytes,
    [sessions = NO_STATE, app = NO_STATE]: readonly State[],
    [, changed = []]: readonly (readonly number[])[],
  ): boolean {
    const input = new Reader(head);
    this.#journal.clear();
    this.#position = input.u53();
    if (!input.done || !this.#sessions.restore(sessions)) return false;
    this.#app.restore(app, changed);
    return true;
  }
}

const NO_STATE: State = { count: 0, part: () => [] };

/**
 * The last outcome, if it is that of this very operation. If it is that of another one, somebody
 * else has used the client's number, or a later one: it has to be told, or it would ask for ever.
 */
function cached(session: Session, request: Request): Outcome {
  if (request.number !== session.number) return NUMBER_USED_OUTCOME;
  if (!equal(session.digest, sameOperationDigest(request.op))) return NUMBER_USED_OUTCOME;
  return session.result === null ? FORGOTTEN_OUTCOME : { status: "done", result: session.result };
}
