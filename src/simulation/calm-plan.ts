// A cluster in which nothing goes wrong by itself: what scripts and plays begin with.

import { BATCH_BYTES_DEFAULT, type RequestAuth } from "../protocol-config.ts";
import { PAYLOAD_MAX } from "./simulated-packet.ts";
import { drawPlan, NO_FAULTS, type Plan } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";

/** What of a calm cluster is chosen. */
export interface CalmOptions {
  readonly seed: number;
  readonly n: number;
  readonly f: number;
  readonly clients: number;
  /** Of all clients, which ask one after another. */
  readonly operations: number;
  /** How long a client waits before it asks, on average. */
  readonly thinkUs: number;
  readonly delayMinUs: number;
  readonly delayMaxUs: number;
  /** Of a packet: a probability. */
  readonly loss: number;
  readonly viewTimeoutMs: number;
  readonly requestAuth: RequestAuth;
}

const NEVER_US = 1e15;

/** The plan; without GST, because nothing but commands and clients decide what happens. */
export function calmPlan(subject: Subject, options: CalmOptions): Plan {
  const { delayMinUs, delayMaxUs, loss, seed, ...chosen } = options;
  const { requestAuth } = options;
  return {
    ...drawPlan(subject, "short", seed, { requestAuth }),
    ...chosen,
    batchMax: 1,
    batchBytesMax: BATCH_BYTES_DEFAULT,
    adaptive: false,
    flushDelayMs: 0,
    tenure: 1,
    reputation: false,
    sequencers: 1,
    checkpointInterval: 4,
    sessionsMax: 1024,
    app: "kv",
    keys: 2,
    broadcastsRequests: false,
    valueMax: 16,
    tail: 0,
    oneHost: false,
    multicast: false,
    payloadMax: PAYLOAD_MAX,
    gstUs: NEVER_US,
    network: { delayMinUs, delayMaxUs, lateUs: 1, ordered: true, ...NO_FAULTS, loss },
    speeds: [],
    signUs: 10,
    signature: "each",
    faults: [],
    restarts: [],
    ...{ afterPromises: false, losesKinds: 0, strangers: [], sequencersRepeat: false },
    ...{ allRestart: null, earlier: 0, alone: false },
    byzantine: [],
    tricks: [],
    censusEvery: 8,
  };
}
