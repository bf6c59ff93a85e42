import type { App, Bytes } from "../actor.ts";

/** The largest result that it can be told to give, in bytes. */
export const REPLY_SIZE_MAX = 1024 * 1024;

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
  snapshot(): readonly Bytes[] {
    return [];
  }
  restore(): void {}
  rollback(): void {}
  commit(): void {}
}
