// Clients that put records into a store through the protocol, before anything is measured.

import type { Bytes, Client, Sealed } from "../actor.ts";
import { decodeRecordResult } from "../app/record-operation.ts";
import type { Loading } from "../workload/asker.ts";

/** Each client inserts the next record when its last one was answered. */
export class LoadingRun {
  readonly #loading: Loading;
  #issued = 0;
  /** Records that were inserted. */
  done = 0;
  /** Records that were there before. */
  there = 0;
  /** What the store answered to one that it did not take; null: it took all. */
  refusal: string | null = null;
  /** Clients that lost their session. */
  lost = 0;

  constructor(clients: readonly Client<Sealed, string>[], loading: Loading) {
    this.#loading = loading;
    for (const client of clients) this.#next(client);
  }

  get count(): number {
    return this.#loading.count;
  }

  /** All records are there, or cannot be. */
  get over(): boolean {
    return this.done + this.there === this.count || this.refusal !== null || this.lost > 0;
  }

  #next(client: Client<Sealed, string>): void {
    if (this.#issued === this.count || this.refusal !== null) return;
    client.invoke(this.#loading.operation(this.#issued++), (result) => {
      this.#note(result);
      this.#next(client);
    });
  }

  #note(bytes: Bytes | null): void {
    if (bytes === null) {
      this.lost++;
      return;
    }
    const result = decodeRecordResult(bytes);
    if (result?.kind === "done") this.done++;
    else if (result?.kind === "exists") this.there++;
    else this.refusal ??= result?.kind === "error" ? result.error : "an answer of no store";
  }
}
