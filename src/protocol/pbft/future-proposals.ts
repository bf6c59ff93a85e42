// Proposals of a view that has not begun: its primary sends them as soon as it has begun there.

import type { Sizes } from "../../actor.ts";
import { footprintOf } from "../kit/batch.ts";
import type { PrePrepareMessage } from "./message.ts";

/** Memory for their batches; what does not fit is fetched when its slot is to be voted for. */
export const FUTURE_BYTES_MAX = 16 * 1024 * 1024;

/** One proposal of each slot of the window, that of the latest view. */
export class FutureProposals {
  readonly #max: number;
  readonly #bySlot = new Map<number, PrePrepareMessage>();
  #bytes = 0;

  /** For a window of `max` slots. */
  constructor(max: number) {
    this.#max = max;
  }

  get sizes(): Sizes {
    return [
      { name: "view-change.future", size: this.#bySlot.size, max: this.#max },
      { name: "view-change.future bytes", size: this.#bytes, max: FUTURE_BYTES_MAX },
    ];
  }

  /** Whether it has one of this slot, of this view or a later one. */
  holds(slot: number, view: number): boolean {
    const known = this.#bySlot.get(slot);
    return known !== undefined && known.view >= view;
  }

  keep(message: PrePrepareMessage): void {
    const { slot, view } = message;
    if (this.holds(slot, view)) return;
    this.#forget(slot);
    const bytes = bytesOf(message);
    const fits = this.#bytes + bytes <= FUTURE_BYTES_MAX;
    if (fits) this.#bytes += bytes;
    this.#bySlot.set(slot, fits ? message : { ...message, batch: null });
  }

  /** Gives those of this view; they and those of earlier ones are forgotten. */
  take(view: number): PrePrepareMessage[] {
    const taken: PrePrepareMessage[] = [];
    for (const [slot, message] of this.#bySlot) {
      if (message.view > view) continue;
      this.#forget(slot);
      if (message.view === view) taken.push(message);
    }
    return taken;
  }

  /** The window begins after `low` now. */
  onStable(low: number): void {
    for (const slot of this.#bySlot.keys()) if (slot <= low) this.#forget(slot);
  }

  #forget(slot: number): void {
    const message = this.#bySlot.get(slot);
    if (message === undefined) return;
    this.#bySlot.delete(slot);
    this.#bytes -= bytesOf(message);
  }
}

function bytesOf({ batch }: PrePrepareMessage): number {
  return batch === null ? 0 : footprintOf(batch);
}
