// In which run each statement was signed by a correct replica: what the invariant "fresh" is judged
// by. A statement that is believed in a run was signed in it.

import type { Bytes, Proof, Signer } from "../actor.ts";
import { mix32 } from "../base/seeded-random.ts";
import { isRunless } from "../crypto/domain.ts";
import { latin1 } from "../wire.ts";

export class RunNotes {
  /** By signer and statement, the runs that it was signed in. */
  readonly #signed = new Map<number, Set<string>>();
  /** Runs that ended before the present cluster started, by their domains. */
  readonly ended = new Set<string>();

  /** A correct replica signs the statement in the run with that domain. */
  note(signer: Signer, signed: Bytes, run: Bytes | null): void {
    if (isRunless(signed) || run === null) return;
    const key = keyOf(signer, signed);
    const runs = this.#signed.get(key);
    if (runs === undefined) this.#signed.set(key, new Set([latin1(run)]));
    else runs.add(latin1(run));
  }

  /** Whether a valid statement of a correct replica was signed in other runs only. */
  isStale({ signer, signed }: Proof, run: Bytes | null): boolean {
    if (isRunless(signed)) return false;
    const runs = this.#signed.get(keyOf(signer, signed));
    return runs !== undefined && !runs.has(run === null ? "" : latin1(run));
  }
}

function keyOf(signer: Signer, signed: Bytes): number {
  const crc = Bun.hash.crc32(signed);
  return (mix32(crc, signer) >>> 0) * 2 ** 21 + (Bun.hash.adler32(signed) & 0x1f_ffff);
}
