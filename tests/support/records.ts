// Points and records for tests of what is done with them.

import { Latencies } from "../../src/evaluation/latency.ts";
import type { ResultRecord } from "../../src/evaluation/record.ts";
import type { ReplicaSetting } from "../../src/evaluation/replica-setting.ts";
import { roleSetting } from "../../src/evaluation/role-setting.ts";
import type { Point, Run } from "../../src/evaluation/run.ts";

export const POINT: Point = {
  ...{ mode: "pbft", transport: "udp", f: 1, clients: 4, clientProcesses: 1, rate: 0, batch: 1 },
  ...{ adaptive: false, workers: null, signature: "batch", app: "null", opSize: 0 },
  ...{ fault: "none", lossRate: 0 },
};

/** What replicas tell that run so. */
export const SETTING: ReplicaSetting = {
  ...{ mode: "pbft", n: 4, f: 1, cluster: "0123456789abcdef", app: "null", replySize: 0 },
  loaded: "nothing",
  batch: 1,
  ...{
    batchBytes: 1_048_576,
    mtu: 1500,
    adaptive: false,
    signature: "batch",
    requestAuth: "none",
    checkpoint: 128,
    viewTimeoutMs: 500,
  },
  ...{ options: { "slow-leader": "leave" }, crypto: "native", workers: 1, idle: "park" },
  ...{ mask: null, lossRate: 0, profiled: false, versions: { oskr: "2", bun: "1" } },
};

/** What a sequencer tells beside such replicas. */
export const SEQUENCER_SETTING = roleSetting("sequencer", 0, SETTING);

/** Of one client process that saw these latencies in a second. */
export function recordOf(latenciesUs: readonly number[], more: Partial<ResultRecord> = {}) {
  const latencies = new Latencies();
  for (const us of latenciesUs) latencies.record(us * 1000);
  const record: ResultRecord = {
    ...{
      mode: "pbft",
      app: "null",
      workload: "fixed",
      ycsb: null,
      transport: "udp",
      n: 4,
      f: 1,
      clients: 4,
    },
    ...{ command: ["client"], startedAt: "2026-11-28T12:00:00.000Z", replicas: [] },
    ...{ thinkMs: 0, checkpoint: 128, viewTimeoutMs: 500, options: {}, lossRate: 0 },
    client: {
      ...{ crypto: "native", workers: 1, idle: "park", mask: null, lossRate: 0 },
      ...{ port: 0, eal: null, history: false },
    },
    fabric: null,
    network: null,
    ...{ clientProcesses: 1, loop: "closed", rate: 0, batch: 1, adaptive: false },
    ...{
      batchBytes: 1_048_576,
      mtu: 1500,
      signature: "batch",
      crypto: "native",
      workers: 1,
      idle: "yield",
      opSize: 0,
    },
    ...{
      replySize: 0,
      warmSeconds: 0,
      seconds: 1,
      longestGapMs: 5,
      inFlight: 4,
      serviceGone: false,
      retransmissions: 0,
    },
    ...{
      operations: latenciesUs.length,
      throughput: latenciesUs.length,
      eachSecond: [latenciesUs.length],
      unserved: 0,
    },
    ...{ latency: latencies.summary(), distribution: latencies.distribution() },
    ...{ dropped: {}, notAdmitted: {} },
    host: { cpu: "one", cores: 2, kernel: "6" },
    versions: { oskr: "2" },
    ...more,
  };
  return record;
}

export function runOf(point: Partial<Point>, repetition: number, record: ResultRecord): Run {
  const whole = { ...POINT, ...point };
  return {
    key: JSON.stringify([whole, repetition]),
    point: whole,
    repetition,
    record,
    replicas: [],
  };
}
