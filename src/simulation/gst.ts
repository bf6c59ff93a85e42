// GST that comes when a condition holds, rather than at a time.

import type { World } from "./world.ts";

/**
 * Makes the network quiet at the plan's GST, or before that once `done`, which is asked every
 * quarter of a view timeout, or as soon as what it returns is called. Of the operations that were
 * left to ask until then at most `askedMax` are still asked, before each client's `tail`.
 */
export function scheduleHealing(world: World, done: () => boolean, askedMax: number): () => void {
  const { scheduler, plan } = world;
  let healed = false;
  const heal = (): void => {
    if (healed) return;
    healed = true;
    world.gstUs = scheduler.nowUs;
    world.operationsLeft = Math.min(world.operationsLeft, askedMax);
    world.globalStabilisation();
  };
  const look = (): void => {
    if (healed) return;
    if (done() || scheduler.nowUs >= plan.gstUs) heal();
    else scheduler.after(null, plan.viewTimeoutMs * 250, look);
  };
  look();
  return heal;
}
