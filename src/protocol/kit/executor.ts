// The replicated state machine: sessions in front of an App. The same in every protocol.

import type { App, Bytes, Part, Snapshot, State } from "../../actor.ts";
import { assert } from "../../base/assert.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { EMPTY, equal, manyBytesOf, Reader } from "../../wire.ts";
import {
  isOpen,
  FORGOTTEN_OUTCOME,
  NO_SESSION_OUTCOME,
  NUMBER_USED_OUTCOME,
  operationDigest,
  RESULT_MAX,
  type Outcome,
  type Request,
} from "./request.ts";
import { Sessions, type Session } from "./sessions.ts";

export class Executor {
  readonly #app: App;
  readonly #sessions: Sessions;
  #position = 0;
  #sessionParts: Part[] = [];
  #appParts: Part[] = [];
  #served: Session | undefined;

  constructor(app: App, config: Pick<ProtocolConfig, "sessionsMax" | "replyCacheBytesMax">) {
    this.#app = app;
    this.#sessions = new Sessions(config.sessionsMax, config.replyCacheBytesMax);
  }

  /** Requests executed since genesis, sessions opened included. */
  get position(): number {
    return this.#position;
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
   * because most such clients have moved on, and one that has not asks again.
   */
  execute(request: Request): Outcome | null {
    if (isOpen(request)) {
      const { op, source = 0 } = request;
      const known = this.#sessions.opened(op);
      const session = known ?? this.#sessions.open(op, ++this.#position, source);
      this.#served = session;
      return { status: "opened", session: session.id };
    }
    const session = this.#sessions.get(request.session, request.tag);
    this.#served = session;
    if (session === undefined) return NO_SESSION_OUTCOME;
    if (request.number < session.number) return null;
    if (request.number === session.number) return cached(session, request);
    const position = ++this.#position;
    const { number, op } = request;
    const result = this.#app.execute(op);
    assert(result.length <= RESULT_MAX, "an application gives results of 2 MiB at most");
    this.#app.commit(1);
    this.#sessions.executed(session, position, number, operationDigest(op), result);
    return { status: "done", result };
  }

  /**
   * What is known of a request before its turn: the outcome if it was executed, or never will be
   * because its number was used, or because its session is gone for good; undefined if it, or its
   * session, is still to come.
   */
  lookup(request: Request): Outcome | undefined {
    if (isOpen(request)) {
      const session = this.#sessions.opened(request.op);
      return session === undefined ? undefined : { status: "opened", session: session.id };
    }
    const session = this.#sessions.get(request.session, request.tag);
    if (session === undefined) {
      // A session is named by the position of its `open`, so that this one was opened, if ever,
      // before, and evicted since.
      return request.session <= this.#position ? NO_SESSION_OUTCOME : undefined;
    }
    return request.number > session.number ? undefined : cached(session, request);
  }

  /** The session that the request is of, or has opened. */
  sessionOf(request: Request): Session | undefined {
    if (isOpen(request)) return this.#sessions.opened(request.op);
    return this.#sessions.get(request.session, request.tag);
  }

  /** Whether the request would be executed if its turn came now. */
  canExecute(request: Request): boolean {
    return isOpen(request) || this.alive(request);
  }

  /** Whether the session that the request claims to be of exists. */
  alive(request: Request): boolean {
    return this.#sessions.get(request.session, request.tag) !== undefined;
  }

  /**
   * Canonical, in parts, of which those are new that hold what changed: the position and how many
   * parts the sessions have, these, and those of the application.
   */
  snapshot(): readonly Bytes[] {
    const sessions = merged(this.#sessionParts, this.#sessions.snapshot());
    const app = merged(this.#appParts, this.#app.snapshot());
    const head = manyBytesOf((out) => {
      out.u53(this.#position);
      out.u32(sessions.length);
      out.u32(app.length);
      for (const { length } of [...sessions, ...app]) out.u32(length);
    });
    return [head, ...sessions.flat(), ...app.flat()];
  }

  /** Becomes what `snapshot` gave; false, with undefined content, if that is malformed. */
  restore([head = EMPTY, ...blobs]: readonly Bytes[]): boolean {
    const input = new Reader(head);
    this.#position = input.u53();
    const sessions = input.u32();
    const app = input.u32();
    const parts: Part[] = [];
    let at = 0;
    for (let i = 0; i < sessions + app && input.ok; i++) {
      const length = input.u32();
      parts.push(blobs.slice(at, (at += length)));
    }
    if (!input.done || at !== blobs.length) return false;
    this.#sessionParts = parts.slice(0, sessions);
    this.#appParts = parts.slice(sessions);
    if (!this.#sessions.restore(stateOf(this.#sessionParts))) return false;
    this.#app.restore(stateOf(this.#appParts), this.#appParts.keys());
    return true;
  }
}

/** These parts with those that changed. */
function merged(parts: Part[], snapshot: Snapshot): readonly Part[] {
  parts.length = snapshot.count;
  for (const index of snapshot.changed) parts[index] = snapshot.part(index);
  return parts;
}

function stateOf(parts: readonly Part[]): State {
  return { count: parts.length, part: (index) => parts[index] ?? [] };
}

/**
 * The last outcome, if it is that of this very operation. If it is that of another one, somebody
 * else has used the client's number, or a later one: it has to be told, or it would ask for ever.
 */
function cached(session: Session, request: Request): Outcome {
  if (request.number !== session.number) return NUMBER_USED_OUTCOME;
  if (!equal(session.digest, operationDigest(request.op))) return NUMBER_USED_OUTCOME;
  return session.result === null ? FORGOTTEN_OUTCOME : { status: "done", result: session.result };
}
