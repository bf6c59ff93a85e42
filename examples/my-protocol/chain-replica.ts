// A replica of a chain: it executes what comes from the one before it, and passes it on.

import {
  answerTo,
  Backoff,
  Executor,
  NO_RUN,
  NO_SESSION_OUTCOME,
  type Address,
  type App,
  type Census,
  type Host,
  type Outcome,
  type ProtocolConfig,
  type Replica,
  type Request,
  type Signer,
} from "oskr";
import type { Message, UpdateMessage } from "./message.ts";

/** Updates that the tail has not acknowledged; a head with as many takes no more requests. */
const WINDOW_MAX = 1024;

/**
 * One link of a chain (van Renesse and Schneider, OSDI '04, section 3), without the master that
 * takes failed replicas out: no fault is tolerated.
 */
export class ChainReplica implements Replica<Message, "resend"> {
  readonly #self: Signer;
  readonly #config: ProtocolConfig;
  readonly #host: Host<Message, "resend">;
  readonly #executor: Executor;
  /** The neighbours; null before the head and after the tail. */
  readonly #predecessor: Address | null;
  readonly #successor: Address | null;
  readonly #backoff: Backoff;
  /** Executed here, and not known to be executed at the tail. */
  readonly #window: UpdateMessage[] = [];

  constructor(self: Signer, config: ProtocolConfig, host: Host<Message, "resend">, app: App) {
    this.#self = self;
    this.#config = config;
    this.#host = host;
    this.#executor = new Executor(app, config);
    this.#predecessor = self === 0 ? null : self - 1;
    this.#successor = self === config.n - 1 ? null : self + 1;
    this.#backoff = new Backoff(config.viewTimeoutMs / 8, config.viewTimeoutMs);
  }

  receive(from: Address, message: Message): void {
    switch (message.kind) {
      case "request":
        return this.#onRequest(from, message.request);
      case "update":
        return this.#onUpdate(from, message);
      case "ack":
        return this.#onAck(from, message.position);
      default:
        return this.#host.drop("not admitted: not for a replica of a chain");
    }
  }

  /** The successor or its acknowledgement got lost: everything that is open, once more. */
  timeout(): void {
    const successor = this.#successor;
    if (successor === null || this.#window.length === 0) return;
    for (const update of this.#window) this.#host.send(successor, update);
    this.#host.setTimer("resend", this.#backoff.next());
  }

  census(): Census {
    const { sessions } = this.#executor;
    return {
      view: 0,
      committed: this.#acknowledged,
      executed: this.position,
      phase: "running",
      viewTimerMs: 0,
      sizes: [
        { name: "sessions", size: sessions, max: this.#config.sessionsMax },
        { name: "window", size: this.#window.length, max: WINDOW_MAX },
      ],
    };
  }

  /** The position of the last request that was executed here. */
  protected get position(): number {
    return this.#executor.position;
  }

  /** Whether an update is the one to execute now. */
  protected isNext(update: UpdateMessage): boolean {
    return update.position === this.position + 1;
  }

  /** All up to here is known to be executed at the tail. */
  get #acknowledged(): number {
    return this.position - this.#window.length;
  }

  #onRequest(client: Address, request: Request): void {
    const outcome = this.#executor.lookup(request);
    if (this.#successor === null) {
      // What was executed at the tail may be told: the first reply got lost.
      if (outcome !== undefined && outcome !== null) this.#reply(client, request, outcome);
      return;
    }
    if (this.#predecessor !== null || outcome !== undefined) return;
    // The head is the first to know that there is no such session.
    if (!this.#executor.canExecute(request)) {
      return this.#reply(client, request, NO_SESSION_OUTCOME);
    }
    if (this.#window.length === WINDOW_MAX) {
      return this.#host.drop("not admitted: the window is full");
    }
    this.#execute({ kind: "update", position: this.position + 1, client, request });
  }

  #onUpdate(from: Address, update: UpdateMessage): void {
    if (from !== this.#predecessor) {
      return this.#host.drop("not admitted: not from the predecessor");
    }
    if (this.isNext(update)) return this.#execute(update);
    // The predecessor would not send it again if it had the acknowledgement.
    if (update.position <= this.position) this.#acknowledge(from, this.#acknowledged);
  }

  #onAck(from: Address, position: number): void {
    if (from !== this.#successor || position > this.position) {
      return this.#host.drop("not admitted: not what the successor got");
    }
    if (position <= this.#acknowledged) return;
    this.#window.splice(0, position - this.#acknowledged);
    this.#backoff.reset();
    if (this.#window.length === 0) this.#host.clearTimer("resend");
    else this.#host.setTimer("resend", this.#backoff.next());
    this.#acknowledge(this.#predecessor, position);
  }

  #execute(update: UpdateMessage): void {
    const outcome = this.#executor.execute(update.request);
    if (this.#successor === null) {
      if (outcome !== null) this.#reply(update.client, update.request, outcome);
      return this.#acknowledge(this.#predecessor, this.position);
    }
    this.#window.push(update);
    if (this.#window.length === 1) this.#host.setTimer("resend", this.#backoff.next());
    this.#host.send(this.#successor, update);
  }

  #acknowledge(to: Address | null, position: number): void {
    if (to !== null) this.#host.send(to, { kind: "ack", position });
  }

  #reply(client: Address, request: Request, outcome: Outcome): void {
    this.#host.send(client, answerTo(request, outcome, this.#self, 0, NO_RUN));
  }
}
