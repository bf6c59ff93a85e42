// The ordered multicast as a replica hears it: each number of the session of its view once, in
// their order; a number beyond the next is a drop (Li et al., OSDI '16, section 3.2).

import type { Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { Batch } from "../kit/batch.ts";
import type { Stamp } from "../kit/sequencing-messages.ts";
import type { NoPaxosContext } from "./context.ts";
import { isOf, type Stream } from "./stream.ts";

/** Checkpoint intervals of messages that came before their turn. */
const KEPT_INTERVALS = 2;

/** A session, and what was heard of it and is still to be taken. */
interface Heard {
  readonly session: number;
  readonly incarnation: number;
  readonly sinceMs: number;
  /** By number. */
  readonly kept: Map<number, Batch>;
}

const NOTHING: Heard = { session: -1, incarnation: 0, sinceMs: Infinity, kept: new Map() };

export class Multicast {
  protected readonly context: NoPaxosContext;
  readonly #keptMax: number;
  /** The session that is heard, and the highest beyond it. */
  #current: Heard = NOTHING;
  #higher: Heard = NOTHING;

  constructor(context: NoPaxosContext) {
    this.context = context;
    this.#keptMax = KEPT_INTERVALS * context.config.checkpointInterval;
  }

  get sizes(): Sizes {
    return [{ name: "multicast.kept", size: this.#size, max: this.#keptMax }];
  }
  /** Since when messages come of a session beyond the one that is heard; Infinity: none did. */
  get higherSinceMs(): number {
    return this.#higher.sinceMs;
  }
  /** Whether any waits of the session that is heard. */
  get waits(): boolean {
    return this.#current.kept.size > 0;
  }
  get #size(): number {
    return this.#current.kept.size + this.#higher.kept.size;
  }

  /** Hears this session from here on, of which the next message is the one with that number. */
  enter(stream: Stream, next: number): void {
    const { session, incarnation } = stream;
    const known = [this.#current, this.#higher].find((heard) =>
      isOf(stream, { ...heard, number: 0 }),
    );
    const kept = known?.kept ?? new Map<number, Batch>();
    for (const number of kept.keys()) if (number < next) kept.delete(number);
    this.#current = { session, incarnation, sinceMs: Infinity, kept };
    if (this.#higher.session <= session) this.#higher = NOTHING;
  }

  /** Keeps a message until its turn: of the session that is heard, or of a higher one. */
  keep(stamp: Stamp, batch: Batch): void {
    const { host } = this.context;
    const heard = this.#heardOf(stamp);
    if (heard === null) return;
    if (!heard.kept.has(stamp.number) && !this.mayKeep(this.#size)) {
      return host.drop("not admitted: message far ahead of its turn");
    }
    heard.kept.set(stamp.number, batch);
  }

  /** Whether there is room for one more beside so many. */
  protected mayKeep(size: number): boolean {
    return size < this.#keptMax;
  }

  #heardOf(stamp: Stamp): Heard | null {
    const { host } = this.context;
    if (isOf(this.#current, stamp)) return this.#current;
    if (stamp.session === this.#current.session) {
      coverageMark("nopaxos: the stamp of another life is refused");
      host.drop("not admitted: stamp of another life of the sequencer");
      return null;
    }
    if (stamp.session < Math.max(this.#current.session, this.#higher.session)) {
      host.drop("not admitted: stamp of a session that is over");
      return null;
    }
    if (!isOf(this.#higher, stamp)) {
      const { session, incarnation } = stamp;
      const sinceMs = Math.min(this.#higher.sinceMs, host.now);
      this.#higher = { session, incarnation, sinceMs, kept: new Map() };
    }
    return this.#higher;
  }

  /** The message with this number, which is not kept any more. */
  take(number: number): Batch | undefined {
    const { kept } = this.#current;
    if (kept.size === 0) return undefined;
    const batch = kept.get(number);
    if (batch !== undefined) kept.delete(number);
    return batch;
  }

  /** The message with this number, if it came. */
  at(number: number): Batch | undefined {
    return this.#current.kept.get(number);
  }

  /** The lowest number of those that wait; Infinity if none does. */
  lowest(): number {
    let lowest = Infinity;
    for (const number of this.#current.kept.keys()) lowest = Math.min(lowest, number);
    return lowest;
  }

  /** Forgets those up to this number, whose slots are filled. */
  forget(number: number): void {
    const { kept } = this.#current;
    for (const one of kept.keys()) if (one <= number) kept.delete(one);
  }
}
