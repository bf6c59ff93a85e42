// A plan of a simulated run in which nothing goes wrong but what a test does.

import { calmPlan } from "../../src/simulation/calm-plan.ts";
import type { Plan } from "../../src/simulation/seed-plan.ts";
import type { Subject } from "../../src/simulation/subject.ts";

/** The smallest cluster that tolerates a fault; clients ask as soon as they are answered. */
export function quietPlan(subject: Subject, changes: Partial<Plan> = {}): Plan {
  const { clients = 16 } = changes;
  const calm = calmPlan(subject, {
    seed: 1,
    n: subject.protocol.quorums(3, 1) === null ? 4 : 3,
    f: 1,
    clients,
    operations: Infinity,
    thinkUs: 0,
    delayMinUs: 100,
    delayMaxUs: 300,
    loss: 0,
    viewTimeoutMs: 100,
    requestAuth: "none",
  });
  return {
    ...calm,
    batchMax: clients,
    flushDelayMs: 1,
    checkpointInterval: 32,
    signUs: 100,
    signature: "batch",
    censusEvery: 64,
    ...changes,
  };
}
