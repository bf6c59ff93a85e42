// What clients see of a replica that executes before slots are committed: what may still be undone
// is final for nobody.

import type { Address } from "../../actor.ts";
import type { Batch } from "../kit/batch.ts";
import type { Source } from "../kit/pending.ts";
import { isOpen, type Outcome, type Request } from "../kit/request.ts";
import type { RequestPool } from "../kit/request-pool.ts";
import { Service, type ServiceOptions } from "../kit/service.ts";
import { NOWHERE } from "../kit/sessions.ts";

export class SpeculativeService extends Service {
  readonly #pool: RequestPool;

  constructor(options: ServiceOptions) {
    super(options);
    this.#pool = options.pool;
  }

  /** Executes a batch that is not committed; the outcome of each request. */
  speculate({ requests }: Batch): (Outcome | null)[] {
    return requests.map((request) => this.executor.speculate(request));
  }

  /** A batch that was executed is committed: answers those who asked this replica itself. */
  settle({ requests }: Batch): void {
    this.executor.commit(requests.length);
    if (this.#pool.size === 0) return;
    for (const request of requests) {
      const client = this.#pool.executed(request);
      if (client !== NOWHERE) this.repeats(client, request, "client");
    }
  }

  protected override repeats(client: Address, request: Request, source: Source): boolean {
    return this.isSettled(request) && super.repeats(client, request, source);
  }

  /** Whether what is known of a request follows from what is committed. */
  protected isSettled(request: Request): boolean {
    const { executor } = this;
    if (executor.speculated === 0) return true;
    const session = executor.sessionOf(request);
    if (session === undefined) return false;
    return (isOpen(request) ? session.id : session.stamp) <= executor.committed;
  }
}
