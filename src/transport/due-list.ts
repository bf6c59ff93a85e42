// What is to be looked at later, unless it is over by then, as most things are: those are passed
// over in the order in which they came, which costs less than a heap.

import { Heap } from "../base/heap.ts";
import { Queue } from "../base/queue.ts";

export class DueList<T extends { dueMs: number }> {
  readonly #firstMs: number;
  readonly #isOver: (item: T) => boolean;
  readonly #young = new Queue<T>();
  readonly #old = new Heap<T>((a, b) => a.dueMs < b.dueMs);

  /** Items are looked at first after `firstMs`. */
  constructor(firstMs: number, isOver: (item: T) => boolean) {
    this.#firstMs = firstMs;
    this.#isOver = isOver;
  }

  get length(): number {
    return this.#young.length + this.#old.length;
  }

  add(item: T, nowMs: number): void {
    item.dueMs = nowMs + this.#firstMs;
    this.#young.push(item);
  }

  /** Has an item that was taken looked at again at that time. */
  again(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    this.#old.push(item);
  }

  /** Takes an item that is due and not over. */
  take(nowMs: number): T | undefined {
    for (const items of [this.#young, this.#old]) {
      for (let item = items.peek(); item !== undefined; item = items.peek()) {
        if (item.dueMs > nowMs) break;
        if (items === this.#young) this.#young.shift();
        else this.#old.pop();
        if (!this.#isOver(item)) return item;
      }
    }
    return undefined;
  }
}
