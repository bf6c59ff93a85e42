// GST that comes when a condition holds, rather than at a time.

import type { World } from "./world.ts";

/**
 * Makes the network quiet as soon as `done`, or at the plan's GST. Of the operations that were left
 * to ask until then at most `askedMax` are still asked, before each client's `tail`.
 */
export function scheduleHealing(world: World, done: () => boolean, askedMax: number): void {
  const { scheduler, plan } = world;
  const look = (): void => {
    if (done() || scheduler.nowUs >= plan.gstUs) {
      world.gstUs = scheduler.nowUs;
      world.operationsLeft = Math.min(world.operationsLeft, askedMax);
      world.globalStabilisation();
    } else {
      scheduler.after(null, plan.viewTimeoutMs * 250, look);
    }
  };
  look();
}
