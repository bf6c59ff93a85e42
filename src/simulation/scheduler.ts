// Virtual time: a heap of events in a total order, and the hash of all that happened.

import { assert } from "../base/assert.ts";
import { Heap } from "../base/heap.ts";
import { mix32 } from "../base/seeded-random.ts";

/** Something that will happen at a process, or in the network when `owner` is null. */
export interface Event {
  /** Microseconds of virtual time. */
  atUs: number;
  /** Breaks ties: events of one time happen in the order in which they were scheduled. */
  readonly order: number;
  readonly owner: Owner | null;
  /** The owner's incarnation when it was scheduled: a crash forgets what was to come. */
  readonly incarnation: number;
  run: (() => void) | null;
}

/** What the scheduler must know of a process. */
export interface Owner {
  readonly index: number;
  readonly incarnation: number;
  /** Until when it stands still; what was due happens then. */
  readonly pausedUntilUs: number;
  /** Called after each of its events. */
  afterEvent(): void;
}

export class Scheduler {
  nowUs = 0;
  /** Events that happened. */
  count = 0;
  readonly #heap = new Heap<Event>(before);
  #order = 0;
  #high = 0x6a09e667;
  #low = 0xbb67ae85 | 0;

  /** Schedules `run`, `delayUs` from now rounded up to a whole microsecond. */
  after(owner: Owner | null, delayUs: number, run: () => void): Event {
    assert(delayUs >= 0, "an event in the past");
    const event: Event = {
      atUs: this.nowUs + Math.ceil(delayUs),
      order: this.#order++,
      owner,
      incarnation: owner === null ? 0 : owner.incarnation,
      run,
    };
    this.#heap.push(event);
    return event;
  }

  /** Moves on to that time; nothing may be due before it. */
  moveTo(atUs: number): void {
    this.nowUs = Math.max(this.nowUs, atUs);
  }

  /** Makes the next event happen; false when there is none by `endUs`. */
  step(endUs: number): boolean {
    for (;;) {
      const event = this.#heap.peek();
      if (event === undefined || event.atUs > endUs) return false;
      this.#heap.pop();
      const { owner, run } = event;
      if (run === null) continue;
      if (owner !== null) {
        if (owner.incarnation !== event.incarnation) continue;
        if (owner.pausedUntilUs > event.atUs) {
          event.atUs = owner.pausedUntilUs;
          this.#heap.push(event);
          continue;
        }
      }
      this.nowUs = event.atUs;
      this.count++;
      this.note(owner === null ? -1 : owner.index, event.atUs);
      run();
      if (owner !== null) owner.afterEvent();
      return true;
    }
  }

  /** Takes two integers into the trace hash. */
  note(a: number, b: number): void {
    this.#high = mix32(this.#high ^ b, a);
    this.#low = (Math.imul(this.#low ^ a, 0x01000193) + b) | 0;
  }

  /** The hash of everything that happened so far, 16 hexadecimal digits. */
  get traceHash(): string {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }
}

function before(a: Event, b: Event): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
