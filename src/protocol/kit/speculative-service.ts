// What clients see of a replica that executes before slots are committed: what may still be undone
// is final for nobody.

import type { Address } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { Batch } from "./batch.ts";
import type { Source } from "./pending.ts";
import { isOpen, type Outcome, type Request } from "./request.ts";
import type { RequestPool } from "./request-pool.ts";
import { lacksAlone, Service, type ServiceOptions } from "./service.ts";
import { NOWHERE } from "./sessions.ts";

export class SpeculativeService extends Service {
  protected readonly pool: RequestPool;

  constructor(options: ServiceOptions) {
    super(options);
    this.pool = options.pool;
  }

  /**
   * Executes a batch that is not committed; the outcome of each request, null if there is none to
   * tell: it is older than the last of its session, or others have its result, which the client
   * gets from them when it asks again.
   */
  speculate({ requests }: Batch): (Outcome | null)[] {
    return requests.map((request) => {
      const outcome = this.executor.speculate(request);
      const { served } = this.executor;
      if (outcome === null || served === undefined || !lacksAlone(outcome, served)) return outcome;
      coverageMark("service: a replica that speculates lacks a result that others have");
      return null;
    });
  }

  /** A batch that was executed is committed: answers those who asked this replica itself. */
  settle({ requests }: Batch): void {
    this.executor.commit(requests.length);
    if (this.pool.size === 0) return;
    for (const request of requests) {
      const client = this.pool.executed(request);
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
