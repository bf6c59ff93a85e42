// Proposals that wait for bodies, within bounds.

import type { Bytes, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { latin1 } from "../../wire.ts";
import { footprintOf, wholeOf, type Batch, type Lack } from "./batch.ts";
import { Shares } from "./shares.ts";

/** Of one replica: more than it has under way. */
export const WAITING_MAX = 64;
/** Memory of all; what is over falls to the replica with most. */
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;

/** One that waits. */
export interface Waiting<M> {
  readonly from: Signer;
  readonly key: string;
  /** The latest with this batch. */
  message: M;
  readonly batch: Batch;
  /** Those that are here, in the order of the batch's lacks. */
  readonly bodies: (Bytes | undefined)[];
  /** The digests of the others, and the lacks that they are for. */
  readonly missing: Map<string, Lack[]>;
  bytes: number;
  readonly sinceMs: number;
  askedMs: number;
  /** Whether its proposer was asked. */
  asked: boolean;
}

export class WaitingProposals<M> {
  readonly #n: number;
  readonly #byKey = new Map<string, Waiting<M>>();
  /** By replica, how many there are, and their bytes. */
  readonly #counts = new Shares();
  readonly #shares = new Shares();

  constructor(n: number) {
    this.#n = n;
  }

  get size(): number {
    return this.#byKey.size;
  }
  get sizes(): Sizes {
    const { size } = this.#byKey;
    return [
      { name: "bodies.waiting", size, max: this.#n * WAITING_MAX },
      { name: "bodies.waiting bytes", size: this.#shares.total, max: WAITING_BYTES_MAX },
    ];
  }

  /** The oldest first. */
  values(): Iterable<Waiting<M>> {
    return this.#byKey.values();
  }

  /** Has a proposal of a replica wait: in the place of one with the same batch, if there is one. */
  add(from: Signer, message: M, found: Pick<Waiting<M>, "batch" | "bodies">, nowMs: number): void {
    const { batch, bodies } = found;
    const key = `${from} ${latin1(batch.digest)}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.message = message;
      return;
    }
    let bytes = footprintOf(batch);
    const missing = new Map<string, Lack[]>();
    for (const [i, lack] of (batch.named?.lacks ?? []).entries()) {
      const body = bodies[i];
      const digest = latin1(lack.digest);
      if (body !== undefined) bytes += body.length;
      else missing.set(digest, [...(missing.get(digest) ?? []), lack]);
    }
    const times = { sinceMs: nowMs, askedMs: nowMs, asked: false };
    this.#byKey.set(key, { from, key, message, batch, bodies, missing, bytes, ...times });
    this.#counts.add(from, 1);
    this.#shares.add(from, bytes);
    this.makeRoom(from);
  }

  /** Gives a body to those that it is missing from; those that wait for no other are taken out. */
  fill(digest: string, body: Bytes): { readonly wanted: boolean; readonly whole: Waiting<M>[] } {
    const whole: Waiting<M>[] = [];
    let wanted = false;
    for (const waiting of this.#byKey.values()) {
      const lacks = waiting.missing.get(digest);
      if (lacks === undefined || lacks.some(({ length }) => length !== body.length)) continue;
      wanted = true;
      waiting.missing.delete(digest);
      const all = waiting.batch.named?.lacks ?? [];
      for (const lack of lacks) waiting.bodies[all.indexOf(lack)] = body;
      waiting.bytes += body.length;
      this.#shares.add(waiting.from, body.length);
      if (waiting.missing.size > 0) continue;
      this.forget(waiting);
      whole.push(waiting);
    }
    this.makeRoom(null);
    return { wanted, whole };
  }

  forget({ key, from, bytes }: Waiting<M>): void {
    this.#byKey.delete(key);
    this.#counts.add(from, -1);
    this.#shares.add(from, -bytes);
  }

  /** As long as there is too much, the replica that has most loses its oldest. */
  protected makeRoom(from: Signer | null): void {
    if (from !== null && this.#counts.of(from) > WAITING_MAX) this.#forgetOldest(from);
    while (this.#shares.total > WAITING_BYTES_MAX) {
      const greatest = this.#shares.greatest();
      if (greatest === undefined) return;
      coverageMark("bodies: there is no room for all proposals that wait");
      this.#forgetOldest(greatest);
    }
  }

  #forgetOldest(from: Signer): void {
    for (const waiting of this.#byKey.values()) {
      if (waiting.from === from) return this.forget(waiting);
    }
  }
}

/** The batch of one that waits for nothing any more. */
export function wholeBatchOf({ batch, bodies }: Pick<Waiting<unknown>, "batch" | "bodies">): Batch {
  return wholeOf(
    batch,
    bodies.filter((body) => body !== undefined),
  );
}
