import type { Bytes, Proof } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Stage } from "../driver.ts";

/** The stage of protocols without signatures. */
export class NoStage implements Stage {
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };

  sign(_signed: Bytes, _done: (block: Bytes) => void): void {
    assert.fail("a protocol that signs needs a stage that can");
  }
  verify(_proofs: readonly Proof[], done: (valid: boolean) => void): void {
    done(false);
  }
  knows(_proofs: readonly Proof[]): boolean {
    return false;
  }
  runJob(): boolean {
    return false;
  }
  poll(): number {
    return 0;
  }
  close(): void {}
}
