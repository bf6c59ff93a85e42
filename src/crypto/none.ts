import type { Bytes, Proof } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Stage } from "../driver.ts";

/** The stage of protocols without signatures. */
export class NoStage implements Stage {
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };

  runDomain(name: Bytes): Bytes {
    return name;
  }
  sign(_signed: Bytes, _run: Bytes | null, _done: (block: Bytes) => void): void {
    assert.fail("a protocol that signs needs a stage that can");
  }
  verify(_proofs: readonly Proof[], _run: Bytes | null, done: (valid: boolean) => void): void {
    done(false);
  }
  /** What has no signature needs no check: a client's node would make lanes for each reply. */
  knows(proofs: readonly Proof[]): boolean {
    return proofs.length === 0;
  }
  runJob(): boolean {
    return false;
  }
  poll(): number {
    return 0;
  }
  close(): void {}
}
