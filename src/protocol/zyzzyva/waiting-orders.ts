// Orders that came before their turn: one of each slot of the window and of as many after it, for
// the view that a replica is in or on the way to, and for the next one. Each view has its own room,
// because whoever leads the next one could fill that of this one.

import type { Refusal } from "../../actor.ts";
import { footprintOf } from "../kit/batch.ts";
import type { OrderReqMessage } from "./message.ts";

/** Memory of their batches, for each of the two views. */
const BYTES_MAX = 24 * 1024 * 1024;

export class WaitingOrders {
  /** By slot, of views that are even, and of those that are odd. */
  readonly #orders = [new Map<number, OrderReqMessage>(), new Map<number, OrderReqMessage>()];
  readonly #bytes = [0, 0];

  /** The most for one view. */
  get size(): number {
    return Math.max(...this.#orders.map(({ size }) => size));
  }

  /** Why an order is not kept. */
  refuse({ view, slot, batch }: OrderReqMessage): Refusal | null {
    const known = this.#of(view).get(slot);
    if (known !== undefined && known.view >= view) return "not admitted: order that waits already";
    const fits = (this.#bytes[view % 2] ?? 0) + footprintOf(batch) <= BYTES_MAX;
    return fits ? null : "not admitted: order that there is no room for";
  }

  keep(message: OrderReqMessage): void {
    const { view, slot, batch } = message;
    this.#forget(view, slot);
    this.#of(view).set(slot, message);
    this.#charge(view, footprintOf(batch));
  }

  at(view: number, slot: number): OrderReqMessage | undefined {
    const message = this.#of(view).get(slot);
    return message?.view === view ? message : undefined;
  }

  /** Gives it, and forgets it. */
  take(view: number, slot: number): OrderReqMessage | undefined {
    const message = this.at(view, slot);
    if (message !== undefined) this.#forget(view, slot);
    return message;
  }

  /** The first slot from this one on whose order of a view waits; Infinity if none does. */
  firstFrom(view: number, slot: number): number {
    let first = Infinity;
    for (const message of this.#of(view).values()) {
      if (message.view === view && message.slot >= slot) first = Math.min(first, message.slot);
    }
    return first;
  }

  /** Forgets those of earlier views, and of slots up to this one. */
  forget(view: number, slot: number): void {
    for (const orders of this.#orders) {
      for (const message of [...orders.values()]) {
        if (message.view < view || message.slot <= slot) this.#forget(message.view, message.slot);
      }
    }
  }

  #of(view: number): Map<number, OrderReqMessage> {
    return this.#orders[view % 2] ?? new Map<number, OrderReqMessage>();
  }

  #forget(view: number, slot: number): void {
    const known = this.#of(view).get(slot);
    if (known === undefined) return;
    this.#of(view).delete(slot);
    this.#charge(view, -footprintOf(known.batch));
  }

  #charge(view: number, bytes: number): void {
    this.#bytes[view % 2] = (this.#bytes[view % 2] ?? 0) + bytes;
  }
}
