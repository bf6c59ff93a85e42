import type { App, Bytes, Snapshot } from "../actor.ts";

/** The largest result that it can be told to give, in bytes. */
export const REPLY_SIZE_MAX = 1024 * 1024;

const STATELESS: Snapshot = { count: 0, changed: new Set(), part: () => [] };

/** Does nothing, and answers zeros or nothing: measures the protocol alone. */
export class NullApp implements App {
  readonly #result: Bytes;

  /** Every result has `replySize` bytes. */
  constructor(replySize = 0) {
    this.#result = new Uint8Array(replySize);
  }

  execute(): Bytes {
    return this.#result;
  }
  snapshot(): Snapshot {
    return STATELESS;
  }
  restore(): void {}
  rollback(): void {}
  commit(): void {}
}
