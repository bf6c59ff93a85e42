// How long operations may take once the network is quiet.

import type { ReplicaHandle } from "./replica-handle.ts";
import type { RoleHandle } from "./role-processes.ts";
import type { Plan } from "./seed-plan.ts";

/** From now on, in microseconds, with these correct replicas: the rule of docs/testing.md. */
export function livenessUs(
  { viewTimeoutMs, f }: Pick<Plan, "viewTimeoutMs" | "f">,
  correct: readonly ReplicaHandle[],
  roles: readonly RoleHandle[],
): number {
  let longest = 0;
  for (const { replica } of correct) {
    longest = Math.max(longest, replica?.census().viewTimerMs ?? 0);
  }
  let sum = 4 * viewTimeoutMs;
  // Each sequencer that is down may cost a view, in which another is opened.
  const down = roles.filter(({ actor }) => actor === null).length;
  for (let i = 0; i <= f + 2 + down; i++) sum += Math.min(2 ** i * longest, 16 * viewTimeoutMs);
  // A client may have asked just before the network was quiet, and asks again that much later.
  return (2 * sum + viewTimeoutMs) * 1000;
}
