// A session that a stranger opened, without waiting for a quorum of answers.

import type { Bytes, Sealed } from "../actor.ts";
import { NONCE_LENGTH, tagOf, type Request } from "../protocol/kit/request.ts";
import type { CommonMessage } from "../protocol/kit/messages.ts";
import { randomBytes, type Arms } from "./arms.ts";

const RETRY_MS = 250;

/** What tells an outcome before it is committed, where a protocol has that. */
interface SpecReply extends Pick<Request, "tag" | "number"> {
  readonly kind: "specReply";
}

/** Asks again until somebody answers; then its request can be sent again at will. */
export class StrangerSession {
  readonly #arms: Arms;
  readonly #id: number;
  #request: Request;
  #done: (() => void) | null = null;

  constructor(arms: Arms, id: number) {
    this.#arms = arms;
    this.#id = id;
    const op = randomBytes(NONCE_LENGTH);
    this.#request = { session: 0, tag: tagOf(op), number: 0, op };
    arms.own.listen(id, (_from, input) => {
      const message = arms.codec.decode(input);
      if (message !== null) this.#onAnswer(message as CommonMessage | SpecReply);
    });
  }

  get request(): Request {
    return this.#request;
  }

  open(done: () => void): void {
    this.#ask(done);
  }

  /** The next operation of the session. */
  ask(op: Bytes, done: () => void): void {
    const { session, tag, number } = this.#request;
    this.#request = { session, tag, number: number + 1, op };
    this.#ask(done);
  }

  #ask(done: () => void): void {
    this.#done = done;
    const again = (): void => {
      if (this.#done !== done) return;
      const message: Sealed = { kind: "request", request: this.#request } as Sealed;
      this.#arms.toAll(this.#arms.own, this.#id, message);
      this.#arms.clock.after(RETRY_MS, again);
    };
    again();
  }

  #onAnswer(message: CommonMessage | SpecReply): void {
    const done = this.#done;
    const { tag, number } = this.#request;
    if (done === null) return;
    if (message.kind === "opened" && message.tag === tag && number === 0) {
      this.#request = { ...this.#request, session: message.session };
    } else if (message.kind === "reply" || message.kind === "specReply") {
      if (message.tag !== tag || message.number !== number) return;
    } else return;
    this.#done = null;
    done();
  }
}

/** Opens so many sessions at ids from `first` on, one after another. */
export function openSessions(
  arms: Arms,
  first: number,
  count: number,
  done: (sessions: readonly StrangerSession[]) => void,
): void {
  const sessions: StrangerSession[] = [];
  const next = (): void => {
    if (sessions.length === count) return done(sessions);
    const session = new StrangerSession(arms, first + sessions.length);
    sessions.push(session);
    session.open(next);
  };
  next();
}
