// Garbage of large messages. The engine collects garbage when its heap has grown by as much again,
// which of messages of mebibytes is hundreds of mebibytes; replicas promise less (SECURITY.md).

import type { Clock } from "../driver.ts";

/** How often is looked. */
const LOOK_MS = 50;
/** Bytes that arrays outside of the heap, which large ones are, may have grown by. */
export const GARBAGE_MAX = 32 * 1024 * 1024;

/** What the engine says of such arrays, and how it is told to collect. */
export interface Heap {
  external(): number;
  collect(): void;
}

const ENGINE: Heap = {
  external: () => process.memoryUsage().external,
  collect: () => Bun.gc(true),
};

/** Has garbage collected once large arrays have grown by GARBAGE_MAX, from now on. */
export function collectGarbage(clock: Pick<Clock, "after">, heap: Heap = ENGINE): void {
  let least = Infinity;
  const look = (): void => {
    const now = heap.external();
    if (now - least > GARBAGE_MAX) {
      heap.collect();
      least = heap.external();
    } else {
      least = Math.min(least, now);
    }
    clock.after(LOOK_MS, look);
  };
  look();
}
