// Garbage of large messages. The engine collects garbage when its heap has grown by as much again,
// arrays outside of it counted: of messages of mebibytes that is hundreds of mebibytes, and while
// such arrays live, as much of anything else. Replicas promise less (SECURITY.md).

import type { Clock } from "../driver.ts";

/** How often is looked. */
const LOOK_MS = 50;
/** Bytes that arrays outside of the heap, which large ones are, may have grown by. */
export const GARBAGE_MAX = 24 * 1024 * 1024;
/** Bytes of them beyond which the heap itself may grow by no more than that either. */
export const LARGE_ARRAYS = 32 * 1024 * 1024;

/** What the engine says of such arrays and of its heap beside them, and how to have it collect. */
export interface Heap {
  usage(): { readonly external: number; readonly heapTotal: number };
  collect(): void;
}

const ENGINE: Heap = {
  usage: () => process.memoryUsage(),
  collect: () => Bun.gc(true),
};

/** Has garbage collected once there is too much of it, from now on. */
export function collectGarbage(clock: Pick<Clock, "after">, heap: Heap = ENGINE): void {
  let least = { external: Infinity, heapTotal: Infinity };
  const look = (): void => {
    const { external, heapTotal } = heap.usage();
    const many = external - least.external > GARBAGE_MAX;
    if (many || (external > LARGE_ARRAYS && heapTotal - least.heapTotal > GARBAGE_MAX)) {
      heap.collect();
      least = heap.usage();
    } else {
      least = {
        external: Math.min(least.external, external),
        heapTotal: Math.min(least.heapTotal, heapTotal),
      };
    }
    clock.after(LOOK_MS, look);
  };
  look();
}
