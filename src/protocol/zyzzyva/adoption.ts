// How a replica makes its history what a view begins with, or what others have committed while it
// is in no view: it undoes what is not in that, and fetches and executes what it lacks.

import type { Address, Bytes, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { lengthOf, type Batch } from "../kit/batch.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { BatchMessage, FetchBatchMessage } from "./message.ts";
import type { Beginning, Chain } from "./selection.ts";

/** Batches of a history that are asked for at a time. */
const FETCHED_MAX = 16;

/** What adopting a history asks of its replica. */
export interface AdoptionOwner {
  readonly views: { readonly active: boolean; advance(): void };
  readonly reports: { readonly batches: readonly Batch[] };
  readonly normal: {
    readonly committed: number;
    rollback(slot: number): void;
    adopt(batch: Batch, history: Bytes): void;
  };
  readonly commits: { follow(): void };
  readonly sync: {
    readonly behind: boolean;
    adopt(checkpoint: StableCheckpoint): void;
    fetchState(): void;
  };
}

/** A history that is committed, as slots after one that this replica has committed. */
export interface Followed {
  readonly chain: Chain;
  readonly slot: number;
}

/** What a view is to begin with, on the way there. */
export interface Joining {
  readonly view: number;
  readonly beginning: Beginning;
}

export class Adoption {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: AdoptionOwner;
  #joining: Joining | null = null;
  /** What others have committed, for a replica that is in no view. */
  #followed: Followed | null = null;
  /** Batches that came, by slot, and slots whose batches were asked for since the last tick. */
  readonly #fetched = new Map<number, Batch>();
  readonly #asked = new Set<number>();

  constructor(context: ZyzzyvaContext, owner: AdoptionOwner) {
    this.context = context;
    this.owner = owner;
  }

  get sizes(): Sizes {
    const { size: max } = this.context.log;
    return [
      { name: "adoption.fetched", size: this.#fetched.size, max },
      { name: "adoption.asked", size: this.#asked.size, max },
    ];
  }

  /** A view is to begin with this. */
  join(joining: Joining): void {
    this.reset();
    this.#joining = joining;
  }

  /** Another view is the goal, or one is active. */
  reset(): void {
    this.#joining = null;
    this.#followed = null;
    this.#fetched.clear();
    this.#asked.clear();
  }

  /** What did not come is asked for again. */
  askAgain(): void {
    this.#asked.clear();
  }

  /** Goes on; gives what the view is to begin with once the history is that. */
  advance(): Joining | null {
    this.#follow();
    const joining = this.#joining;
    return joining !== null && this.#adopts(joining.beginning) ? joining : null;
  }

  /** Makes the history one that is committed, while this replica is in no view. */
  follow(followed: Followed): void {
    if (this.owner.views.active || followed.slot <= (this.#followed?.slot ?? 0)) return;
    coverageMark("zyzzyva: a replica that is in no view follows the others");
    this.#followed = followed;
    this.owner.views.advance();
  }

  #follow(): void {
    const followed = this.#followed;
    if (followed === null) return;
    const { chain, slot } = followed;
    const { log } = this.context;
    const { committed } = this.owner.normal;
    if (this.owner.views.active || slot <= committed || committed < chain.first) {
      this.#followed = null;
      return;
    }
    const own = log.passes(slot, chain.historyAt(slot) ?? NOTHING);
    if (!own && !this.#brings(chain, slot)) return;
    this.#followed = null;
    this.owner.commits.follow();
  }

  /** Makes the history that which a view begins with; false if that is not so yet, or cannot be. */
  #adopts({ checkpoint, chain, slot, history }: Beginning): boolean {
    const { log } = this.context;
    const { normal, sync } = this.owner;
    const { committed } = normal;
    if (slot < committed || slot <= log.low) {
      // A later view may have decided more; what it holds up to the slot is to be the same.
      const same = log.passes(slot, history);
      if (!same) coverageMark("zyzzyva: a view begins below what is committed");
      return same;
    }
    if (chain.first > committed) {
      sync.adopt(checkpoint.stable);
      if (chain.first > normal.committed) {
        if (sync.behind) sync.fetchState();
        return false;
      }
    } else if (!log.passes(committed, chain.historyAt(committed) ?? history)) {
      coverageMark("zyzzyva: a view begins below what is committed");
      return false;
    }
    sync.adopt(checkpoint.stable);
    return this.#brings(chain, slot);
  }

  /** Makes the history that of the chain up to the slot; false if that is not so yet. */
  #brings(chain: Chain, slot: number): boolean {
    const { log } = this.context;
    const { normal } = this.owner;
    if (normal.committed < chain.first) return false;
    this.#rollbackTo(chain, slot);
    while (log.last < slot && log.last < log.high) {
      const at = log.last + 1;
      const batch = this.#batchOf(chain.digestAt(at) ?? NOTHING);
      const next = chain.historyAt(at);
      if (batch === undefined || next === undefined) break;
      normal.adopt(batch, next);
    }
    if (log.last < slot) this.#fetchBatches(chain, slot);
    return log.last === slot;
  }

  /** Asks for some batches of the beginning, each once between two ticks. */
  #fetchBatches(chain: Chain, slot: number): void {
    const { log, host } = this.context;
    const last = Math.min(slot, log.last + FETCHED_MAX);
    for (const at of this.#asked) if (at <= log.last) this.#asked.delete(at);
    for (let at = log.last + 1; at <= last; at++) {
      const digest = chain.digestAt(at);
      if (digest === undefined || this.#asked.has(at) || this.#batchOf(digest)) continue;
      coverageMark("zyzzyva: missing batch is fetched");
      this.#asked.add(at);
      host.send("others", { kind: "fetchBatch", digest });
    }
  }

  /** Undoes what is not on the chain. */
  #rollbackTo(chain: Chain, slot: number): void {
    const { log } = this.context;
    const { normal } = this.owner;
    let common = Math.min(log.last, slot);
    while (common > normal.committed && !log.passes(common, chain.historyAt(common) ?? NOTHING)) {
      common--;
    }
    if (common === log.last) return;
    coverageMark("zyzzyva: a new view undoes what was executed");
    normal.rollback(common);
  }

  #batchOf(digest: Bytes): Batch | undefined {
    const known = this.owner.reports.batches.find((batch) => equal(batch.digest, digest));
    if (known !== undefined) return known;
    for (const batch of this.#fetched.values()) if (equal(batch.digest, digest)) return batch;
    return this.context.log.after(0).find((entry) => equal(entry.digest, digest))?.batch;
  }

  onFetchBatch(from: Address, { digest }: FetchBatchMessage): void {
    const { host, answers } = this.context;
    const batch = this.#batchOf(digest);
    if (batch === undefined) return host.drop("not admitted: fetch of a batch that is not here");
    const question = `batch ${digest.join()}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, lengthOf(batch));
    host.send(from, { kind: "batch", batch });
  }

  onBatch({ batch }: BatchMessage): void {
    const { log, host } = this.context;
    const chain = this.#followed?.chain ?? this.#joining?.beginning.chain;
    const slot = [...this.#asked].find((at) => equal(chain?.digestAt(at) ?? NOTHING, batch.digest));
    if (
      this.owner.views.active ||
      slot === undefined ||
      slot <= log.last ||
      this.#fetched.has(slot)
    ) {
      return host.drop("not admitted: batch that is not missing");
    }
    for (const at of this.#fetched.keys()) if (at <= log.last) this.#fetched.delete(at);
    this.#fetched.set(slot, batch);
    this.owner.views.advance();
  }
}

const NOTHING: Bytes = new Uint8Array(0);
