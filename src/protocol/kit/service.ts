// What clients see of a replica: requests are executed once, in order, and answered.

import type { Address, Host, Signer } from "../../actor.ts";
import type { Batch } from "./batch.ts";
import type { Executor } from "./executor.ts";
import type { ReplyMessage } from "./messages.ts";
import type { RequestPool } from "./request-pool.ts";
import { operationDigest, type Outcome, type Request } from "./request.ts";

export interface ServiceOptions {
  readonly self: Signer;
  readonly host: Pick<Host<ReplyMessage, never>, "send" | "drop">;
  readonly executor: Executor;
  readonly pool: RequestPool;
  /** Tells the view that replies name. */
  readonly owner: { readonly view: number };
}

export class Service {
  readonly #self: Signer;
  readonly #host: Pick<Host<ReplyMessage, never>, "send" | "drop">;
  readonly #owner: { readonly view: number };
  protected readonly executor: Executor;
  readonly #pool: RequestPool;

  constructor({ self, host, executor, pool, owner }: ServiceOptions) {
    this.#self = self;
    this.#host = host;
    this.executor = executor;
    this.#pool = pool;
    this.#owner = owner;
  }

  /**
   * Whether the request is to be ordered. One that was executed before gets the cached reply. Only
   * a replica that `leads` orders one of a session that is not open here, because any process can
   * make up a session: such a request must cost the others no relay, no view timer and no place in
   * the pool.
   */
  admits(client: Address, request: Request, leads: boolean): boolean {
    if (this.repeats(client, request)) return false;
    if (leads || this.executor.canExecute(request)) return true;
    this.#host.drop("not admitted: request of a session that is not open");
    return false;
  }

  protected repeats(client: Address, request: Request): boolean {
    const outcome = this.executor.lookup(request);
    if (outcome === undefined) return false;
    this.#reply(client, request, outcome);
    return true;
  }

  /** Answers pending requests that an installed state has executed. */
  answerExecuted(): void {
    for (const { client, request } of this.#pool.dropExecuted()) this.repeats(client, request);
  }

  /** Executes a batch whose turn it is, and replies to its clients. */
  execute({ requests, clients }: Batch): void {
    for (const [i, request] of requests.entries()) {
      const outcome = this.executeOne(request);
      this.#pool.executed(request);
      if (outcome !== null) this.#reply(clients.at(i) ?? 0, request, outcome);
    }
  }

  protected executeOne(request: Request): Outcome | null {
    return this.executor.execute(request);
  }

  #reply(client: Address, { session, tag, number, op }: Request, outcome: Outcome): void {
    const digest = operationDigest(op);
    this.#host.send(client, {
      kind: "reply",
      replica: this.#self,
      view: this.#owner.view,
      session,
      tag,
      number,
      digest,
      outcome,
    });
  }
}
