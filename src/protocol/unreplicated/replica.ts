import type { Address, App, Census, Host, Refusal, Replica } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { EMPTY } from "../../wire.ts";
import { Executor } from "../kit/executor.ts";
import { isOpen, NUMBER_USED_OUTCOME, requestDigest } from "../kit/request.ts";
import { RepeatLimit } from "../kit/repeats.ts";
import { ANSWERED_JUST_NOW } from "../kit/service.ts";
import type { Message, RequestMessage } from "./message.ts";

/**
 * One replica that executes and replies: no fault is tolerated. The base line that other protocols
 * are measured against, and the shortest example of an actor.
 */
export class UnreplicatedReplica implements Replica<Message, never> {
  readonly #host: Host<Message, never>;
  readonly #executor: Executor;
  readonly #config: ProtocolConfig;
  readonly #signed: boolean;
  readonly #repeats: RepeatLimit;

  constructor(config: ProtocolConfig, host: Host<Message, never>, app: App, signed: boolean) {
    this.#host = host;
    this.#config = config;
    this.#executor = new Executor(app, config);
    this.#signed = signed;
    this.#repeats = new RepeatLimit(host, config.viewTimeoutMs);
  }

  receive(from: Address, message: Message): void {
    const refusal = this.refuse(from, message);
    if (refusal !== null) this.#host.drop(refusal);
    else if (message.kind === "request") this.#onRequest(from, message);
  }

  timeout(): void {}

  refuse(_from: Address, message: Message): Refusal | null {
    return message.kind === "request" ? null : "not admitted: not a request";
  }

  census(): Census {
    const { position, sessions } = this.#executor;
    return {
      view: 0,
      committed: position,
      executed: position,
      phase: "running",
      viewTimerMs: 0,
      sizes: [
        { name: "service.sessions", size: sessions, max: this.#config.sessionsMax },
        ...this.#repeats.sizes,
      ],
    };
  }

  #onRequest(from: Address, { request }: RequestMessage): void {
    const asked = isOpen(request) ? { ...request, source: this.#host.sourceOf(from) } : request;
    const { position } = this.#executor;
    const outcome = this.#executor.execute(asked) ?? NUMBER_USED_OUTCOME;
    if (this.#executor.position === position) {
      const known = this.#executor.sessionOf(request);
      if (!this.#repeats.allows(known, from, outcome)) return this.#host.drop(ANSWERED_JUST_NOW);
    }
    const { session, tag, number } = request;
    const digest = this.#signed ? requestDigest(request) : EMPTY;
    this.#host.send(from, { kind: "reply", session, tag, number, digest, outcome });
  }
}
