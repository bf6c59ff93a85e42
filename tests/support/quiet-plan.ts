// A plan of a simulated run in which nothing goes wrong but what a test does.

import { drawPlan, NO_FAULTS, type Plan } from "../../src/simulation/seed-plan.ts";
import type { Subject } from "../../src/simulation/subject.ts";

/** The smallest cluster that tolerates a fault; clients ask as soon as they are answered. */
export function quietPlan(subject: Subject, changes: Partial<Plan> = {}): Plan {
  const { clients = 16 } = changes;
  return {
    ...drawPlan(subject, "short", 1),
    n: subject.protocol.quorums(3, 1) === null ? 4 : 3,
    f: 1,
    batchMax: clients,
    adaptive: false,
    flushDelayMs: 1,
    viewTimeoutMs: 100,
    tenure: 1,
    reputation: false,
    checkpointInterval: 32,
    sessionsMax: 1024,
    clients,
    app: "kv",
    operations: Infinity,
    tail: 0,
    thinkUs: 0,
    valueMax: 16,
    oneHost: false,
    multicast: false,
    gstUs: Number.MAX_SAFE_INTEGER,
    network: { delayMinUs: 100, delayMaxUs: 300, lateUs: 1, ordered: true, ...NO_FAULTS },
    speeds: [],
    signUs: 100,
    signature: "batch",
    faults: [],
    restarts: [],
    allRestart: null,
    byzantine: [],
    tricks: [],
    censusEvery: 64,
    ...changes,
  };
}
