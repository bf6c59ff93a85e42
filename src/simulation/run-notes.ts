// In which run each statement was signed by a replica: what the invariant "fresh" is judged
// by. A statement that is believed in a run was signed in it.

import type { Bytes, Proof, Signer } from "../actor.ts";
import { mix32 } from "../base/seeded-random.ts";
import { isRunless } from "../crypto/domain.ts";

export class RunNotes {
  /** By signer and statement, the runs that it was signed in. */
  readonly #signed = new Map<number, Set<string>>();
  /** Runs that ended before the present replicas started, by their domains. */
  readonly ended = new Set<string>();

  /** A replica, which may be Byzantine, signs the statement in the run with that mark. */
  note(signer: Signer, signed: Bytes, run: string): void {
    if (isRunless(signed)) return;
    const key = keyOf(signer, signed);
    const runs = this.#signed.get(key);
    if (runs === undefined) this.#signed.set(key, new Set([run]));
    else runs.add(run);
  }

  /** Whether it was signed in another run, in whose name its signature may be. */
  isForeign({ signer, signed }: Proof, run: string): boolean {
    const runs = this.#signed.get(keyOf(signer, signed));
    return runs !== undefined && (runs.size > 1 || !runs.has(run));
  }

  /** Whether a valid statement of a correct replica was signed in other runs only. */
  isStale({ signer, signed }: Proof, run: string): boolean {
    if (isRunless(signed)) return false;
    const runs = this.#signed.get(keyOf(signer, signed));
    return runs !== undefined && !runs.has(run);
  }
}

function keyOf(signer: Signer, signed: Bytes): number {
  const crc = Bun.hash.crc32(signed);
  return (mix32(crc, signer) >>> 0) * 2 ** 21 + (Bun.hash.adler32(signed) & 0x1f_ffff);
}
