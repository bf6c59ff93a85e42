// GST that comes when a condition holds, rather than at a time.

import type { World } from "./world.ts";

/**
 * Makes the network quiet as soon as `done`, or at the plan's GST. Operations that were left to ask
 * before it are not asked: those after it are the plan's `tail`.
 */
export function scheduleHealing(world: World, done: () => boolean): void {
  const { scheduler, plan } = world;
  const look = (): void => {
    if (done() || scheduler.nowUs >= plan.gstUs) {
      world.gstUs = scheduler.nowUs;
      world.operationsLeft = 0;
      world.globalStabilisation();
    } else {
      scheduler.after(null, plan.viewTimeoutMs * 250, look);
    }
  };
  look();
}
