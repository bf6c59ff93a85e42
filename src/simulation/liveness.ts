// How long operations may take once the network is quiet.

import type { ReplicaHandle } from "./replica-handle.ts";
import type { RoleHandle } from "./role-processes.ts";
import type { Plan } from "./seed-plan.ts";

/** From now on, in microseconds, with these correct replicas: the rule of docs/testing.md. */
export function livenessUs(
  { viewTimeoutMs, f, drawnViews = 0 }: Pick<Plan, "viewTimeoutMs" | "f" | "drawnViews">,
  correct: readonly ReplicaHandle[],
  roles: readonly RoleHandle[],
): number {
  let longest = 0;
  let view = drawnViews;
  for (const { replica } of correct) {
    if (replica === null) continue;
    const census = replica.census();
    longest = Math.max(longest, census.viewTimerMs);
    view = Math.min(view, census.view);
  }
  let sum = 4 * viewTimeoutMs;
  // Each sequencer that is down may cost a view, in which another is opened.
  const down = roles.filter(({ actor }) => actor === null).length;
  // A faulty replica may lead each of the views that are drawn and still to come.
  const views = f + 2 + down + drawnViews - view;
  for (let i = 0; i <= views; i++) sum += Math.min(2 ** i * longest, 16 * viewTimeoutMs);
  // A client may have asked just before the network was quiet, and asks again that much later.
  return (2 * sum + viewTimeoutMs) * 1000;
}
