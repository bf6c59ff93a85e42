// One suite of cases that every protocol of the registry passes, whatever its messages.

import { describe, expect } from "bun:test";
import { smallestCluster } from "../src/protocol/index.ts";
import { BATCH_BYTES_DEFAULT } from "../src/protocol-config.ts";
import type { Changes, Plan } from "../src/simulation/seed-plan.ts";
import { drawPlan, NO_FAULTS } from "../src/simulation/seed-plan.ts";
import { runPlan } from "../src/simulation/run-seed.ts";
import type { Subject } from "../src/simulation/subject.ts";
import { registered } from "../src/simulation/subjects.ts";
import type { Report } from "../src/simulation/world.ts";
import type { Lack } from "./support/lack.ts";
import { cannot, testUnless } from "./support/optional.ts";
import { PAYLOAD_MAX } from "../src/simulation/simulated-packet.ts";
import { PATIENCE_MS } from "./support/patience.ts";

interface Case {
  readonly name: string;
  readonly plan: Partial<Plan>;
  readonly network?: Partial<Plan["network"]>;
  /** Why a protocol skips it, or null. */
  readonly lacks?: (subject: Subject) => Lack | null;
  readonly also?: (report: Report) => void;
}

const CALM: Partial<Plan["network"]> = {
  delayMinUs: 50,
  delayMaxUs: 200,
  ordered: true,
  ...NO_FAULTS,
};

const needsFaults = (subject: Subject): Lack | null =>
  subject.restarts ? null : cannot("an unreplicated protocol tolerates no faulty replica");

const cases: readonly Case[] = [
  {
    name: "X7 every operation completes with 10 % of packets lost, duplicated and reordered",
    plan: { gstUs: 2_000_000, operations: 60, clients: 3, thinkUs: 10_000 },
    network: { loss: 0.1, duplication: 0.1, reordering: 0.1, lateUs: 20_000 },
  },
  {
    name: "X8 operations larger than a packet, under loss",
    plan: { gstUs: 2_000_000, operations: 20, valueMax: 60_000, keys: 1, thinkUs: 50_000 },
    network: { loss: 0.05 },
  },
  {
    name: "X8 packets far smaller than a message",
    plan: { gstUs: 500_000, operations: 20, payloadMax: 200 },
    network: { loss: 0.02 },
  },
  {
    name: "X10 a long run of one client, every result checked",
    plan: { gstUs: 3_000_000, operations: 300, clients: 1, thinkUs: 1000, keys: 2 },
  },
  {
    name: "X11 a partial batch never waits for a full one",
    plan: { batchMax: 64, adaptive: false, flushDelayMs: 1, clients: 1, operations: 10 },
  },
  {
    name: "X11 adaptive batching with many clients",
    plan: { batchMax: 64, adaptive: true, clients: 12, operations: 120, thinkUs: 100 },
  },
  {
    name: "X13 a client whose session was evicted is told so, and nothing executes twice",
    plan: { sessionsMax: 2, clients: 5, operations: 60, gstUs: 1_000_000, thinkUs: 10_000 },
    also: (report) => expect(report.injected.get("sessions lost") ?? 0).toBeGreaterThan(0),
  },
  {
    name: "all clients in one process, and one packet to all replicas",
    plan: { oneHost: true, multicast: true, clients: 5, operations: 50 },
  },
  {
    name: "clocks that run at half and at twice the speed",
    plan: { speeds: [0.5, 2, 0.7, 1.4, 2, 0.5], clients: 2, operations: 30 },
  },
  {
    name: "signatures that finish late",
    plan: { signUs: 100_000, gstUs: 1_000_000, operations: 20, signature: "batch" },
  },
  {
    name: "a replica that is down for good",
    plan: {
      gstUs: 2_000_000,
      operations: 40,
      thinkUs: 20_000,
      faults: [{ name: "crash", kind: "crash", process: 0, atUs: 300_000, forUs: Infinity }],
    },
    lacks: needsFaults,
    also: (report) => expect(report.injected.get("crashes")).toBe(1),
  },
  {
    name: "X14 replicas lose their memory one after another",
    plan: {
      gstUs: 5_000_000,
      operations: 60,
      thinkUs: 50_000,
      restarts: [0, 1, 2, 3],
      restartDownUs: 20_000,
    },
    lacks: needsFaults,
    also: (report) => expect(report.injected.get("restarts in succession") ?? 0).toBeGreaterThan(1),
  },
  {
    name: "P10 a cluster that was split in the middle, then healed, makes progress",
    plan: { gstUs: 2_000_000, operations: 40, thinkUs: 50_000 },
    network: {
      partitions: [
        {
          name: "split",
          atUs: 100_000,
          forUs: 1_800_000,
          side: [0, 1],
          style: "symmetric",
          periodUs: 1,
        },
      ],
    },
    lacks: needsFaults,
    also: (report) => expect(report.injected.get("partitioned") ?? 0).toBeGreaterThan(0),
  },
];

/** A plan without chance but what the case asks for. */
function planOf(subject: Subject, { plan, network }: Case, seed: number): Plan {
  const changes: Changes = { tail: 2 };
  const drawn = drawPlan(subject, "short", seed, changes);
  const f = subject.restarts ? 1 : 0;
  return {
    ...drawn,
    f,
    n: smallestCluster(subject.protocol, f).n,
    viewTimeoutMs: 50,
    batchMax: 8,
    batchBytesMax: BATCH_BYTES_DEFAULT,
    adaptive: true,
    flushDelayMs: 1,
    sessionsMax: 1024,
    clients: 2,
    app: "kv",
    operations: 20,
    keys: 3,
    valueMax: 16,
    thinkUs: 1000,
    oneHost: false,
    multicast: false,
    payloadMax: PAYLOAD_MAX,
    gstUs: 200_000,
    speeds: [],
    signUs: 500,
    signature: "each",
    faults: [],
    restarts: [],
    allRestart: null,
    byzantine: [],
    tricks: [],
    ...plan,
    network: { ...drawn.network, ...CALM, ...network },
  };
}

for (const subject of registered.values()) {
  describe(subject.name, () => {
    for (const one of cases) {
      const reason = one.lacks?.(subject) ?? null;
      testUnless(reason)(
        one.name,
        () => {
          for (const seed of [1, 2]) {
            const plan = planOf(subject, one, seed);
            const report = runPlan(subject, plan);
            expect({ seed, failures: report.failures }).toEqual({ seed, failures: [] });
            const lost = report.injected.get("sessions lost") ?? 0;
            expect(report.operations + lost).toBe(plan.operations + plan.clients * plan.tail);
            one.also?.(report);
          }
        },
        PATIENCE_MS,
      );
    }
  });
}
