import type { App, Bytes } from "../actor.ts";
import { EMPTY } from "../wire.ts";

/** Does nothing and answers nothing: measures the protocol alone. */
export class NullApp implements App {
  execute(): Bytes {
    return EMPTY;
  }
  snapshot(): readonly Bytes[] {
    return [];
  }
  restore(): void {}
  rollback(): void {}
  commit(): void {}
}
