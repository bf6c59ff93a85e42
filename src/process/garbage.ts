// Garbage of large messages. The engine collects garbage when its heap has grown by as much again,
// arrays outside of it counted: of messages of mebibytes that is hundreds of mebibytes, and while
// such arrays live, as much of anything else. Replicas promise less (SECURITY.md).
//
// Most large arrays are copies of a message on its way, which are garbage at once: a collection of
// young objects frees them at an eighth of what one of all costs, and tells what is in use now.

import { edenGC, gcAndSweep } from "bun:jsc";
import { allocatedBytes } from "../base/large-arrays.ts";
import type { Clock } from "../driver.ts";

/** How often is looked. */
const LOOK_MS = 50;
/** Bytes that arrays outside of the heap, which large ones are, may have grown by. */
export const GARBAGE_MAX = 24 * 1024 * 1024;
/** Or this share of what they have in use, because to collect takes longer the more that is. */
export const GARBAGE_SHARE = 1 / 4;
/** Of either, what may be made before young garbage is collected. */
export const YOUNG_SHARE = 1 / 2;
/** Bytes of them beyond which the heap itself may grow by no more than that either. */
export const LARGE_ARRAYS = 32 * 1024 * 1024;

/** What the engine says of such arrays and of its heap beside them, and what it says too late. */
interface Usage {
  readonly external: number;
  readonly heapTotal: number;
  /** Bytes of all arrays that were made of which it tells only once it has collected garbage. */
  readonly allocated: number;
}

/** How much is in use, and how to have garbage collected. */
export interface Heap {
  usage(): Usage;
  /** Frees what was made since anything was collected, and is garbage already. */
  collectYoung(): void;
  /** Leaves what was collected to what is allocated next. */
  collect(): void;
  /** Gives it back to the system too: that takes ten times as long, and as long again to get. */
  shrink(): void;
}

/** That of this process. */
export const ENGINE: Heap = {
  usage: () => {
    const { external, heapTotal } = process.memoryUsage();
    return { external, heapTotal, allocated: allocatedBytes() };
  },
  collectYoung: () => void edenGC(),
  collect: () => gcAndSweep(),
  shrink: () => Bun.gc(true),
};

/** Has garbage collected once there is too much of it, from now on. */
export function collectGarbage(clock: Pick<Clock, "after">, heap: Heap = ENGINE): void {
  // What a start has left behind, such as the loading of records, is garbage too.
  let least = { external: 0, heapTotal: 0 };
  let counted = 0;
  const look = (collect: () => void): void => {
    let { external, heapTotal, allocated } = heap.usage();
    const most = Math.max(GARBAGE_MAX, GARBAGE_SHARE * least.external);
    if (allocated - counted > YOUNG_SHARE * most) {
      heap.collectYoung();
      counted = allocated;
      ({ external, heapTotal, allocated } = heap.usage());
    }
    const many = external - least.external > most;
    if (many || (external > LARGE_ARRAYS && heapTotal - least.heapTotal > most)) {
      collect();
      ({ external, heapTotal } = heap.usage());
      least = { external, heapTotal };
      counted = allocated;
    } else {
      least = {
        external: Math.min(least.external, external),
        heapTotal: Math.min(least.heapTotal, heapTotal),
      };
    }
    clock.after(LOOK_MS, () => look(heap.collect));
  };
  look(heap.shrink);
}
