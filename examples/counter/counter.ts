// Counters that clients add to: an application and its workload, as small as they can be.

import {
  bytesOf,
  EMPTY,
  Parts,
  Reader,
  type App,
  type Bytes,
  type Snapshot,
  type State,
  type Workload,
  type WorkloadOptions,
} from "oskr";

const COUNTERS = 256;
/** Counters in a part of the state: checkpoints hash, and replicas fetch, the parts that differ. */
const PART = 16;

/** Adds to a counter, from 0 to 255; adding 0 reads it. */
export function encodeAdd(counter: number, amount: number): Bytes {
  return bytesOf((out) => {
    out.u8(counter);
    out.u32(amount);
  });
}

/** What the counter has; null: the operation was none, or the counter would have had too much. */
export function decodeCount(result: Bytes): number | null {
  const input = new Reader(result);
  const count = input.u53();
  return input.done ? count : null;
}

/** What an operation added, so that it can be undone. */
interface Added {
  readonly counter: number;
  readonly amount: number;
}

export class CounterApp implements App {
  readonly #counts = new Array<number>(COUNTERS).fill(0);
  readonly #parts = new Parts((index) => [this.#partOf(index)], COUNTERS / PART);
  /** One for each operation that is not committed, oldest first. */
  readonly #added: Added[] = [];

  /** Never throws: whatever is no operation gets an empty result, at every replica alike. */
  execute(op: Bytes): Bytes {
    const input = new Reader(op);
    const [counter, amount] = [input.u8(), input.u32()];
    const count = (this.#counts[counter] ?? 0) + amount;
    const refused = !input.done || count > Number.MAX_SAFE_INTEGER;
    this.#added.push({ counter, amount: refused ? 0 : amount });
    if (refused) return EMPTY;
    this.#add(counter, amount);
    return bytesOf((out) => out.u53(count));
  }

  rollback(count: number): void {
    for (let i = 0; i < count; i++) {
      const last = this.#added.pop();
      if (last !== undefined) this.#add(last.counter, -last.amount);
    }
  }

  commit(count: number): void {
    this.#added.splice(0, count);
  }

  snapshot(): Snapshot {
    return this.#parts.snapshot();
  }

  restore(state: State, changed: Iterable<number>): void {
    for (const index of changed) {
      const input = new Reader(state.part(index)[0] ?? EMPTY);
      for (let i = 0; i < PART; i++) this.#counts[index * PART + i] = input.u53();
    }
    this.#added.length = 0;
    this.#parts.restored(state.count);
  }

  #add(counter: number, amount: number): void {
    if (amount === 0) return;
    // Before it changes, because a snapshot that was taken keeps what it was.
    this.#parts.touch(Math.floor(counter / PART));
    this.#counts[counter] = (this.#counts[counter] ?? 0) + amount;
  }

  #partOf(index: number): Bytes {
    return bytesOf((out) => {
      for (const count of this.#counts.slice(index * PART, (index + 1) * PART)) out.u53(count);
    });
  }
}

/** Half of all operations read a counter, the others add 1 to one. */
export function counterWorkload({ random }: WorkloadOptions): Workload {
  return {
    asker(tally) {
      let kind = "READ";
      return {
        next() {
          const amount = random(2);
          kind = amount === 0 ? "READ" : "ADD";
          return encodeAdd(random(COUNTERS), amount);
        },
        answered(result, startedMs, nowMs) {
          const status = decodeCount(result) === null ? "REFUSED" : "OK";
          tally.record(kind, status, startedMs, nowMs);
          return null;
        },
      };
    },
  };
}

export const counter = { make: () => new CounterApp(), workload: counterWorkload };
