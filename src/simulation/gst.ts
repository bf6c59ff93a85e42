// GST that comes when a condition holds, rather than at a time.

import type { World } from "./world.ts";

/**
 * Makes the network quiet at the plan's GST, or before that once `done`, which is asked every
 * quarter of a view timeout, or as soon as what it returns is called. Of the operations that were
 * left to ask until then at most `askedMax` are still asked, before each client's `tail`.
 */
export function scheduleGst(world: World, done: () => boolean, askedMax: number): () => void {
  const { scheduler, plan } = world;
  let reached = false;
  const reachGst = (): void => {
    if (reached) return;
    reached = true;
    world.gstUs = scheduler.nowUs;
    world.operationsLeft = Math.min(world.operationsLeft, askedMax);
    world.globalStabilisation();
  };
  const look = (): void => {
    if (reached) return;
    if (done() || scheduler.nowUs >= plan.gstUs) reachGst();
    else scheduler.after(null, plan.viewTimeoutMs * 250, look);
  };
  look();
  return reachGst;
}
