// Real runs of compiled processes on this machine, which the cost model is checked against.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SignatureKind } from "../crypto/stage.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import type { ReplicaRecord } from "../evaluation/replica-record.ts";
import { Cluster } from "./cluster.ts";
import { RunError } from "./options.ts";

export interface RealRun {
  readonly mode: string;
  readonly f: number;
  readonly signature: SignatureKind;
  readonly batch: number;
  readonly clients: number;
  readonly leader: "fixed" | "rotate";
  readonly opSize: number;
  /** Signature threads of each process. */
  readonly workers: number;
  readonly seconds: number;
}

/** What the client and the replicas told of it. */
export interface RealResult {
  readonly record: ResultRecord;
  readonly replicas: readonly ReplicaRecord[];
}

const WARM_SECONDS = "2";
/**
 * The model knows no retries: clients ask again after a quarter of it, and would do so all the time
 * where many processes share few processors.
 */
const VIEW_TIMEOUT_MS = "2000";

/** Runs a cluster through the fabric, which copies multicast packets, and one client process. */
export async function measureRun(run: RealRun): Promise<RealResult> {
  const { mode, f, signature, batch, leader, workers } = run;
  const common = [
    ...["--signature", signature, "-b", String(batch)],
    ...["--leader", leader, "-w", String(workers), "--view-timeout", VIEW_TIMEOUT_MS],
  ];
  const cluster = await Cluster.start({
    mode,
    transport: "dpdk",
    f,
    link: false,
    clientPorts: 1,
    replicaArgs: common,
    clientArgs: common,
    fabricArgs: [],
  });
  try {
    const json = join(cluster.dir, "result.json");
    const load = ["-t", String(run.clients), "--op-size", String(run.opSize)];
    const time = ["-d", String(run.seconds), "--warm", WARM_SECONDS, "--json", json];
    const client = cluster.client([...load, ...time], false);
    if ((await client.ended()) !== 0) {
      throw new RunError(`the client failed: ${client.errors.trim()}`);
    }
    await cluster.stopReplicas();
    const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
    return {
      record: read(json) as ResultRecord,
      replicas: cluster.replicas.map((_, i) => read(cluster.resultPath(i)) as ReplicaRecord),
    };
  } finally {
    await cluster.stop();
  }
}
